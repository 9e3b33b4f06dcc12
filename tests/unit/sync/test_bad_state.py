"""State that cannot be read stops the lane, with the place, the reason and the next step; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pytest

from shared.domain.records import Side
from shared.manage.connections import Connections
from shared.manage.operations import Operations
from shared.ports.journal import StoredConnection
from shared.state.errors import StateDamaged
from shared.state.lane import LaneStore
from shared.state.model import Command
from shared.sync.rehearse import rehearse
from tests.unit.sync.rig import CONTACT, MAIL, NAME, Rig


def _working(prefix: str) -> tuple[Rig, str]:
    """A lane at work, and the name of one of its rows."""
    rig = Rig()
    ann = rig.crm.create(CONTACT, {MAIL: "ann@example.com"})
    rig.run(3)
    rig.crm.edit(ann, {NAME: "Ann"})
    return rig, next(name for name in sorted(rig.store.rows("c1.main")) if name.startswith(prefix))


def _cells(rig: Rig, row: str) -> Mapping[str, object]:
    return rig.store.rows("c1.main")[row].cells


def test_a_corrupted_page_stops_the_lane_and_names_the_row() -> None:
    rig, row = _working("l.")
    body = _cells(rig, row)["d0"]
    assert isinstance(body, bytes)
    rig.store.tamper("c1.main", row, {**_cells(rig, row), "d0": body[:-3] + bytes([body[-3] ^ 1]) + body[-2:]})
    before = rig.commits.total()

    rig.run(2)

    facts = rig.lane.peek().facts
    assert facts["broken"] == "state_damaged"
    assert row in str(facts["broken_message"])
    assert "resync" in str(facts["broken_next"])
    assert rig.commits.total() == before, "nothing is written on the strength of state that cannot be read"


@pytest.mark.parametrize("prefix", ["l.", "c."])
def test_a_row_of_a_newer_release_stops_the_lane_and_names_the_release(prefix: str) -> None:
    rig, row = _working(prefix)
    rig.store.tamper("c1.main", row, {**_cells(rig, row), "f": 99, "n": "9.1"})
    before = rig.commits.total()

    rig.run(2)

    facts = rig.lane.peek().facts
    assert facts["broken"] == "state_too_new"
    assert row in str(facts["broken_message"])
    assert "9.1" in str(facts["broken_next"])
    assert rig.commits.total() == before


def test_a_batch_of_a_newer_release_is_left_alone() -> None:
    """An intent that an older release cannot read may be a write under way: nothing happens until somebody can."""
    rig = Rig()
    rig.crm.create(CONTACT, {MAIL: "ann@example.com"})
    rig.run(3)
    name = "b.00000000000000000000000000000000.i000"
    donor = next(row for row in sorted(rig.store.rows("c1.main")) if row.startswith("l."))
    rig.store.tamper("c1.main", name, {**_cells(rig, donor), "f": 99, "n": "9.1"})

    rig.run(2)

    facts = rig.lane.peek().facts
    assert (facts["broken"], name in str(facts["broken_message"])) == ("state_too_new", True)
    assert name in rig.store.rows("c1.main")


@dataclass(frozen=True)
class Desk:
    """The one connection of a rig, as the use cases of operators see it."""

    rig: Rig

    @property
    def systems(self) -> Desk:
        return self

    def get(self, _id: str) -> StoredConnection:
        return StoredConnection(self.rig.config, "")

    def lane(self, _id: str) -> LaneStore:
        return self.rig.lane


def resync(rig: Rig) -> None:
    """What an operator does who reads the message: repeats the initial sync."""
    desk = cast("Connections", Desk(rig))
    Operations(connections=desk, clock=rig.clock, due=lambda *_: rig.clock.now(), lifted=False).start_anew(
        "c1", repeat=True
    )


def _flipped(rig: Rig, row: str) -> dict[str, object]:
    body = _cells(rig, row)["d0"]
    assert isinstance(body, bytes)
    return {**_cells(rig, row), "d0": body[:-3] + bytes([body[-3] ^ 1]) + body[-2:]}


@pytest.mark.parametrize("prefix", ["l.", "p.", "m.", "c.", "i.", "b."])
def test_a_resync_takes_out_what_is_damaged_and_fills_the_gap(prefix: str) -> None:
    rig = Rig()
    ann = rig.crm.create(CONTACT, {MAIL: "ann@example.com"})
    rig.crm.create(CONTACT, {MAIL: "bob@example.com"})
    rig.run(3)
    rig.crm.edit(ann, {NAME: "Ann"})
    rig.crm.create(CONTACT, {MAIL: "eve@example.com"})
    if prefix == "i.":
        rig.engine.enqueue(Command(key="look-ann", op="look", side=Side.CRM, ref=ann, payload={"entity": "contact"}))
    donor = next(name for name in sorted(rig.store.rows("c1.main")) if name.startswith("l."))
    row = next((name for name in sorted(rig.store.rows("c1.main")) if name.startswith(prefix)), "b.0000.i000")
    rig.store.tamper("c1.main", row, _flipped(rig, donor if prefix == "b." else row))
    rig.run(2)
    assert rig.lane.peek().facts["broken"] == "state_damaged"

    resync(rig)
    rig.run(6)

    facts = rig.lane.peek().facts
    assert "broken" not in facts
    assert facts["mended"] == 1
    people = [{"name": None} | person for person in rig.people()]
    assert sorted((person["mail"], person["name"]) for person in people) == [
        ("ann@example.com", "Ann"),
        ("bob@example.com", None),
        ("eve@example.com", None),
    ]
    assert len(rig.people("crm")) == len(list(rig.lane.reader().scan_links())) == 3
    assert rig.lane.peek().counts["contact.linked"] == 3
    before = rig.commits.total()
    rig.run(2)
    assert rig.commits.total() == before


def _damaged_lane(rig: Rig, damage: str) -> None:
    cells = dict(_cells(rig, "lane"))
    if damage == "body":
        cells = _flipped(rig, "lane")
    elif damage == "fence":
        cells["fence"] = "x"
    elif damage == "gone":
        cells = {}
    rig.store.tamper("c1.main", "lane", cells)  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", ["body", "fence", "gone"])
def test_a_damaged_lane_row_stops_the_lane_and_a_resync_puts_it_right(damage: str) -> None:
    rig = Rig()
    ann = rig.crm.create(CONTACT, {MAIL: "ann@example.com"})
    rig.run(3)
    fence = rig.lane.peek().fence
    rig.crm.edit(ann, {NAME: "Ann"})
    _damaged_lane(rig, damage)
    before = rig.commits.total()

    rig.run(2)

    facts = rig.lane.peek().facts
    assert (facts["broken"], "the state row lane" in str(facts["broken_message"])) == ("state_damaged", True)
    assert "resync" in str(facts["broken_next"])
    assert rig.commits.total() == before

    rig.engine.enqueue(Command(key="resume", op="resume"))
    rig.run(2)
    assert rig.lane.peek().facts["broken"] == "state_damaged", "to go on without a memory is no repair"

    resync(rig)
    rig.run(6)

    view = rig.lane.peek()
    assert "broken" not in view.facts
    assert view.fence > fence
    assert [person["name"] for person in rig.people()] == ["Ann"]
    assert (len(rig.people("crm")), view.counts["contact.linked"]) == (1, 1)
    before = rig.commits.total()
    rig.run(2)
    assert rig.commits.total() == before


def test_a_record_deleted_while_the_lane_row_was_damaged_is_missed_by_the_walks_after_the_repair() -> None:
    """The walks are numbered; a lane that lost its count must not take an old mark for one of its own walks."""
    rig = Rig()
    rig.crm.create(CONTACT, {MAIL: "ann@example.com"})
    bob = rig.crm.create(CONTACT, {MAIL: "bob@example.com"})
    rig.run(3)
    resync(rig)  # a walk over a lane with links: they are marked with its number
    rig.run(4)
    rig.crm.delete(bob)
    _damaged_lane(rig, "body")
    rig.run(1)

    resync(rig)
    rig.run(6)

    assert rig.lane.peek().counts["contact.tombstone"] == 1


def test_a_dry_run_of_a_damaged_lane_is_refused() -> None:
    rig = Rig()
    rig.crm.create(CONTACT, {MAIL: "ann@example.com"})
    rig.run(3)
    _damaged_lane(rig, "body")

    with pytest.raises(StateDamaged, match="the state row lane"):
        rehearse(rig.engine)


def test_a_long_repair_goes_on_in_the_next_slice() -> None:
    rig, row = _working("p.")
    rig.store.tamper("c1.main", row, _flipped(rig, row))
    rig.run(2)
    resync(rig)

    rig.engine.run_slice("w1", seconds=5)

    assert "mending" in rig.lane.peek().facts
    rig.run(6)
    assert "broken" not in rig.lane.peek().facts
    assert [person["name"] for person in rig.people()] == ["Ann"]


def test_nothing_is_taken_out_of_a_lane_that_stopped_for_another_reason() -> None:
    rig, row = _working("l.")
    rig.store.tamper("c1.main", row, {**_cells(rig, row), "f": 99, "n": "9.1"})
    rig.run(2)
    resync(rig)

    rig.run(2)

    assert rig.lane.peek().facts["broken"] == "state_too_new"
    assert _cells(rig, row)["f"] == 99
