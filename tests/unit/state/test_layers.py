"""Layers: large folds over many pages, and what they save."""

from __future__ import annotations

import random

import pytest

from shared.domain.identity import LinkState
from shared.errors import LeaseLost
from shared.state import AlreadyLinked, Command, CursorState, LaneChanges, StateDamaged
from tests.fakes.partition_store import Crash, Fault
from tests.unit.state.model import Model, assert_holds, assert_tidy, some_changes
from tests.unit.state.world import LANE, World, key, link, match, partner


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A lane of two hundred links in many small pages, where a fold of more than ten changes becomes a layer."""
    monkeypatch.setattr("shared.state.page.SPLIT_BYTES", 1000)
    monkeypatch.setattr("shared.state.layers.LARGE_FOLD", 10)
    monkeypatch.setattr("shared.state.layers.MANY_PAGES", 20)
    made = World()
    held = made.acquire()
    held.fold(LaneChanges(links=[link(number) for number in range(200)]))
    held.release()
    assert not _layers(made)
    return made


def _layers(world: World) -> list[str]:
    return sorted(name for name in world.store.rows(LANE.partition) if name.startswith("x."))


def test_a_large_fold_is_one_transaction_and_rewrites_no_page(world: World) -> None:
    held = world.acquire()
    some = [link(number, version=2) for number in range(50)]
    held.links([one.key for one in some])
    held.by_partner([one.partner for one in some if one.partner])
    before = world.store.usage.copy()

    assert held.fold(LaneChanges(links=some, cursors={"crm": CursorState(token="9")}, facts={"page": 1})) == 1

    used = world.store.usage.since(before)
    assert (used.commits, used.rows_written) == (1, 3), "the layer, the cursor, the lane"
    assert _layers(world) == ["x.00000001.000"]
    assert held.links([key(3)]) == {key(3): link(3, version=2)}
    assert held.cursor("crm") == CursorState(token="9")


def test_a_small_fold_goes_into_the_pages_unless_layers_lie_on_them(world: World) -> None:
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1, version=1)]))
    assert not _layers(world)
    held.fold(LaneChanges(links=[link(number, version=2) for number in range(20)]))
    held.fold(LaneChanges(links=[link(1, version=3)]))
    assert _layers(world) == ["x.00000001.000", "x.00000002.000"]
    held.fold(LaneChanges(facts={"n": 1}))
    assert len(_layers(world)) == 2
    assert held.links([key(1), key(2)]) == {key(1): link(1, version=3), key(2): link(2, version=2)}


def test_releasing_the_lane_merges_what_lies_on_its_pages(world: World) -> None:
    held = world.acquire()
    held.fold(LaneChanges(links=[link(number, version=2) for number in range(50)], links_removed=[key(60)]))
    held.release()
    assert not _layers(world)
    again = world.acquire()
    assert again.links([key(3), key(60)]) == {key(3): link(3, version=2)}
    assert dict(again.counts) == {"contact.linked": 199}


def test_layers_are_merged_when_they_hold_enough(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.state.layers.MERGE_AT", 60)
    held = world.acquire()
    counts = []
    for start in range(0, 200, 25):
        held.fold(LaneChanges(links=[link(number, version=5) for number in range(start, start + 25)]))
        counts.append(len(_layers(world)))
    assert counts == [1, 2, 0, 1, 2, 0, 1, 2]
    assert {found.crm_revision for found in held.scan_links()} == {'W/"1005"'}


def test_between_two_pages_layers_are_merged_sooner_than_by_a_fold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.state.layers.READY_AT", 60)
    held = world.acquire()
    counts = []
    for start in range(0, 150, 25):
        held.fold(LaneChanges(links=[link(number, version=5) for number in range(start, start + 25)]))
        counts.append(len(_layers(world)))
        assert bool(held.merge_when_ready()) == (start % 75 == 50)
    assert counts == [1, 2, 3, 1, 2, 3]
    assert not _layers(world)
    assert {found.crm_revision for found in held.links([key(number) for number in range(150)]).values()} == {'W/"1005"'}


def test_a_new_holder_and_a_reader_without_the_lease_see_layers_too(world: World) -> None:
    held = world.acquire()
    model = Model()
    model.fold(LaneChanges(links=[link(number) for number in range(200)]))
    changes = LaneChanges(
        links=[
            *(link(number, version=2) for number in range(30)),
            link(40, partner=partner(900), match=match(900)),
            link(41, state=LinkState.TOMBSTONE),
            *(link(number) for number in range(500, 520)),
        ],
        links_removed=[key(42), key(43)],
        candidates={partner(42): match(42), partner(950): match(951)},
        facts={"page": 1},
    )
    held.fold(changes)
    model.fold(changes)
    assert _layers(world)
    assert_holds(held, model, 960)
    reader = world.lane.reader()
    assert {found.key: found for found in reader.scan_links()} == model.links
    assert reader.by_partner([partner(900), partner(40)]) == {partner(900): key(40)}
    assert reader.by_match([match(951)])[match(951)].candidates == (partner(950),)

    new = world.take_over()
    assert_holds(new, model, 960)
    new.merge()
    assert_holds(new, model, 960)
    assert_tidy(world.lane.reader(), model, 960)


def test_the_lease_holds_for_layers_as_for_pages(world: World) -> None:
    old = world.acquire()
    world.take_over()
    with pytest.raises(LeaseLost):
        old.fold(LaneChanges(links=[link(number, version=2) for number in range(50)]))
    assert not _layers(world)


def test_batches_and_commands_go_with_the_layer_never_before_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer over several transactions: what it makes superfluous goes when the layer counts, or after."""
    monkeypatch.setattr("shared.state.envelope.MAX_BODY_BYTES", 2000)
    monkeypatch.setattr("shared.state.writer.MAX_SERIES_OPERATIONS", 3)
    world.lane.put_command(Command(key="hint", op="sync"))
    changes = LaneChanges(
        links=[link(number, version=2, state=LinkState.AWAITING) for number in range(40)],
        commands_done=["hint"],
        cursors={"crm": CursorState(token="new")},
    )
    for number in range(1, 30):
        copy = World()
        copy.store = world.store
        held = world.take_over()
        held.inbox(10, world.clock.now())
        seen = [0]

        def crash(call: object, seen: list[int] = seen, number: int = number) -> Fault:
            seen[0] += getattr(call, "method", "") == "transact"
            return Fault.CRASH_BEFORE if seen[0] == number else Fault.NONE

        world.store.fault = crash
        try:
            held.fold(changes)
        except Crash:
            world.store.fault = lambda _: Fault.NONE
            new = world.take_over()
            whole = new.links([key(3)])[key(3)].state is LinkState.AWAITING
            counted = dict(new.counts)
            assert new.recount() == counted, "the counters moved without the layer"
            assert whole or new.inbox(10, world.clock.now()), "the command went before its layer counted"
            assert whole or new.cursor("crm") is None
            continue
        break
    world.store.fault = lambda _: Fault.NONE
    assert number >= 4
    assert held.cursor("crm") == CursorState(token="new")


def test_counters_are_exact_at_once_and_cost_no_page(world: World) -> None:
    held = world.acquire()
    some = [link(number, state=LinkState.AWAITING) for number in range(30)]
    held.links([one.key for one in some])
    before = world.store.usage.copy()
    held.fold(LaneChanges(links=some, links_removed=[key(100)]))
    assert dict(held.counts) == {"contact.awaiting": 30, "contact.linked": 169}
    assert world.store.usage.since(before).rows_read <= 40
    held.fold(LaneChanges(links=[link(number) for number in range(15)], links_removed=[key(20), key(100)]))
    assert dict(held.counts) == {"contact.awaiting": 14, "contact.linked": 184}
    assert held.recount() == dict(held.counts)
    held.release()
    assert dict(world.lane.peek().counts) == {"contact.awaiting": 14, "contact.linked": 184}


def test_a_second_link_is_refused_across_layers_and_pages(world: World) -> None:
    held = world.acquire()
    held.fold(LaneChanges(links=[link(number) for number in range(300, 330)]))
    with pytest.raises(AlreadyLinked):
        held.fold(LaneChanges(links=[link(400, partner=partner(305))]))
    with pytest.raises(AlreadyLinked):
        held.fold(LaneChanges(links=[link(400, partner=partner(5))]))
    held.fold(LaneChanges(links=[link(305, state=LinkState.TOMBSTONE), link(400, partner=partner(305))]))
    assert held.by_partner([partner(305)]) == {partner(305): key(400)}


@pytest.mark.parametrize("large", [False, True], ids=["pages", "layer"])
def test_a_link_wins_over_a_candidate_of_the_same_fold(world: World, large: bool) -> None:
    """And when the link goes, the candidate of long ago does not come back."""
    held = world.acquire()
    held.fold(LaneChanges(candidates={partner(300): match(300)}))
    others = [link(number, version=3) for number in range(40 if large else 1)]

    told = {partner(300): match(301), partner(310): match(311)}
    held.fold(LaneChanges(links=[link(300), link(310), *others], candidates=told))
    assert bool(_layers(world)) is large
    assert not held.by_match(told.values())
    held.fold(LaneChanges(links_removed=[key(300), key(310)]))

    assert held.by_match([match(300), match(310), *told.values()]) == {}
    held.release()
    assert world.acquire().by_match([match(300), match(310), *told.values()]) == {}


def test_a_damaged_layer_is_refused_with_its_key(world: World) -> None:
    held = world.acquire()
    held.fold(LaneChanges(links=[link(number, version=2) for number in range(50)]))
    (name,) = _layers(world)
    cells = dict(world.store.rows(LANE.partition)[name].cells)
    body = cells["d0"]
    assert isinstance(body, bytes)
    world.store.tamper(LANE.partition, name, cells | {"d0": body[:-2] + b"zz"})
    new = world.take_over()
    with pytest.raises(StateDamaged, match=r"x\.00000001\.000"):
        new.links([key(1)])
    with pytest.raises(StateDamaged):
        new.fold(LaneChanges(links=[link(1)]))
    assert new.release() is False, "the lane is let go all the same"


def test_parts_of_a_layer_that_never_counted_are_swept_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.state.envelope.MAX_BODY_BYTES", 2000)
    monkeypatch.setattr("shared.state.writer.MAX_SERIES_OPERATIONS", 3)
    held = world.acquire()
    seen = [0]

    def crash(call: object) -> Fault:
        seen[0] += getattr(call, "method", "") == "transact"
        return Fault.CRASH_BEFORE if seen[0] == 2 else Fault.NONE

    world.store.fault = crash
    with pytest.raises(Crash):
        held.fold(LaneChanges(links=[link(number, version=2) for number in range(60)]))
    world.store.fault = lambda _: Fault.NONE
    assert _layers(world)
    assert not any(name.endswith(".000") for name in _layers(world))
    new = world.take_over()
    assert new.links([key(1)]) == {key(1): link(1)}
    new.release()
    assert not _layers(world)


@pytest.mark.parametrize("seed", range(3))
def test_long_histories_in_layers_come_to_what_the_model_says(
    seed: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.state.layers.MERGE_AT", 100)
    dice, model = random.Random(seed), Model()
    model.fold(LaneChanges(links=[link(number) for number in range(200)]))
    held = world.acquire()
    for step in range(10):
        changes = some_changes(dice, model, 260, dice.choice([3, 20, 40]))
        held.fold(changes)
        model.fold(changes)
        assert_holds(held, model, 260)
        if step % 4 == 3:
            held = world.take_over()
    held.release()
    assert_holds(world.acquire(), model, 260)
    assert_tidy(world.lane.reader(), model, 260)
