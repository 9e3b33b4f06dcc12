"""Criteria that become wider or narrower, and what becomes of rows that leave and come back (both simulators)."""

from __future__ import annotations

import pytest

from shared.domain.identity import LinkState
from shared.manage.connections import wider
from shared.state.model import Command
from tests.scenarios.conftest import Make
from tests.scenarios.world import World, entities


def criteria(value: str, op: str = "ne") -> dict[str, object]:
    return {"all": [{"column": "jobtitle", "op": op, "value": value}]}


def change(world: World, **changes: object) -> list[str]:
    """What saving the entity with `changes` does: the new maps, and word to walk what may be wider now."""
    before = world.engine.connection
    world.restart(entities=tuple(entities(**changes)))  # type: ignore[arg-type]
    feeds = wider(before, world.engine.connection)
    for feed in feeds:
        world.engine.enqueue(Command(key=f"walk-{feed}", op="walk", payload={"feed": feed}))
    return feeds


@pytest.mark.feature("HUB-07.4", system="activecampaign")
def test_wider_criteria_bring_the_rows_that_were_left_out_and_write_no_other(make: Make) -> None:
    world = make(entities(criteria=criteria("Buyer", "eq")))
    for number in range(6):
        world.row(number, jobtitle="Buyer" if number < 3 else "Seller")
    world.run(2)
    assert len(world.people()) == 3
    world.mark()
    assert change(world, criteria=criteria("Former")) == ["crm:contact"]
    world.run(2)
    assert len(world.people()) == 6
    touched = {write["id"] for write in world.ours("activecampaign") if write["kind"] == "contact"}
    assert touched == {str(world.person_with(f"ann{number}@example.org")["id"]) for number in (3, 4, 5)}
    assert world.ours("dataverse") == []


@pytest.mark.feature("HUB-07.4", system="activecampaign")
def test_narrower_criteria_delete_nothing_and_send_nothing_more(make: Make) -> None:
    world = make(entities(criteria=criteria("Former"), deletes={"partner": "delete"}))
    rows = [world.row(number, jobtitle="Buyer" if number < 3 else "Seller") for number in range(6)]
    world.run(2)
    world.mark()
    change(world, criteria=criteria("Buyer", "eq"), deletes={"partner": "delete"})
    world.run(2)
    world.edit_row(rows[5], firstname="Outside")
    world.edit_row(rows[0], firstname="Inside")
    world.run(26)
    assert len(world.people()) == 6
    assert world.person_with("ann5@example.org")["firstName"] == "Ann"
    assert world.person_with("ann0@example.org")["firstName"] == "Inside"


@pytest.mark.feature("HUB-07.3", system="activecampaign")
def test_a_row_that_leaves_is_kept_unlinked_or_deleted_as_the_entity_says_and_may_come_back(make: Make) -> None:
    for leaves, left, links in (("keep", 1, 1), ("unlink", 1, 0), ("delete", 0, 0)):
        world = make(entities(criteria=criteria("Former"), leaves=leaves))
        row, person = world.pair(jobtitle="Buyer")
        world.edit_row(row, jobtitle="Former", firstname="Left")
        world.run(2)
        assert len(world.people()) == left, leaves
        assert [link.state for link in world.links()].count(LinkState.LINKED) == links, leaves
        if left:
            assert world.get_person(person)["firstName"] == "Ann"  # type: ignore[index]
        world.edit_row(row, jobtitle="Buyer", firstname="Back")
        world.run(3)
        assert [found["firstName"] for found in world.people()] == ["Back"], leaves
        assert world.link(row).state is LinkState.LINKED
        world.mark()
        world.run(2)
        assert world.ours() == []


@pytest.mark.feature("HUB-13.4", system="activecampaign")
def test_criteria_that_would_drop_a_third_of_everybody_stop_and_ask(make: Make) -> None:
    world = make(entities(criteria=criteria("Former"), leaves="delete"))
    for number in range(90):
        world.row(number, jobtitle="Buyer" if number % 3 else "Seller")
    world.run(2)
    world.mark()
    change(world, criteria=criteria("Buyer", "eq"), leaves="delete")
    world.run()
    assert world.broken() == "mass_delete"
    assert world.ours() == []
    assert len(world.people()) == 90
    world.command("release_guard")
    world.run(2)
    assert len(world.people()) == 60


@pytest.mark.feature("HUB-08.9", system="activecampaign")
def test_a_field_added_later_is_filled_for_everybody_and_nothing_else_is_written(make: Make) -> None:
    from tests.scenarios.world import TITLE

    world = make()
    for number in range(5):
        world.row(number, jobtitle=f"Title {number}")
    world.run(2)
    world.mark()
    world.restart(entities=tuple(entities(TITLE)))
    world.run(2)
    found = {person["email"]: person["fields"].get("Company motto") for person in world.people()}
    assert found == {f"ann{number}@example.org": f"Title {number}" for number in range(5)}
    assert {name for write in world.ours() for name in write["changed"]} == {"fields[1]"}


@pytest.mark.feature("HUB-08.10", system="activecampaign")
def test_a_dropped_field_parks_its_mapping_only_and_heals_when_it_is_back(make: Make) -> None:
    from tests.scenarios.world import TITLE

    world = make(entities(TITLE))
    row, person = world.pair(jobtitle="Buyer")
    tenant = world.ac.system.tenant
    field = tenant.fields.find("title", "Company motto")
    assert field is not None
    world.ac.system.act("delete_field", {"field": field["id"]})
    world.restart()
    world.edit_row(row, jobtitle="Seller", firstname="Anna")
    world.run(2)
    assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]
    assert world.engine.compile()[0].broken == {"title": "partner_field_missing"}
    tenant.fields.put(field["id"], field)
    world.restart()
    world.run(2)
    assert world.engine.compile()[0].broken == {}
    assert world.get_person(person)["fields"]["Company motto"] == "Seller"  # type: ignore[index]
