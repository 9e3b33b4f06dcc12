"""The worlds of the scenarios; each scenario gets its own, over https, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from simulators.frame import Authority
from tests.scenarios.world import World, world
from tests.wire.connectors.support import authority

Make = Callable[..., World]


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as made:
        yield made


@pytest.fixture
def make(ca: Authority) -> Iterator[Make]:
    with ExitStack() as stack:

        def made(*args: Any, **how: Any) -> World:
            return stack.enter_context(world(ca, *args, **how))

        yield made
