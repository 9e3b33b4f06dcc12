"""A CA for the simulators of this folder, trusted while its tests run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.frame import Authority
from tests.wire.connectors.support import authority


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as made:
        yield made
