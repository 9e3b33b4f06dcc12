"""On which sides an entity makes records, and what is made again after a delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.entity_file import parse_entity_map
from shared.domain.entity_map import MapErrors
from shared.domain.records import FieldName, FieldSpec, FieldType, Record, Ref, Side
from shared.ports.connector import ChangePage, CreateKey, Deletes, FeedKind, Op, Outcome, Write, WriteResult
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, NAME, NOTE, PARTNER_CAPABILITIES, PERSON, Rig

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


def imports() -> Rig:
    """A world whose partner takes creates as imports, which change who has the match value already."""
    made = Rig()
    design = made.partner_system.designs[PERSON]
    made.partner_system.designs[PERSON] = replace(design, imports_update=True)
    return made


def links(made: Rig) -> dict[str, tuple[str, str]]:
    """State and maker of every link, by the Dynamics id."""
    return {str(link.crm.id): (link.state.value, link.made) for link in made.lane.reader().scan_links()}


def test_who_was_typed_in_before_the_import_came_to_it_does_not_count_as_made() -> None:
    made = imports()
    made.run()
    rows = [made.crm.create(CONTACT, {MAIL: f"p{n}@example.org", NAME: f"P {n}"}).id for n in range(4)]
    connector = made.engine.partner
    write = connector.write

    def types_in(writes: Sequence[Write]) -> Sequence[WriteResult]:
        if writes[0].op is not Op.CREATE:
            return write(writes)
        made.partner.create(PERSON, {MAIL: "p1@example.org"})
        made.clock.advance(1)
        told = write(writes)
        made.clock.advance(2)
        # only accepted so far: what somebody holds beside what was sent tells that it was theirs
        made.partner.create(PERSON, {MAIL: "p2@example.org", NOTE: "met at the fair"})
        made.partner.create(PERSON, {MAIL: "p3@example.org"})
        return told

    connector.write = types_in  # type: ignore[method-assign]
    made.run(4)
    assert sorted(names(made, "partner")) == [f"P {n}" for n in range(4)]
    found = links(made)
    assert [found[row] for row in rows[:3]] == [("linked", "partner"), ("linked", ""), ("linked", "")]
    # The window that is left (docs/explanation/guarantees.md): typed in, with nothing of its own, after acceptance.
    assert found[rows[3]] == ("linked", "partner")


@pytest.mark.parametrize("told", ["acceptance", "creation"])
def test_in_doubt_nothing_counts_as_made(told: str) -> None:
    made = imports()
    made.run()
    row = made.crm.create(CONTACT, {MAIL: "p@example.org", NAME: "P"}).id
    connector = made.engine.partner
    write, changes = connector.write, connector.changes

    def silent(writes: Sequence[Write]) -> Sequence[WriteResult]:
        return [replace(result, at=None) for result in write(writes)]

    def ageless(*args: Any) -> ChangePage:
        page = changes(*args)
        return replace(page, items=[replace(item, created_at=None) for item in page.items if isinstance(item, Record)])

    if told == "acceptance":
        connector.write = silent  # type: ignore[method-assign]
    else:
        connector.changes = ageless  # type: ignore[method-assign]
    made.run(4)
    assert links(made)[row] == ("linked", "")


def test_who_takes_the_place_of_a_create_that_was_refused_does_not_count_as_made() -> None:
    made = Rig()
    made.run()
    row = made.crm.create(CONTACT, {MAIL: "p@example.org", NAME: "P"}).id
    connector = made.engine.partner
    write = connector.write

    def refuses(writes: Sequence[Write]) -> Sequence[WriteResult]:
        if writes[0].op is not Op.CREATE:
            return write(writes)
        return [WriteResult(key=one.key, outcome=Outcome.REJECTED, code="no_more") for one in writes]

    connector.write = refuses  # type: ignore[method-assign]
    made.run(2)
    assert links(made)[row] == ("parked", "")
    connector.write = write  # type: ignore[method-assign]
    made.partner.create(PERSON, {MAIL: "p@example.org", NAME: "P"})
    made.run(4)
    assert links(made)[row] == ("linked", "")


@pytest.mark.parametrize(
    ("meanwhile", "maker"),
    [("nothing", "partner"), ("an edit", ""), ("a merge into a newer", ""), ("into an older", "")],
)
def test_who_is_found_by_the_stamp_of_a_lost_create_counts_as_made_when_it_can_be_no_other(
    meanwhile: str, maker: str
) -> None:
    stamp = FieldName("stamp")
    made = Rig(
        partner=replace(TELLING, create_key=CreateKey.NONE, stamp=stamp),
        fields=[FieldSpec(name=stamp, type=FieldType.TEXT)],
    )
    made.run()
    row = made.crm.create(CONTACT, {MAIL: "p@example.org", NAME: "Ann"}).id
    connector = made.engine.partner
    find, write = connector.find, connector.write
    theirs: list[Ref] = []

    def types_in(*asked: Any) -> Any:
        told = find(*asked)
        if meanwhile == "into an older":
            theirs.append(made.partner.create(PERSON, {NAME: "Ann"}))
        made.clock.advance(60)
        return told

    def dies(writes: Sequence[Write]) -> Sequence[WriteResult]:
        write(writes)
        raise RuntimeError("killed")

    connector.find = types_in  # type: ignore[method-assign, assignment]
    connector.write = dies  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        made.run()
    connector.find = find  # type: ignore[method-assign]
    connector.write = write  # type: ignore[method-assign]
    (person,) = [ref for ref, _ in made.refs(PERSON) if ref not in theirs]
    if meanwhile == "an edit":
        made.partner.edit(person, {NOTE: "met at the fair"})
    if meanwhile == "a merge into a newer":
        theirs.append(made.partner.create(PERSON, {NAME: "Theirs"}))
    for own in theirs:
        made.partner.merge(person, own)
    made.clock.advance(600)
    made.run(4)
    assert links(made)[row] == ("linked", maker)
