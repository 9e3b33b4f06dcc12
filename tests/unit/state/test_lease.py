"""The lease, the fence, and commits whose answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.records import Kind, Side
from shared.errors import LeaseLost, Transient
from shared.ports.connector import Op
from shared.state import Batch, CursorState, Entry, Held, LaneChanges, LaneView
from shared.state.lease import LANE_KEY
from tests.fakes.partition_store import Call, Crash, Fault
from tests.unit.state.world import LANE, START, World, crm, key, link, match, partner

BATCH = Batch(
    id="batch1",
    kind=Kind("contact"),
    side=Side.PARTNER,
    op=Op.UPDATE,
    entries=(Entry(key=key(1), crm=crm(1), op=Op.UPDATE),),
)

EVERY_WRITE: dict[str, Callable[[Held], object]] = {
    "renew": lambda held: held.renew(),
    "begin": lambda held: held.begin(BATCH),
    "finish": lambda held: held.finish({"batch1": []}),
    "fold": lambda held: held.fold(LaneChanges(links=[link(5)])),
    "fold nothing": lambda held: held.fold(LaneChanges()),
    "release": lambda held: held.release(),
    "rebuild": lambda held: held.rebuild_reverse(),
}

EVERY_READ: dict[str, Callable[[Held], object]] = {
    "links": lambda held: held.links([key(1)]),
    "by_partner": lambda held: held.by_partner([]),
    "by_match": lambda held: held.by_match([]),
    "scan": lambda held: list(held.scan_links()),
    "cursor": lambda held: held.cursor("crm"),
    "cursors": lambda held: held.cursors(),
    "inbox": lambda held: held.inbox(10, START),
    "batches": lambda held: held.batches(),
}


def test_a_lane_that_never_ran_is_free_and_empty() -> None:
    world = World()
    assert world.lane.peek() == LaneView()
    held = world.acquire()
    assert held.fence == 1
    assert held.found == LaneView()
    assert held.remaining() == 60


def test_a_held_lane_is_busy_and_learns_that_it_is_wanted() -> None:
    world = World()
    held = world.acquire("first")

    assert world.lane.acquire("second") is None

    view = world.lane.peek()
    assert (view.running, view.owner, view.wanted, view.fence) == (True, "first", True, 1)
    assert held.release() is True
    view = world.lane.peek()
    assert (view.running, view.owner, view.wanted) == (False, "", True), "wanted until somebody takes it up"

    again = world.acquire("third")
    assert again.found.wanted
    assert not world.lane.peek().wanted
    assert again.release() is False


def test_being_wanted_is_written_once_however_many_ask() -> None:
    world = World()
    world.acquire()
    world.lane.acquire("a")
    before = world.store.usage.copy()

    for _ in range(5):
        assert world.lane.acquire("b") is None

    used = world.store.usage.since(before)
    assert (used.gets, used.commits) == (5, 0)


@pytest.mark.parametrize("write", [name for name in EVERY_WRITE if name != "release"])
def test_being_wanted_does_not_break_the_holder(write: str) -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1)]))
    world.lane.acquire("other")

    EVERY_WRITE[write](held)

    assert world.lane.peek().wanted
    assert held.release() is True


def test_wanted_between_the_look_and_the_release_is_seen_by_the_release() -> None:
    world = World()
    held = world.acquire()
    asked: list[Held | None] = []

    def ask_just_before(call: Call) -> Fault:
        if call.method == "transact" and not asked:
            asked.append(None)
            asked.append(world.lane.acquire("late"))
        return Fault.NONE

    world.store.fault = ask_just_before

    assert held.release() is True
    assert asked == [None, None]


def test_a_lease_runs_out_by_storage_time_and_each_take_over_raises_the_fence() -> None:
    world = World()
    world.acquire("first")
    world.clock.pass_(59.9)
    assert world.lane.acquire("second") is None
    world.clock.pass_(0.2)

    second = world.acquire("second")

    assert second.fence == 2
    assert (second.found.owner, second.found.running) == ("first", False)
    assert world.take_over().fence == 3


def test_commits_and_renewals_extend_the_lease() -> None:
    world = World()
    held = world.acquire()
    for _ in range(5):
        world.clock.pass_(40)
        held.renew()
        assert held.remaining() == 60
        world.clock.pass_(40)
        held.fold(LaneChanges(facts={"n": 1}))
    world.clock.pass_(45)
    assert held.remaining() == 15
    assert world.lane.acquire("other") is None


@pytest.mark.parametrize("write", EVERY_WRITE)
def test_a_stale_worker_changes_nothing(write: str) -> None:
    """Invariant I16."""
    world = World()
    old = world.acquire("old")
    old.fold(LaneChanges(links=[link(1)], cursors={"crm": CursorState(token="1")}))
    old.begin(BATCH)
    new = world.take_over("new")
    rows = world.store.rows(LANE.partition)

    with pytest.raises(LeaseLost):
        EVERY_WRITE[write](old)

    assert world.store.rows(LANE.partition) == rows
    assert old.remaining() == 0
    for call in (*EVERY_WRITE.values(), *EVERY_READ.values()):
        with pytest.raises(LeaseLost):
            call(old)
    new.fold(LaneChanges(facts={"n": 1}))


@pytest.mark.parametrize("read", EVERY_READ)
def test_a_worker_that_slept_past_its_lease_asks_before_it_believes_what_it_reads(read: str) -> None:
    world = World()
    old = world.acquire("old")
    old.fold(LaneChanges(links=[link(1)]))
    world.take_over("new")

    with pytest.raises(LeaseLost):
        EVERY_READ[read](old)


def test_a_worker_that_slept_past_its_lease_goes_on_when_nobody_came() -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1)]))
    world.clock.pass_(300)
    assert held.remaining() == 0

    assert held.links([key(1)]) == {key(1): link(1)}
    assert held.remaining() == 60


def test_the_same_worker_twice_is_two_workers() -> None:
    """A queue message delivered twice: the second one must not write under the first one's lease."""
    world = World()
    world.acquire("worker7")
    assert world.lane.acquire("worker7") is None
    world.clock.pass_(61)
    first = world.lane.acquire("worker7")
    assert first is not None
    world.clock.pass_(61)
    second = world.acquire("worker7")
    with pytest.raises(LeaseLost):
        first.renew()
    second.renew()


def test_after_release_nothing_more_is_done() -> None:
    world = World()
    held = world.acquire()
    held.release(START + timedelta(minutes=5), {"phase": "idle", "runs": 3})

    view = world.lane.peek()
    assert (view.running, view.not_before, dict(view.facts)) == (
        False,
        START + timedelta(minutes=5),
        {"phase": "idle", "runs": 3},
    )
    for call in (*EVERY_WRITE.values(), *EVERY_READ.values()):
        with pytest.raises(LeaseLost):
            call(held)


def test_facts_are_merged_and_taken_out() -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(facts={"a": 1, "b": "x", "at": START, "share": 0.5, "on": True}))
    held.fold(LaneChanges(facts={"a": 2, "b": None}))
    assert dict(world.lane.peek().facts) == {"a": 2, "at": START, "share": 0.5, "on": True} == dict(held.facts)


# -- lost answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.LATE])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_acquiring_survives_a_lost_answer(fault: Fault, at: int) -> None:
    world = World()
    world.store.fault = lambda call: fault if call.number == at and call.method == "transact" else Fault.NONE

    held = world.acquire()

    assert held.fence == 1
    held.fold(LaneChanges(links=[link(1)]))
    assert world.lane.acquire("other") is None


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.LATE])
@pytest.mark.parametrize("write", EVERY_WRITE)
def test_a_commit_whose_answer_is_lost_is_done_once(write: str, fault: Fault) -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1)]))
    lost: list[int] = []

    def lose_one(call: Call) -> Fault:
        if call.method == "transact" and not lost:
            lost.append(call.number)
            return fault
        return Fault.NONE

    world.store.fault = lose_one
    EVERY_WRITE[write](held)

    assert lost
    counts = world.lane.peek().counts
    assert counts["contact.linked"] == (2 if write == "fold" else 1)
    assert world.take_over().fence == 2


def test_an_applied_commit_is_known_though_the_look_after_it_failed_too() -> None:
    """Answer lost, look lost, sent again: the refusal of the second is the proof of the first."""
    world = World()
    held = world.acquire()
    held.links([key(1)])
    held.by_partner([partner(1)])
    held.by_match([match(1)])
    faults = iter([Fault.AFTER, Fault.BEFORE])
    world.store.fault = lambda _: next(faults, Fault.NONE)

    held.fold(LaneChanges(links=[link(1)]))

    assert held.links([key(1)]) == {key(1): link(1)}
    assert dict(held.counts) == {"contact.linked": 1}


def test_a_commit_that_arrives_late_is_undone_by_nobody_and_repeated_by_nobody() -> None:
    """The store is down until the worker gives up; its last transaction arrives after that. The worker's next commit
    must build on it, not overwrite it."""
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1)]))
    world.store.fault = lambda call: Fault.LATE if call.method == "transact" else Fault.BEFORE
    with pytest.raises(Transient):
        held.fold(LaneChanges(links=[link(2)]))
    world.store.fault = lambda _: Fault.NONE

    held.fold(LaneChanges(links=[link(3)]))

    found = held.links([key(1), key(2), key(3)])
    assert set(found) == {key(1), key(2), key(3)}
    assert dict(held.counts) == {"contact.linked": 3}


def test_a_late_commit_is_let_in_or_kept_out_before_anything_is_read_again() -> None:
    """It arrives just before the next transaction. Had the pages been read before that, it would be overwritten."""
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1)]))
    world.store.hold_late = True
    world.store.fault = lambda call: Fault.LATE if call.method == "transact" else Fault.BEFORE
    with pytest.raises(Transient):
        held.fold(LaneChanges(links=[link(2)]))

    world.store.fault = lambda call: world.store.settle_late() if call.method == "transact" else None  # type: ignore[func-returns-value]
    held.fold(LaneChanges(links=[link(3)]))

    assert set(held.links([key(1), key(2), key(3)])) == {key(1), key(2), key(3)}
    assert dict(held.counts) == {"contact.linked": 3}


def test_a_commit_that_was_given_up_can_never_come_once_the_worker_went_on() -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1)]))
    world.store.hold_late = True
    world.store.fault = lambda call: Fault.LATE if call.method == "transact" else Fault.NONE
    with pytest.raises(Transient):
        held.fold(LaneChanges(links=[link(1, version=2)]))
    world.store.fault = lambda _: Fault.NONE
    assert held.links([key(1)]) == {key(1): link(1)}

    world.store.settle_late()

    assert held.links([key(1)]) == {key(1): link(1)}
    held.fold(LaneChanges(links=[link(1, version=3)]))
    assert world.take_over().links([key(1)]) == {key(1): link(1, version=3)}


def test_a_dead_worker_s_transaction_that_arrives_after_the_take_over_is_refused() -> None:
    world = World()
    held = world.acquire()
    world.store.hold_late = True
    world.store.fault = lambda call: Fault.LATE if call.method == "transact" else Fault.BEFORE
    with pytest.raises(Transient):
        held.fold(LaneChanges(links=[link(1)]))
    world.store.fault = lambda _: Fault.NONE
    new = world.take_over()

    world.store.settle_late()

    assert new.links([key(1)]) == {}
    new.renew()


def test_giving_up_takes_about_twenty_seconds_at_most() -> None:
    world = World()
    held = world.acquire()
    world.store.fault = lambda _: Fault.BEFORE
    began = world.clock.seconds
    with pytest.raises(Transient):
        held.renew()
    assert world.clock.seconds - began < 10


def test_a_crash_while_acquiring_leaves_a_lane_that_can_be_taken() -> None:
    for fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
        world = World()
        world.store.fault = lambda call, fault=fault: fault if call.method == "transact" else Fault.NONE  # type: ignore[misc]
        with pytest.raises(Crash):
            world.acquire()
        world.store.fault = lambda _: Fault.NONE
        world.take_over().renew()


def test_the_lane_row_holds_no_more_than_its_facts() -> None:
    world = World()
    held = world.acquire("worker-1")
    held.fold(LaneChanges(links=[link(number) for number in range(50)]))
    row = world.store.rows(LANE.partition)[LANE_KEY]
    assert set(row.cells) == {"f", "n", "d0", "fence", "commit", "owner", "token", "until", "wanted"}
