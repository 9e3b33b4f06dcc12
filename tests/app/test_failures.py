"""Failing records over HTTP: what failed and why, when it is tried again, how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.conftest import World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]


def failures(world: World, connection: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.call("GET", f"connections/{connection}/failures{query}")["value"]
    return found


def person(world: World, number: int) -> dict[str, Any]:
    wanted = f"person{number}@{('es', 'it', 'en')[number % 3]}.example.org"
    return next(item for item in world.contacts() if item["email"] == wanted)


@pytest.mark.feature("HUB-14.1", system="activecampaign")
@pytest.mark.feature("HUB-14.2", system="activecampaign")
@pytest.mark.feature("HUB-14.3", system="activecampaign")
@pytest.mark.feature("HUB-14.4", system="activecampaign")
@pytest.mark.feature("HUB-14.5", system="activecampaign")
@pytest.mark.feature("HUB-19", system="activecampaign")
@pytest.mark.feature("HUB-27.1", system="activecampaign")
def test_what_dynamics_refuses_is_listed_with_its_words_and_retried_at_the_next_slot_from_the_source(
    world: World,
) -> None:
    connection = world.begun(people=4)
    rule = {"table": "contact", "message": "Title is closed for 'Forbidden'.", "on": ["update"], "times": 3}
    rule |= {"column": "lastname", "when": "equals", "value": "Forbidden"}
    world.sims.control("dataverse", "POST", "seed", {"rejections": [rule]})
    for number in range(3):
        world.ac("edit_contact", contact=str(person(world, number)["id"]), lastName="Forbidden")
    world.ac("edit_contact", contact=str(person(world, 3)["id"]), lastName="Welcome")
    world.next_run(connection)
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]
    assert run["state"] == "partly_failed"  # a run with a failure is never green
    assert {row["lastname"] for row in world.rows("contact")} & {"Forbidden", "Welcome"} == {"Welcome"}
    found = failures(world, connection)
    assert len(found) == 3
    [problem] = found[0]["problems"]
    assert problem["code"] == "failed:rejected"
    assert "Title is closed" in problem["message"]
    assert "Forbidden" not in str(found)  # the vendor's words come without the record's values
    assert problem["nextStep"]
    assert found[0]["crm"]["kind"] == "contact"
    due = world.status(connection)["nextRun"]
    assert found[0]["retryAt"] == due
    assert failures(world, connection, "?outcome=failed:rejected&entity=contact") == found
    assert failures(world, connection, "?outcome=failed:too_long") == []
    world.call("GET", f"connections/{connection}/failures?colour=red", status=400)
    dismissed = world.call("POST", f"connections/{connection}/failures/dismiss", {"links": [found[2]["link"]]})
    assert dismissed == {"dismissed": 1, "more": False}
    assert len(failures(world, connection)) == 2
    assert [item["link"] for item in failures(world, connection, "?dismissed=true")] == [found[2]["link"]]
    world.ac("edit_contact", contact=found[0]["partner"]["id"], lastName="Corrected")
    retried = world.call(
        "POST", f"connections/{connection}/failures/retry", {"filter": {"outcome": "failed"}}, status=202
    )
    assert retried == {"retried": 2, "more": False, "runsAt": due}
    world.tick()
    assert failures(world, connection)  # none earlier
    world.next_run(connection)
    names = {row["contactid"]: row["lastname"] for row in world.rows("contact")}
    assert names[found[0]["crm"]["id"]] == "Corrected"
    assert names[found[1]["crm"]["id"]] == "Forbidden"
    assert failures(world, connection, "?dismissed=all") == []
    assert world.call("GET", f"connections/{connection}/runs")["value"][0]["state"] == "succeeded"


@pytest.mark.feature("HUB-14.5", system="activecampaign")
@pytest.mark.parametrize("body", [{}, {"links": [], "filter": {}}, {"links": "all"}, {"filter": {"name": "x"}}])
def test_a_retry_that_does_not_say_what_is_refused(world: World, body: dict[str, Any]) -> None:
    world.reseed(1)
    connection = world.connect()
    error = world.call("POST", f"connections/{connection}/failures/retry", body, status=400)["error"]
    assert error["nextStep"]
