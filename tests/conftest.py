"""Fixtures that every suite may use."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from localhost import azurite as azurite_emulator

settings.register_profile("dynasync", deadline=None)  # the time of one example tells how busy the machine is
settings.load_profile("dynasync")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests that share an app or a simulator run in one process. Releases of pytest and pytest-xdist that do not go
    together ignore the groups without a word; then the tests disturb each other and everything is set up many times.
    """
    if session.config.getoption("loadgroup", None):
        lost = [item for item in session.items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
        if lost:
            raise pytest.UsageError(f"pytest-xdist ignores xdist_group, for example of {lost[0].nodeid}")


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
