"""The engine on memory systems: what users do on either side ends up where it should."""

from __future__ import annotations

from shared.domain.records import FieldName, Ref, Value
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, NAME, NOTE, PERSON, PHONE, Rig


def ann(number: int = 0) -> dict[FieldName, Value | None]:
    return {MAIL: f"ann{number}@example.org", NAME: f"Ann {number}", PHONE: "1", NOTE: None}


def test_a_new_contact_reaches_the_partner_once() -> None:
    rig = Rig()
    for number in range(12):
        rig.crm.create(CONTACT, ann(number))
    rig.run(3)
    assert sorted(str(row["mail"]) for row in rig.people()) == sorted(f"ann{n}@example.org" for n in range(12))
    writes = rig.partner_system.calls.copy()
    rig.run(2)
    assert rig.partner_system.calls["write"] == writes["write"]
    assert set(rig.journal.runs.values()) == {"succeeded"}


def pair(rig: Rig) -> tuple[Ref, Ref]:
    ref = rig.crm.create(CONTACT, ann())
    rig.run(2)
    [(row, _)] = list(rig.partner_system.tables[PERSON].current())
    return ref, Ref(PERSON, row)


def test_edits_of_different_fields_on_both_sides_both_survive() -> None:
    rig = Rig()
    ours, theirs = pair(rig)
    rig.crm.edit(ours, {NAME: "Ann B."})
    rig.partner.edit(theirs, {PHONE: "2"})
    rig.run(2)
    for row in (rig.people("crm")[0], rig.people()[0]):
        assert (row["name"], row["phone"]) == ("Ann B.", "2")
    calls = rig.partner_system.calls["write"], rig.crm_system.calls["write"]
    rig.run(2)
    assert (rig.partner_system.calls["write"], rig.crm_system.calls["write"]) == calls


def test_the_same_field_edited_on_both_sides_ends_as_the_policy_says_and_both_values_are_kept() -> None:
    rig = Rig()
    ours, theirs = pair(rig)
    rig.crm.edit(ours, {NAME: "Dynamics"})
    rig.partner.edit(theirs, {NAME: "Partner"})
    rig.run(3)
    assert rig.people()[0]["name"] == rig.people("crm")[0]["name"] == "Dynamics"
    [entry] = [item for item in rig.journal.entries if item.field == "name"]
    assert (entry.crm_value, entry.partner_value, entry.winner) == ("Dynamics", "Partner", "crm")


def test_a_person_new_at_the_partner_is_created_in_dynamics_once() -> None:
    rig = Rig()
    rig.partner.create(PERSON, ann(7))
    rig.run(3)
    [row] = rig.people("crm")
    assert row["mail"] == "ann7@example.org"
    writes = rig.crm_system.calls["write"]
    rig.run(2)
    assert rig.crm_system.calls["write"] == writes


def test_people_on_both_sides_with_one_mail_are_linked_not_doubled() -> None:
    rig = Rig()
    rig.crm.create(CONTACT, {**ann(), NAME: "Left"})
    rig.partner.create(PERSON, {**ann(), NAME: "Right", PHONE: None})
    rig.run(3)
    assert len(rig.people()) == len(rig.people("crm")) == 1
    assert rig.people()[0]["name"] == "Left"
    assert rig.people()[0]["phone"] == "1"


def test_two_dynamics_rows_with_one_mail_make_one_partner_record_and_one_question() -> None:
    rig = Rig()
    rig.crm.create(CONTACT, ann())
    rig.crm.create(CONTACT, {**ann(), NAME: "Other"})
    rig.run(3)
    assert len(rig.people()) == 1
    assert rig.journal.counts["conflicted:duplicate_match"] == 1


def test_a_delete_is_ignored_by_default_and_a_clear_travels() -> None:
    rig = Rig()
    ours, theirs = pair(rig)
    rig.crm.edit(ours, {PHONE: None})
    rig.run(2)
    assert not rig.person(theirs)["phone"]
    rig.crm.delete(ours)
    rig.run(2)
    assert len(rig.people()) == 1
    rig.partner.edit(theirs, {NAME: "Later"})
    rig.run(2)
    assert rig.people("crm") == []


def test_a_delete_travels_where_the_entity_says_so() -> None:
    rig = Rig(entity={**ENTITY, "deletes": {"partner": "delete", "crm": "ignore"}})
    ours, _ = pair(rig)
    rig.crm.delete(ours)
    rig.run(2)
    assert rig.people() == []
    rig.run(2)
    assert rig.people("crm") == []
