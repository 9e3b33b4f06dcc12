"""On which sides an entity makes records, and what is made again after a delete."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.entity_file import parse_entity_map
from shared.domain.entity_map import MapErrors
from shared.domain.records import Side
from shared.ports.connector import Deletes, FeedKind
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, NAME, PARTNER_CAPABILITIES, PERSON, Rig

TELLING = replace(PARTNER_CAPABILITIES, deletes=Deletes.TOLD, feed=FeedKind.DELTA, asynchronous_create=False)


def rig(**more: object) -> Rig:
    """A world whose partner tells deletes and answers creates at once."""
    return Rig(entity={**ENTITY, **more}, partner=TELLING)


def names(made: Rig, side: str) -> list[object]:
    return sorted(str(row["name"]) for row in made.people(side))


def test_people_of_the_partner_are_not_made_in_dynamics_where_the_entity_makes_none_there() -> None:
    made = rig(creates=["partner"])
    made.partner.create(PERSON, {MAIL: "own@example.org", NAME: "Theirs"})
    made.crm.create(CONTACT, {MAIL: "ours@example.org", NAME: "Ours"})
    made.run(4)
    assert (names(made, "crm"), names(made, "partner")) == (["Ours"], ["Ours", "Theirs"])


def test_edits_of_people_who_are_in_both_still_flow_both_ways() -> None:
    made = rig(creates=["partner"])
    made.crm.create(CONTACT, {MAIL: "ours@example.org", NAME: "Ours"})
    made.partner.create(PERSON, {MAIL: "OURS@example.org", NAME: "Ours"})
    made.run(3)
    ((person, _),) = made.refs(PERSON)
    made.partner.edit(person, {NAME: "Edited there"})
    made.run(3)
    assert names(made, "crm") == ["Edited there"]


def test_nothing_is_made_at_the_partner_where_the_entity_makes_none_there() -> None:
    made = rig(creates=["crm"])
    made.crm.create(CONTACT, {MAIL: "ours@example.org", NAME: "Ours"})
    made.partner.create(PERSON, {MAIL: "own@example.org", NAME: "Theirs"})
    made.run(4)
    assert (names(made, "crm"), names(made, "partner")) == (["Ours", "Theirs"], ["Theirs"])


def test_an_edit_beats_no_delete_where_nothing_may_be_made() -> None:
    made = rig(creates=["partner"], deletes={"partner": "delete", "crm": "ignore"})
    row = made.crm.create(CONTACT, {MAIL: "ours@example.org", NAME: "Ours"})
    made.run(3)
    ((person, _),) = made.refs(PERSON)
    made.crm.delete(row)
    made.partner.edit(person, {NAME: "Edited"})
    made.run(4)
    assert (names(made, "crm"), names(made, "partner")) == ([], [])


@pytest.mark.parametrize("gone", list(Side))
def test_what_was_deleted_is_made_again_at_the_next_edit_of_what_was_kept(gone: Side) -> None:
    made = rig(deletes={gone.other.value: "make_again"})
    row = made.crm.create(CONTACT, {MAIL: "ours@example.org", NAME: "Ours"})
    made.run(3)
    ((person, _),) = made.refs(PERSON)
    if gone is Side.PARTNER:
        made.partner.delete(person)
    else:
        made.crm.delete(row)
    made.run(4)
    assert (len(made.people("crm")), len(made.people())) == ((1, 0) if gone is Side.PARTNER else (0, 1))
    if gone is Side.PARTNER:
        made.crm.edit(row, {NAME: "Edited"})
    else:
        made.partner.edit(person, {NAME: "Edited"})
    made.run(4)
    assert (names(made, "crm"), names(made, "partner")) == (["Edited"], ["Edited"])
    made.run(3)
    assert (len(made.people("crm")), len(made.people())) == (1, 1)


def test_a_side_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(MapErrors, match="creates"):
        parse_entity_map({**ENTITY, "creates": ["both"]})
