"""The background worker dies at random moments of a first load and of the runs after it: nothing lost, nothing doubled.

`make kills` plays fifty kills; here it is five.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.demo.world import Simulators
from tests.app.kills import soak

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("kills")]

KILLS = 5


@pytest.mark.feature("HUB-04.2", system="activecampaign")
def test_five_kills_of_the_worker_lose_nothing_and_double_nothing(sims: Simulators, tmp_path: Path) -> None:
    figures = soak(sims, tmp_path, kills=KILLS, people=200, seed_of=11)
    assert figures.findings == []
    assert figures.kills == KILLS
    assert figures.edits > 0
    assert figures.leads > 0
