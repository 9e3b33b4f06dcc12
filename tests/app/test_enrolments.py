"""Dynamics records added to an automation of ActiveCampaign, through the app's own doors."""

from __future__ import annotations

import time
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared import config
from shared.bootstrap import Application
from shared.state import envelope
from tests.app.conftest import World
from tests.app.test_care import row
from tests.app.test_requests import settled
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]

IN = "POST", "contactAutomations$"


def automation(world: World, name: str = "Welcome", **more: Any) -> str:
    seeded = world.sims.control("activecampaign", "POST", "seed", {"automations": [{"name": name, **more}]})
    return str(seeded["automations"][0]["id"])


def entries(world: World, automation_id: str) -> list[str]:
    """The contacts of an automation's entries, by the simulator's own log."""
    log = world.sims.control("activecampaign", "GET", "writes?kind=contactAutomation&limit=10000")
    return [
        str(row["changed"]["contact"][1])
        for row in log
        if row["op"] == "create" and str(row["changed"]["automation"][1]) == automation_id
    ]


def enrol(world: World, connection: str, to: str, *rows: str, entity: str = "contact") -> list[dict[str, Any]]:
    body = {"entity": entity, "automation": to, "records": list(rows)}
    found: list[dict[str, Any]] = world.call("POST", f"connections/{connection}/enrolments", body, status=202)["value"]
    return found


def ended(world: World, connection: str, key: str, seconds: float = PATIENCE) -> dict[str, Any]:
    return settled(world, connection, key, "finished", "poison", seconds=seconds)


def people(world: World) -> dict[str, str]:
    """Dynamics contacts by e-mail address."""
    return {row["emailaddress1"]: row["contactid"] for row in world.rows("contact")}


def fault(world: World, do: Any, method: str = "POST", path: str = "contactAutomations$", **more: Any) -> None:
    spec = {"match": {"method": method, "path": path, **more}, "do": do}
    world.sims.control("activecampaign", "POST", "faults", spec)


@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_a_record_is_added_once_while_asked_and_once_more_when_asked_again(world: World) -> None:
    connection = world.begun(people=3)
    through = automation(world, steps=[{"type": "add_tag", "tag": "welcomed"}])
    off = automation(world, "Old", status=0)
    listed = world.call("GET", f"connections/{connection}/automations")["value"]
    assert listed == [
        {"id": off, "name": "Old", "running": False},
        {"id": through, "name": "Welcome", "running": True},
    ]
    rows = sorted(people(world).values())
    asked = enrol(world, connection, through, *rows, rows[0].upper())
    assert len(asked) == len({item["id"] for item in asked}) == 3
    assert {item["record"]["id"] for item in asked} == set(rows)
    assert {(item["side"], item["automation"]) for item in asked} == {("crm", through)}
    for item in asked:
        found = ended(world, connection, item["id"])
        assert (found["code"], found["status"]) == ("enrolled", "finished"), found
    contacts = {str(item["id"]) for item in world.contacts()}
    assert sorted(entries(world, through)) == sorted(contacts)
    [again] = enrol(world, connection, through, rows[0])
    assert (again["id"], again["status"]) == (asked[0]["id"], "queued")
    assert ended(world, connection, again["id"])["code"] == "enrolled"
    assert len(entries(world, through)) == 4
    line = world.call("GET", f"connections/{connection}/activity")["value"][0]
    assert (line["action"], line["details"]["automation"], line["details"]["entity"]) == (
        "record.enrolled",
        through,
        "contact",
    )
    assert "@" not in str(line)


@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_whoever_is_inside_opted_out_or_gone_is_not_added_and_the_reason_is_named(world: World) -> None:
    connection = world.begun(people=5)
    inside, out, barred, deleted, gone = sorted(people(world))
    erased = "erased.for.good@example.org"  # of this test alone: who was erased stays away from every other
    row(world, 1, emailaddress1=erased)
    world.next_run(connection)
    stays, off = automation(world), automation(world, "Old", status=0)
    once = automation(world, "Once", multientry=False, steps=[{"type": "add_tag", "tag": "seen"}])
    rows = people(world)
    news = world.sims.control("activecampaign", "POST", "seed", {"lists": [{"name": "News"}]})["lists"][0]["id"]
    world.ac("subscribe", contact=out, list=news)
    world.ac("unsubscribe", contact=out, list=news)
    edit = {"table": "contact", "id": rows[barred], "values": {"donotbulkemail": True}}
    world.sims.control("dataverse", "POST", "do/edit", edit)
    world.ac("delete_contact", contact=gone)
    world.sims.control("dataverse", "POST", "do/delete", {"table": "contact", "id": rows[deleted]})

    def asked(who: str, to: str) -> dict[str, Any]:
        [item] = enrol(world, connection, to, rows.get(who, who))
        return ended(world, connection, item["id"])

    assert asked(inside, stays)["code"] == "enrolled"
    assert asked(inside, once)["code"] == "enrolled"
    nowhere = "00000000-0000-0000-0000-00000000abcd"
    cases = {
        (inside, stays): "skipped:enrolled",
        (inside, off): "skipped:automation_off",
        (inside, "987"): "failed:automation_unknown",
        (inside, once): "failed:automation_refused",
        (out, stays): "skipped:opted_out",
        (barred, stays): "skipped:opted_out",
        (gone, stays): "skipped:gone",
        (deleted, stays): "failed:record_not_found",
        (nowhere, stays): "failed:record_not_found",
    }
    for (who, to), code in cases.items():
        found = asked(who, to)
        assert found["code"] == code, (who, to, found)
        assert found["message"], code
        assert found["nextStep"], code
        assert "@" not in str(found)
    world.sims.control("activecampaign", "POST", "switches", {"entry_refused_status": 422})
    assert asked(inside, once)["code"] == "failed:automation_refused"
    world.call("POST", "erasures", {"email": erased}, status=202)
    world.tick()
    world.next_run(connection)
    assert asked(erased, stays)["code"] == "skipped:suppressed"
    assert asked(deleted, stays)["code"] == "skipped:deleted"
    assert len(entries(world, stays)) == 1
    assert len(entries(world, once)) == 1


@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_a_row_without_a_counterpart_is_synchronised_by_the_next_run_and_then_added(world: World) -> None:
    connection = world.begun(people=1)
    criteria = {"all": [{"column": "lastname", "op": "not_starts_with", "value": "Outside"}]}
    world.call("PATCH", f"connections/{connection}/entities/contact", {"criteria": criteria})
    to = automation(world)
    fresh, outside = row(world, 1, emailaddress1="fresh@example.org"), row(world, 2, lastname="Outside")
    keys = {row: item["id"] for row in (fresh, outside) for item in enrol(world, connection, to, row)}
    assert ended(world, connection, keys[outside])["code"] == "skipped:outside_criteria"
    waits = settled(world, connection, keys[fresh], "held")
    assert (waits["code"], waits["runsAt"]) == ("waiting:slot", world.status(connection)["nextRun"])
    assert enrol(world, connection, to, fresh)[0]["status"] == "held"  # it is the same request
    world.tick()
    assert entries(world, to) == []
    world.next_run(connection)
    for _ in range(3):
        world.advance(61)
        world.tick()
    assert ended(world, connection, keys[fresh])["code"] == "enrolled"
    [contact] = [str(item["id"]) for item in world.contacts() if item["email"] == "fresh@example.org"]
    assert entries(world, to) == [contact]


@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_a_worker_that_dies_while_it_adds_records_never_adds_one_twice(world: World) -> None:
    connection = world.begun(people=3)
    to = automation(world, steps=[{"type": "add_tag", "tag": "seen"}])  # who enters is through at once
    ids = {item["email"]: str(item["id"]) for item in world.contacts()}
    unsent = ids[min(people(world))]
    fault(world, {"delay_ms": 20_000}, "GET", f"contacts/{unsent}/contactAutomations")
    fault(world, {"delay_after_ms": 20_000})
    items = enrol(world, connection, to, *people(world).values())  # one batch of the queue
    end = time.monotonic() + PATIENCE
    while [each["fired"] for each in world.sims.control("activecampaign", "GET", "faults")] != [1, 2]:
        assert time.monotonic() < end
        time.sleep(0.1)
    while sorted(entries(world, to)) != sorted(set(ids.values()) - {unsent}):  # the effect comes before the wait
        assert time.monotonic() < end
        time.sleep(0.1)
    world.host.kill_worker("background")
    world.sims.control("activecampaign", "DELETE", "faults")
    done = entries(world, to)
    assert sorted(done) == sorted(set(ids.values()) - {unsent})
    for item in items:
        assert settled(world, connection, item["id"], "queued", seconds=5)
    world.advance(601)  # the messages are missed; those that were in the worker's hands come back besides
    world.tick()
    for item in items:
        assert ended(world, connection, item["id"])["code"] == "enrolled"
    assert sorted(entries(world, to)) == sorted(ids.values())
    time.sleep(1)
    assert len(entries(world, to)) == len(ids) == 3


@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_lost_answers_refusals_and_limits_are_waited_out_or_named(world: World) -> None:
    connection = world.begun(people=5)
    to = automation(world)
    lost, late, never, busy, barred = sorted(people(world).values())

    fault(world, "drop_after", times=1)
    [item] = enrol(world, connection, to, lost)
    assert settled(world, connection, item["id"], "held")["code"] == "waiting:answer"
    world.sims.control("activecampaign", "DELETE", "faults")
    assert enrol(world, connection, to, lost)[0]["id"] == item["id"]
    hurried(world, 61)
    assert settled(world, connection, item["id"], "held")["code"] == "waiting:answer"
    hurried(world, 61)
    assert ended(world, connection, item["id"])["code"] == "enrolled"
    assert len(entries(world, to)) == 1

    fault(world, {"late_effect_ms": 90_000}, times=1)  # what was sent arrives long after the line was cut
    [item] = enrol(world, connection, to, late)
    settled(world, connection, item["id"], "held")
    world.sims.control("activecampaign", "DELETE", "faults")
    hurried(world, 130)
    assert ended(world, connection, item["id"])["code"] == "enrolled"
    assert len(entries(world, to)) == 2

    fault(world, "drop_before", times=1)  # it never arrives: it is sent again once that is certain
    [item] = enrol(world, connection, to, never)
    settled(world, connection, item["id"], "held")
    world.sims.control("activecampaign", "DELETE", "faults")
    hurried(world, 130)
    assert ended(world, connection, item["id"])["code"] == "enrolled"
    assert len(entries(world, to)) == 3

    fault(world, {"status": 429, "headers": [["Retry-After", "1"]], "body": ""}, times=2)
    [item] = enrol(world, connection, to, busy)
    assert ended(world, connection, item["id"])["code"] == "enrolled"
    world.sims.control("activecampaign", "DELETE", "faults")

    fault(world, {"status": 403, "body": '{"message": "The contact limit of your account is reached"}'})
    [item] = enrol(world, connection, to, barred)
    found = ended(world, connection, item["id"])
    assert (found["code"], "contact_limit" in found["message"]) == ("failed:limit_reached", True)
    world.sims.control("activecampaign", "DELETE", "faults")

    fault(world, {"status": 403, "body": '{"message": "Forbidden"}'})
    [item] = enrol(world, connection, to, barred)
    found = settled(world, connection, item["id"], "poison")
    assert (found["code"], found["tries"]) == ("bad_key", 5)
    assert "API key" in found["nextStep"]
    world.sims.control("activecampaign", "DELETE", "faults")
    assert world.call("POST", f"connections/{connection}/requests/requeue", {"ids": [item["id"]]})["requeued"]
    assert ended(world, connection, item["id"])["code"] == "enrolled"
    assert len(entries(world, to)) == len(set(entries(world, to))) == 5


def hurried(world: World, seconds: float) -> None:
    world.advance(seconds)
    world.tick()
    time.sleep(1.5)


def shares(world: World) -> dict[str, tuple[datetime, bool]]:
    """Until when each worker holds a share of an account's limit, and whether it gave it back."""
    key = b64encode(bytes(32)).decode()
    app = Application(config.load({"AzureWebJobsStorage": world.host.storage_connection, "DYNASYNC_STATE_KEY": key}))
    rows = app.store("budgets").scan("budgets", "0", "z")
    return {worker: (until, gone) for row in rows for worker, _, until, _, gone in envelope.read("budgets", row)}


@pytest.mark.feature("HUB-17.1", system="activecampaign")
@pytest.mark.parametrize("answer", [200, 403])
def test_who_asked_for_somebody_keeps_no_share_of_the_limit_that_another_worker_waits_for(
    world: World, answer: int
) -> None:
    connection = world.begun(people=1)
    automation(world)
    if answer != 200:
        fault(world, {"status": answer, "body": '{"message": "Forbidden"}'}, "GET", "automations$")
    before = shares(world)
    world.call("GET", f"connections/{connection}/automations", status=200 if answer == 200 else None)
    asked = [gone for worker, (until, gone) in shares(world).items() if (until, gone) != before.get(worker)]
    assert asked
    assert all(asked)


@pytest.mark.feature("HUB-17.2", system="activecampaign")
@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_a_limit_holds_a_request_as_long_as_the_vendor_asks_and_uses_up_no_try(world: World) -> None:
    connection = world.begun(people=1)
    to = automation(world)
    [row] = people(world).values()
    fault(world, {"status": 429, "headers": [["Retry-After", "7"]], "body": ""}, times=1)
    asked = world.now()
    [item] = enrol(world, connection, to, row)
    found = settled(world, connection, item["id"], "held")
    assert (found["code"], found["tries"], entries(world, to)) == ("waiting:limit", 1, [])
    due = datetime.fromisoformat(found["runsAt"])
    assert asked + timedelta(seconds=5) < due < world.now() + timedelta(seconds=10)
    if due - world.now() > timedelta(seconds=4):
        world.tick()  # too early: it stays as it is
        time.sleep(max(0.0, (due - world.now()).total_seconds() - 1))
        assert settled(world, connection, item["id"], "held", seconds=1)["tries"] == 1
    time.sleep(max(0.0, (due - world.now()).total_seconds()))
    world.tick()
    assert ended(world, connection, item["id"])["code"] == "enrolled"
    assert len(entries(world, to)) == 1


@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_what_cannot_be_asked_is_refused_at_once(world: World) -> None:
    connection = world.begun(people=1)
    [known] = people(world).values()
    rules = {
        "unknown_entity": {"entity": "account", "automation": "1", "records": [known]},
        "missing_field": {"entity": "contact", "automation": "1"},
        "invalid_value": {"entity": "contact", "automation": "1", "records": [known] * 101},
        "unknown_field": {"entity": "contact", "automation": "1", "records": [known], "contact": "7"},
    }
    odd = (
        {"automation": "1", "records": []},
        {"automation": "../1", "records": [known]},
        {"automation": "1", "records": ["7"]},
    )
    for code, body in [*rules.items(), *(("invalid_value", {"entity": "contact", **each}) for each in odd)]:
        status = 404 if code == "unknown_entity" else 400
        error = world.call("POST", f"connections/{connection}/enrolments", body, status=status)["error"]
        assert error["code"] == code, error
        assert error["nextStep"]
    assert world.call("GET", f"connections/{connection}/requests?state=queued")["value"] == []
    [system] = [each for each in world.call("GET", "declarations")["systems"] if each["name"] == "activecampaign"]
    assert system["enrols"] == ["contact"]
