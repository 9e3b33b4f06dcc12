"""Scenarios L, at sizes that fit a test: what grows with what, and what must not grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.connectors.activecampaign.defaults import default_entities
from shared.domain.records import Side
from shared.ports.connector import ChangePage
from shared.state.model import Command
from tests.scenarios.conftest import Make
from tests.scenarios.world import World, entities


def load(world: World, people: int) -> None:
    rows = [
        {"emailaddress1": f"p{number}@example.org", "firstname": "P", "lastname": f"Number {number}"}
        for number in range(people)
    ]
    world.crm.system.seed({"rows": {"contact": rows}})


def _rows(world: World, table: str) -> list[Any]:
    return list(world.crm.system.store[table].rows())  # type: ignore[attr-defined]


def test_L01_a_first_load_takes_the_ideal_number_of_calls(make: Make) -> None:
    """By the table of ideal calls in `tests/wire/connectors/test_counts.py`, here with the whole engine around it."""
    people = 1100
    world = make(settings={"concurrency": 1})
    load(world, people)
    world.run()
    assert world.view.counts["contact.linked"] == people
    calls = world.ac.around.calls("activecampaign")
    assert calls["import"] == -(-people // 250)
    assert calls["list"] <= -(-people // 100) + 2
    assert calls["tags"] == 2  # whether the account has the tags by which it decides; nobody's own tags are asked for
    read = world.crm.around.calls("dynamics")
    assert read["walk"] + read["catchup"] == 2


def test_L02_a_run_without_changes_costs_the_same_for_ten_links_and_for_a_thousand(make: Make) -> None:
    calls: list[tuple[int, int]] = []
    rows: list[int] = []
    for people in (10, 1000):
        world = make()
        load(world, people)
        world.run(3)
        before = world.calls("dataverse"), world.calls("activecampaign")
        used = world.store.usage.copy()
        world.run()
        calls.append((world.calls("dataverse") - before[0], world.calls("activecampaign") - before[1]))
        rows.append(world.store.usage.since(used).requests)
    assert calls[0] == calls[1]
    assert rows[1] <= rows[0] + 5


def test_L06_one_persons_request_passes_a_long_load(make: Make) -> None:
    world = make(crm_settings={"page_size": 50}, options={"inbox_every": 30.0})
    row, person = world.pair()
    load(world, 600)
    link = world.link(row)
    served: list[int] = []
    pages = [0]

    def changes(real: Callable[..., ChangePage], kind: Any, cursor: Any, fields: Any) -> ChangePage:
        pages[0] += 1
        world.clock.advance(20.0)
        if pages[0] == 2:
            world.edit_row(row, firstname="Urgent")
            world.engine.enqueue(Command(key="look-urgent", op="look", side=Side.CRM, ref=link.crm))
        if not served and world.get_person(person)["firstName"] == "Urgent":  # type: ignore[index]
            served.append(pages[0])
        return real(kind, cursor, fields)

    world.on_crm.twists["changes"] = changes
    world.crm.expire_cursors()
    world.run()
    assert served
    assert served[0] <= 8  # of the load's pages, 20 s each: within 2 minutes


def test_L07_a_storm_of_hints_about_the_same_people_is_one_look_each(make: Make) -> None:
    world = make()
    load(world, 20)
    world.run(2)
    refs = [link.crm for link in world.links()]
    world.engine.lane.put_commands(
        [Command(key=f"look-{ref.id}", op="look", side=Side.CRM, ref=ref) for ref in refs * 25]
    )
    assert len(world.lane.commands()) == 20
    before = world.calls("dataverse"), world.calls("activecampaign")
    world.run()
    assert world.lane.commands() == []
    assert world.calls("dataverse") - before[0] < 20
    assert world.calls("activecampaign") - before[1] <= 2 * 20 + 15


def test_L11_a_sweep_in_slices_while_people_edit_deletes_nobody_by_mistake(make: Make) -> None:
    from tests.scenarios.world import entities

    world = make(entities(deletes={"crm": "delete"}), options={"slice_seconds": 40.0})
    load(world, 400)
    world.run(2)
    gone = [str(person["id"]) for person in world.people()[:5]]
    for person in gone:
        world.delete_person(person)
    turns = [0]

    def changes(real: Callable[..., ChangePage], kind: Any, cursor: Any, fields: Any) -> ChangePage:
        turns[0] += 1
        world.clock.advance(6.0)
        world.edit_person("100", phone=f"+34 {turns[0]}")
        return real(kind, cursor, fields)

    world.on_ac.twists["changes"] = changes
    world.advance(86_400)
    world.run()
    world.on_ac.twists.clear()
    world.run()
    assert len(world.rows()) == 395
    assert world.get_person("100")["phone"].startswith("+34")  # type: ignore[index]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_L10_one_person_with_ten_thousand_activities_is_worked_off_in_slices(make: Make) -> None:
    """Each slice ends in time, the next one goes on where it stood, and each activity is there once."""
    activity = next(item for item in default_entities() if item["name"] == "activity")
    maps = [*entities(parents=[]), {**activity, "on": True, "parents": ["contact"]}]
    world = make(maps, crm_settings={"tables": ["contact", "task"]}, settings={"activities_days": 750})
    _, person = world.pair()
    campaign = world.ac.system.seed({"campaigns": [{"name": "News", "subject": "News"}]})["campaigns"][0]["id"]
    for _ in range(4200):
        world.ac.system.act("engage", {"contacts": [person], "campaign": campaign, "spread_seconds": 86_400 * 300})
    told = len(world.ac.system.tenant.activities)
    assert told >= 10_000
    world.ac.around.observers.append(lambda _: world.clock.advance(0.6))
    slices = [0.0]
    while len(rows := _rows(world, "task")) < told:
        begun = world.clock.monotonic()
        world.engine.run_slice("w1", 20.0)
        slices.append(world.clock.monotonic() - begun)
        assert len(slices) < 100
    assert len(rows) == told
    assert len(slices) > 3
    assert max(slices) < 60
    world.run()
    assert len(_rows(world, "task")) == told
