"""Threads of one worker at the limit of an account."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import Context

import pytest

from shared.azure.ambient import SystemClock
from shared.azure.budgets import Line, SharedBudget
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
    budget = SharedBudget(MemoryPartitionStore(clock), "acme", Rate(70, 120), clock=clock, worker="w")
    budget.acquire(68)
    with pytest.raises(Throttled):
        budget.acquire()
    with somebody_waits():
        assert run_all([budget.acquire, budget.acquire], at_once=2) == [None, None]  # on other threads, too
        with pytest.raises(Throttled):
            budget.acquire()


@pytest.mark.feature("HUB-17.3")
@pytest.mark.parametrize(
    ("rate", "takes"), [(Rate(4800, 300), 0.04), (Rate(40, 20), 0.07)], ids=["dataverse", "marketo"]
)
def test_a_back_fill_uses_a_long_window_to_its_end_and_never_has_to_go_back_to_its_lane(
    rate: Rate, takes: float
) -> None:
    """Calls that could be made faster than the limit allows: a refusal would cost the time until the next minute."""
    clock = FakeClock()
    budget = SharedBudget(MemoryPartitionStore(clock), "acme", rate, clock=clock, worker="w")
    began = clock.monotonic()
    made, longest, half = list[float](), 0.0, 0.0
    while clock.monotonic() - began < 4 * rate.seconds:
        asked = clock.monotonic()
        budget.acquire()
        made.append(clock.monotonic() - began)
        longest = max(longest, clock.monotonic() - asked)
        if len(made) == rate.calls * 48 // 100:
            half = clock.monotonic() - began
        clock.advance(takes)
    assert half < takes * rate.calls / 2  # the first half of a window is not kept waiting
    assert longest <= 1.1
    steady = [moment for moment in made if moment >= rate.seconds]
    share = len(steady) / (3 * rate.calls)
    assert 0.95 <= share <= 1.0
    assert all(last - first >= rate.seconds for first, last in zip(made, made[rate.calls :], strict=False))


class NotYetError(Exception):
    """Who asked would have to wait."""


class Contended(FakeClock):
    """Whenever somebody has slept for leave, a rival asks a moment before them."""

    rival: Callable[[], None] | None = None
    asks = False

    def sleep(self, seconds: float) -> None:
        if self.asks:
            raise NotYetError
        super().sleep(seconds)
        if self.rival is not None:
            self.asks = True
            Context().run(self.rival)  # nobody waits for what it asks
            self.asks = False


@pytest.mark.feature("HUB-17.3", system="activecampaign")
@pytest.mark.parametrize("person", [False, True], ids=["somebody waits", "a person's call"])
def test_of_a_share_too_small_for_a_reserve_the_next_leave_is_for_whom_somebody_waits(person: bool) -> None:
    """Three hundredths of ActiveCampaign's four calls a second are none. They take turns: neither goes without."""
    clock, order = Contended(), list[str]()
    budget = SharedBudget(MemoryPartitionStore(clock), "acme", Rate(4, 1), clock=clock, worker="w")

    def back_fill() -> None:
        try:
            budget.acquire()
            order.append("back-fill")
        except NotYetError:
            order.append("back-fill waits")

    budget.acquire(4)
    clock.rival = back_fill
    began = clock.monotonic()
    for _ in range(3):
        if person:
            budget.acquire(interactive=True)
        else:
            with somebody_waits():
                budget.acquire()
        order.append("asked")
    turn = ["back-fill waits", "asked"]
    assert order == [*turn, "back-fill", *turn, "back-fill", *turn]
    assert clock.monotonic() - began <= 6 / 4  # nothing of the share lay idle
    clock.rival = None
    budget.acquire()  # nobody waits any more


@pytest.mark.parametrize("its_turn", [False, True])
def test_who_is_interrupted_while_it_waits_holds_up_nobody_behind_it(
    its_turn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line()
    line.__enter__()

    def interrupted(turn: threading.Event, timeout: float | None = None) -> bool:
        if its_turn:
            line.__exit__()
            assert turn.is_set()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            line.__enter__()
    entered = threading.Event()

    def next_one() -> None:
        with line:
            entered.set()

    thread = threading.Thread(target=next_one, daemon=True)
    thread.start()
    if not its_turn:
        assert not entered.wait(0.2)  # the first one holds it still
        line.__exit__()
    assert entered.wait(10)
    thread.join(10)
