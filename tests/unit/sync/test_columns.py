"""What was agreed of a column ends with it: one that comes back, or is mapped instead, is nobody's edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.identity import Agreed, Digest, Link
from shared.domain.mapping import compile_map, parse_entity_map
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Ref, RemoteId, Schema, Side
from shared.ports.connector import Op
from shared.state.model import Batch, Command, Entry
from shared.sync.after import of_now
from shared.sync.columns import Columns
from shared.sync.requests import RESYNC
from tests.unit.sync.rig import CONTACT, ENTITY, NAME, NOTE, PARTNER_CAPABILITIES, PERSON, PHONE, Rig
from tests.unit.sync.test_engine import ann, pair

AT_ONCE = replace(PARTNER_CAPABILITIES, asynchronous_create=False)
MOBILE = FieldName("mobile")
_MOBILE = FieldSpec(name=MOBILE, type=FieldType.PHONE, max_length=20)


def with_policy(name: str, **more: object) -> Mapping[str, object]:
    fields = [{**item, **more} if item["id"] == name else item for item in ENTITY["fields"]]  # type: ignore[attr-defined]
    return {**ENTITY, "fields": fields}


def again(rig: Rig, cycles: int = 1, entity: Mapping[str, object] | None = None) -> None:
    """A fresh process: both systems are described anew."""
    config = rig.engine.connection if entity is None else replace(rig.engine.connection, entities=(entity,))
    rig.engine = replace(rig.engine, connection=config, schemas={})
    rig.run(cycles)


def remake(rig: Rig, side: Side, name: FieldName = PHONE, *, seen_missing: bool = True) -> None:
    """A column is deleted and made again, empty."""
    system, kind = (rig.crm_system, CONTACT) if side is Side.CRM else (rig.partner_system, PERSON)
    spec = system.drop_column(kind, name)
    if seen_missing:
        again(rig)
    system.add_column(kind, spec)
    if seen_missing:
        system.alter(kind, name, made="")  # a system that gives its columns no ids


def of(rig: Rig, name: str) -> tuple[list[Any], list[Any]]:
    return [row[name] for row in rig.people("crm")], [row[name] for row in rig.people()]


@pytest.mark.parametrize("seen_missing", [True, False])
@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("policy", ["owner_crm", "owner_partner", "newest", "fill_if_empty"])
def test_a_column_that_comes_back_empty_is_filled_and_clears_nothing(
    side: Side, policy: str, *, seen_missing: bool
) -> None:
    rig = Rig(entity=with_policy("phone", policy=policy), partner=AT_ONCE)
    for number in range(7):
        rig.crm.create(CONTACT, ann(number))
    rig.run(2)
    remake(rig, side, seen_missing=seen_missing)
    again(rig, 2)
    assert of(rig, "phone") == (["1"] * 7, ["1"] * 7)
    assert rig.journal.entries == []


def test_a_question_is_not_asked_about_a_column_that_comes_back_empty() -> None:
    rig = Rig(entity=with_policy("phone", policy="ask"), partner=AT_ONCE)
    pair(rig)
    remake(rig, Side.PARTNER)
    again(rig, 2)
    assert of(rig, "phone") == (["1"], ["1"])
    assert rig.journal.entries == []


@pytest.mark.parametrize(("direction", "emptied"), [("to_partner", Side.PARTNER), ("to_crm", Side.CRM)])
def test_a_one_way_field_is_filled_from_its_source(direction: str, emptied: Side) -> None:
    rig = Rig(entity=with_policy("phone", direction=direction), partner=AT_ONCE)
    ours, theirs = pair(rig)
    if direction == "to_crm":
        rig.partner.edit(theirs, {PHONE: "2"})
        rig.run(2)
    kept = of(rig, "phone")
    remake(rig, emptied)
    again(rig, 2)
    assert of(rig, "phone") == kept
    assert kept[0] == kept[1]
    del ours


@pytest.mark.parametrize(("direction", "source"), [("to_partner", Side.CRM), ("to_crm", Side.PARTNER)])
def test_a_source_that_comes_back_empty_leaves_what_it_gave(direction: str, source: Side) -> None:
    rig = Rig(entity=with_policy("phone", direction=direction), partner=AT_ONCE)
    _, theirs = pair(rig)
    if source is Side.PARTNER:
        rig.partner.edit(theirs, {PHONE: "1"})
        rig.run(2)
    remake(rig, source)
    again(rig, 2)
    crm, partner = of(rig, "phone")
    assert (crm, partner) == (([None], ["1"]) if source is Side.CRM else (["1"], [None]))


def test_only_on_create_stays_as_it_stands_on_each_side() -> None:
    rig = Rig(entity=with_policy("phone", policy="only_on_create"), partner=AT_ONCE)
    pair(rig)
    remake(rig, Side.CRM)
    again(rig, 2)
    assert of(rig, "phone") == ([None], ["1"])


@pytest.mark.parametrize(("first", "kept"), [("crm", "2"), ("partner", "1")])
def test_what_was_entered_in_the_new_column_before_it_was_read_goes_by_the_rule_of_a_first_link(
    first: str, kept: str
) -> None:
    rig = Rig(entity={**ENTITY, "first_match": first}, partner=AT_ONCE)
    ours, _ = pair(rig)
    remake(rig, Side.CRM)
    rig.crm.edit(ours, {PHONE: "2"})
    again(rig, 2)
    assert of(rig, "phone") == ([kept], [kept])
    assert [(entry.field, entry.winner) for entry in rig.journal.entries] == [("phone", first)]


@pytest.mark.parametrize("side", Side)
def test_what_a_user_clears_once_the_pair_met_is_cleared(side: Side) -> None:
    rig = Rig(partner=AT_ONCE)
    ours, theirs = pair(rig)
    remake(rig, Side.CRM)
    again(rig)
    assert of(rig, "phone") == (["1"], ["1"])
    if side is Side.CRM:
        rig.crm.edit(ours, {PHONE: None})
    else:
        rig.partner.edit(theirs, {PHONE: None})
    rig.run(2)
    assert of(rig, "phone") == ([None], [None])


def test_a_pair_that_was_looked_at_before_it_was_walked_has_its_base_back() -> None:
    """A hint comes first; what a user clears between it and the walk stays cleared."""
    rig = Rig(partner=AT_ONCE)
    ours, theirs = pair(rig)
    remake(rig, Side.CRM)
    rig.engine = replace(rig.engine, schemas={}, due=lambda facts, now: (now.replace(year=9000), ""))
    rig.engine.enqueue(Command(key="look-1", op="look", side=Side.PARTNER, ref=theirs))
    rig.run()
    assert of(rig, "phone") == (["1"], ["1"])
    rig.partner.edit(theirs, {PHONE: None})
    rig.engine = replace(rig.engine, due=None)
    rig.run(2)
    assert of(rig, "phone") == ([None], [None])
    del ours


def test_other_fields_keep_their_base() -> None:
    rig = Rig(partner=AT_ONCE)
    ours, theirs = pair(rig)
    rig.partner.edit(theirs, {NOTE: "new"})
    remake(rig, Side.CRM)
    rig.crm.edit(ours, {NAME: None})
    again(rig, 2)
    assert of(rig, "name") == ([None], [None])
    assert of(rig, "note") == (["new"], ["new"])
    assert of(rig, "phone") == (["1"], ["1"])


@pytest.mark.parametrize("side", ["crm", "partner"])
def test_a_field_that_is_mapped_to_another_column_fills_that_one(side: str) -> None:
    rig = Rig(partner=AT_ONCE, fields=(_MOBILE,))
    for number in range(3):
        rig.crm.create(CONTACT, ann(number))
    rig.run(2)
    again(rig, 2, with_policy("phone", **{side: "mobile"}))
    ours, theirs = ("mobile", "phone") if side == "crm" else ("phone", "mobile")
    assert [row[ours] for row in rig.people("crm")] == ["1"] * 3
    assert [row[theirs] for row in rig.people()] == ["1"] * 3
    assert rig.journal.entries == []


def test_a_field_that_is_mapped_back_after_a_while_knows_nothing_of_before() -> None:
    """The row of the map was deleted, and made again with another column under the same id."""
    rig = Rig(partner=AT_ONCE, fields=(_MOBILE,))
    pair(rig)
    without = {**ENTITY, "fields": [item for item in ENTITY["fields"] if item["id"] != "phone"]}  # type: ignore[attr-defined]
    again(rig, 1, without)
    again(rig, 2, with_policy("phone", crm="mobile"))
    assert [row["mobile"] for row in rig.people("crm")] == ["1"]
    again(rig, 2, ENTITY)
    assert of(rig, "phone") == (["1"], ["1"])


def test_a_field_that_is_left_out_of_the_map_for_a_while_keeps_its_base() -> None:
    rig = Rig(partner=AT_ONCE)
    ours, _ = pair(rig)
    without = {**ENTITY, "fields": [item for item in ENTITY["fields"] if item["id"] != "phone"]}  # type: ignore[attr-defined]
    again(rig, 1, without)
    rig.crm.edit(ours, {PHONE: None})
    again(rig, 2, ENTITY)
    assert of(rig, "phone") == ([None], [None])


def test_a_column_that_is_made_again_with_another_type_is_another_one_also_where_nobody_saw_it_missing() -> None:
    rig = Rig(partner=AT_ONCE)
    pair(rig)
    spec = rig.crm_system.drop_column(CONTACT, PHONE)
    rig.crm_system.add_column(CONTACT, replace(spec, type=FieldType.TEXT))
    rig.crm_system.alter(CONTACT, PHONE, made="")
    again(rig, 2)
    assert of(rig, "phone") == (["1"], ["1"])


def test_a_shorter_column_is_the_same_column() -> None:
    rig = Rig(partner=AT_ONCE)
    ours, _ = pair(rig)
    rig.crm_system.alter(CONTACT, PHONE, max_length=10)
    rig.crm.edit(ours, {PHONE: None})
    again(rig, 2)
    assert of(rig, "phone") == ([None], [None])


def test_a_delete_beside_a_column_that_comes_back_is_carried() -> None:
    """What the new column lacks is no edit of the survivor, which would beat the delete."""
    rig = Rig(entity={**ENTITY, "deletes": {"partner": "delete", "crm": "delete"}}, partner=AT_ONCE)
    rows = [rig.crm.create(CONTACT, ann(number)) for number in range(8)]
    rig.run(2)
    remake(rig, Side.CRM)
    rig.crm.delete(rows[0])
    again(rig, 3)
    assert sorted(str(row["mail"]) for row in rig.people()) == [f"ann{number}@example.org" for number in range(1, 8)]
    assert len(rig.people("crm")) == 7
    assert of(rig, "phone") == (["1"] * 7, ["1"] * 7)


def test_a_repeated_initial_sync_that_writes_to_the_partner_only_fills_dynamics_after_it() -> None:
    rig = Rig(partner=AT_ONCE, options={"initial_one_way": True})
    pair(rig)
    remake(rig, Side.CRM)
    rig.engine.enqueue(Command(key=RESYNC, op=RESYNC))
    again(rig, 2)
    rig.clock.advance(3600)
    rig.run(2)
    assert of(rig, "phone") == (["1"], ["1"])


def test_a_lane_of_a_release_that_knew_nothing_of_columns_takes_them_as_they_are() -> None:
    rig = Rig(partner=AT_ONCE)
    ours, _ = pair(rig)
    held = rig.lane.acquire("w", 60.0)
    assert held is not None
    names = [name for name in held.facts if name.startswith("columns:")]
    assert names
    held.release(None, dict.fromkeys(names))
    rig.crm.edit(ours, {PHONE: None})
    again(rig, 2)
    assert of(rig, "phone") == ([None], [None])
    assert rig.journal.entries == []
    assert all(not link.columns for link in rig.lane.reader().scan_links())


def test_what_the_lane_keeps_of_columns_is_small() -> None:
    rig = Rig(partner=AT_ONCE)
    pair(rig)
    facts = rig.lane.peek().facts
    [packed] = [value for name, value in facts.items() if name.startswith("columns:")]
    assert isinstance(packed, bytes)
    assert len(packed) == 12 * len(ENTITY["fields"])  # type: ignore[arg-type]


# -- writes of which nobody knew what became ---------------------------------------------------------------------------


def _moved() -> Columns:
    """The lane of an entity whose field `phone` was given another column once."""
    rig = Rig(partner=AT_ONCE)
    pair(rig)
    remake(rig, Side.CRM)
    again(rig)
    return Columns(rig.lane.peek().facts)


def test_an_intent_says_nothing_of_columns_that_are_others_by_now() -> None:
    columns = _moved()
    assert (columns.last("contact"), columns.since("contact", "phone"), columns.since("contact", "name")) == (1, 1, 0)
    base = Agreed(Digest(bytes(16)), Digest(bytes(16)))
    entry = Entry(
        key=Link(crm=Ref(CONTACT, RemoteId("1")), entity="contact").key,
        crm=Ref(CONTACT, RemoteId("1")),
        partner=Ref(PERSON, RemoteId("2")),
        op=Op.UPDATE,
        entity="contact",
        before={"phone": base.crm, "name": base.crm},
        intended={"phone": base, "name": base},
        settled={"phone": base, "note": base},
        facts={"stamp": "s", "base.phone": b"x", "base.name": b"x"},
    )
    batch = Batch(id="b", kind=CONTACT, side=Side.CRM, op=Op.UPDATE, entries=(entry,))
    [kept] = of_now(batch, columns).entries
    assert (set(kept.before), set(kept.intended), set(kept.settled)) == ({"name"}, {"name"}, {"note"})
    assert set(kept.facts) == {"stamp", "base.name"}
    known = replace(batch, entries=(replace(entry, facts={**entry.facts, "columns": 1}),))
    assert of_now(known, columns) == known
    assert of_now(batch, Columns({})) is batch


# -- what a field stands for -------------------------------------------------------------------------------------------


def _columns(crm: Mapping[str, FieldType], partner: Mapping[str, FieldType], **more: object) -> bytes:
    def schema(kind: str, fields: Mapping[str, FieldType]) -> Schema:
        return Schema.of(Kind(kind), [FieldSpec(name=FieldName(name), type=found) for name, found in fields.items()])

    entity = {"name": "e", "crm_kind": "c", "partner_kind": "p", "direction": "both"}
    item = {"id": "f", "crm": "a", "partner": "b", **more}
    parsed = parse_entity_map({**entity, "fields": [item]})
    return compile_map(parsed, schema("c", crm), schema("p", partner)).columns["f"]


def test_a_field_stands_for_the_names_and_types_of_all_its_columns() -> None:
    text, number = FieldType.TEXT, FieldType.INTEGER
    first = _columns({"a": text, "z": text}, {"b": text})
    assert first
    assert _columns({"a": text}, {"b": text}, policy="owner_partner") == first
    assert _columns({"a": text}, {"b": text}, direction="to_crm") == first
    assert _columns({"a": number}, {"b": text}) != first
    assert _columns({"a": number}, {"b": text})  # it does not work, and stands for columns all the same
    assert _columns({"a": text}, {}) == _columns({}, {"b": text}) == b""
    joined = [{"kind": "concat", "side": "crm", "column": "z", "separator": ", "}]
    both = _columns({"a": text, "z": text}, {"b": text}, transforms=joined)
    assert both not in {b"", first}
    assert _columns({"a": text}, {"b": text}, transforms=joined) == b""
