"""Fixtures that every suite may use."""

import os
from collections.abc import Iterator

import pytest

from localhost import azurite as azurite_emulator


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """Connection string of one storage emulator (in memory) for this test process; use table and queue names of
    your own. Where CI or DYNASYNC_REQUIRE_STORAGE is set, a missing emulator fails the test instead of skipping it.
    """
    problem = azurite_emulator.missing()
    if problem is not None:
        if os.environ.get("CI") or os.environ.get("DYNASYNC_REQUIRE_STORAGE"):
            pytest.fail(str(problem))
        pytest.skip(str(problem))
    with azurite_emulator.start() as running:
        yield running.connection_string
