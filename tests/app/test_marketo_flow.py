"""Marketo's flow steps through the app's own doors: answered at once, made in Dynamics, called back exactly once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.app.flow import called_back, chunks, effective, hooks, installed, made, people, run, until, waits
from tests.app.marketo import MarketoWorld, contact, email, lead, marketo_world
from tests.pace import within

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.xdist_group("marketo-flow")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    clock: Path = tmp_path_factory.mktemp("marketo-flow") / "clock.json"
    clock.write_text('{"offset": 0}')
    with marketo_world(clock) as made:
        yield made


# -- the step --------------------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.feature("MK-04.3", system="marketo")
def test_a_trigger_campaign_makes_the_row_at_once_and_is_called_back_once(world: MarketoWorld) -> None:
    connection = world.begun(1)
    names = installed(world, connection)
    [person] = people(world, 1)
    began = time.monotonic()
    told = run(world, names["syncPerson"], [person])
    [chunk] = told["chunks"]
    assert chunk["tries"] == [201]
    assert within(chunk["seconds"], 2)
    row = until(lambda: made(world, "lead", email(0, "new")))
    print(f"201 after {chunk['seconds']:.3f} s, the row after {time.monotonic() - began:.1f} s")
    assert (row["firstname"], row["lastname"]) == ("New", "Person 0")
    [chunk] = called_back(world, told["batch"])
    assert chunk["activities"][str(person)] == {
        "success": True,
        "outcome": "created",
        "dynamicsId": row["leadid"],
        "dynamicsEntity": "lead",
    }
    writes = len(world.writes("dataverse"))
    again = run(world, names["syncPerson"], [person])
    [chunk] = called_back(world, again["batch"])
    assert chunk["activities"][str(person)]["outcome"] == "alreadyInSync"
    assert chunk["activities"][str(person)]["dynamicsId"] == row["leadid"]
    assert len(world.writes("dataverse")) == writes, "nothing is written for a person who is there"
    assert [effective(each) for each in chunks(world, told["batch"])] == [1]
    world.next_run(connection)
    assert len(world.rows("lead")) == 1


@pytest.mark.feature("MK-04.2", system="marketo")
def test_a_batch_campaign_is_taken_by_the_next_cycle_and_told_so_at_once(world: MarketoWorld) -> None:
    connection = world.begun(1)
    names = installed(world, connection, "syncPerson")
    leads = people(world, 3)
    told = run(world, names["syncPerson"], leads, "batch", chunk=2)
    found = called_back(world, told["batch"])
    assert [len(each["leads"]) for each in found] == [2, 1]
    for each in found:
        assert {one["outcome"] for one in each["activities"].values()} == {"nextCycle"}
        assert all(one["success"] for one in each["activities"].values())
    assert world.rows("lead") == [], "none earlier"
    assert {each["status"] for each in waits(world, connection, "waiting")} == {"waiting"}
    world.next_run(connection)
    assert sorted(row["emailaddress1"] for row in world.rows("lead")) == [email(number, "new") for number in range(3)]
    until(lambda: len(waits(world, connection, "finished")) == 2, world=world)
    assert [effective(each) for each in chunks(world, told["batch"])] == [1, 1]


@pytest.mark.feature("MK-04.4", system="marketo")
def test_who_was_deleted_in_dynamics_gets_a_new_row(world: MarketoWorld) -> None:
    connection = world.begun(0, rows={"lead": [lead(0)]})
    names = installed(world, connection, "syncPerson")
    [old] = world.rows("lead")
    person = world.lead(email(0, "lead"))["id"]
    world.remove("lead", old["leadid"])
    world.next_run(connection)
    told = run(world, names["syncPerson"], [person], choices={"syncAs": "lead"})
    [chunk] = called_back(world, told["batch"])
    [row] = world.rows("lead")
    assert row["leadid"] != old["leadid"]
    assert chunk["activities"][str(person)]["outcome"] == "created"
    assert chunk["activities"][str(person)]["dynamicsId"] == row["leadid"]
    world.edit("lead", row["leadid"], jobtitle="Again in step")
    world.next_run(connection)
    assert world.lead(email(0, "lead"))["title"] == "Again in step"


@pytest.mark.feature("MK-04.5", system="marketo")
@pytest.mark.feature("MK-12.1", system="marketo")
def test_lead_or_contact_with_an_owner_and_the_owner_changed_later(world: MarketoWorld) -> None:
    connection = world.begun(1)
    users = {row["fullname"]: row["systemuserid"] for row in world.rows("systemuser")}
    world.sims.control("dataverse", "POST", "seed", {"users": [{"name": "Carla Owner", "email": "carla@example.org"}]})
    carla = next(row["systemuserid"] for row in world.rows("systemuser") if row["fullname"] == "Carla Owner")
    names = installed(world, connection)
    listed = world.mk("refresh_picklist", service=names["syncPerson"])["choices"]["owner"]
    assert {"displayValue": {"en_US": "Carla Owner"}, "submittedValue": f"systemuser:{carla}"} in listed
    first, second = people(world, 2)
    for person, kind in ((first, "lead"), (second, "contact")):
        told = run(world, names["syncPerson"], [person], choices={"syncAs": kind, "owner": f"systemuser:{carla}"})
        [chunk] = called_back(world, told["batch"])
        assert chunk["activities"][str(person)]["dynamicsEntity"] == kind
    made_lead, made_contact = made(world, "lead", email(0, "new")), made(world, "contact", email(1, "new"))
    assert made_lead is not None
    assert made_contact is not None
    assert made_lead["ownerid"]["id"] == carla, made_lead
    assert made_contact["ownerid"]["id"] == carla
    assert made_contact.get("parentcustomerid") is None, "a contact without an account"
    admin = users["System Administrator"]
    [third] = people(world, 1, 2)
    told = run(world, names["changeOwner"], [first, third], choices={"owner": f"systemuser:{admin}"})
    [chunk] = called_back(world, told["batch"])
    assert {each["outcome"] for each in chunk["activities"].values()} == {"updated", "alreadyInSync"}, chunk
    for number in (0, 2):
        row = made(world, "lead", email(number, "new"))
        assert row is not None
        assert row["ownerid"]["id"] == admin
    before = len(world.writes("dataverse"))
    again = run(world, names["changeOwner"], [first], choices={"owner": f"systemuser:{admin}"})
    called_back(world, again["batch"])
    assert len(world.writes("dataverse")) == before


@pytest.mark.feature("MK-12.1", system="marketo")
def test_a_task_is_made_once_however_often_the_same_step_is_handed_over(world: MarketoWorld) -> None:
    connection = world.begun(1)
    names = installed(world, connection, "syncPerson", "createTask")
    [person] = people(world, 1)
    there = world.lead(email(0))["id"]
    choices = {"subject": "Call Renée", "description": "Asked for a quote", "priority": "high", "taskStatus": "waiting"}
    told = run(world, names["createTask"], [person, there], choices=choices)
    [chunk] = called_back(world, told["batch"])
    assert {each["outcome"] for each in chunk["activities"].values()} == {"created"}, chunk
    again = run(world, names["createTask"], [person, there], choices=choices, batch=told["batch"])
    called_back(world, again["batch"])
    tasks = world.rows("task")
    assert len(tasks) == 2, "the same run of the campaign, person and step: one task"
    regarding = {task["regardingobjectid"]["id"] for task in tasks}
    row = made(world, "lead", email(0, "new"))
    assert row is not None
    assert regarding == {row["leadid"], world.rows("contact")[0]["contactid"]}
    for task in tasks:
        assert (task["subject"], task["description"]) == ("Call Renée", "Asked for a quote")
        assert (task["prioritycode"], task["statuscode"]) == (2, 4)
        due = world.now().date()
        assert task["scheduledend"][:10] > due.isoformat()
    other = run(world, names["createTask"], [person], choices=choices)
    called_back(world, other["batch"])
    assert len(world.rows("task")) == 3, "another run of the campaign is another task"


@pytest.mark.feature("MK-12.1", system="marketo")
def test_people_are_put_into_a_campaign_and_taken_out_again(world: MarketoWorld) -> None:
    connection = world.begun(2)
    campaign = world.make("campaign", name="Spring")
    other = world.make("list", listname="By hand", createdfromcode=2, type=False)
    names = installed(world, connection)
    [person] = people(world, 1)
    there, by_hand = (world.lead(email(number))["id"] for number in range(2))
    step, choices = names["addToCampaign"], {"campaign": f"campaign:{campaign}"}
    for outcome in ("updated", "alreadyInSync"):
        told = run(world, step, [person, there], choices=choices)
        [chunk] = called_back(world, told["batch"])
        assert {each["outcome"] for each in chunk["activities"].values()} == {outcome}, chunk
    row = made(world, "lead", email(0, "new"))
    assert row is not None
    contacts = {each["emailaddress1"]: each["contactid"] for each in world.rows("contact")}
    lists = {each["listid"]: each for each in world.rows("list") if each["listid"] != other}
    assert sorted(each["createdfromcode"] for each in lists.values()) == [2, 4]
    assert {each["entityid"] for each in world.rows("campaignitem")} == set(lists)
    assert {each["campaignid"] for each in world.rows("campaignitem")} == {campaign}
    members = [each["entityid"] for each in world.rows("listmember")]
    assert sorted(members) == sorted([row["leadid"], contacts[email(0)]]), "each once"
    out = run(world, names["removeFromCampaign"], [person, there, by_hand], choices=choices)
    [chunk] = called_back(world, out["batch"])
    outcomes = {int(lead): each["outcome"] for lead, each in chunk["activities"].items()}
    assert outcomes == {person: "removed", there: "removed", by_hand: "alreadyInSync"}
    assert world.rows("listmember") == []
    gone = run(world, step, [there], choices={"campaign": f"campaign:{campaign}"})
    called_back(world, gone["batch"])
    assert [each["entityid"] for each in world.rows("listmember")] == [contacts[email(0)]]


@pytest.mark.feature("MK-04.3", system="marketo")
def test_if_exists_update_brings_both_in_step_at_once(world: MarketoWorld) -> None:
    connection = world.begun(1)
    names = installed(world, connection, "syncPerson")
    person = world.lead(email(0))["id"]
    world.mk("edit_lead", lead=person, values={"title": "Changed in Marketo"})
    skipped = run(world, names["syncPerson"], [person], choices={"ifExists": "skip"})
    [chunk] = called_back(world, skipped["batch"])
    assert chunk["activities"][str(person)]["outcome"] == "alreadyInSync"
    assert world.rows("contact")[0].get("jobtitle") is None
    told = run(world, names["syncPerson"], [person], choices={"ifExists": "update"})
    [chunk] = called_back(world, told["batch"])
    assert chunk["activities"][str(person)]["outcome"] == "updated", chunk
    assert world.rows("contact")[0]["jobtitle"] == "Changed in Marketo"


@pytest.mark.feature("MK-04.6", system="marketo")
def test_a_webhook_does_the_same_for_one_person_and_tells_where_to_ask(world: MarketoWorld) -> None:
    connection = world.begun(1)
    [person] = people(world, 1)
    url = hooks(world, connection)["syncPerson:webhook"]
    body = {"leadId": str(person), "syncAs": "contact"}
    told = world.mk("call_webhook", url=url, body=body)
    assert (told["status"], told["answer"]["status"]) == (202, "queued")
    assert within(told["seconds"], 2)
    again = world.mk("call_webhook", url=url, body=body)
    assert again["answer"]["jobId"] == told["answer"]["jobId"]
    until(lambda: made(world, "contact", email(0, "new")), world=world)
    key = told["answer"]["jobId"]
    found: dict[str, Any] = until(
        lambda: (one := world.call("GET", f"connections/{connection}/requests/{key}"))["status"] == "finished" and one,
        world=world,
    )
    assert (found["code"], found["record"]) == ("created", {"kind": "lead", "id": str(person)})
    assert told["answer"]["statusUrl"].partition("?")[0].endswith(f"/api/connections/{connection}/requests/{key}")
    wrong = requests.post(url.replace("key=", "key=0"), json=body, timeout=30)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "hook_key")
    assert contact(0)["emailaddress1"] == email(0)
