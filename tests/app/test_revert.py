"""A run is taken back over the app's own doors."""

from __future__ import annotations

import pytest

from tests.app.conftest import World
from tests.app.test_care import ended

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-two")]


@pytest.mark.feature("HUB-16.1", system="activecampaign")
def test_a_run_is_taken_back_where_nobody_touched_it_since_and_the_rest_is_listed(world: World) -> None:
    connection = world.begun(4)
    world.call("PATCH", f"connections/{connection}", {"options": {"journal": True, "initial_one_way": True}})
    before = {str(item["id"]): item["firstName"] for item in world.contacts()}
    rows = {str(row["emailaddress1"]).lower(): row["contactid"] for row in world.rows("contact")}
    for contact in world.contacts():
        change = {"table": "contact", "id": rows[contact["email"].lower()], "values": {"firstname": "Wrong"}}
        world.sims.control("dataverse", "POST", "do/edit", change)
    world.next_run(connection)
    assert {item["firstName"] for item in world.contacts()} == {"Wrong"}
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]["id"]
    touched = world.contacts()[0]
    world.ac("edit_contact", contact=touched["id"], firstName="Mine")
    path = f"connections/{connection}/runs/{run}/revert"
    shown = world.call("GET", path)
    assert shown["counts"] == {"fields": 4, "unknown": 0, "created": 0}
    assert shown["cannot"]
    started = world.call("POST", path, {"created": False}, status=202)
    report = ended(world, f"operations/{started['id']}")
    assert (report["state"], report["counts"]) == ("done", {"restored": 3, "left.touched": 1})
    assert report["problems"] == [f"touched:partner:contact:{touched['id']}:firstName"]
    now = {str(item["id"]): item["firstName"] for item in world.contacts()}
    assert now == {**before, str(touched["id"]): "Mine"}
    world.next_run(connection)
    after = {str(item["id"]): item["firstName"] for item in world.contacts()}
    assert {name: after[name] for name in before if name != str(touched["id"])} == {
        name: before[name] for name in before if name != str(touched["id"])
    }
    assert world.call("GET", f"connections/{connection}/runs/{'0' * 32}/revert", status=404)["error"]["nextStep"]
