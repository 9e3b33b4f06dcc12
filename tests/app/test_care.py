"""Clean-up and erasure over the app's own doors, judged by both systems and their write logs."""

from __future__ import annotations

import time
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from cli.demo.verify import write_log
from tests.app.conftest import World
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-two")]


def ended(world: World, path: str, seconds: float = PATIENCE) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while (found := world.call("GET", path))["status"] == "Running":
        assert time.monotonic() < end, found
        world.tick()
        time.sleep(1)
    return dict(found)


def row(world: World, number: int, **values: Any) -> str:
    plain = {"emailaddress1": f"extra{number}@example.org", "lastname": f"Extra {number}", **values}
    made = world.sims.control("dataverse", "POST", "do/create", {"table": "contact", "values": plain})
    return str(made["id"])


@pytest.mark.feature("HUB-20.1", system="activecampaign")
@pytest.mark.feature("HUB-20.2", system="activecampaign")
@pytest.mark.feature("HUB-20.3", system="activecampaign")
def test_a_clean_up_deletes_exactly_what_the_connection_created(world: World) -> None:
    world.reseed(6)
    known = world.ac("create_contact", email="extra0@example.org", lastName="Was there before")
    row(world, 0)
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    pulled = world.ac("create_contact", email="pulled@example.org", lastName="Pulled")
    for tag in ("D365: Contact", "D365: Pulled from ActiveCampaign"):
        world.ac("add_tag", contact=pulled["id"], tag=tag)
    world.next_run(connection)
    made_there = {str(w["id"]) for w in write_log(world.sims, "activecampaign") if _created(w)}
    (made_here,) = {str(w["id"]).lower() for w in write_log(world.sims, "dataverse") if _made_by_us(w)}
    assert len(made_there) == 6
    assert len(world.contacts()) == 8
    assert len(world.rows("contact")) == 8

    path = f"connections/{connection}/cleanup"
    assert world.call("GET", path) == {"name": "Test", "created": {"partner.contact": 6, "crm.contact": 1}}
    body = {"confirm": "Test", "sides": ["partner", "crm"]}
    assert world.call("POST", path, body, status=409)["error"]["code"] == "connection_on"
    world.call("PATCH", f"connections/{connection}", {"switch": "off"})
    wrong = world.call("POST", path, {**body, "confirm": "test"}, status=400)["error"]
    assert wrong["code"] == "not_confirmed"
    assert len(world.contacts()) == 8
    logs = [len(write_log(world.sims, system)) for system in ("dataverse", "activecampaign")]
    silent = [{"match": {"method": "DELETE", "nth": 2}, "do": "drop_before"}]
    world.sims.control("activecampaign", "POST", "faults", silent)
    started = world.call("POST", path, body, status=202)
    report = ended(world, f"operations/{started['id']}")
    assert (report["status"], report["counts"], report["problems"]) == (
        "Succeeded",
        {"partner.contact": 6, "crm.contact": 1},
        [],
    )
    left = {str(contact["id"]) for contact in world.contacts()}
    assert left == {str(known["id"]), str(pulled["id"])}
    gone_rows, gone_people = (
        {str(w["id"]).lower() for w in write_log(world.sims, system)[start:] if w["op"] == "delete"}
        for system, start in zip(("dataverse", "activecampaign"), logs, strict=True)
    )
    assert gone_people == made_there
    assert gone_rows == {made_here}
    assert len(world.rows("contact")) == 7
    assert world.call("GET", path)["created"] == {}
    actions = [item["action"] for item in world.call("GET", f"connections/{connection}/activity")["value"]]
    assert actions.count("connection.cleaned_up") == 1

    # A connection that is deleted leaves all data where it is.
    before = [write_log(world.sims, system) for system in ("dataverse", "activecampaign")]
    assert kept_of(world, connection) > {"dynasyncaudit", "dynasyncimages", "dynasyncruns"}
    world.call("DELETE", f"connections/{connection}", status=204)
    world.tick()
    assert [write_log(world.sims, system) for system in ("dataverse", "activecampaign")] == before
    assert kept_of(world, connection) == {"dynasyncaudit"}
    assert {str(contact["id"]) for contact in world.contacts()} == left
    assert len(world.rows("contact")) == 7


def kept_of(world: World, connection: str) -> set[str]:
    """The tables that hold a row about a connection."""
    found = set()
    service = TableServiceClient.from_connection_string(world.host.storage_connection)
    for table in service.list_tables():
        for entity in service.get_table_client(table.name).list_entities():
            if connection in {str(entity["PartitionKey"]).partition(".")[0], str(entity["RowKey"])[2:]}:
                found.add(table.name)
    return found


def _created(write: Any) -> bool:
    return bool(write["op"] == "create" and write["kind"] == "contact" and write["who"].startswith(("api", "import")))


def _made_by_us(write: Any) -> bool:
    return bool(write["op"] == "create" and write["kind"] == "contact" and write["who"].startswith("# dynasync"))


@pytest.mark.feature("HUB-21.1", system="activecampaign")
@pytest.mark.feature("HUB-21.2", system="activecampaign")
@pytest.mark.feature("HUB-21.3", system="activecampaign")
def test_an_erased_person_is_gone_on_both_sides_and_stays_away_whatever_comes_late(world: World) -> None:
    world.reseed(3)
    email = "erased@only.example.org"  # who is erased stays away from every later connection of this app too
    row(world, 77, emailaddress1=email)
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    contact = next(str(item["id"]) for item in world.contacts() if item["email"] == email)
    gone_row = next(r["contactid"] for r in world.rows("contact") if str(r["emailaddress1"]).lower() == email.lower())
    started = world.call("POST", "erasures", {"email": email.upper(), "dynamics": True}, status=202)
    certificate = ended(world, f"erasures/{started['id']}")
    (part,) = [item for item in certificate["parts"] if item["connection"] == connection]
    assert part["status"] == "Succeeded"
    assert part["problems"] == []
    order = ["suppressed", "find", "queues", "partner", "dynamics", "links", "journals"]
    assert [name for name, _ in sorted(part["steps"].items(), key=lambda item: item[1])] == order
    assert email.lower() not in str(certificate).lower()
    assert contact not in {str(item["id"]) for item in world.contacts()}
    assert gone_row not in {r["contactid"] for r in world.rows("contact")}
    world.sims.control("dataverse", "POST", "do/restore", {"table": "contact", "id": gone_row})
    again = world.ac("create_contact", email=email, lastName="Again")
    for tag in ("D365: Contact", "D365: Pulled from ActiveCampaign"):
        world.ac("add_tag", contact=again["id"], tag=tag)
    twin = row(world, 1, emailaddress1=email)
    before = [len(write_log(world.sims, system)) for system in ("dataverse", "activecampaign")]
    world.next_run(connection)
    world.next_run(connection)
    assert [len(write_log(world.sims, system)) for system in ("dataverse", "activecampaign")] == before
    assert world.status(connection)["counts"]["contact.linked"] == 3
    error = world.call("POST", "erasures", {"email": "nobody"}, status=400)["error"]
    assert error["target"] == "email"
    assert world.call("POST", "erasures/lift", {"email": "Someone.else@example.org"}) == {"lifted": 0}
    assert world.call("POST", "erasures/lift", {"email": email.title()})["lifted"] > 1
    world.sims.control("dataverse", "POST", "do/delete", {"table": "contact", "id": twin})  # two would be a question
    world.ac("edit_contact", contact=again["id"], firstName="Anew")
    world.next_run(connection)
    assert world.status(connection)["counts"]["contact.linked"] == 4
    log = world.call("GET", "connections/app/activity")["value"]
    assert {"person.erased", "person.lifted"} <= {item["action"] for item in log}
    assert email.lower() not in str(log).lower()


def only(criteria: object, maps: list[dict[str, Any]], **more: object) -> list[dict[str, Any]]:
    """The maps with criteria for contacts."""
    return [{**item, "criteria": criteria, **more} if item["name"] == "contact" else dict(item) for item in maps]


@pytest.mark.feature("HUB-07.4", system="activecampaign")
@pytest.mark.feature("HUB-13.4", system="activecampaign")
def test_wider_criteria_are_counted_first_and_narrower_ones_that_drop_a_third_stop_and_ask(world: World) -> None:
    world.reseed(0)
    wanted = {"all": [{"column": "jobtitle", "op": "eq", "value": "Buyer"}]}
    seen = {"all": [{"column": "jobtitle", "op": "ne", "value": "Former"}]}
    rows = [
        {"emailaddress1": f"p{n}@example.org", "lastname": f"P {n}", "jobtitle": "Buyer" if n % 3 else "Seller"}
        for n in range(90)
    ]
    world.sims.control("dataverse", "POST", "seed", {"rows": {"contact": rows}})
    connection = world.connect()
    path = f"connections/{connection}"
    maps = world.call("GET", path)["entities"]
    world.call("PATCH", path, {"entities": only(wanted, maps)})
    world.switch_on(connection)
    world.wait_for(connection, 1)
    assert len(world.contacts()) == 60

    counted = world.call("POST", f"{path}/entities/contact/count", {"criteria": seen})
    assert (counted["count"], counted["more"], counted["allCount"]) == (90, False, 90)
    assert world.call("POST", f"{path}/entities/contact/count", {})["count"] == 60
    begin = len(write_log(world.sims, "activecampaign"))
    world.call("PATCH", path, {"entities": only(seen, maps)})
    world.next_run(connection)
    assert len(world.contacts()) == 90
    touched = {str(w["id"]) for w in write_log(world.sims, "activecampaign")[begin:] if w["kind"] == "contact"}
    assert len(touched) == 30  # nobody of the others is written

    begin = len(write_log(world.sims, "activecampaign"))
    world.call("PATCH", path, {"entities": only(wanted, maps, leaves="delete")})
    world.advance(3700)
    end = time.monotonic() + PATIENCE
    while not (broken := world.status(connection).get("broken")):
        assert time.monotonic() < end
        world.tick()
        time.sleep(0.5)
    assert broken["code"] == "mass_delete"
    assert broken["nextStep"]
    assert len(world.contacts()) == 90
    assert write_log(world.sims, "activecampaign")[begin:] == []
    world.call("POST", f"{path}/resume", {"releaseGuard": True}, status=202)
    world.advance(3700)
    while len(world.contacts()) > 60:
        assert time.monotonic() < end + PATIENCE, world.status(connection)
        world.tick()
        time.sleep(0.5)
    deleted = [
        w for w in write_log(world.sims, "activecampaign")[begin:] if (w["op"], w["kind"]) == ("delete", "contact")
    ]
    assert len(deleted) == 30
    assert len(world.rows("contact")) == 90
