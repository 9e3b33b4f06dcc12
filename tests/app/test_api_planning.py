"""Dry runs and the look-up of one record over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from cli.demo.verify import write_log
from tests.app.conftest import World
from tests.app.test_api_frame import error, keyed

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]


def logs(world: World) -> list[int]:
    return [len(write_log(world.sims, system)) for system in ("dataverse", "activecampaign")]


@pytest.mark.feature("HUB-15.1", system="activecampaign")
@pytest.mark.feature("HUB-15.2", system="activecampaign")
@pytest.mark.feature("HUB-15.3", system="activecampaign")
def test_a_plan_made_before_the_start_counts_what_the_run_then_does_and_writes_nothing(world: World) -> None:
    world.reseed(4)
    connection = world.connect()
    before = logs(world), world.status(connection)
    plan = world.call("POST", f"connections/{connection}/plan", {})
    assert plan["complete"]
    assert [(item["side"], item["act"], item["count"]) for item in plan["counts"]] == [("partner", "create", 4)]
    fields = {item["field"]: item["count"] for item in plan["fields"]}
    assert fields["email"] == 4
    [sample] = [item for item in plan["samples"] if "person0@" in str(item)]
    shown = {item["field"]: item["then"] for item in sample["differences"]}
    assert shown["email"].startswith("person0@")
    assert world.call("POST", f"connections/{connection}/plan", {"seconds": 30})["fingerprint"] == plan["fingerprint"]
    assert (logs(world), world.status(connection)) == before
    assert world.contacts() == []
    world.switch_on(connection)
    world.wait_for(connection, 1)
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]
    assert run["counts"]["writes:partner"] == 4


@pytest.mark.feature("HUB-15.4", system="activecampaign")
def test_a_connection_that_asks_for_a_plan_starts_only_with_the_one_that_still_holds(world: World) -> None:
    world.reseed(2)
    connection = world.connect(options={"plan_first": True})
    path = f"connections/{connection}"
    on = {"switch": "on"}
    error(world.answer("PATCH", path, on, keyed(world, **{"If-Match": "*"})), 409, "plan_needed")
    seen = world.call("POST", f"{path}/plan", {})["fingerprint"]
    more = [{"lastname": "Third", "emailaddress1": "third@example.org"}]
    world.sims.control("dataverse", "POST", "seed", {"rows": {"contact": more}})
    refused = world.answer("PATCH", path, {**on, "plan": seen}, keyed(world, **{"If-Match": "*"}))
    fresh = error(refused, 409, "plan_differs")["fingerprint"]
    assert world.call("GET", path)["switch"] == "setup"
    assert world.contacts() == []
    assert fresh == world.call("POST", f"{path}/plan", {})["fingerprint"]
    assert world.call("PATCH", path, {**on, "plan": fresh})["switch"] == "on"
    world.wait_for(connection, 1)
    assert len(world.contacts()) == 3
    world.call("PATCH", path, {"switch": "off"})
    assert world.call("PATCH", path, on)["switch"] == "on"  # the first start only
    world.call("PATCH", path, {"plan": fresh}, status=400)


def look(world: World, connection: str, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = world.call("POST", f"connections/{connection}/lookup", {"entity": "contact", **body})
    return found


@pytest.mark.feature("HUB-31", system="activecampaign")
def test_a_record_is_looked_up_on_both_sides_with_the_one_reason_why_it_is_not_in_step(world: World) -> None:
    connection = world.begun(people=3)
    row = next(row for row in world.rows("contact") if row["emailaddress1"].startswith("person0@"))
    found = look(world, connection, side="crm", record=row["contactid"])
    assert found["inSync"] is True, found
    assert "reason" not in found
    partner = found["partner"]["id"]
    assert found["crm"] == {"kind": "contact", "id": row["contactid"]}
    assert found["link"]["state"] == "linked"
    assert "D365: Contact" in found["tags"]
    fields = {item["id"]: item for item in found["fields"]}
    assert fields["email"]["crm"] == fields["email"]["partner"] == row["emailaddress1"]
    assert fields["email"]["policy"] == "owner_crm"
    assert found["nextRun"] == world.status(connection)["nextRun"]
    for other in ({"side": "partner", "record": partner}, {"match": row["emailaddress1"]}):
        same = look(world, connection, **other)
        assert (same["inSync"], same["link"]["id"], same["crm"]) == (True, found["link"]["id"], found["crm"]), other
    begun = logs(world)
    world.ac("edit_contact", contact=partner, phone="+00 555 9000")
    waits = look(world, connection, match=row["emailaddress1"])
    assert (waits["inSync"], waits["reason"]["code"]) == (False, "waiting:slot")
    [change] = waits["changes"]
    assert [(item["field"], item["then"]) for item in change["differences"]] == [("phone", "+00 555 9000")]
    assert {item["id"] for item in waits["fields"] if item["differs"]} == {"phone"}
    assert logs(world)[0] == begun[0]  # the look wrote nothing
    untagged = world.ac("create_contact", email="untagged@example.org", lastName="No tags")
    alone = look(world, connection, side="partner", record=str(untagged["id"]))
    assert (alone["inSync"], alone["link"], alone["crm"]) == (False, None, None)
    assert alone["reason"]["code"].startswith("skipped:")
    assert alone["reason"]["missing"]
    assert alone["reason"]["nextStep"]
    gone = world.answer(
        "POST", f"connections/{connection}/lookup", {"entity": "contact", "match": "nobody@example.org"}, keyed(world)
    )
    error(gone, 404, "record_not_found")
    log = world.call("GET", f"connections/{connection}/activity?action=record")["value"]
    assert {item["action"] for item in log} == {"record.looked_up"}
    assert row["emailaddress1"] not in str(log)


@pytest.mark.feature("HUB-31", system="activecampaign")
def test_a_row_outside_the_criteria_names_the_line_that_keeps_it_out(world: World) -> None:
    world.reseed(2)
    connection = world.connect()
    rows = world.rows("contact")
    criteria = {"all": [{"column": "emailaddress1", "op": "eq", "value": rows[0]["emailaddress1"]}]}
    world.call("PATCH", f"connections/{connection}/entities/contact", {"criteria": criteria})
    found = look(world, connection, side="crm", record=rows[1]["contactid"])
    assert (found["inSync"], found["reason"]["code"]) == (False, "skipped:outside_criteria")
    assert found["reason"]["place"].startswith("contact.criteria.all[0]")
    assert "emailaddress1" in found["reason"]["place"]
    inside = look(world, connection, side="crm", record=rows[0]["contactid"])
    assert inside["reason"]["code"] == "waiting:slot"
    assert inside["switch"] == "setup"


@pytest.mark.parametrize(
    "body",
    [
        {"entity": "contact"},
        {"entity": "contact", "side": "crm"},
        {"entity": "contact", "record": "1"},
        {"entity": "contact", "side": "crm", "record": "1", "match": "x@example.org"},
    ],
)
def test_a_look_up_that_does_not_say_which_record_is_refused(world: World, body: dict[str, Any]) -> None:
    world.reseed(1)
    answer = world.answer("POST", f"connections/{world.connect()}/lookup", body, keyed(world))
    assert error(answer, 400, "invalid_value")["target"] == "record"
