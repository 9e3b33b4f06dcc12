"""Activities told twice in random order while workers die, and what a run costs that finds nothing new.

`python -m bench.activities` is the proof with 100,000.
"""

from __future__ import annotations

import pytest

from bench.activities import prove
from bench.activity_world import Killer, world

pytestmark = pytest.mark.slow

AC = pytest.param("activecampaign", marks=pytest.mark.feature("AC-12.1", system="activecampaign"))
MK = pytest.param("marketo", marks=pytest.mark.feature("AC-12.1", system="marketo"))


@pytest.mark.parametrize("system", [AC, MK])
def test_each_is_on_the_timeline_once_though_told_twice_and_five_workers_died(system: str) -> None:
    found = prove(system, 2000, 50, 5)
    assert found.told >= 2000
    assert (found.rows, found.creates) == (found.told, found.told)
    assert (found.open, found.strays) == (0, 0)
    assert sum(found.died.values()) == 5
    assert found.state_bytes < 160 * found.told


@pytest.mark.parametrize("system", [AC, MK])
def test_a_run_without_news_costs_one_call_more_than_without_activities(system: str) -> None:
    calls: list[dict[str, int]] = []
    for on in (False, True):
        with world(system, 5, Killer([]), activities=on) as both:
            both.run()
            both.run()
            both.counts.clear()
            both.run()
            calls.append({
                f"{name} {what}": tally.calls
                for (name, what), tally in both.counts.snapshot().items()
                if name in {"dynamics", system}
            })  # fmt: skip
    without, with_them = calls
    assert with_them == {**without, f"{system} activities": 1}
