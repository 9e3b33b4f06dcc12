"""Custom tables of Dynamics go to custom objects of Marketo, after what they hang off; deletes go the other way."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from cli.demo.world import CLIENT_ID
from shared.connectors.marketo.defaults import default_entities
from tests.app.marketo import MarketoWorld, contact, email, marketo_world
from tests.app.test_care import ended
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-marketo-custom")]

VEHICLE: Mapping[str, Any] = {
    "name": "new_vehicle",
    "set": "new_fleet",
    "schema": "new_Vehicle",
    "columns": {
        "new_bought": {"type": "DateTime", "date_only": True},
        "new_driver": {"type": "Lookup", "to": {"contact": "new_Driver"}},
    },
}
TRIP: Mapping[str, Any] = {
    "name": "new_trip",
    "columns": {"new_vehicle": {"type": "Lookup", "to": {"new_vehicle": "new_Vehicle"}}},
}
OBJECTS: list[Mapping[str, Any]] = [
    {
        "name": "car_c",
        "fields": [
            {"name": "dynamicsId", "dataType": "string", "isDedupeField": True},
            {"name": "name", "dataType": "string"},
            {"name": "bought", "dataType": "date"},
            {"name": "driver", "dataType": "integer", "relatedTo": {"name": "Lead", "field": "id"}},
        ],
    },
    {
        "name": "trip_c",
        "fields": [
            {"name": "dynamicsId", "dataType": "string", "isDedupeField": True},
            {"name": "name", "dataType": "string"},
            {"name": "car", "dataType": "string", "relatedTo": {"name": "car_c", "field": "dynamicsId"}},
        ],
    },
]


def entity(name: str, crm: str, partner: str, parents: list[str], *fields: tuple[str, str, str]) -> dict[str, Any]:
    """A custom entity as its administrator maps it."""
    return {
        "name": name,
        "crm_kind": crm,
        "partner_kind": partner,
        "direction": "to_partner",
        "creates": ["partner"],
        "parents": parents,
        "deletes": {"partner": "delete", "crm": "ignore"},
        "fields": [{"id": each, "crm": column, "partner": field} for each, column, field in fields],
    }


CAR = entity(
    "vehicle", "new_vehicle", "car_c", ["contact"],
    ("name", "new_name", "name"), ("bought", "new_bought", "bought"), ("driver", "new_driver", "driver"),
)  # fmt: skip
TOUR = entity(
    "trip", "new_trip", "trip_c", ["vehicle"], ("name", "new_name", "name"), ("car", "new_vehicle", "car")
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    with marketo_world(tmp_path_factory.mktemp("clock") / "clock.json") as made:
        yield made


def by_name(world: MarketoWorld, kind: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in world.kind(kind)}


@pytest.mark.feature("MK-02.1", system="marketo")
@pytest.mark.feature("MK-02.2", system="marketo")
def test_custom_entities_arrive_last_under_their_parents_and_follow_edits_and_deletes(world: MarketoWorld) -> None:
    world.reseed(0, tables=[VEHICLE, TRIP], objects=OBJECTS)
    person = world.make("contact", **contact(1))
    car = world.make(
        "new_vehicle", new_name="Beetle", new_bought="2026-03-01", **{"new_Driver@odata.bind": f"/contacts({person})"}
    )
    world.make("new_trip", new_name="Home", **{"new_Vehicle@odata.bind": f"/new_fleet({car})"})
    # children named before their parents: the order is not that of the list
    connection = world.connect(entities=[TOUR, CAR, *default_entities()])
    world.switch_on(connection)
    world.wait_for(connection, 1)
    beetle, home = by_name(world, "car_c")["Beetle"], by_name(world, "trip_c")["Home"]
    assert (beetle["bought"], beetle["driver"]) == ("2026-03-01", world.lead(email(1))["id"])
    assert home["car"] == beetle["dynamicsId"]
    made = [
        each["kind"] for each in world.writes("marketo") if each["op"] == "create" and each["kind"] != "activityType"
    ]
    assert list(dict.fromkeys(made)) == ["salespersons", "lead", "car_c", "trip_c"]

    world.mk("edit_object", kind="car_c", key=beetle["dynamicsId"], values={"name": "Edited there"})
    world.edit("new_vehicle", car, new_bought="2026-04-01")
    world.next_run(connection)
    (edited,) = world.kind("car_c")
    assert (edited["name"], edited["bought"]) == ("Edited there", "2026-04-01")
    world.edit("new_vehicle", car, new_name="Käfer")
    world.next_run(connection)
    assert world.kind("car_c")[0]["name"] == "Käfer", "Dynamics' next edit of the field wins"
    assert world.row("new_vehicle", car)["new_name"] == "Käfer"
    before = len(world.writes("marketo"))
    world.next_run(connection)
    assert len(world.writes("marketo")) == before, "an idle cycle writes nothing"
    world.remove("new_vehicle", car)
    world.next_run(connection)
    assert world.kind("car_c") == []


@pytest.mark.feature("MK-02.1", system="marketo")
def test_an_entity_that_is_added_later_is_loaded_and_a_wrong_one_is_named(world: MarketoWorld) -> None:
    world.reseed(1, tables=[VEHICLE], objects=OBJECTS)
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    world.make("new_vehicle", new_name="Beetle")
    world.call("PATCH", f"connections/{connection}", {"entities": [*default_entities(), CAR]})
    world.next_run(connection)
    assert list(by_name(world, "car_c")) == ["Beetle"]
    wrong = [*default_entities(), {**CAR, "partner_kind": "boat_c"}]
    world.call("PATCH", f"connections/{connection}", {"entities": wrong}, status=None)
    steps = world.call("POST", f"connections/{connection}/check")["steps"]
    failed = [step for step in steps if step["state"] == "failed"]
    assert any("boat_c" in step["reason"] and "Custom Objects" in step["nextStep"] for step in failed), failed


@pytest.mark.feature("MK-02.1", system="marketo")
def test_deletes_go_children_first_and_nothing_is_refused_for_being_in_use(world: MarketoWorld) -> None:
    world.reseed(0)
    account = world.make("account", name="Acme")
    person = world.make("contact", **contact(1), **{"parentcustomerid_account@odata.bind": f"/accounts({account})"})
    links = {
        "parentaccountid@odata.bind": f"/accounts({account})",
        "parentcontactid@odata.bind": f"/contacts({person})",
    }
    opportunity = world.make("opportunity", name="Chairs", **links)
    deleting = [{**each, "deletes": {**each.get("deletes", {}), "partner": "delete"}} for each in default_entities()]
    connection = world.connect(entities=deleting)
    world.switch_on(connection)
    world.wait_for(connection, 1)
    assert [len(world.kind(kind)) for kind in ("companies", "opportunities", "roles")] == [1, 1, 1]
    before = len(world.writes("marketo"))
    for table, row in (("opportunity", opportunity), ("contact", person), ("account", account)):
        world.remove(table, row)
    world.next_run(connection)
    deleted = [each["kind"] for each in world.writes("marketo")[before:] if each["op"] == "delete"]
    assert deleted == ["roles", "opportunities", "lead", "companies"]
    (run, *_) = world.call("GET", f"connections/{connection}/runs")["value"]
    assert run["counts"]["deleted"] == 3
    assert run["counts"]["waiting:children"] == 2
    assert run["state"] == "succeeded"


@pytest.mark.feature("MK-05.1", system="marketo")
@pytest.mark.feature("HUB-18.1", system="marketo")
def test_a_column_that_the_sync_user_may_not_read_is_shown_so_and_empties_nothing(world: MarketoWorld) -> None:
    world.reseed(1)
    secured = {"new_second": {"type": "String", "schema": "new_Second", "max": 50, "secured": True}}
    world.sims.control("dataverse", "POST", "seed", {"columns": {"contact": secured}})
    (row,) = world.rows("contact")
    world.edit("contact", row["contactid"], new_second="Not for us")
    rights = dict.fromkeys(("Create", "Read", "Write", "Delete", "Append", "AppendTo"), "Global")
    tables = {**dict.fromkeys(("contact", "lead", "account", "opportunity"), rights), "systemuser": {"Read": "Global"}}
    role = {"name": "Sync", "tables": tables, "privileges": {"prvReadSolution": "Global"}}
    users = world.sims.control("dataverse", "GET", "state")["users"]
    user = next(item["systemuserid"] for item in users if item["applicationid"] == CLIENT_ID)
    given = {"user": user, "roles": ["Sync"], "only": True}
    world.sims.control("dataverse", "POST", "seed", {"roles": [role], "user_roles": [given]})
    world.mk("create_lead", values={"email": email(0), "middleName": "Kept"})

    maps = [dict(item) for item in default_entities()]
    added = {"id": "second", "crm": "new_second", "partner": "middleName"}
    maps[2]["fields"] = [*maps[2]["fields"], added]
    connection = world.connect(entities=maps)
    told = world.call("GET", f"connections/{connection}/schemas/crm/contact")["fields"]
    readable = {field["name"]: field["readable"] for field in told}
    assert (readable["firstname"], readable["new_second"]) == (True, False)
    refused = world.call("PATCH", f"connections/{connection}", {"switch": "on"}, status=409)["error"]
    assert (refused["code"], refused["reason"]) == ("check_failed", "crm_field_unreadable")
    assert "new_second" in refused["message"]
    maps[2]["fields"] = [field for field in maps[2]["fields"] if field != added]
    world.call("PATCH", f"connections/{connection}", {"entities": maps})
    world.switch_on(connection)
    world.wait_for(connection, 1)
    person = world.lead(email(0))
    assert (person["firstName"], person["middleName"]) == ("First 0", "Kept")


@pytest.mark.feature("HUB-20.2", system="marketo")
@pytest.mark.feature("MK-02.1", system="marketo")
def test_a_clean_up_deletes_what_hangs_off_others_before_them(world: MarketoWorld) -> None:
    """Sales persons who still own somebody cannot be deleted."""
    world.reseed(45)
    account = world.make("account", name="Acme")
    world.make("opportunity", name="Chairs", **{"parentaccountid@odata.bind": f"/accounts({account})"})
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    world.call("PATCH", f"connections/{connection}", {"switch": "off"})
    users = len(world.rows("systemuser"))
    path, before = f"connections/{connection}/cleanup", len(world.writes("marketo"))
    started = world.call("POST", path, {"confirm": "Test", "sides": ["partner"]}, status=202)
    report = ended(world, f"operations/{started['id']}")
    made = {"partner.lead": 45, "partner.company": 1, "partner.opportunity": 1, "partner.salesperson": users}
    assert (report["status"], report["counts"], report["problems"]) == ("Succeeded", made, [])
    deleted = [each["kind"] for each in world.writes("marketo")[before:] if each["op"] == "delete"]
    assert list(dict.fromkeys(deleted)) == ["opportunities", "lead", "companies", "salespersons"]
    assert world.leads() == {}


@pytest.mark.feature("MK-12.2", system="marketo")
@pytest.mark.feature("HUB-22.5", system="marketo")
def test_the_status_tells_the_backlog_of_each_entity_and_since_when(world: MarketoWorld) -> None:
    world.reseed(0)
    person = world.make("contact", **{**contact(1), "emailaddress1": "jörg@example.org"})
    world.make("contact", **contact(2))
    world.make("opportunity", name="Chairs", **{"parentcontactid@odata.bind": f"/contacts({person})"})
    connection = world.connect()
    began = world.now()
    world.switch_on(connection)
    world.wait_for(connection, 1)

    def backlog() -> dict[str, tuple[int, int, bool]]:
        found = world.call("GET", f"connections/{connection}/statistics")["backlog"]
        assert found["waiting"]["count"] == sum(each["waiting"]["count"] for each in found["entities"])
        return {
            each["entity"]: (each["waiting"]["count"], each["parked"], bool(each["oldest"]))
            for each in found["entities"]
        }

    assert backlog() == {
        "user": (0, 0, False),
        "account": (0, 0, False),
        "contact": (1, 1, True),
        "lead": (0, 0, False),
        "opportunity": (1, 0, True),
    }
    entities = world.call("GET", f"connections/{connection}/statistics")["backlog"]["entities"]
    assert began <= datetime.fromisoformat(entities[2]["oldest"]) <= world.now()
    world.edit("contact", person, emailaddress1=email(1))
    world.next_run(connection)
    world.advance(400)  # the opportunity follows its person at its own next try
    world.tick()
    end = time.monotonic() + PATIENCE
    while any(waiting for waiting, _, _ in backlog().values()):
        assert time.monotonic() < end, backlog()
        time.sleep(0.5)
        world.tick()
    assert world.kind("roles")[0]["leadId"] == world.lead(email(1))["id"]
