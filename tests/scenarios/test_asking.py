"""Contacts whose tags ask for a row in Dynamics, where the feed of changes did not tell their tags in time."""

from __future__ import annotations

import pytest

from shared.connectors.activecampaign.defaults import LEAD, PULLED, default_entities
from tests.scenarios.conftest import Make
from tests.scenarios.world import World

MANY = 1001
"""Changed contacts of one run above which the feed does not tell their tags."""
ASKING = (LEAD, PULLED)


def _made(world: World) -> list[object]:
    """The leads in Dynamics by their addresses."""
    return sorted(row.get("emailaddress1") for row in world.crm.system.store["lead"].rows())  # type: ignore[attr-defined]


def _load(world: World, people: int) -> None:
    rows = [
        {"emailaddress1": f"p{number}@example.org", "firstname": "P", "lastname": f"Number {number}"}
        for number in range(people)
    ]
    world.crm.system.seed({"rows": {"contact": rows}})


@pytest.mark.feature("AC-04.2")
def test_who_asks_for_a_lead_among_a_thousand_changed_contacts_gets_one(make: Make) -> None:
    world = make(default_entities())
    _load(world, MANY)
    world.run(2)
    assert world.view.counts["contact.linked"] == MANY
    for person in world.people():
        world.edit_person(str(person["id"]), phone=f"+1 {person['id']}")
    world.person(5000, tags=ASKING)
    world.person(5001)
    world.advance(600)
    world.run(2)
    assert _made(world) == ["ann5000@example.org"]


@pytest.mark.feature("AC-04.2")
def test_who_asks_for_a_lead_while_lost_imports_are_recovered_gets_one(make: Make) -> None:
    world = make(default_entities())
    _load(world, MANY)
    world.fault("activecampaign", "drop_after", path="/import/bulk_import", times=10)
    world.run()
    world.heal()
    world.person(5000, tags=ASKING)
    world.advance(600)
    world.run(2)
    assert _made(world) == ["ann5000@example.org"]


@pytest.mark.feature("AC-04.2")
@pytest.mark.feature("HUB-04.1", system="activecampaign")
def test_who_asks_for_a_lead_before_the_first_load_gets_one_after_it(make: Make) -> None:
    world = make(default_entities())
    world.row(1)
    world.person(2, tags=ASKING)
    world.person(3)
    world.advance(600)
    world.run()
    assert _made(world) == []
    world.run()
    assert _made(world) == ["ann2@example.org"]
