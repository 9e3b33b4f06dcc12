"""Fixtures for the second half of the Dataverse simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wire.dataverse.more.organisation import Org


@pytest.fixture
def org() -> Iterator[Org]:
    organisation = Org()
    yield organisation
    organisation.system.extra["deliveries"].close()
