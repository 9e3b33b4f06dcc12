"""Threads of one worker at the limit of an account."""

from __future__ import annotations

import threading

import pytest

from shared.azure.ambient import SystemClock
from shared.azure.budgets import SharedBudget
from shared.errors import Throttled
from shared.http.budget import Rate
from shared.http.parallel import run_all
from shared.ports.coordination import somebody_waits
from tests.fakes.clock import FakeClock
from tests.fakes.partition_store import MemoryPartitionStore

pytestmark = pytest.mark.feature("HUB-17.1")
THREADS = 4
CALLS = 40


def test_threads_get_leave_in_the_order_they_came_so_that_none_is_refused_by_losing_every_race() -> None:
    """A load has several calls in flight; a page of many calls ends with the first that is refused."""
    budget = SharedBudget(MemoryPartitionStore(FakeClock()), "acme", Rate(100, 1), clock=SystemClock(), worker="w")
    told: list[tuple[str, int]] = []

    def work(thread: int) -> None:
        for _ in range(CALLS):
            told.append(("asks", thread))
            budget.acquire()
            told.append(("has", thread))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    overtaken = []
    for place, (what, thread) in enumerate(told):
        if what == "asks":
            until = told.index(("has", thread), place)
            overtaken.append(sum(step == "has" for step, _ in told[place:until]))
    assert len(overtaken) == THREADS * CALLS
    assert max(overtaken) <= 3 * THREADS  # those before it, and some whose word comes a moment late


def test_who_is_refused_keeps_nobody_behind_it_waiting() -> None:
    clock = FakeClock()
    budget = SharedBudget(MemoryPartitionStore(clock), "acme", Rate(2, 60), clock=clock, worker="w")
    budget.acquire(2)
    for _ in range(2):
        with pytest.raises(Throttled):
            budget.acquire()
    clock.advance(61)
    budget.acquire()


@pytest.mark.feature("HUB-17.3")
def test_what_somebody_waits_for_has_a_part_of_the_share_that_a_back_fill_leaves_alone() -> None:
    clock = FakeClock()
    budget = SharedBudget(MemoryPartitionStore(clock), "acme", Rate(20, 60), clock=clock, worker="w")
    budget.acquire(18)
    with pytest.raises(Throttled):
        budget.acquire()
    with somebody_waits():
        assert run_all([budget.acquire, budget.acquire], at_once=2) == [None, None]  # on other threads, too
        with pytest.raises(Throttled):
            budget.acquire()
