"""Operating a connection over HTTP: the switch, the initial sync, running now, changed ground, the vendor's own app."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.demo.people import generated
from cli.demo.verify import write_log
from cli.demo.world import CLIENT_ID, TENANT, Simulators, app
from tests.app.conftest import FAST, World
from tests.app.test_requests import settled
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]

PEOPLE = 12


def writes(world: World) -> int:
    return len(write_log(world.sims, "activecampaign")) + len(write_log(world.sims, "dataverse"))


def reasons(world: World, connection: str) -> list[str]:
    """Why each run was started, oldest first."""
    return [run["reason"] for run in reversed(world.call("GET", f"connections/{connection}/runs")["value"])]


def broken(world: World, connection: str, seconds: float = PATIENCE) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while "broken" not in (status := world.status(connection)):
        assert time.monotonic() < end, status
        world.tick()
        time.sleep(1)
    found: dict[str, Any] = status["broken"]
    return found


def mended(world: World, connection: str, seconds: float = PATIENCE) -> None:
    """Waits until the connection has taken up that it may go on."""
    end = time.monotonic() + seconds
    while "broken" in (status := world.status(connection)):
        assert time.monotonic() < end, status
        world.tick()
        time.sleep(0.5)


def row_of(world: World, table: str, email: str) -> dict[str, Any]:
    return next(row for row in world.rows(table) if row.get("emailaddress1") == email)


@pytest.mark.feature("HUB-03.1", system="activecampaign")
@pytest.mark.feature("HUB-03.2", system="activecampaign")
@pytest.mark.feature("HUB-03.3", system="activecampaign")
@pytest.mark.feature("HUB-04.3", system="activecampaign")
@pytest.mark.feature("HUB-04.4", system="activecampaign")
def test_the_switch_pauses_and_catches_up_and_the_initial_sync_is_repeated_only_on_purpose(world: World) -> None:
    world.reseed(PEOPLE)
    world.sims.control("activecampaign", "POST", "switches", {"bulk_start_seconds": 3.0})
    connection = world.connect()
    assert not world.status(connection)["initialDone"]
    world.switch_on(connection)
    progress = None
    end = time.monotonic() + PATIENCE
    while (status := world.status(connection))["runsEnded"] == 0:
        progress = status.get("progress", progress)
        assert time.monotonic() < end, status
        time.sleep(0.1)
    assert progress is not None
    assert progress["reason"] == "initial"
    assert progress["records"] > 0 or progress["stepsDone"]
    assert status["initialDone"]
    world.call("PATCH", f"connections/{connection}", {"switch": "off"})
    person = row_of(world, "contact", "person0@es.example.org")
    edit = {"table": "contact", "id": person["contactid"], "values": {"lastname": "Ocampo"}}
    world.sims.control("dataverse", "POST", "do/edit", edit)
    before = writes(world)
    world.advance(3 * 3600)
    world.tick()
    time.sleep(1.5)
    assert writes(world) == before
    refused = world.call("POST", f"connections/{connection}/initial-sync", {"repeat": True}, status=409)["error"]
    assert refused["code"] == "connection_off"
    world.call("PATCH", f"connections/{connection}", {"switch": "on"})
    world.tick()
    world.wait_for(connection, 2)
    assert [item["lastName"] for item in world.contacts() if item["email"] == "person0@es.example.org"] == ["Ocampo"]
    assert reasons(world, connection) == ["initial", "scheduled"]
    refused = world.call("POST", f"connections/{connection}/initial-sync", status=409)["error"]
    assert (refused["code"], bool(refused["nextStep"])) == ("initial_done", True)
    before = writes(world)
    world.call("POST", f"connections/{connection}/initial-sync", {"repeat": True}, status=202)
    assert world.call("POST", f"connections/{connection}/plan", {})["counts"] == []  # asked for while it begins
    world.wait_for(connection, 3)
    assert reasons(world, connection) == ["initial", "scheduled", "initial"]
    assert writes(world) == before  # it compares everything and finds nothing to do


@pytest.mark.feature("HUB-27.1", system="activecampaign")
@pytest.mark.feature("HUB-05.2", system="activecampaign")
def test_sync_now_is_refused_and_the_refusal_names_the_next_run(world: World) -> None:
    connection = world.begun()
    status = world.status(connection)
    error = world.call("POST", f"connections/{connection}/sync", status=409)["error"]
    assert error["code"] == "sync_now_refused"
    assert error["nextRun"] == status["nextRun"]
    assert status["nextRun"] in error["message"]
    assert error["nextStep"]
    retried = world.call("POST", f"connections/{connection}/failures/retry", {"filter": {}}, status=202)
    assert retried == {"retried": 0, "more": False, "runsAt": status["nextRun"]}
    time.sleep(1)
    assert world.status(connection)["runsEnded"] == 1
    assert status["late"] == "on_time"
    assert not status["running"]
    assert status["lastEnd"] < status["nextRun"]
    world.call("PATCH", f"connections/{connection}", {"switch": "off"})
    assert world.call("POST", f"connections/{connection}/sync", status=409)["error"]["code"] == "connection_off"


@pytest.fixture
def lifted(world: World, sims: Simulators, tmp_path: Path) -> Iterator[World]:
    """An app whose settings allow runs outside the schedule."""
    world.reseed(1)
    with app(sims, port=0, clock_file=tmp_path / "clock.json", DYNASYNC_ALLOW_SYNC_NOW="1", **FAST) as host:
        (tmp_path / "clock.json").write_text(world.clock_file.read_text())  # the systems' clocks are where they were
        time.sleep(0.5)
        yield World(sims, host, tmp_path / "clock.json", {})
    world.clock_file.write_text((tmp_path / "clock.json").read_text())  # the systems' clocks went on


@pytest.mark.feature("HUB-27.2", system="activecampaign")
def test_only_the_app_setting_lifts_it_and_the_rhythm_keeps_its_slots(lifted: World) -> None:
    connection = lifted.begun()
    assert all(system["onRequest"] for system in lifted.call("GET", "declarations")["systems"])  # the page offers it
    due = lifted.status(connection)["nextRun"]
    lifted.call("POST", f"connections/{connection}/sync", status=202)
    status = lifted.wait_for(connection, 2)
    assert reasons(lifted, connection) == ["initial", "requested"]
    assert status["nextRun"] == due


@pytest.mark.feature("HUB-30", system="activecampaign")
def test_the_vendors_own_app_on_the_same_data_is_found_and_refused_unless_its_sync_is_off(world: World) -> None:
    world.reseed(1)
    solution = {
        "uniquename": "ActiveCampaign_D365",
        "friendlyname": "ActiveCampaign for Dynamics",
        "version": "1.25.0.3",
    }
    ours = {"uniquename": "msdynce_Sales", "friendlyname": "Sales", "version": "9.0"}
    world.sims.control("dataverse", "POST", "seed", {"rows": {"solution": [ours]}})
    connection = world.connect()
    found = world.call("POST", f"connections/{connection}/check")
    assert [step["state"] for step in found["steps"] if step["name"] == "coexistence"] == ["passed"]
    world.sims.control("dataverse", "POST", "seed", {"rows": {"solution": [solution]}})
    found = world.call("POST", f"connections/{connection}/check")
    [step] = [step for step in found["steps"] if step["name"] == "coexistence"]
    assert (step["state"], step["code"]) == ("failed", "vendor_app")
    assert "ActiveCampaign for Dynamics 1.25.0.3" in step["reason"]
    assert "Sales" not in step["reason"]
    assert "switched_off" in step["nextStep"]
    refused = world.call("PATCH", f"connections/{connection}", {"switch": "on"}, status=409)["error"]
    assert (refused["code"], refused["step"]) == ("check_failed", "coexistence")
    world.tick()
    time.sleep(1)
    assert write_log(world.sims, "activecampaign") == []
    world.call("PATCH", f"connections/{connection}", {"options": {"vendor_app": "perhaps"}}, status=400)
    world.call("PATCH", f"connections/{connection}", {"options": {"vendor_app": "switched_off"}})
    found = world.call("POST", f"connections/{connection}/check")
    [step] = [step for step in found["steps"] if step["name"] == "coexistence"]
    assert step["state"] == "passed"
    assert "switched off" in step["reason"]
    assert world.call("PATCH", f"connections/{connection}", {"switch": "on"})["switch"] == "on"


def copied(world: World, people: list[dict[str, str]]) -> None:
    """Another environment answers behind the same URL, with the same rows: a copy."""
    world.sims.control("dataverse", "POST", "reset", {"seed": 2})
    user = {"name": "# dynasync demo", "application_id": CLIENT_ID, "roles": ["System Administrator"]}
    world.sims.control("dataverse", "POST", "seed", {"users": [user], "rows": {"contact": people}})
    application = {"tenant": TENANT, "client_id": CLIENT_ID, "secret": world.keys["client_secret"]}
    world.sims.control("entra", "POST", "seed", {"apps": [application]})


@pytest.mark.feature("HUB-34", system="activecampaign")
def test_a_copied_environment_stops_all_writes_until_somebody_confirms_it(world: World) -> None:
    world.reseed(0)
    people = [{**row, "contactid": f"00000000-0000-4000-8000-{number:012d}"} for number, row in enumerate(generated(3))]
    world.sims.control("dataverse", "POST", "seed", {"rows": {"contact": people}})
    connection = world.connect()
    world.switch_on(connection)
    links = world.wait_for(connection, 1)["counts"]
    assert world.call("GET", f"connections/{connection}/cleanup")["created"] == {"partner.contact": 3}
    held = {item["email"]: item["lastName"] for item in world.contacts()}
    person = world.contacts()[0]
    # In the copy two people changed places: an id means somebody else there.
    places = [people[1]["contactid"], people[0]["contactid"], people[2]["contactid"]]
    copied(world, [{**row, "contactid": place} for row, place in zip(people, places, strict=True)])
    world.ac("edit_contact", contact=str(person["id"]), phone="+00 555 9")
    before = writes(world)
    world.advance(3600)
    found = broken(world, connection)
    assert found["code"] == "changed_ground"
    assert "confirm" in found["nextStep"]
    asked = world.call("POST", f"connections/{connection}/requests", {"entity": "lead", "record": "999"}, status=202)
    settled(world, connection, asked["id"], "held")
    world.call("POST", f"connections/{connection}/resume", status=202)  # going on is not confirming
    world.advance(3600)
    time.sleep(1)
    assert broken(world, connection)["code"] == "changed_ground"
    assert writes(world) == before
    for switch in ("off", "on"):
        status = 200 if switch == "off" else 409
        answer = world.call("PATCH", f"connections/{connection}", {"switch": switch}, status=status)
    assert answer["error"]["code"] == "changed_ground"
    world.call("POST", f"connections/{connection}/confirm-ground")
    world.call("PATCH", f"connections/{connection}", {"switch": "on"})
    mended(world, connection)
    status = world.wait_for(connection, 1)
    assert {name: status["counts"].get(name) for name in links} == links
    world.next_run(connection)
    assert {item["email"]: item["lastName"] for item in world.contacts()} == held
    rows = {row["contactid"]: str(row["emailaddress1"]).lower() for row in world.rows("contact")}
    assert [rows[place] for place in places] == [row["emailaddress1"].lower() for row in people]
    assert world.call("GET", f"connections/{connection}/cleanup")["created"] == {}  # nothing of the old ground is ours
    assert write_log(world.sims, "activecampaign")[-1]["op"] != "create"
    assert len(world.contacts()) == 3


@pytest.mark.feature("HUB-34", system="activecampaign")
def test_another_partner_account_behind_the_same_address_stops_all_writes(world: World) -> None:
    connection = world.begun()
    before = writes(world)
    other = {"account_address": "https://somebody-else.api-us1.com"}
    world.sims.control("activecampaign", "POST", "switches", other)
    person = row_of(world, "contact", "person0@es.example.org")
    edit = {"table": "contact", "id": person["contactid"], "values": {"lastname": "Elsewhere"}}
    world.sims.control("dataverse", "POST", "do/edit", edit)
    asked = world.call("POST", f"connections/{connection}/requests", {"entity": "lead", "record": "1"}, status=202)
    world.advance(3600)
    assert broken(world, connection)["code"] == "changed_ground"
    assert writes(world) == before + 1  # the person's own edit
    settled(world, connection, asked["id"], "held", "finished")
    world.sims.control("activecampaign", "POST", "switches", {"account_address": ""})
    world.call("POST", f"connections/{connection}/resume", status=202)
    mended(world, connection)
    world.wait_for(connection, 2)
    assert [item["lastName"] for item in world.contacts()] == ["Elsewhere"]


@pytest.mark.feature("HUB-34", system="activecampaign")
def test_secrets_are_exchanged_without_losing_a_link_and_a_stopped_connection_goes_on(world: World) -> None:
    connection = world.begun(people=3)
    links = world.status(connection)["counts"]
    fresh = "a-new-key-of-the-same-account"
    world.sims.control("activecampaign", "POST", "seed", {"users": [{"username": "rotated", "apiKey": fresh}]})
    world.call("PATCH", f"connections/{connection}", {"partner": {"secrets": {"key": "a-key-that-was-withdrawn"}}})
    world.advance(3600)
    stopped = broken(world, connection)
    assert stopped["code"] == "bad_key"
    assert "withdrawn" not in str(stopped)
    world.call("PATCH", f"connections/{connection}", {"partner": {"secrets": {"key": fresh}}})
    mended(world, connection)
    status = world.wait_for(connection, 2)
    assert status["counts"] == links
    secret = {"value": "another-client-secret"}
    application = {"tenant": TENANT, "client_id": CLIENT_ID, "secrets": [secret]}
    world.sims.control("entra", "POST", "seed", {"apps": [application]})
    world.call("PATCH", f"connections/{connection}", {"crm": {"secrets": {"secret": "another-client-secret"}}})
    assert world.call("POST", f"connections/{connection}/check")["passed"]
    assert world.next_run(connection)["counts"] == links
