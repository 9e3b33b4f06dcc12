"""Two systems that misbehave on demand, and a trap that must never be called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from simulators.frame import Authority
from tests.hostile.evil import Evil
from tests.scenarios.marketo import marketo_world
from tests.scenarios.world import world
from tests.wire.connectors.support import authority
from tests.wire.http.hostile import Hostile, answer


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as made:
        yield made


@pytest.fixture(scope="session")
def trap(ca: Authority) -> Iterator[Hostile]:
    """Another server with a good certificate: whoever is led there hands over what it carries."""
    server = Hostile(ca, [answer(b'{"access_token": "stolen", "expires_in": 3600, "value": []}')])
    yield server
    server.close()


@pytest.fixture
def evil(ca: Authority, trap: Hostile) -> Iterator[Evil]:
    with ExitStack() as stack:
        yield Evil(stack.enter_context(world(ca)), trap)


@pytest.fixture
def marketo(ca: Authority, trap: Hostile) -> Iterator[Evil]:
    with ExitStack() as stack:
        yield Evil(stack.enter_context(marketo_world(ca)), trap)
