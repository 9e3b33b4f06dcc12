"""The inbox: idempotent keys, order, waiting, and hints that come while a record is being read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.records import Kind, Ref, RemoteId, Side
from shared.errors import Transient
from shared.state import Command, Held, LaneChanges
from shared.state.inbox import ASIDE
from tests.fakes.partition_store import Call, Fault
from tests.unit.state.world import LANE, START, World

FULL = Command(
    key="contact/17",
    op="sync",
    side=Side.PARTNER,
    ref=Ref(Kind("contact"), RemoteId("17")),
    kind=Kind("contact"),
    payload={"list": 4, "who": "a1b2", "at": START, "none": None, "raw": b"\x00\xff", "share": 0.5, "on": True},
    not_before=START - timedelta(seconds=5),
    tries=2,
    trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    put_at=START - timedelta(hours=1),
)


def command(name: str, **more: object) -> Command:
    return Command(key=name, op="sync", **more)  # type: ignore[arg-type]


def keys(held: Held, world: World, limit: int = 100) -> list[str]:
    return [found.key for found in held.inbox(limit, world.clock.now())]


def test_a_command_comes_back_as_it_was_put() -> None:
    world = World()
    world.lane.put_command(FULL)
    assert world.acquire().inbox(10, world.clock.now()) == [FULL]


def test_a_minimal_command_is_due_at_once_and_knows_when_it_was_put() -> None:
    world = World()
    world.lane.put_command(command("a"))
    (found,) = world.acquire().inbox(10, world.clock.now())
    assert found == command("a", put_at=world.clock.now())


def test_nobody_needs_the_lease_to_leave_a_command() -> None:
    world = World()
    held = world.acquire()
    world.lane.put_command(command("a"))
    assert keys(held, world) == ["a"]
    held.renew()


def test_commands_come_in_the_order_they_fell_due() -> None:
    world = World()
    now = world.clock.now()
    world.lane.put_commands([command("third", not_before=now + timedelta(seconds=3)), command("first")])
    world.clock.pass_(1)
    world.lane.put_command(command("second"))
    world.clock.pass_(1)
    held = world.acquire()
    assert keys(held, world) == ["first", "second"]
    assert keys(held, world, limit=1) == ["first"]
    world.clock.pass_(1)
    assert keys(held, world) == ["first", "second", "third"]


def test_what_is_not_due_costs_nothing_to_look_past() -> None:
    """Fifty thousand retries of tomorrow must not delay a person of today (HUB-35)."""
    world = World()
    tomorrow = world.clock.now() + timedelta(days=1)
    world.lane.put_commands([command(f"later{number}", not_before=tomorrow) for number in range(500)])
    world.lane.put_command(command("now"))
    held = world.acquire()
    before = world.store.usage.copy()

    assert keys(held, world) == ["now"]

    used = world.store.usage.since(before)
    assert (used.requests, used.rows_read) == (1, 1)


def test_a_second_command_of_the_same_key_renews_the_first() -> None:
    world = World()
    world.lane.put_command(command("a", payload={"v": 1}, tries=3))
    world.clock.pass_(5)
    world.lane.put_command(command("a", payload={"v": 2}))
    held = world.acquire()

    (found,) = held.inbox(10, world.clock.now())

    assert (found.payload, found.tries, found.put_at) == ({"v": 2}, 3, START)


def test_a_repeat_brings_a_waiting_command_forward_but_never_holds_it_back() -> None:
    world = World()
    now = world.clock.now()
    world.lane.put_command(command("retry", not_before=now + timedelta(hours=2), tries=2))
    held = world.acquire()
    assert keys(held, world) == []

    world.lane.put_command(command("retry"))
    assert keys(held, world) == ["retry"]

    world.lane.put_command(command("retry", not_before=now + timedelta(hours=2)))
    assert keys(held, world) == ["retry"]
    assert len(world.lane.commands()) == 1


def test_a_done_command_is_gone_and_its_key_free_again() -> None:
    world = World()
    world.lane.put_commands([command("a"), command("b")])
    held = world.acquire()
    held.inbox(10, world.clock.now())

    held.fold(LaneChanges(commands_done=["a"]))

    assert keys(held, world) == ["b"]
    world.lane.put_command(command("a"))
    assert set(keys(held, world)) == {"a", "b"}
    held.fold(LaneChanges(commands_done=["a", "b"]))
    assert [name for name in world.store.rows(LANE.partition) if name[:2] in {"i.", "k."}] == []


def test_a_hint_that_comes_while_the_record_is_read_is_not_lost() -> None:
    world = World()
    world.lane.put_commands([command("a"), command("b")])
    held = world.acquire()
    held.inbox(10, world.clock.now())
    world.clock.pass_(1)
    world.lane.put_command(command("a", payload={"newer": 1}))

    held.fold(LaneChanges(commands_done=["a", "b"], facts={"page": 7}))

    assert [(found.key, found.payload) for found in held.inbox(10, world.clock.now())] == [("a", {"newer": 1})]
    assert dict(held.facts) == {"page": 7}
    held.fold(LaneChanges(commands_done=["a"]))
    assert keys(held, world) == []


def test_a_hint_in_the_very_moment_of_the_fold_is_not_lost() -> None:
    world = World()
    world.lane.put_commands([command("a"), command("b")])
    held = world.acquire()
    held.inbox(10, world.clock.now())
    asked: list[int] = []

    def ask_just_before(call: Call) -> Fault:
        if call.method == "transact" and "lane" in call.keys and not asked:
            asked.append(call.number)
            world.lane.put_command(command("a", payload={"newer": 1}))
        return Fault.NONE

    world.store.fault = ask_just_before
    held.fold(LaneChanges(commands_done=["a", "b"]))

    assert keys(held, world) == ["a"]


def test_a_postponed_command_waits_and_keeps_its_count() -> None:
    world = World()
    world.lane.put_command(command("a"))
    held = world.acquire()
    (found,) = held.inbox(10, world.clock.now())
    later = world.clock.now() + timedelta(minutes=5)

    held.fold(LaneChanges(commands_postponed=[command("a", tries=1, not_before=later, put_at=found.put_at)]))

    assert keys(held, world) == []
    assert world.lane.commands() == [command("a", tries=1, not_before=later, put_at=START)]
    world.clock.pass_(300)
    (again,) = held.inbox(10, world.clock.now())
    assert again.tries == 1
    held.fold(LaneChanges(commands_postponed=[command("a", tries=2, not_before=later, put_at=found.put_at)]))
    assert [found.tries for found in world.lane.commands()] == [2], "the same time again is the same row"


def test_a_command_renewed_meanwhile_is_not_postponed() -> None:
    world = World()
    world.lane.put_command(command("a"))
    held = world.acquire()
    held.inbox(10, world.clock.now())
    world.lane.put_command(command("a", payload={"newer": 1}))

    later = world.clock.now() + timedelta(hours=1)
    held.fold(LaneChanges(commands_postponed=[command("a", not_before=later)]))

    assert keys(held, world) == ["a"]


def test_a_command_this_worker_never_read_is_not_taken_out() -> None:
    world = World()
    world.lane.put_command(command("a"))
    held = world.acquire()
    held.fold(LaneChanges(commands_done=["a", "never there"]))
    assert keys(held, world) == ["a"]


def test_more_commands_than_a_transaction_holds_are_done_in_order() -> None:
    world = World()
    world.lane.put_commands([command(f"c{number:03d}") for number in range(250)])
    held = world.acquire()
    found = held.inbox(1000, world.clock.now())
    assert len(found) == 250

    commits = held.fold(LaneChanges(commands_done=[one.key for one in found], facts={"done": 250}))

    assert commits == 6
    assert world.lane.commands() == []


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.LATE])
@pytest.mark.parametrize("at", range(1, 7))
def test_putting_again_after_a_lost_answer_leaves_one_command(fault: Fault, at: int) -> None:
    world = World()
    world.lane.put_command(command("a"))
    world.store.fault = lambda call: fault if call.number == at + 1 else Fault.NONE
    for _ in range(3):
        try:
            world.lane.put_commands([command("a"), command("b")])
            break
        except Transient:
            continue
    world.store.fault = lambda _: Fault.NONE
    world.store.settle_late()
    assert sorted(found.key for found in world.lane.commands()) == ["a", "b"]
    held = world.acquire()
    held.inbox(10, world.clock.now())
    held.fold(LaneChanges(commands_done=["a", "b"]))
    assert [name for name in world.store.rows(LANE.partition) if name[:2] in {"i.", "k."}] == []


def test_keys_tell_nothing_of_the_command() -> None:
    """I14: table keys hold no personal value, even if a caller's key did."""
    world = World()
    world.lane.put_command(command("webhook|ada@example.com"))
    assert not any("ada" in name or "example" in name for name in world.store.rows(LANE.partition))


def test_what_is_put_aside_comes_up_in_its_order_and_by_no_time() -> None:
    world = World()
    for name, turn in (("parent", 2), ("child", 1), ("grandchild", 0)):
        world.lane.put_command(command(name, not_before=ASIDE + timedelta(seconds=turn)))
    world.lane.put_command(command("now"))
    held = world.acquire()
    world.clock.pass_(timedelta(days=3650).total_seconds())
    held = world.acquire()
    assert keys(held, world) == ["now"]
    assert [found.key for found in held.aside(2)] == ["grandchild", "child"]
    held.fold(LaneChanges(commands_done=["child", "grandchild"]))
    assert [found.key for found in held.aside(2)] == ["parent"]


def test_what_is_put_aside_twice_is_one_and_stays_when_it_was_renewed_meanwhile() -> None:
    world = World()
    aside = command("parent", not_before=ASIDE)
    world.lane.put_command(aside)
    held = world.acquire()
    assert len(held.aside(10)) == 1
    world.lane.put_command(aside)
    held.fold(LaneChanges(commands_done=["parent"]))
    assert [found.key for found in held.aside(10)] == ["parent"]
