"""Folding: against a plain model, with a crash or a lost answer at every single call of the store."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from shared.domain.identity import LinkState
from shared.errors import Transient
from shared.state import AlreadyLinked, CursorState, LaneChanges
from shared.state.reverse import partner_key
from tests.fakes.partition_store import Call, Crash, Fault
from tests.unit.state.model import Model, assert_holds, assert_sound, assert_tidy, some_changes
from tests.unit.state.world import LANE, World, key, link, match, partner

PEOPLE = 24


@pytest.fixture(params=["pages", "layers"])
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a few links and transactions of a few rows, so that little data takes every path: changes that go
    straight into the pages, and changes that lie on top of them until there are enough."""
    if request.param == "layers":
        monkeypatch.setattr("shared.state.layers.LARGE_FOLD", 1)
        monkeypatch.setattr("shared.state.layers.MANY_PAGES", 1)
        monkeypatch.setattr("shared.state.layers.MERGE_AT", 17)
        monkeypatch.setattr("shared.state.envelope.MAX_BODY_BYTES", 700)
    monkeypatch.setattr("shared.state.page.SPLIT_BYTES", 400)
    monkeypatch.setattr("shared.state.writer.MAX_SERIES_OPERATIONS", 4)
    monkeypatch.setattr("shared.state.pages.CACHE_BYTES", 4000)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.usefixtures("small")
def test_any_history_of_folds_comes_to_what_the_model_says(seed: int) -> None:
    dice = random.Random(seed)
    world, model = World(), Model()
    held = world.acquire()
    for step in range(12):
        changes = some_changes(dice, model, PEOPLE, 8)
        held.fold(changes)
        model.fold(changes)
        if step % 5 == 4:
            held = world.take_over()
        assert_holds(held, model, PEOPLE)
        if step % 3 == 2:
            held.merge()
            assert_tidy(world.lane.reader(), model, PEOPLE)
            assert_holds(held, model, PEOPLE)
    assert len([name for name in world.store.rows(LANE.partition) if name.startswith("l.")]) > 4


@pytest.mark.parametrize("seed", range(2))
def test_pages_of_their_real_size_come_to_the_same(seed: int) -> None:
    dice = random.Random(seed)
    world, model = World(), Model()
    held = world.acquire()
    for size in (900, 50, 300):
        changes = some_changes(dice, model, 1000, size)
        held.fold(changes)
        model.fold(changes)
    assert_holds(held, model, 1000)
    assert_holds(world.take_over(), model, 1000)


@pytest.mark.usefixtures("small")
def test_folding_the_same_changes_again_changes_nothing() -> None:
    dice = random.Random(5)
    world, model = World(), Model()
    held = world.acquire()
    for _ in range(6):
        changes = some_changes(dice, model, PEOPLE, 8)
        held.fold(changes)
        model.fold(changes)
    held.merge()
    before = {name: row.cells for name, row in world.store.rows(LANE.partition).items() if name != "lane"}

    held.fold(changes)
    held.merge()

    after = {name: row.cells for name, row in world.store.rows(LANE.partition).items() if name != "lane"}
    assert after == before
    assert_holds(held, model, PEOPLE)


def _history(seed: int) -> list[LaneChanges]:
    dice, model = random.Random(seed), Model()
    history = []
    for size in (12, 6, 6):
        changes = some_changes(dice, model, PEOPLE, size)
        model.fold(changes)
        history.append(changes)
    return history


def _calls_of(history: list[LaneChanges]) -> int:
    world = World()
    held = world.acquire()
    for changes in history:
        held.fold(changes)
    held.merge()
    return world.store.calls


def _fault_at(number: int, fault: Fault) -> Callable[[Call], Fault]:
    return lambda call: fault if call.number == number else Fault.NONE


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.usefixtures("small")
def test_a_crash_at_any_call_of_the_store_is_made_good_by_folding_again(seed: int, fault: Fault) -> None:
    history = _history(seed)
    calls = _calls_of(history)
    assert calls > 20
    crashes = 0
    for number in range(1, calls + 1):
        world, model = World(), Model()
        world.store.fault = _fault_at(number, fault)
        held = None
        for changes in history:
            after = model.copy()
            after.fold(changes)
            try:
                held = held or world.acquire()
                held.fold(changes)
            except Crash:
                crashes += 1
                held = world.take_over()
                with world.store.unwatched():
                    assert_sound(held, model, after, PEOPLE)
                held.fold(changes)
                with world.store.unwatched():
                    assert_holds(held, after, PEOPLE)
            model = after
        assert held is not None
        try:
            held.merge()
        except Crash:
            crashes += 1
            held = world.take_over()
            with world.store.unwatched():
                assert_holds(held, model, PEOPLE)
            held.merge()
        with world.store.unwatched():
            assert_holds(held, model, PEOPLE)
            assert not [name for name in world.store.rows(LANE.partition) if name.startswith("x.")]
    assert crashes > 0.8 * calls, "the tests' own looks spare a few reads"


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.LATE])
@pytest.mark.parametrize("seed", [4])
@pytest.mark.usefixtures("small")
def test_a_lost_answer_at_any_call_of_the_store_is_decided_exactly(seed: int, fault: Fault) -> None:
    history = _history(seed)
    for number in range(1, _calls_of(history) + 1):
        world, model = World(), Model()
        world.store.fault = _fault_at(number, fault)
        held = None
        for changes in history:
            while True:
                try:
                    held = held or world.acquire()
                    held.fold(changes)
                    break
                except Transient:
                    continue
            model.fold(changes)
        assert held is not None
        world.store.fault = lambda _: Fault.NONE
        assert_holds(held, model, PEOPLE)
        assert held.release() is False
        assert_holds(world.acquire(), model, PEOPLE)


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.LATE])
@pytest.mark.usefixtures("small")
def test_a_store_that_is_down_for_a_while_loses_nothing(fault: Fault) -> None:
    """Long enough for a commit to be left undecided, so that the next call has to settle it."""
    history = _history(7)
    for first in range(3, _calls_of(history), 4):
        world, model = World(), Model()
        down = range(first, first + 9)
        world.store.fault = lambda call, down=down: fault if call.number in down else Fault.NONE  # type: ignore[misc]
        held = None
        for changes in history:
            while True:
                try:
                    held = held or world.acquire()
                    held.fold(changes)
                    break
                except Transient:
                    world.clock.pass_(1)
                    held = held if world.clock.seconds < 200 else world.take_over()
            model.fold(changes)
        assert held is not None
        world.store.fault = lambda _: Fault.NONE
        assert_holds(held, model, PEOPLE)


def test_the_cursor_moves_in_the_last_transaction_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.state.writer.MAX_SERIES_OPERATIONS", 9)
    monkeypatch.setattr("shared.state.page.SPLIT_BYTES", 700)
    world = World()
    held = world.acquire()
    seen: list[set[str]] = []
    world.store.fault = lambda call: seen.append(set(call.keys)) if call.method == "transact" else None  # type: ignore[func-returns-value]

    commits = held.fold(
        LaneChanges(links=[link(number) for number in range(30)], cursors={"crm": CursorState(token="1")})
    )

    assert commits == len(seen) > 3
    assert [("c.crm" in keys) for keys in seen] == [False] * (len(seen) - 1) + [True]
    assert all("lane" in keys for keys in seen)
    assert all(len(keys) <= 11 for keys in seen)


def test_a_small_fold_is_one_transaction() -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(number) for number in range(300)]))
    before = world.store.usage.copy()

    changes = LaneChanges(links=[link(7, version=1)], cursors={"crm": CursorState(token="1")}, facts={"phase": "live"})
    assert held.fold(changes) == 1

    used = world.store.usage.since(before)
    assert (used.commits, used.gets, used.scans) == (1, 0, 0)


def test_a_second_link_of_a_partner_record_is_refused_before_anything_is_written() -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1)]))
    rows = world.store.rows(LANE.partition)

    with pytest.raises(AlreadyLinked) as refused:
        held.fold(LaneChanges(links=[link(2, partner=partner(1)), link(3)], cursors={"crm": CursorState(token="x")}))

    assert refused.value.clashes == {key(2): (partner(1), key(1))}
    assert world.store.rows(LANE.partition) == rows
    assert held.links([key(1), key(2), key(3)]) == {key(1): link(1)}


def test_two_new_links_of_one_partner_record_are_refused() -> None:
    held = World().acquire()

    with pytest.raises(AlreadyLinked) as refused:
        held.fold(LaneChanges(links=[link(2, partner=partner(9)), link(3, partner=partner(9))]))

    assert refused.value.clashes == {key(3): (partner(9), key(2))}


def test_a_partner_record_may_be_linked_again_after_its_link_ended() -> None:
    held = World().acquire()
    held.fold(LaneChanges(links=[link(1)]))

    held.fold(LaneChanges(links=[link(1, state=LinkState.TOMBSTONE), link(2, partner=partner(1), incarnation=1)]))
    assert held.by_partner([partner(1)]) == {partner(1): key(2)}

    held.fold(LaneChanges(links_removed=[key(2)]))
    assert held.by_partner([partner(1)]) == {partner(1): key(1)}


def test_a_link_put_again_never_clashes_with_itself() -> None:
    held = World().acquire()
    held.fold(LaneChanges(links=[link(1), link(2)]))
    held.fold(LaneChanges(links=[link(1, version=1, partner=partner(2)), link(2, version=1, partner=partner(1))]))
    assert held.by_partner([partner(1), partner(2)]) == {partner(1): key(2), partner(2): key(1)}


def test_partner_records_change_links_in_one_step_however_large_the_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between two pages must not leave a partner record with two links in use (invariant I3)."""
    monkeypatch.setattr("shared.state.page.SPLIT_BYTES", 400)
    monkeypatch.setattr("shared.state.writer.MAX_SERIES_OPERATIONS", 6)
    numbers = sorted(range(40), key=key)
    first, last = numbers[0], numbers[-1]
    before, after = Model(), Model()
    before.fold(LaneChanges(links=[link(number) for number in numbers]))
    changes = LaneChanges(
        links=[
            link(first, version=1, partner=partner(last)),
            *(link(number, version=1) for number in numbers[1:-1]),
            link(last, version=1, partner=partner(first)),
        ]
    )
    first_load = LaneChanges(links=list(before.links.values()))
    after.fold(first_load)
    after.fold(changes)
    for number in range(1, 60):
        world = World()
        held = world.acquire()
        held.fold(first_load)
        start = world.store.calls
        world.store.fault = _fault_at(start + number, Fault.CRASH_BEFORE)
        try:
            held.fold(changes)
        except Crash:
            world.store.fault = lambda _: Fault.NONE
            assert_sound(world.take_over(), before, after, 40)
            continue
        break
    assert number >= 6, "the fold took several transactions"


def test_many_of_one_match_value_are_told_as_more() -> None:
    held = World().acquire()
    held.fold(LaneChanges(links=[link(number, match=match(0)) for number in range(40)]))
    held.fold(LaneChanges(candidates={partner(number): match(1) for number in range(100, 140)}))

    known = held.by_match([match(0), match(1)])

    assert len(known[match(0)].links) == 32
    assert known[match(0)].more
    assert len(known[match(1)].candidates) == 32
    assert known[match(1)].more


def test_a_candidate_follows_its_e_mail_address_and_ends_with_its_link() -> None:
    held = World().acquire()
    held.fold(LaneChanges(candidates={partner(1): match(1), partner(2): match(1)}))
    assert held.by_match([match(1)])[match(1)].candidates == (partner(1), partner(2))

    held.fold(LaneChanges(candidates={partner(1): match(7)}))
    assert held.by_match([match(1), match(7)])[match(7)].candidates == (partner(1),)

    held.fold(LaneChanges(links=[link(7, partner=partner(1))], candidates={partner(2): None}))
    known = held.by_match([match(1), match(7)])
    assert match(1) not in known
    assert (known[match(7)].links, known[match(7)].candidates) == ((key(7),), ())


def test_stale_reverse_entries_are_not_believed_and_go_with_the_next_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crash after the reverse entries of a new link, before the link (crash point 3)."""
    world = World()
    monkeypatch.setattr("shared.state.writer.MAX_SERIES_OPERATIONS", 3)
    held = world.acquire()
    first = world.store.calls
    world.store.fault = lambda call: (
        Fault.CRASH_BEFORE if call.method == "transact" and any(k.startswith("l.") for k in call.keys) else Fault.NONE
    )
    with pytest.raises(Crash):
        held.fold(LaneChanges(links=[link(1)], candidates={partner(5): match(5)}))
    assert world.store.calls > first
    world.store.fault = lambda _: Fault.NONE
    monkeypatch.undo()
    held = world.take_over()

    assert held.by_partner([partner(1)]) == {}
    assert match(1) not in held.by_match([match(1)])
    held.fold(LaneChanges())

    reader = world.lane.reader()
    assert reader.partner_entries([partner_key(partner(1))]) == {}
    assert reader.match_entries([match(1)]) == {}
