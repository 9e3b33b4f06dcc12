"""Bad input, case by case: a named error, the right scope of the stop, a next step, and nothing lost.

A wrong webhook secret and a body of 5 MB stand in `test_requests`, a bad key in `test_first_sync`.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from cli.demo.verify import write_log
from cli.demo.world import CLIENT_ID
from tests.app.conftest import World
from tests.app.test_failures import failures
from tests.app.test_operations import broken, mended
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]


def without_write(world: World) -> None:
    """The application user may read contacts, and no more."""
    tables = {"contact": {"Read": "Global"}, "lead": "Global", "account": "Global", "systemuser": {"Read": "Global"}}
    role = {"name": "Reader", "tables": tables, "privileges": {"prvReadSolution": "Global"}}
    users = world.sims.control("dataverse", "GET", "state")["users"]
    user = next(item["systemuserid"] for item in users if item["applicationid"] == CLIENT_ID)
    given = {"user": user, "roles": ["Reader"], "only": True}
    world.sims.control("dataverse", "POST", "seed", {"roles": [role], "user_roles": [given]})


def as_administrator(world: World) -> None:
    users = world.sims.control("dataverse", "GET", "state")["users"]
    user = next(item["systemuserid"] for item in users if item["applicationid"] == CLIENT_ID)
    given = {"user": user, "roles": ["System Administrator"], "only": True}
    world.sims.control("dataverse", "POST", "seed", {"user_roles": [given]})


def tracking(world: World, *, on: bool) -> None:
    world.sims.control("dataverse", "POST", "seed", {"table_options": {"contact": {"tracking": on}}})


BEFORE = [
    ("missing privilege", without_write, "privileges:contact", "missing_privilege"),
    ("change tracking off", lambda world: tracking(world, on=False), "tracking:contact", "change_tracking_off"),
]


@pytest.mark.feature("HUB-02.1", system="activecampaign")
@pytest.mark.parametrize(("what", "spoil", "step", "code"), BEFORE, ids=[case[0] for case in BEFORE])
def test_what_is_missing_before_the_start_is_named_by_the_check_and_keeps_the_switch_off(
    world: World, what: str, spoil: Any, step: str, code: str
) -> None:
    world.reseed(2)
    spoil(world)
    connection = world.connect()
    found = world.call("POST", f"connections/{connection}/check")
    failed = [item for item in found["steps"] if item["state"] == "failed"]
    assert [(item["name"], item["code"]) for item in failed] == [(step, code)], what
    assert failed[0]["nextStep"]
    refused = world.call("PATCH", f"connections/{connection}", {"switch": "on"}, status=409)["error"]
    assert (refused["code"], refused["step"], refused["reason"]) == ("check_failed", step, code)
    assert write_log(world.sims, "activecampaign") == []


@pytest.mark.parametrize(
    ("spoil", "mend", "code"),
    [
        (lambda world: tracking(world, on=False), lambda world: tracking(world, on=True), "change_tracking_off"),
        (without_write, as_administrator, "missing_privilege"),
    ],
    ids=["change tracking off", "missing privilege"],
)
def test_what_goes_missing_later_stops_the_connection_and_nothing_is_lost(
    world: World, spoil: Any, mend: Any, code: str
) -> None:
    connection = world.begun(people=2)
    links = world.status(connection)["counts"]
    spoil(world)
    one = world.contacts()[0]
    world.ac("edit_contact", contact=str(one["id"]), phone="+00 555 4242")
    world.advance(3600)
    found = broken(world, connection)
    assert found["code"] == code
    assert found["nextStep"]
    assert world.call("GET", f"connections/{connection}/runs")["value"][0]["state"] in {"stopped", "succeeded"}
    mend(world)
    world.call("POST", f"connections/{connection}/resume", status=202)
    mended(world, connection)
    status = world.wait_for(connection, 2)
    assert status["counts"] == links
    rows = {row["emailaddress1"]: row.get("telephone1") for row in world.rows("contact")}
    assert rows[one["email"]] == "+00 555 4242"


def entities_with(world: World, connection: str, **field: Any) -> list[dict[str, Any]]:
    """The connection's maps with one more field of contacts."""
    maps: list[dict[str, Any]] = world.call("GET", f"connections/{connection}")["entities"]
    for item in maps:
        if item["name"] == "contact":
            item["fields"].append(field)
    return maps


BAD_MAPS = [
    ("unknown column", {"id": "x", "crm": "new_nothing", "partner": "field:1"}, "new_nothing"),
    ("unknown field", {"id": "x", "crm": "jobtitle", "partner": "field:999"}, "field:999"),
    ("two writers", {"id": "x", "crm": "firstname", "partner": "field:1"}, "firstname"),
    ("types that do not fit", {"id": "x", "crm": "gendercode", "partner": "field:2"}, "gendercode"),
    ("a word that is no setting", {"id": "x", "crm": "jobtitle", "partner": "field:1", "colour": "red"}, "colour"),
]


@pytest.mark.feature("HUB-08.1", system="activecampaign")
@pytest.mark.feature("AC-09.2", system="activecampaign")
@pytest.mark.feature("AC-02.1", system="activecampaign")
def test_a_wrong_map_or_rhythm_is_refused_whole_with_its_place_and_nothing_is_changed(world: World) -> None:
    world.reseed(1)
    fields = [{"title": "Text", "type": "text"}, {"title": "Day", "type": "date"}]
    world.sims.control("activecampaign", "POST", "seed", {"fields": fields})
    connection = world.connect()
    before = world.call("GET", f"connections/{connection}")
    for what, field, named in BAD_MAPS:
        maps = entities_with(world, connection, **field)
        error = world.call("PATCH", f"connections/{connection}", {"entities": maps}, status=400)["error"]
        assert error["target"].startswith("contact.fields["), (what, error)
        assert named in error["message"], (what, error)
        assert error["nextStep"], what
    parents = [({"contact": ["nobody"]}, "'nobody'"), ({"account": ["contact"]}, "circle")]  # contacts name accounts
    for change, named in parents:
        maps = [{**item, "parents": change.get(item["name"], item.get("parents", []))} for item in before["entities"]]
        error = world.call("PATCH", f"connections/{connection}", {"entities": maps}, status=400)["error"]
        assert error["target"].endswith(".parents"), error
        assert named in error["message"]
    fixed = [{**item, "fields": [f for f in item["fields"] if f["id"] != "email"]} for item in before["entities"]]
    error = world.call("PATCH", f"connections/{connection}", {"entities": fixed}, status=400)["error"]
    assert "fixed" in error["message"] or "email" in error["message"]
    rhythms = [
        {"kind": "grid", "hours": 3},
        {"kind": "grid", "hours": 24},
        {"kind": "grid", "hours": True},
        {"kind": "continuous", "minutes": 1},
        {"kind": "every", "minutes": 15},
        {"kind": "pause", "minutes": 5},
        {"kind": "daily", "at": "25:00", "zone": "Europe/Madrid"},
        {"kind": "daily", "at": "06:30", "zone": "Europe/Atlantis"},
        {},
    ]
    for rhythm in rhythms:
        error = world.call("PATCH", f"connections/{connection}", {"rhythm": rhythm}, status=400)["error"]
        assert error["target"].startswith("rhythm"), rhythm
        assert error["nextStep"], rhythm
    assert world.call("GET", f"connections/{connection}") == before
    for hours in (1, 2, 4, 6, 8, 12):
        rhythm = {"kind": "grid", "hours": hours}
        assert world.call("PATCH", f"connections/{connection}", {"rhythm": rhythm})["rhythm"] == rhythm
    daily = {"kind": "daily", "at": "06:30", "zone": "Europe/Madrid"}
    assert world.call("PATCH", f"connections/{connection}", {"rhythm": daily})["rhythm"] == daily


@pytest.mark.feature("HUB-01.1", system="activecampaign")
def test_two_connections_that_write_the_same_columns_need_an_order(world: World) -> None:
    world.reseed(1)
    first = world.connect()
    second = world.body(partner_url=world.sims.urls["entra"])  # any other address: nobody is called yet
    error = world.call("POST", "connections", second, status=400)["error"]
    assert error["code"] == "map"
    assert error["target"].startswith(("contact.", "account.", "lead."))
    assert first in error["message"]
    assert "order" in error["message"]
    assert [item["id"] for item in world.call("GET", "connections")["value"]] == [first]
    world.call("PATCH", f"connections/{first}", {"options": {"order": 1}})
    other = world.call("POST", "connections", {**second, "options": {"order": 2}}, status=201)["id"]
    world.call("DELETE", f"connections/{other}", status=204)


@pytest.mark.feature("HUB-12.3", system="activecampaign")
def test_doubled_addresses_stop_those_records_only_and_are_named(world: World) -> None:
    world.reseed(3)
    doubled = [
        {"lastname": "One", "emailaddress1": "same@example.org"},
        {"lastname": "Two", "emailaddress1": "SAME@example.org"},
    ]
    world.sims.control("dataverse", "POST", "seed", {"rows": {"contact": doubled}})
    world.sims.control("activecampaign", "POST", "seed", {"contacts": [{"email": "Same@Example.org"}]})
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    assert {item["email"].lower() for item in world.contacts()} >= {"person0@es.example.org", "same@example.org"}
    assert len([item for item in world.contacts() if item["email"].lower() == "same@example.org"]) == 1
    found = failures(world, connection)
    assert found, "the doubled rows are told"
    assert all(problem["nextStep"] for item in found for problem in item["problems"])
    assert len(world.contacts()) == 4
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]
    assert run["state"] == "partly_failed" or any(code.startswith("conflicted:") for code in run["counts"])


def test_at_the_contact_limit_of_the_plan_creates_wait_updates_flow_and_nobody_is_lost(world: World) -> None:
    connection = world.begun(people=2)
    world.sims.control("activecampaign", "POST", "switches", {"plan_contact_limit": 2})
    more = [{"lastname": "Third", "emailaddress1": "third@example.org"}]
    world.sims.control("dataverse", "POST", "seed", {"rows": {"contact": more}})
    known = next(row for row in world.rows("contact") if row["emailaddress1"] == "person0@es.example.org")
    edit = {"table": "contact", "id": known["contactid"], "values": {"lastname": "Flows"}}
    world.sims.control("dataverse", "POST", "do/edit", edit)
    status = world.next_run(connection)
    assert "broken" not in status
    assert "Flows" in {item["lastName"] for item in world.contacts()}
    [found] = failures(world, connection)
    [problem] = found["problems"]
    assert problem["vendorCode"] == "contact_limit"
    assert problem["nextStep"]
    world.sims.control("activecampaign", "POST", "switches", {"plan_contact_limit": 0})
    world.next_run(connection)
    assert "third@example.org" in {item["email"] for item in world.contacts()}
    assert failures(world, connection) == []


@pytest.mark.feature("AC-09.3", system="activecampaign")
def test_the_hundred_and_tenth_field_is_mapped_like_the_first(world: World) -> None:
    world.reseed(1)
    fields = [{"title": f"Field {number}", "type": "text"} for number in range(1, 121)]
    world.sims.control("activecampaign", "POST", "seed", {"fields": fields})
    connection = world.connect()
    maps = entities_with(world, connection, id="late", crm="jobtitle", partner="field:110")
    world.call("PATCH", f"connections/{connection}", {"entities": maps})
    world.switch_on(connection)
    world.wait_for(connection, 1)
    [row] = world.rows("contact")
    [one] = world.contacts()
    assert one["fields"]["Field 110"] == row["jobtitle"]


def test_a_connection_that_cannot_be_read_stops_no_other(world: World) -> None:
    connection = world.begun()
    table = TableServiceClient.from_connection_string(world.host.storage_connection).get_table_client(
        "dynasyncconnections"
    )
    damaged = {"PartitionKey": "connections", "RowKey": "c-damaged", "format": 1, "data0": "{"}
    table.upsert_entity(damaged)
    try:
        world.next_run(connection)
        refused = world.call("GET", "connections", status=None)["error"]
        assert refused["innererror"]["code"] == "state_damaged"
        assert "connection damaged" in refused["message"]
        assert "restore.md" in refused["nextStep"]
    finally:
        table.delete_entity("connections", "c-damaged")
    assert [item["id"] for item in world.call("GET", "connections")["value"]] == [connection]


@pytest.mark.feature("HUB-21.1", system="activecampaign")
def test_an_erasure_keeps_the_person_away_and_names_the_connection_that_cannot_be_read(world: World) -> None:
    connection = world.begun(2)
    table = TableServiceClient.from_connection_string(world.host.storage_connection).get_table_client(
        "dynasyncconnections"
    )
    table.upsert_entity({"PartitionKey": "connections", "RowKey": "c-damaged", "format": 1, "data0": "{"})
    email = world.contacts()[0]["email"]
    try:
        asked = world.call("POST", "erasures", {"email": email, "dynamics": True}, status=202)
        waits = {part["connection"]: part["waitsFor"] for part in asked["parts"]}
        assert waits == {connection: "", "damaged": "state_damaged"}
        end = time.monotonic() + PATIENCE
        while True:
            found = world.call("GET", f"erasures/{asked['id']}")
            parts = {part["connection"]: part for part in found["parts"]}
            if parts[connection]["status"] != "Running":
                break
            assert time.monotonic() < end, found
            world.tick()
            time.sleep(1)
    finally:
        table.delete_entity("connections", "c-damaged")
    assert (parts[connection]["status"], parts[connection]["dynamicsDeleted"]) == ("Succeeded", True)
    assert email not in {item["email"] for item in world.contacts()}
    assert (found["status"], parts["damaged"]["waitsFor"]) == ("Running", "state_damaged")
    assert parts["damaged"]["dynamicsDeleted"] is False
    # Its row was taken out by hand: the night's work ends what waited for it, and says so.
    assert world.host.admin_invoke("nightly") == 202
    while world.call("GET", f"erasures/{asked['id']}")["status"] == "Running":
        assert time.monotonic() < end + PATIENCE
        time.sleep(0.5)
    ended = {part["connection"]: part for part in world.call("GET", f"erasures/{asked['id']}")["parts"]}
    assert (ended["damaged"]["status"], ended["damaged"]["problems"]) == ("Failed", ["connection_deleted"])
    assert world.call("POST", "erasures/lift", {"email": email})["lifted"] > 1
