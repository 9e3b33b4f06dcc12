"""Pairs of which something is held back: they lost a tag, or left the criteria. Nobody else waits for what they no
longer hold, nobody else gets what they hold, and what their two sides differ in is told when it is decided."""

from __future__ import annotations

import pytest

from shared.connectors.activecampaign.defaults import PUSHED
from shared.domain.identity import LinkState
from tests.scenarios.conftest import Make
from tests.scenarios.world import TITLE, World, entities

FORMER = "ann1@example.org"
NEW = "moved@example.org"


def held_back(world: World, *, ours: str = NEW, theirs: str = NEW) -> tuple[str, str]:
    """A pair that lost a tag, whose two sides got another address since; what differs of its title is not carried."""
    row, person = world.pair(jobtitle="Buyer")
    world.untag(person, PUSHED)
    world.edit_person(person, email=theirs, fields={"Company motto": "Theirs"})
    world.edit_row(row, emailaddress1=ours, jobtitle="Ours")
    world.run(2)
    assert world.codes("updated") == []
    return row, person


@pytest.mark.feature("HUB-12.4", system="activecampaign")
def test_an_address_that_a_pair_without_its_tags_gave_up_on_both_sides_is_free(make: Make) -> None:
    world = make(entities(TITLE))
    _, person = held_back(world)
    other = world.row(2, emailaddress1=FORMER)
    world.run(3)
    assert world.person_with(FORMER)["id"] != person
    assert world.link(other).state is LinkState.LINKED


@pytest.mark.feature("HUB-12.4", system="activecampaign")
def test_who_waited_for_such_an_address_gets_it_when_the_pair_gives_it_up(make: Make) -> None:
    world = make(entities(TITLE))
    row, person = world.pair(jobtitle="Buyer")
    other = world.row(2, emailaddress1=FORMER)
    world.untag(person, PUSHED)
    world.run(2)
    assert world.link(other).state is LinkState.PARKED
    world.edit_person(person, email=NEW, fields={"Company motto": "Theirs"})
    world.edit_row(row, emailaddress1=NEW, jobtitle="Ours")
    world.run(30)
    assert world.link(other).state is LinkState.LINKED
    assert world.person_with(FORMER)["id"] != person


@pytest.mark.feature("HUB-12.4", system="activecampaign")
def test_an_address_that_neither_side_of_such_a_pair_holds_any_more_is_free(make: Make) -> None:
    world = make(entities(TITLE))
    held_back(world, ours="ours@example.org", theirs="theirs@example.org")
    other = world.row(2, emailaddress1=FORMER)
    world.run(3)
    assert world.link(other).state is LinkState.LINKED


@pytest.mark.parametrize("import_from", [0, 1])  # one call each, and a bulk import
@pytest.mark.feature("HUB-12.4", system="activecampaign")
def test_an_address_that_the_contact_of_such_a_pair_still_holds_is_not_free(make: Make, import_from: int) -> None:
    world = make(entities(TITLE), settings={"import_from": import_from})
    _, person = held_back(world, theirs=FORMER)
    other = world.row(2, emailaddress1=FORMER)
    world.run(3)
    assert world.link(other).parked == {"": "duplicate_match"}
    assert world.ours("activecampaign") == []
    assert [found["id"] for found in world.people()] == [int(person)]


@pytest.mark.parametrize("import_from", [0, 1])  # one call each, and a bulk import
@pytest.mark.feature("HUB-12.4", system="activecampaign")
def test_who_has_the_new_address_of_such_a_pair_waits_and_nothing_is_written_over_its_contact(
    make: Make, import_from: int
) -> None:
    world = make(entities(TITLE), settings={"import_from": import_from})
    _, person = held_back(world)
    other = world.row(2, emailaddress1=NEW)
    world.run(3)
    assert world.get_person(person)["lastName"] == "Lee 1"  # type: ignore[index]
    assert world.link(other).parked == {"": "duplicate_match"}


@pytest.mark.parametrize("import_from", [0, 1])  # one call each, and a bulk import
@pytest.mark.feature("HUB-12.4", system="activecampaign")
def test_an_address_that_the_contact_of_a_row_outside_the_criteria_still_holds_is_not_free(
    make: Make, import_from: int
) -> None:
    criteria = {"all": [{"column": "jobtitle", "op": "ne", "value": "Former"}]}
    world = make(entities(criteria=criteria), settings={"import_from": import_from})
    row, person = world.pair(jobtitle="Buyer")
    world.edit_row(row, emailaddress1=NEW, jobtitle="Former")
    world.edit_person(person, phone="+34 5")
    world.run(2)
    assert world.get_row(row)["telephone1"] == "+34 5"  # type: ignore[index]
    other = world.row(2, emailaddress1=FORMER, jobtitle="Buyer")
    world.run(3)
    assert world.get_person(person)["lastName"] == "Lee 1"  # type: ignore[index]
    assert world.link(other).parked == {"": "duplicate_match"}


def test_a_conflict_that_is_held_back_is_told_once_and_when_it_is_decided(make: Make) -> None:
    world = make(entities(TITLE))
    row, person = world.pair(jobtitle="Buyer")
    world.untag(person, PUSHED)
    world.edit_person(person, fields={"Company motto": "Theirs"})
    world.edit_row(row, jobtitle="Ours")
    for day in range(4):
        world.run(2)
        world.edit_row(row, fax=f"+34 {day}")
    assert world.conflicts == []
    world.edit_row(row, jobtitle="Ours at last")
    world.tag(person, PUSHED)
    world.run(3)
    assert world.get_person(person)["fields"]["Company motto"] == "Ours at last"  # type: ignore[index]
    ((winner, ours, theirs),) = [(c.winner, c.crm_value, c.partner_value) for c in world.conflicts]
    assert (winner, ours, theirs) == ("crm", "Ours at last", "Theirs")


@pytest.mark.parametrize("import_from", [0, 1])
@pytest.mark.feature("HUB-12.4", system="activecampaign")
def test_who_has_the_address_of_such_a_pairs_contact_alone_waits_too(make: Make, import_from: int) -> None:
    world = make(entities(TITLE), settings={"import_from": import_from})
    _, person = held_back(world, ours=FORMER)
    other = world.row(2, emailaddress1=NEW)
    world.run(3)
    assert world.get_person(person)["lastName"] == "Lee 1"  # type: ignore[index]
    assert world.link(other).parked == {"": "duplicate_match"}


def test_a_conflict_of_a_field_that_is_parked_for_going_back_and_forth_is_not_told_at_each_look(make: Make) -> None:
    world = make(entities(policies={"firstname": "owner_partner"}))
    row, person = world.pair(firstname="back")
    for _ in range(6):
        world.edit_row(row, firstname="forth")
        world.run()
        world.edit_person(person, firstName="back")  # an automation of the account
        world.run()
    assert "failed:ping_pong" in world.codes()
    world.mark()
    world.edit_row(row, firstname="Ours")
    for day in range(3):
        world.run()
        world.edit_row(row, fax=f"+34 {day}")
    assert world.get_row(row)["firstname"] == "Ours"  # type: ignore[index]
    assert world.conflicts == []


@pytest.mark.parametrize("import_from", [0, 1])
@pytest.mark.feature("HUB-12.4", system="activecampaign")
def test_a_pair_whose_new_address_is_refused_keeps_the_one_its_contact_holds(make: Make, import_from: int) -> None:
    world = make(entities(TITLE), settings={"import_from": import_from})
    row, person = world.pair(jobtitle="Buyer")
    world.person(5, email=NEW)  # somebody else of the account, who is no pair
    world.edit_row(row, emailaddress1=NEW)
    world.edit_person(person, fields={"Company motto": "Theirs"})  # so that Dynamics is written, too
    world.run(2)
    assert world.get_row(row)["jobtitle"] == "Theirs"  # type: ignore[index]
    other = world.row(2, emailaddress1=FORMER)
    world.run(3)
    assert world.get_person(person)["lastName"] == "Lee 1"  # type: ignore[index]
    assert world.link(other).parked == {"": "duplicate_match"}
