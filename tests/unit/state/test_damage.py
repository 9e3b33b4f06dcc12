"""Rows that were damaged, or written by a newer release: refused with the place and the reason, or repaired."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.domain.records import Kind, Side
from shared.errors import ConfigError
from shared.ports.connector import Op
from shared.ports.state import Cell
from shared.state import Batch, Command, CursorState, Entry, Held, LaneChanges, StateDamaged
from shared.state.pages import Tree
from tests.unit.state.model import Model, assert_holds
from tests.unit.state.world import LANE, World, crm, key, link, match, partner

PEOPLE = 60


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A lane with one of everything, in several small pages."""
    monkeypatch.setattr("shared.state.page.SPLIT_BYTES", 1500)
    made = World()
    held = made.acquire()
    held.fold(LaneChanges(links=[link(number) for number in range(PEOPLE)], cursors={"crm": CursorState(token="t")}))
    held.begin(
        Batch(
            id="b1",
            kind=Kind("contact"),
            side=Side.CRM,
            op=Op.UPDATE,
            entries=(Entry(key=key(1), crm=crm(1), op=Op.UPDATE),),
        )
    )
    held.finish({"b1": []})
    made.lane.put_command(Command(key="c1", op="sync"))
    return made


READS: dict[str, Callable[[Held, World], object]] = {
    "l.": lambda held, _: held.links(key(number) for number in range(PEOPLE)),
    "p.": lambda held, _: held.by_partner(partner(number) for number in range(PEOPLE)),
    "m.": lambda held, _: held.by_match(match(number) for number in range(PEOPLE)),
    "c.": lambda held, _: (held.cursor("crm"), held.cursors()),
    "b.": lambda held, _: held.batches(),
    "i.": lambda held, world: held.inbox(10, world.clock.now()),
}


def _row_of(world: World, kind: str) -> tuple[str, dict[str, Cell]]:
    """The last row of a kind that holds a body (a leaf, of pages)."""
    rows = world.store.rows(LANE.partition)
    name = [name for name in sorted(rows) if name.startswith(kind) and "d0" in rows[name].cells][-1]
    return name, dict(rows[name].cells)


def _flip(cells: dict[str, Cell]) -> dict[str, Cell]:
    body = cells["d0"]
    assert isinstance(body, bytes)
    return cells | {"d0": body[:-3] + bytes([body[-3] ^ 1]) + body[-2:]}


@pytest.mark.parametrize("kind", READS)
def test_a_flipped_bit_is_refused_with_the_row_s_key(world: World, kind: str) -> None:
    name, cells = _row_of(world, kind)
    world.store.tamper(LANE.partition, name, _flip(cells))
    held = world.take_over()
    before = world.store.rows(LANE.partition)

    with pytest.raises(StateDamaged) as refused:
        READS[kind](held, world)

    assert (refused.value.partition, refused.value.key) == (LANE.partition, name)
    assert "check sum" in refused.value.reason
    assert {name: row for name, row in world.store.rows(LANE.partition).items() if name != "lane"} == {
        name: row for name, row in before.items() if name != "lane"
    }


@pytest.mark.parametrize("kind", READS)
def test_a_row_of_a_newer_release_is_refused_and_left_alone(world: World, kind: str) -> None:
    name, cells = _row_of(world, kind)
    world.store.tamper(LANE.partition, name, cells | {"f": 99, "n": "9.1"})

    with pytest.raises(ConfigError) as refused:
        READS[kind](world.take_over(), world)

    assert name in str(refused.value)
    assert "9.1" in refused.value.next_step
    assert world.store.rows(LANE.partition)[name].cells["f"] == 99


def test_a_lane_of_a_newer_release_cannot_even_be_acquired(world: World) -> None:
    row = world.store.rows(LANE.partition)["lane"]
    world.store.tamper(LANE.partition, "lane", dict(row.cells) | {"f": 2, "n": "0.2"})
    world.clock.pass_(100)
    with pytest.raises(ConfigError) as refused:
        world.lane.acquire("me")
    assert refused.value.code == "state_too_new"
    assert world.lane.peek().facts["broken"] == "state_too_new", "the status says so, and the timers go on"


@pytest.mark.parametrize("missing", ["fence", "commit", "owner", "until", "wanted"])
def test_a_lane_row_without_its_cells_is_damaged(world: World, missing: str) -> None:
    cells = dict(world.store.rows(LANE.partition)["lane"].cells)
    del cells[missing]
    world.store.tamper(LANE.partition, "lane", cells)
    with pytest.raises(StateDamaged):
        world.lane.readable()
    assert world.lane.peek().facts["broken"] == "state_damaged", "the status says so, and the timers go on"


def test_a_missing_page_is_damage_and_not_an_empty_page(world: World) -> None:
    name, _ = _row_of(world, "l.")
    world.store.tamper(LANE.partition, name, None)
    with pytest.raises(StateDamaged, match="missing"):
        list(world.take_over().scan_links())


@pytest.mark.parametrize("kind", ["l.", "p.", "m."])
def test_a_fold_into_a_damaged_page_writes_nothing_of_it(world: World, kind: str) -> None:
    name, cells = _row_of(world, kind)
    world.store.tamper(LANE.partition, name, _flip(cells))
    held = world.take_over()
    with pytest.raises(StateDamaged):
        held.fold(LaneChanges(links=[link(number, version=1) for number in range(PEOPLE)], facts={"done": True}))
    assert world.store.rows(LANE.partition)[name].cells == _flip(cells)
    assert "done" not in held.facts


@pytest.mark.parametrize("tree", [Tree.PARTNERS, Tree.MATCHES])
def test_a_damaged_reverse_page_is_rebuilt_from_the_links(world: World, tree: Tree) -> None:
    name, cells = _row_of(world, f"{tree.value}.")
    world.store.tamper(LANE.partition, name, _flip(cells))
    held = world.take_over()

    assert held.mend() == [name]
    after = None
    while after := held.rebuild_reverse(after, limit=17):
        pass

    model = Model()
    model.fold(LaneChanges(links=[link(number) for number in range(PEOPLE)], cursors={"crm": CursorState(token="t")}))
    assert_holds(held, model, PEOPLE)
    assert_holds(world.take_over(), model, PEOPLE)


def test_a_damaged_page_of_links_can_be_given_up_and_filled_anew(world: World) -> None:
    """A resync puts every link again; those of the page that was lost come back, the others stay."""
    name, cells = _row_of(world, "l.")
    world.store.tamper(LANE.partition, name, _flip(cells))
    held = world.take_over()

    assert held.mend() == [name]
    assert held.mend() == []

    left = list(held.scan_links())
    assert 0 < len(left) < PEOPLE
    held.fold(LaneChanges(links=[link(number) for number in range(PEOPLE)]))
    assert len(list(held.scan_links())) == PEOPLE
    assert held.recount()["contact.linked"] == PEOPLE == held.counts["contact.linked"]


@pytest.mark.parametrize("cells", [None, {"f": 1, "n": "0.1", "d0": b"rubbish"}, {"f": 1}])
def test_the_directory_is_read_from_the_markers_when_its_row_is_lost(
    world: World, cells: dict[str, Cell] | None
) -> None:
    rows = world.store.rows(LANE.partition)
    assert len([name for name in rows if name.startswith("l.")]) > 8
    world.store.tamper(LANE.partition, "tree", cells)
    held = world.take_over()

    assert len(list(held.scan_links())) == PEOPLE
    held.fold(LaneChanges(links=[link(number) for number in range(PEOPLE, 2 * PEOPLE)]))
    assert len(list(world.take_over().scan_links())) == 2 * PEOPLE


def test_a_directory_of_a_newer_release_is_refused(world: World) -> None:
    world.store.tamper(LANE.partition, "tree", {"f": 2, "n": "0.2"})
    with pytest.raises(ConfigError):
        list(world.take_over().scan_links())


def test_the_rows_of_another_key_shape_are_named(world: World) -> None:
    world.store.tamper(LANE.partition, "b.b1.x9", {"f": 1, "n": "0.1"})
    with pytest.raises(StateDamaged, match=r"b\.b1\.x9"):
        world.take_over().batches()
