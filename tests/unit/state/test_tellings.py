"""What was told of unlinked partner records: kept in order, the later word counts, and gone when it is not needed."""

from __future__ import annotations

from datetime import timedelta

import msgpack
import pytest

from shared.domain.records import Ref
from shared.ports.state import MAX_CELL_BYTES, Put
from shared.state import LaneChanges
from shared.state.envelope import pack, to_cells
from shared.state.errors import StateDamaged
from shared.state.lane import Held
from shared.state.model import Telling
from shared.state.reverse import partner_key
from tests.unit.state.world import LANE, START, World, partner

SINCE = START - timedelta(days=1)


def telling(number: int, *, whole: bool = True, **columns: bytes) -> Telling:
    labels = frozenset({"D: Contact"}) if whole else None
    return Telling(ref=partner(number), digests=columns, whole=whole, labels=labels, revision="" if number else 'W/"7"')


def test_what_was_told_comes_back_for_those_who_are_asked_for() -> None:
    held = World().acquire()
    told = [telling(number, mail=bytes(8), phone=b"", **{"field:7": b"12345678"}) for number in range(3)]
    held.fold(LaneChanges(tellings=told))
    refs: list[Ref] = [partner(0), partner(2), partner(9)]
    assert held.tellings(refs, SINCE) == {partner(0): told[0], partner(2): told[2]}


def test_a_later_whole_telling_takes_the_place_of_an_earlier_one_and_a_part_adds_to_it() -> None:
    held = World().acquire()
    held.fold(LaneChanges(tellings=[telling(1, mail=b"a" * 8, phone=b"b" * 8), telling(2, mail=b"c" * 8)]))
    held.fold(LaneChanges(tellings=[telling(1, whole=False, note=b"d" * 8), telling(3, whole=False, note=b"e" * 8)]))
    held.fold(LaneChanges(tellings=[telling(2, phone=b"")]))
    found = held.tellings([partner(1), partner(2), partner(3)], SINCE)
    assert dict(found[partner(1)].digests) == {"mail": b"a" * 8, "phone": b"b" * 8, "note": b"d" * 8}
    assert found[partner(1)].labels == {"D: Contact"}
    assert dict(found[partner(2)].digests) == {"phone": b""}
    assert partner(3) not in found  # nobody told the rest of it


def test_what_was_told_long_ago_does_not_count() -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(tellings=[telling(1, mail=b"a" * 8)]))
    world.clock.pass_(30)
    held.fold(LaneChanges(tellings=[telling(2, mail=b"a" * 8)]))
    assert held.tellings([partner(1), partner(2)], START + timedelta(seconds=20)).keys() == {partner(2)}


def test_many_tellings_are_several_rows_that_fit_and_all_of_them_go() -> None:
    world = World()
    held = world.acquire()
    columns = {f"field:{number}": bytes([number]) * 8 for number in range(60)}
    many = [telling(number, **columns) for number in range(3000)]
    held.fold(LaneChanges(tellings=many))
    rows = world.store.scan(LANE.partition, "t.", "t/")
    assert len(rows) > 1
    assert all(len(cell) <= MAX_CELL_BYTES for row in rows for cell in row.cells.values() if isinstance(cell, bytes))
    assert len(held.tellings([one.ref for one in many], SINCE)) == 3000
    held.forget_tellings()
    assert world.store.scan(LANE.partition, "t.", "t/") == []
    held.forget_tellings()  # safe to repeat


@pytest.mark.parametrize(
    "body",
    [
        [["a"], [[0]]],
        [["a"], [[0]], {}, 1],
        [[], [], 7],
        [["mail"], [[0]], {partner_key(partner(1)): b"\x90"}],
        [["mail"], [[0]], {partner_key(partner(1)): msgpack.packb([True, 0, b"", b"four", None, 0])}],
        [["mail"], [[0]], {partner_key(partner(1)): b"\xc1"}],
    ],
)
def test_a_row_that_does_not_hold_what_was_told_is_named(body: list[object]) -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(tellings=[telling(1, mail=b"a" * 8)]))
    (row,) = world.store.scan(LANE.partition, "t.", "t/")
    world.store.transact(LANE.partition, [Put(row.key, to_cells(pack(body), at=int(START.timestamp())))])
    with pytest.raises(StateDamaged) as found:
        held.tellings([partner(1)], SINCE)
    assert row.key in str(found.value)


def _scans(world: World, refs: list[Ref], held: Held) -> tuple[int, int]:
    """How many refs are known, and how many scans of the store it took to tell."""
    before = world.store.usage.copy()
    found = held.tellings(refs, SINCE)
    return len(found), world.store.usage.since(before).scans


def test_what_was_told_is_read_once_by_the_holder_who_alone_adds_to_it() -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(tellings=[telling(1, mail=b"a" * 8)]))
    refs: list[Ref] = [partner(1), partner(2)]
    assert _scans(world, refs, held) == (1, 2)  # a window, and an empty one
    held.fold(LaneChanges(tellings=[telling(2, mail=b"a" * 8), telling(1, mail=b"b" * 8)]))
    assert _scans(world, refs, held) == (2, 0)
    assert held.tellings(refs, SINCE)[partner(1)].digests == {"mail": b"b" * 8}
    assert world.take_over().tellings(refs, SINCE).keys() == set(refs)


def test_what_does_not_fit_in_memory_is_read_again_and_answers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.state.tellings.KEPT_BYTES", 400)
    world = World()
    held = world.acquire()
    refs: list[Ref] = [partner(number) for number in range(12)]
    for number in range(10):
        held.fold(LaneChanges(tellings=[telling(number, mail=bytes([number]) * 8)]))
    known = held.tellings(refs, SINCE)
    assert {ref: told.digests["mail"][0] for ref, told in known.items()} == {
        refs[number]: number for number in range(10)
    }
    assert _scans(world, refs, held)[1] > 0
    for number in (3, 10, 11):
        held.fold(LaneChanges(tellings=[telling(number, mail=b"z" * 8)]))
    again = held.tellings(refs, SINCE)
    assert again == world.take_over().tellings(refs, SINCE)
    assert [number for number, ref in enumerate(refs) if again[ref].digests["mail"] == b"z" * 8] == [3, 10, 11]


def test_a_row_that_fills_the_memory_is_told_with_the_next_question(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(tellings=[telling(1, mail=b"a" * 8)]))
    assert held.tellings([partner(1)], SINCE).keys() == {partner(1)}
    monkeypatch.setattr("shared.state.tellings.KEPT_BYTES", 10)
    held.fold(LaneChanges(tellings=[telling(2, mail=b"b" * 8)]))
    held.fold(LaneChanges(tellings=[telling(3, mail=b"c" * 8)]))
    refs: list[Ref] = [partner(number) for number in (1, 2, 3)]
    assert held.tellings(refs, SINCE).keys() == set(refs)
    assert held.tellings(refs, SINCE).keys() == set(refs)
