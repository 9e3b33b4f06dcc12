"""Latency does not decide speed: how much of the configured share of a limit is used (`bench.latency` has more)."""

from __future__ import annotations

import pytest

from bench.latency import measure, measure_dynamics
from bench.people import Fields


@pytest.mark.slow
@pytest.mark.feature("HUB-17.3", system="activecampaign")
@pytest.mark.feature("AC-11.3", system="activecampaign")
def test_with_answers_of_300_ms_nearly_all_of_the_four_calls_a_second_are_used_and_never_more() -> None:
    shares = [measure(4000, Fields(10), values=False, writes=60)]
    if min(found.share for found in shares[0]) < 0.95:  # the machine had no time: a client that waits does so again
        shares.append(measure(4000, Fields(10), values=False, writes=60))
    assert all(len(found) == 2 for found in shares)
    assert all(found.share <= 1.0 + 4 / found.calls for both in shares for found in both), shares
    assert all(max(pair, key=lambda one: one.share).share >= 0.95 for pair in zip(*shares, strict=True)), shares


@pytest.mark.slow
@pytest.mark.feature("HUB-17.3", system="activecampaign")
def test_walks_of_custom_values_use_nearly_all_of_the_limit_too() -> None:
    """Each field is a walk of its own: without the next one's first page asked for in time, each begins with a gap."""
    for last in (False, True):
        (found,) = measure(1500, Fields(10), values=True, writes=0)
        assert found.calls > 80
        assert found.share <= 1.0 + 4 / found.calls, found
        if found.share >= 0.95:
            return
        assert not last, found  # once more: the machine had no time, and a client that waits does so again


@pytest.mark.slow
@pytest.mark.feature("HUB-17.3", system="dynamics")
def test_updates_of_dynamics_use_nearly_all_of_its_limit_and_never_meet_it() -> None:
    """Dataverse's limits and the budget, a fiftieth of them in 6 s: the calls of two windows after the first."""
    for last in (False, True):
        found = measure_dynamics(1500, 6.0)
        assert found.calls > 150
        assert found.refused == 0
        if found.share >= 0.95:
            return
        assert not last, found  # once more: the machine had no time, and a client that waits does so again
