"""Requests about one contact: from ActiveCampaign's webhook to the row in Dynamics, through the app's own doors."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.app.conftest import World
from tests.pace import PATIENCE, within

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]

KINDS = {"lead": "D365: Lead", "contact": "D365: Contact"}
FORM = "application/x-www-form-urlencoded"


def hooks(world: World, connection: str) -> dict[str, str]:
    return {item["what"]: item["url"] for item in world.call("GET", f"connections/{connection}/hooks")["value"]}


def post(url: str, body: bytes | str, kind: str = FORM, **headers: str) -> requests.Response:
    return requests.post(url, data=body, headers={"Content-Type": kind, **headers}, timeout=30)


def contact(world: World, email: str, **more: Any) -> str:
    seeded = world.sims.control("activecampaign", "POST", "seed", {"contacts": [{"email": email, **more}]})
    return str(seeded["contacts"][0]["id"])


def settled(world: World, connection: str, key: str, *states: str, seconds: float = PATIENCE) -> dict[str, Any]:
    """The request once it is in one of these states."""
    end = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = world.call("GET", f"connections/{connection}/requests/{key}")
        if found["status"] in states:
            return found
        assert time.monotonic() < end, str(found)
        time.sleep(0.2)


def tags(world: World, contact_id: str) -> set[str]:
    return {tag for item in world.contacts() if str(item["id"]) == contact_id for tag in item["tags"]}


def drained(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.ac("drain")["deliveries"]
    return found


@pytest.mark.feature("AC-04.1", system="activecampaign")
@pytest.mark.feature("AC-04.3", system="activecampaign")
@pytest.mark.feature("HUB-26.1", system="activecampaign")
@pytest.mark.feature("HUB-26.2", system="activecampaign")
def test_the_automation_step_sets_both_tags_on_arrival_and_the_next_slot_makes_one_row(world: World) -> None:
    connection = world.begun()
    seeded = world.sims.control("activecampaign", "POST", "seed", {"automations": [{"name": "Make", "steps": []}]})
    automation = seeded["automations"][0]["id"]
    urls = hooks(world, connection)
    people = {kind: contact(world, f"new.{kind}@example.org", firstName="Nuria", lastName="Peña") for kind in KINDS}
    before = {kind: len(world.rows(kind)) for kind in KINDS}
    began = time.monotonic()
    for kind, person in people.items():
        world.ac("reach_webhook_step", contact=person, automation=automation, url=urls[kind], times=2)
    sent = drained(world)
    assert within(time.monotonic() - began, 8)  # four calls, each under two seconds
    assert [delivery["status"] for delivery in sent] == [202] * 4
    end = time.monotonic() + PATIENCE
    while len(asked := requests_of(world, connection, "waiting")) < 2:
        assert time.monotonic() < end, asked
        time.sleep(0.2)
    assert [requests_of(world, connection, state) for state in ("queued", "held", "poison")] == [[], [], []]
    keys = {item["entity"]: item["id"] for item in asked}
    assert len(asked) == len(keys) == 2
    for kind, person in people.items():
        found = settled(world, connection, keys[kind], "waiting")
        assert tags(world, person) == {KINDS[kind], "D365: Pulled from ActiveCampaign"}
        assert found["code"] == "waiting:slot"
        assert found["runsAt"] == world.status(connection)["nextRun"]
    world.tick()
    time.sleep(1.5)
    assert {kind: len(world.rows(kind)) for kind in KINDS} == before  # none earlier
    world.next_run(connection)
    for kind in KINDS:
        [row] = [row for row in world.rows(kind) if row.get("emailaddress1") == f"new.{kind}@example.org"]
        assert row["lastname"] == "Peña"
        assert settled(world, connection, keys[kind], "finished")["code"] == "created"
    world.next_run(connection)
    assert {kind: len(world.rows(kind)) for kind in KINDS} == {kind: count + 1 for kind, count in before.items()}


def requests_of(world: World, connection: str, state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.call("GET", f"connections/{connection}/requests?state={state}")["value"]
    return found


@pytest.mark.feature("HUB-26.1", system="activecampaign")
@pytest.mark.feature("HUB-26.2", system="activecampaign")
@pytest.mark.feature("HUB-26.3", system="activecampaign")
def test_a_call_is_answered_at_once_repeats_are_folded_and_the_body_is_only_a_hint(world: World) -> None:
    connection = world.begun()
    person = contact(world, "true@example.org", lastName="True")
    url = hooks(world, connection)["lead"]
    lies = f"contact[id]={person}&contact[email]=false%40example.org&contact[last_name]=False&seriesid=4"
    began = time.monotonic()
    answer = post(url, lies)
    assert within(time.monotonic() - began, 2)
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["Operation-Location"] == body["statusUrl"]
    assert urlsplit(body["statusUrl"]).path == f"/api/connections/{connection}/requests/{body['id']}"
    settled(world, connection, body["id"], "waiting")
    again = post(url, json.dumps({"contact": {"id": int(person)}}), "application/json")
    assert (again.status_code, again.json()["id"]) == (202, body["id"])
    assert again.json()["status"] == "waiting"
    world.next_run(connection)
    [row] = [row for row in world.rows("lead") if row.get("lastname") in {"True", "False"}]
    assert (row["lastname"], row["emailaddress1"]) == ("True", "true@example.org")
    assert settled(world, connection, body["id"], "finished")["code"] == "created"
    third = post(url, f"contact[id]={person}")
    assert third.json()["status"] == "queued"  # done: the same question is asked anew
    assert settled(world, connection, body["id"], "finished")["code"] == "unchanged"


@pytest.mark.feature("AC-04.3", system="activecampaign")
def test_a_wrong_secret_opens_nothing_and_says_nothing_of_what_there_is(world: World) -> None:
    world.reseed(1)
    connection = world.connect()
    good = hooks(world, connection)["lead"]
    base, _, key = good.partition("?key=")
    other = base.replace(connection, "0" * 32)
    answers = [
        post(url, "contact[id]=1") for url in (base, f"{base}?key=", f"{base}?key={key[:-1]}x", f"{other}?key={key}")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["error"]["code"] == "hook_key"
    assert answers[0].json()["error"]["nextStep"]
    assert requests_of(world, connection, "queued") == []
    world.call("POST", f"connections/{connection}/hooks/renew")
    fresh = hooks(world, connection)["lead"]
    assert fresh != good
    assert post(good, "contact[id]=1").status_code == 202  # automations are edited one by one: the old key still opens
    world.call("POST", f"connections/{connection}/hooks/renew")
    assert post(good, "contact[id]=1").status_code == 401
    assert post(fresh, "contact[id]=1").status_code == 202


BAD_BODIES = [
    ("5 MB", b"contact[id]=1&x=" + b"a" * 5_000_000, FORM, 413, "body_too_large"),
    ("not a form", b"\xff\xfe\x00", FORM, 400, "body_malformed"),
    ("not JSON", b'{"contact": ', "application/json", 400, "body_malformed"),
    ("a JSON list", b"[1]", "application/json", 400, "body_malformed"),
    ("no contact", b"type=update", FORM, 400, "contact_missing"),
    ("no number", b"contact[id]=1;drop", FORM, 400, "contact_missing"),
    ("empty", b"", FORM, 400, "contact_missing"),
    ("too many fields", b"&".join(b"a=1" for _ in range(20_000)), FORM, 400, "body_malformed"),
]


@pytest.mark.feature("AC-04.3", system="activecampaign")
def test_a_bad_body_is_named_and_never_answered_with_410(world: World) -> None:
    world.reseed(1)
    connection = world.connect()
    url = hooks(world, connection)["lead"]
    for what, body, kind, status, code in BAD_BODIES:
        answer = post(url, body, kind)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), what
        assert answer.json()["error"]["nextStep"], what
    unknown = post(url.replace("/lead?", "/invoice?"), "contact[id]=1")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_entity")
    assert "lead" in unknown.json()["error"]["nextStep"]
    assert requests_of(world, connection, "queued") == []


@pytest.mark.feature("HUB-26.4", system="activecampaign")
def test_five_failures_end_in_a_list_that_is_read_requeued_once_and_purged(world: World) -> None:
    connection = world.begun()
    person = contact(world, "secret.person@example.org", lastName="Hidden")
    fault = {"match": {"method": "POST", "path": "contactTags"}, "do": {"status": 500, "body": "secret.person"}}
    world.sims.control("activecampaign", "POST", "faults", fault)
    url = hooks(world, connection)["lead"]
    other = contact(world, "other@example.org")
    key, another = (post(url, f"contact[id]={one}").json()["id"] for one in (person, other))
    found = settled(world, connection, key, "poison")
    settled(world, connection, another, "poison")
    assert found["tries"] == 5
    assert found["code"]
    assert found["message"]
    listed = requests_of(world, connection, "poison")
    assert {item["id"] for item in listed} == {key, another}
    assert "Hidden" not in str(listed)
    assert "secret.person" not in str(listed)
    world.sims.control("activecampaign", "DELETE", "faults")
    first = world.call("POST", f"connections/{connection}/requests/requeue", {"ids": [key, key]})
    second = world.call("POST", f"connections/{connection}/requests/requeue", {"ids": [key]})
    assert (first["requeued"], second["requeued"]) == ([key], [])
    assert settled(world, connection, key, "waiting")["tries"] == 1
    assert world.call("POST", f"connections/{connection}/requests/purge", {"ids": [another, key]}) == {"purged": 1}
    assert requests_of(world, connection, "poison") == []
    error = world.call("GET", f"connections/{connection}/requests/{another}", status=404)["error"]
    assert error["code"] == "request_not_found"


@pytest.mark.feature("HUB-17.2", system="activecampaign")
@pytest.mark.feature("AC-04.1", system="activecampaign")
def test_a_limit_met_while_the_tags_are_set_holds_the_request_and_uses_up_no_try(world: World) -> None:
    connection = world.begun()
    person = contact(world, "throttled@example.org", lastName="Throttled")
    limit = {"status": 429, "headers": [["Retry-After", "7"]], "body": ""}
    # The first of the two tags is set, the second meets the limit.
    fault = {"match": {"method": "POST", "path": "contactTags$", "nth": 2}, "do": limit}
    world.sims.control("activecampaign", "POST", "faults", fault)
    key = post(hooks(world, connection)["lead"], f"contact[id]={person}").json()["id"]
    found = settled(world, connection, key, "held", "waiting", "poison")
    assert (found["status"], found["code"], found["tries"]) == ("held", "waiting:limit", 1), found
    assert len(tags(world, person)) == 1
    wait = (datetime.fromisoformat(found["runsAt"]) - world.now()).total_seconds()
    assert 2 < wait < 10
    world.tick()  # too early: it stays as it is
    time.sleep(max(0.0, wait))
    assert settled(world, connection, key, "held", seconds=1)["tries"] == 1
    world.tick()
    found = settled(world, connection, key, "waiting")
    assert (found["code"], found["tries"]) == ("waiting:slot", 1)
    assert tags(world, person) == {KINDS["lead"], "D365: Pulled from ActiveCampaign"}
    world.next_run(connection)
    assert settled(world, connection, key, "finished")["code"] == "created"
    assert [row["lastname"] for row in world.rows("lead") if row["lastname"] == "Throttled"] == ["Throttled"]


@pytest.mark.feature("HUB-03.2", system="activecampaign")
def test_a_request_that_arrives_while_the_sync_is_off_waits_and_is_done_afterwards(world: World) -> None:
    connection = world.begun()
    person = contact(world, "patient@example.org", lastName="Patient")
    world.call("PATCH", f"connections/{connection}", {"switch": "off"})
    writes = len(world.sims.control("activecampaign", "GET", "writes?limit=10000"))
    key = post(hooks(world, connection)["contact"], f"contact[id]={person}").json()["id"]
    settled(world, connection, key, "held")
    world.tick()
    time.sleep(1)
    assert settled(world, connection, key, "held")["id"] == key
    assert len(world.sims.control("activecampaign", "GET", "writes?limit=10000")) == writes
    world.call("PATCH", f"connections/{connection}", {"switch": "on"})
    world.tick()
    settled(world, connection, key, "waiting")
    world.next_run(connection)
    assert settled(world, connection, key, "finished")["code"] == "created"


@pytest.mark.feature("AC-04.2", system="activecampaign")
def test_a_tagged_contact_whose_webhook_was_lost_is_found_by_the_next_run_but_no_deleted_one(world: World) -> None:
    connection = world.begun()
    lost = contact(world, "lost@example.org", lastName="Lost")
    for tag in ("D365: Lead", "D365: Pulled from ActiveCampaign"):
        world.ac("add_tag", contact=lost, tag=tag)
    world.next_run(connection)
    [row] = [row for row in world.rows("lead") if row["lastname"] == "Lost"]
    world.sims.control("dataverse", "POST", "do/delete", {"table": "lead", "id": row["leadid"]})
    world.next_run(connection)
    world.ac("edit_contact", contact=lost, phone="+00 1")
    world.next_run(connection)
    assert [row for row in world.rows("lead") if row["lastname"] == "Lost"] == []
    key = post(hooks(world, connection)["lead"], f"contact[id]={lost}").json()["id"]
    assert settled(world, connection, key, "finished")["code"] == "skipped:deleted"


@pytest.mark.feature("HUB-26.3", system="activecampaign")
def test_an_event_of_the_account_is_a_hint_for_the_next_run(world: World) -> None:
    connection = world.begun()
    person = next(str(item["id"]) for item in world.contacts())
    url = hooks(world, connection)["events"]
    event = "type=update&initiated_from=admin&contact[id]=" + person
    assert [post(url, event).status_code for _ in range(3)] == [202, 202, 202]
    world.ac("edit_contact", contact=person, lastName="Renamed")
    assert world.next_run(connection)["runsEnded"] == 2


@pytest.mark.feature("HUB-35", system="activecampaign")
@pytest.mark.slow
def test_a_request_is_taken_over_within_a_minute_while_fifty_thousand_rows_are_being_loaded(world: World) -> None:
    world.reseed(0)
    world.sims.control("dataverse", "POST", "seed", {"generate": {"table": "contact", "count": 50_000}})
    connection = world.connect()
    person = contact(world, "in.a.hurry@example.org", lastName="Hurry")
    world.switch_on(connection)
    end = time.monotonic() + PATIENCE
    while world.status(connection).get("progress", {}).get("written", 0) == 0:
        assert time.monotonic() < end, world.status(connection)
        time.sleep(0.3)
    began = time.monotonic()
    key = post(hooks(world, connection)["lead"], f"contact[id]={person}").json()["id"]
    found = settled(world, connection, key, "waiting")
    assert within(time.monotonic() - began, 60)
    assert found["code"] == "waiting:slot"
    assert tags(world, person) >= {"D365: Lead", "D365: Pulled from ActiveCampaign"}
    assert world.status(connection)["runsEnded"] == 0  # the load is still under way
    world.call("PATCH", f"connections/{connection}", {"switch": "off"})
    end = time.monotonic() + PATIENCE
    while world.status(connection)["running"]:  # off means off: the slice under way ends with its page
        assert time.monotonic() < end, world.status(connection)
        time.sleep(0.5)
    written = world.status(connection)["progress"]["written"]
    world.call("PATCH", f"connections/{connection}", {"switch": "on"})
    world.tick()
    end = time.monotonic() + PATIENCE
    while world.status(connection).get("progress", {}).get("written", 0) <= written:  # the same run goes on at once
        assert time.monotonic() < end, world.status(connection)
        time.sleep(0.5)
    assert world.status(connection)["runsEnded"] == 0
    world.call("PATCH", f"connections/{connection}", {"switch": "off"})
