"""State that cannot be read stops the lane, with the place, the reason and the next step; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

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
