"""The background worker dies at random moments of a first load: nothing is lost, nothing is doubled."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from cli.demo.people import expected, generated
from cli.demo.verify import compare
from cli.demo.world import Simulators, app, seed
from tests.app.conftest import World

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.xdist_group("kills")]

PEOPLE = 600
KILLS = 5


@pytest.mark.feature("HUB-04.2", system="activecampaign")
def test_five_kills_of_the_worker_lose_nothing_and_double_nothing(sims: Simulators, tmp_path: Path) -> None:
    draw = random.Random(11)
    with app(sims, port=0, clock_file=tmp_path / "clock.json", keep=tmp_path / "storage", queue_lease=5.0) as host:
        world = World(sims, host, tmp_path / "clock.json", {})
        world.keys = seed(sims, list(generated(PEOPLE)))
        sims.control("activecampaign", "POST", "latency", {"ms": 120})
        connection = world.connect(options_lease_seconds=8.0)
        world.switch_on(connection)
        for _ in range(KILLS):
            time.sleep(draw.uniform(0.4, 2.5))
            host.kill_worker("background")
        world.tick()
        status = _until_done(world, connection)
        sims.control("activecampaign", "POST", "latency", {"ms": 0})
        wanted, doubled = expected(list(generated(PEOPLE)))
        assert compare(sims, wanted, doubled, status["counts"], []) == []


def _until_done(world: World, connection: str) -> dict[str, object]:
    """The timer comes every minute in life; here it comes every few seconds."""
    end = time.monotonic() + 110
    while time.monotonic() < end:
        status = world.status(connection)
        if status["runsEnded"] >= 1:
            return status
        world.tick()
        time.sleep(2)
    raise AssertionError(f"the run did not end after the kills: {world.status(connection)}")
