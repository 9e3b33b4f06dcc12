"""A run is taken back over the app's own doors."""

from __future__ import annotations

import pytest

from cli.demo.verify import write_log
from tests.app.conftest import World
from tests.app.test_care import ended, row

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
    assert shown["counts"] == {"fields": 4, "unknown": 0, "created": 0, "deleted": 0}
    assert shown["cannot"]
    started = world.call("POST", path, {"created": False}, status=202)
    report = ended(world, f"operations/{started['id']}")
    assert (report["status"], report["counts"]) == ("Succeeded", {"restored": 3, "left.touched": 1})
    assert report["problems"] == [f"touched:partner:contact:{touched['id']}:firstName"]
    now = {str(item["id"]): item["firstName"] for item in world.contacts()}
    assert now == {**before, str(touched["id"]): "Mine"}
    world.next_run(connection)
    after = {str(item["id"]): item["firstName"] for item in world.contacts()}
    assert {name: after[name] for name in before if name != str(touched["id"])} == {
        name: before[name] for name in before if name != str(touched["id"])
    }
    assert world.call("GET", f"connections/{connection}/runs/{'0' * 32}/revert", status=404)["error"]["nextStep"]


@pytest.mark.feature("HUB-16.2", system="activecampaign")
@pytest.mark.feature("HUB-16.3", system="activecampaign")
def test_what_a_run_created_goes_only_when_ticked_and_what_nobody_can_undo_is_named_first(world: World) -> None:
    world.reseed(3)
    known = world.ac("create_contact", email="extra0@example.org", lastName="Was there before")
    row(world, 0)
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    first = world.call("GET", f"connections/{connection}/runs")["value"][0]
    path = f"connections/{connection}/runs/{first['id']}/revert"
    begin = len(write_log(world.sims, "activecampaign"))
    shown = world.call("GET", path)
    assert shown["counts"]["created"] == 3
    named = " ".join(shown["cannot"])
    assert all(word in named for word in ("mails", "invitations", "automations", "activities", "deleted"))
    assert len(write_log(world.sims, "activecampaign")) == begin
    made = {str(item["id"]) for item in world.contacts()} - {str(known["id"])}
    kept = min(made)
    world.ac("edit_contact", contact=kept, firstName="Mine")
    unticked = ended(world, f"operations/{world.call('POST', path, {}, status=202)['id']}")
    assert unticked["counts"].get("removed", 0) == 0
    assert len(world.contacts()) == 4
    ticked = ended(world, f"operations/{world.call('POST', path, {'created': True}, status=202)['id']}")
    assert (ticked["status"], ticked["counts"]["removed"], ticked["counts"]["left.touched"]) == ("Succeeded", 2, 1)
    assert f"touched:partner:contact:{kept}:" in ticked["problems"]
    log = write_log(world.sims, "activecampaign")[begin:]
    assert {str(item["id"]) for item in log if item["op"] == "delete"} == made - {kept}
    assert {str(item["id"]) for item in world.contacts()} == {kept, str(known["id"])}
    assert len(world.rows("contact")) == 4
    world.next_run(connection)
    assert len(world.contacts()) == 2
    actions = [item["action"] for item in world.call("GET", f"connections/{connection}/activity")["value"]]
    assert actions.count("run.reverted") == 2
