"""Marketo's flow steps: batch campaigns of the steps with a write of their own, and what Dynamics refuses a step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.demo.world import CLIENT_ID
from tests.app.flow import called_back, chunks, effective, installed, made, people, run, until, waits
from tests.app.marketo import MarketoWorld, email, marketo_world

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.xdist_group("marketo-flow-more")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    clock: Path = tmp_path_factory.mktemp("marketo-flow-more") / "clock.json"
    clock.write_text('{"offset": 0}')
    with marketo_world(clock) as made_:
        yield made_


def as_role(world: MarketoWorld, role: str) -> None:
    users = world.sims.control("dataverse", "GET", "state")["users"]
    user = next(item["systemuserid"] for item in users if item["applicationid"] == CLIENT_ID)
    given = {"user": user, "roles": [role], "only": True}
    world.sims.control("dataverse", "POST", "seed", {"user_roles": [given]})


def outcomes(world: MarketoWorld, batch: str) -> dict[str, Any]:
    [chunk] = called_back(world, batch)
    activities: dict[str, Any] = chunk["activities"]
    return activities


@pytest.mark.feature("MK-04.2", system="marketo")
@pytest.mark.feature("MK-12.1", system="marketo")
def test_a_batch_campaign_of_every_step_writes_with_the_next_cycle_whom_it_has_to_make(world: MarketoWorld) -> None:
    connection = world.begun(1)
    campaign = world.make("campaign", name="Spring")
    world.sims.control("dataverse", "POST", "seed", {"users": [{"name": "Carla Owner", "email": "carla@example.org"}]})
    carla = next(row["systemuserid"] for row in world.rows("systemuser") if row["fullname"] == "Carla Owner")
    names = installed(world, connection)
    there = world.lead(email(0))["id"]
    leads = people(world, 3)
    told = {}
    for step, person, choices, at_once in (
        ("createTask", leads[0], {"subject": "Call"}, "created"),
        ("changeOwner", leads[1], {"owner": f"systemuser:{carla}"}, "updated"),
        ("addToCampaign", leads[2], {"campaign": f"campaign:{campaign}"}, "updated"),
    ):
        told[step] = run(world, names[step], [person, there], "batch", choices=choices)["batch"]
        activities = outcomes(world, told[step])
        assert activities[str(person)] == {"success": True, "outcome": "nextCycle"}
        assert activities[str(there)]["outcome"] == at_once, step
    assert world.rows("lead") == [], "none earlier"
    world.next_run(connection)
    until(lambda: len(waits(world, connection, "finished")) == 3, world=world)
    rows = [made(world, "lead", email(number, "new")) or {} for number in range(3)]
    tasks = [task["regardingobjectid"]["id"] for task in world.rows("task")]
    assert sorted(tasks) == sorted([world.rows("contact")[0]["contactid"], rows[0]["leadid"]]), "each once"
    assert rows[1]["ownerid"]["id"] == carla
    members = [each["entityid"] for each in world.rows("listmember")]
    assert sorted(members) == sorted([world.rows("contact")[0]["contactid"], rows[2]["leadid"]])
    assert [effective(each) for batch in told.values() for each in chunks(world, batch)] == [1, 1, 1]


@pytest.mark.feature("MK-12.1", system="marketo")
def test_a_step_that_lacks_a_privilege_is_told_so_and_the_connection_goes_on(world: MarketoWorld) -> None:
    connection = world.begun(1)
    campaign = world.make("campaign", name="Spring")
    names = installed(world, connection, "addToCampaign", "createTask")
    there = world.lead(email(0))["id"]
    tables: dict[str, Any] = dict.fromkeys(("contact", "lead", "account", "opportunity", "task"), "Global")
    tables |= {name: {"Read": "Global"} for name in ("systemuser", "team", "campaign", "list")}
    role = {"name": "No lists", "tables": tables, "privileges": {"prvReadSolution": "Global"}}
    world.sims.control("dataverse", "POST", "seed", {"roles": [role]})
    as_role(world, "No lists")
    choices = {"campaign": f"campaign:{campaign}"}
    batch = run(world, names["addToCampaign"], [there], choices=choices)["batch"]
    activity = outcomes(world, batch)[str(there)]
    assert (activity["success"], activity["errorCode"]) == (False, "PRIVILEGE_MISSING")
    assert "prvCreateList" in activity["reason"]
    batch = run(world, names["createTask"], [there], choices={"subject": "Call"})["batch"]
    assert outcomes(world, batch)[str(there)]["outcome"] == "created"
    as_role(world, "System Administrator")
    batch = run(world, names["addToCampaign"], [there], choices=choices)["batch"]
    assert outcomes(world, batch)[str(there)]["success"]


@pytest.mark.feature("MK-12.1", system="marketo")
def test_a_campaign_that_takes_no_list_is_a_refusal_and_told_at_once(world: MarketoWorld) -> None:
    connection = world.begun(1)
    campaign = world.make("campaign", name="Spring")
    names = installed(world, connection, "addToCampaign")
    there = world.lead(email(0))["id"]
    fault = {"match": {"path": "AddItemCampaign", "times": 1}, "do": {"status": 400}}
    world.sims.control("dataverse", "POST", "faults", fault)
    choices = {"campaign": f"campaign:{campaign}"}
    batch = run(world, names["addToCampaign"], [there], choices=choices)["batch"]
    activity = outcomes(world, batch)[str(there)]
    assert (activity["success"], activity["errorCode"]) == (False, "REJECTED")
    assert "campaign" in activity["reason"]
    assert world.rows("listmember") == []
    batch = run(world, names["addToCampaign"], [there], choices=choices)["batch"]
    assert outcomes(world, batch)[str(there)]["success"]
    assert len(world.rows("listmember")) == 1
