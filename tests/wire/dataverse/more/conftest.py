"""Fixtures for the second half of the Dataverse simulator."""

from __future__ import annotations

import pytest

from tests.wire.dataverse.more.organisation import Org


@pytest.fixture
def org() -> Org:
    return Org()
