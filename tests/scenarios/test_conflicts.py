"""Scenarios C: both sides changed the same thing, or nearly."""

from __future__ import annotations

import pytest

from shared.domain.records import Side
from shared.sync.rehearse import rehearse
from tests.scenarios.conftest import Make
from tests.scenarios.world import PUSHED_PAIR, TITLE, World, entities

STANDING = {
    "id": "optout",
    "crm": "donotbulkemail",
    "partner": "optedOut",
    "policy": {"rule": "restrictive", "strict": ["true"]},
}


def policy(field: str, rule: object) -> list[object]:
    return list(entities(TITLE, policies={field: rule}))


def clash(world: World, row: str, person: str, ours: str = "Ours", theirs: str = "Theirs") -> None:
    world.edit_row(row, firstname=ours)
    world.edit_person(person, firstName=theirs)


def test_C01_a_leads_field_keeps_the_partners_value_where_the_partner_owns_it(make: Make) -> None:
    world = make(entities(only="lead", policy="owner_partner"))
    row = world.row(1, "lead", subject="New")
    world.run(2)
    person = str(world.person_with("ann1@example.org")["id"])
    world.edit_row(row, "lead", firstname="Ours")
    world.edit_person(person, firstName="Theirs")
    world.run(2)
    assert world.get_row(row, "leads")["firstname"] == "Theirs"  # type: ignore[index]
    assert world.get_person(person)["firstName"] == "Theirs"  # type: ignore[index]


def test_C02_a_contacts_field_keeps_dynamics_value_and_the_losers_is_kept_in_the_log(make: Make) -> None:
    world = make()
    row, person = world.pair()
    clash(world, row, person)
    world.run(2)
    assert world.get_row(row)["firstname"] == "Ours"  # type: ignore[index]
    assert world.get_person(person)["firstName"] == "Ours"  # type: ignore[index]
    ((field, winner, ours, theirs),) = [(c.field, c.winner, c.crm_value, c.partner_value) for c in world.conflicts]
    assert (field, winner, ours, theirs) == ("firstname", "crm", "Ours", "Theirs")


def test_C03_edits_of_different_fields_both_survive(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_row(row, firstname="Ours")
    world.edit_person(person, phone="+34 9")
    world.run(2)
    found, theirs = world.get_row(row), world.get_person(person)
    assert found is not None
    assert theirs is not None
    assert (found["firstname"], found["telephone1"]) == ("Ours", "+34 9")
    assert (theirs["firstName"], theirs["phone"]) == ("Ours", "+34 9")
    assert world.conflicts == []


def test_C04_the_same_new_value_on_both_sides_is_written_nowhere(make: Make) -> None:
    world = make()
    row, person = world.pair()
    clash(world, row, person, "Same", "Same")
    world.run(2)
    assert world.ours() == []
    assert world.conflicts == []


def test_C05_values_that_are_equal_in_their_canonical_form_are_written_nowhere(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_row(row, emailaddress1="anna@example.org")
    world.edit_person(person, email="Anna@Example.org")
    world.run(2)
    assert world.ours() == []
    assert world.conflicts == []


def test_C06_an_edit_between_our_read_and_our_write_to_dynamics_is_kept(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_person(person, phone="+34 5", firstName="Theirs")
    world.on_crm.before("write", lambda: world.edit_row(row, firstname="Typed just now"))
    world.run(2)
    found = world.get_row(row)
    assert found is not None
    assert (found["firstname"], found["telephone1"]) == ("Typed just now", "+34 5")
    assert world.get_person(person)["firstName"] == "Typed just now"  # type: ignore[index]
    assert [conflict.winner for conflict in world.conflicts] == ["crm"]


def test_C08_with_newest_thirty_seconds_apart_the_owner_decides_and_not_the_clock(make: Make) -> None:
    world = make(policy("firstname", "newest"))
    row, person = world.pair()
    world.edit_row(row, firstname="Ours")
    world.advance(30)
    world.edit_person(person, firstName="Theirs")
    world.run(2)
    assert world.get_person(person)["firstName"] == "Ours"  # type: ignore[index]
    world.edit_row(row, firstname="Ours again")
    world.advance(600)
    world.edit_person(person, firstName="Later")
    world.run(2)
    assert world.get_row(row)["firstname"] == "Later"  # type: ignore[index]


def test_C10_a_clear_against_a_change_goes_by_the_policy_like_any_other_edit(make: Make) -> None:
    world = make()
    row, person = world.pair(telephone1="+34 1")
    world.edit_row(row, telephone1=None)
    world.edit_person(person, phone="+34 2")
    world.run(2)
    assert world.get_row(row)["telephone1"] is None  # type: ignore[index]
    assert world.get_person(person)["phone"] == ""  # type: ignore[index]
    assert [conflict.partner_value for conflict in world.conflicts] == ["+34 2"]


def test_C11_the_stricter_consent_stays_whatever_the_times_say(make: Make) -> None:
    world = make(entities(STANDING))
    world.ac.system.seed({"lists": ["News"]})
    row, person = world.pair(donotbulkemail=False)
    world.ac.system.act("subscribe", {"contact": person, "list": "News"})
    world.run()
    world.ac.system.act("unsubscribe", {"contact": person, "list": "all"})
    world.advance(600)
    world.edit_row(row, donotbulkemail=False, fax="1")
    world.run(2)
    assert world.get_row(row)["donotbulkemail"] is True  # type: ignore[index]


def test_C12_with_fill_if_empty_the_first_value_seen_is_kept_and_the_other_reported(make: Make) -> None:
    world = make(policy("title", "fill_if_empty"))
    row, person = world.pair()
    world.edit_person(person, fields={"Company motto": "Theirs"})
    world.edit_row(row, jobtitle="Ours")
    world.run(2)
    assert world.get_person(person)["fields"]["Company motto"] == "Theirs"  # type: ignore[index]
    assert world.get_row(row)["jobtitle"] == "Ours"  # type: ignore[index]
    assert {(c.field, c.winner) for c in world.conflicts} == {("title", "")}
    other, empty = world.pair(2)
    world.edit_person(empty, fields={"Company motto": "Only theirs"})
    world.run()
    assert world.get_row(other)["jobtitle"] == "Only theirs"  # type: ignore[index]
    world.edit_person(empty, fields={"Company motto": "Changed"})
    world.run(2)
    assert world.get_row(other)["jobtitle"] == "Only theirs"  # type: ignore[index]


def test_C13_an_only_on_create_field_is_not_pushed_after_the_first_load(make: Make) -> None:
    world = make(policy("title", "only_on_create"))
    row, person = world.pair(jobtitle="Buyer")
    world.edit_row(row, jobtitle="Seller")
    world.run(2)
    assert world.get_person(person)["fields"]["Company motto"] == "Buyer"  # type: ignore[index]
    assert world.ours() == []


def test_C16_an_open_question_holds_up_no_other_field_of_the_person(make: Make) -> None:
    world = make(policy("firstname", "ask"))
    row, person = world.pair()
    clash(world, row, person)
    world.run(2)
    assert {(c.field, c.winner) for c in world.conflicts} == {("firstname", "")}
    for day in range(7):
        world.advance(86_400)
        world.edit_row(row, telephone1=f"+34 {day}")
        world.run()
        assert world.get_person(person)["phone"] == f"+34 {day}"  # type: ignore[index]
    assert world.get_person(person)["firstName"] == "Theirs"  # type: ignore[index]
    assert world.get_row(row)["firstname"] == "Ours"  # type: ignore[index]


def test_C17_a_first_link_with_unequal_values_is_shown_by_the_dry_run_and_decided_once(make: Make) -> None:
    world = make(options={"initial_one_way": False})
    row = world.row(1, firstname="Ours")
    person = world.person(1, firstName="Theirs", tags=PUSHED_PAIR)
    plan = rehearse(world.engine)
    shown = [(change.side, [item.field_id for item in change.differences]) for change in plan.samples]
    assert shown == [(Side.PARTNER, ["firstname"])]
    assert world.ours() == []
    world.run(3)
    assert world.get_person(person)["firstName"] == "Ours"  # type: ignore[index]
    assert world.get_row(row)["firstname"] == "Ours"  # type: ignore[index]
    assert [(c.field, c.winner) for c in world.conflicts] == [("firstname", "crm")]


def test_C18_a_value_that_a_workflow_keeps_setting_back_is_parked_by_its_field(make: Make) -> None:
    world = make()
    row, person = world.pair(firstname="back")
    for _ in range(6):
        world.edit_row(row, firstname="forth")
        world.run()
        world.edit_person(person, firstName="back")  # an automation of the account
        world.run()
    parked = [outcome.field for outcome in world.journal.outcomes if outcome.code == "failed:ping_pong"]
    assert set(parked) == {"firstname"}
    world.edit_row(row, telephone1="+34 7")
    world.run(2)
    assert world.get_person(person)["phone"] == "+34 7"  # type: ignore[index]


@pytest.mark.parametrize("late", ["crm", "partner"])
def test_C09_without_a_time_on_one_side_the_owner_decides(make: Make, late: str) -> None:
    """The feeds of both systems tell times; a record read without one is judged like this one."""
    from dataclasses import replace as changed

    from shared.domain.records import Record

    world = make(policy("firstname", "newest"))
    row, person = world.pair()
    twist = world.on_crm if late == "crm" else world.on_ac

    def untimed(real: object, *args: object) -> object:
        page = real(*args)  # type: ignore[operator]
        items = [changed(item, modified_at=None) if isinstance(item, Record) else item for item in page.items]
        return changed(page, items=items)

    twist.twists["changes"] = untimed

    def untimed_read(real: object, *args: object) -> object:
        found = real(*args)  # type: ignore[operator]
        return {k: changed(v, modified_at=None) if isinstance(v, Record) else v for k, v in found.items()}

    twist.twists["read"] = untimed_read
    world.edit_row(row, firstname="Ours")
    world.advance(600)
    world.edit_person(person, firstName="Theirs")
    world.run(2)
    assert world.get_row(row)["firstname"] == "Ours"  # type: ignore[index]


def test_C15_an_answer_about_values_that_moved_on_is_dropped_and_the_question_asked_anew(make: Make) -> None:
    world = make(policy("firstname", "ask"))
    row, person = world.pair()
    clash(world, row, person)
    world.run()
    asked = world.conflicts[-1]
    world.edit_person(person, firstName="Moved on")
    _answer(world, asked, Side.PARTNER)
    world.run(2)
    assert world.get_row(row)["firstname"] == "Ours"  # type: ignore[index]
    assert (world.conflicts[-1].winner, world.conflicts[-1].partner_value) == ("", "Moved on")
    _answer(world, world.conflicts[-1], Side.PARTNER)
    world.run()
    assert world.get_row(row)["firstname"] == "Moved on"  # type: ignore[index]
    world.mark()
    world.run(2)
    assert world.ours() == []


def _answer(world: World, asked: object, winner: Side) -> None:
    from datetime import UTC, datetime

    from shared.manage.deciding import _command
    from shared.ports.journal import KeptConflict

    names = ("link", "entity", "field", "policy", "crm", "partner", "crm_digest", "partner_digest")
    told = {name: getattr(asked, name) for name in names}
    command = _command(KeptConflict(id="1", winner=winner, at=datetime.now(UTC), **told), winner, world.clock.now())
    assert command is not None
    world.engine.enqueue(command)
