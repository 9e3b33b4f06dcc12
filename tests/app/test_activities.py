"""What people were sent and did, on the Dynamics timeline, through the app's own doors, of both vendors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.connectors import registry
from tests.app.conftest import World
from tests.app.marketo import MarketoWorld, email, marketo_world
from tests.app.test_care import ended

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-marketo")]


@pytest.fixture(scope="module")
def marketo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    with marketo_world(tmp_path_factory.mktemp("clock") / "clock.json") as made:
        yield made


def entities(system: str) -> list[dict[str, Any]]:
    """The default maps of people, with activities switched on."""
    wanted = {"contact", "activity"}
    found = [dict(item) for item in registry.defaults_of(system).default_entities() if item["name"] in wanted]
    for item in found:
        item["parents"] = [] if item["name"] == "contact" else ["contact"]
        item["on"] = True
        item["fixed"] = ["email"] if item["name"] == "contact" else []
        beyond = {"company", "owner", "account"}
        item["fields"] = [each for each in item["fields"] if each["id"] not in beyond]
    return found


def timeline(world: World) -> list[tuple[str, str]]:
    """Subject and person of each row, all of which are completed."""
    rows = world.rows("task")
    assert {row["statecode"] for row in rows} <= {1}
    return sorted((row["subject"], row["regardingobjectid"]["id"]) for row in rows)


def counts(world: World, connection: str) -> dict[str, int]:
    found: dict[str, int] = world.call("GET", f"connections/{connection}/runs")["value"][0]["counts"]
    return found


@pytest.mark.feature("AC-12.1", system="marketo")
def test_marketos_log_comes_to_the_timeline_once_and_a_users_hand_in_it_is_left_alone(marketo: MarketoWorld) -> None:
    world = marketo
    connection = world.begun(2, entities=entities("marketo"))
    world.mk("engage", leads=[email(0), email(1)], asset="Before")
    world.mk("log_activity", lead=email(0), type=46, primary="Web", attributes={"Description": "Asked for a price"})
    world.mk("create_lead", values={"email": "stranger@example.org", "lastName": "S"})
    world.mk("log_activity", lead="stranger@example.org", type=10, primary="Before")
    world.next_run(connection)
    first = timeline(world)
    contacts = {row["emailaddress1"]: row["contactid"] for row in world.rows("contact")}
    assert ("Interesting moment: Web", contacts[email(0)]) in first
    assert {person for _, person in first} == set(contacts.values())
    assert counts(world, connection)["skipped:person_not_linked"] == 1
    rows = world.rows("task")
    world.edit("task", rows[0]["activityid"], subject="Mine now")
    world.remove("task", rows[1]["activityid"])
    made = len(world.writes("dataverse"))
    world.call("POST", f"connections/{connection}/initial", status=None)
    world.next_run(connection)
    world.next_run(connection)
    after = {row["activityid"]: row["subject"] for row in world.rows("task")}
    assert after[rows[0]["activityid"]] == "Mine now"
    assert rows[1]["activityid"] not in after
    assert len(after) == len(first) - 1
    assert [each for each in world.writes("dataverse")[made:] if each["kind"] == "task"] == []


@pytest.mark.feature("AC-12.1", system="marketo")
def test_a_run_taken_back_takes_the_rows_with_it_but_for_those_somebody_touched(marketo: MarketoWorld) -> None:
    world = marketo
    connection = world.begun(2, entities=entities("marketo"))
    for number in range(4):
        world.mk("log_activity", lead=email(number % 2), type=10, primary=f"Mail {number}")
    world.next_run(connection)
    rows = {row["subject"]: row["activityid"] for row in world.rows("task")}
    assert len(rows) == 4
    world.edit("task", rows["E-mail opened: Mail 0"], subject="Mine now")
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]["id"]
    path = f"connections/{connection}/runs/{run}/revert"
    assert world.call("GET", path)["counts"]["created"] == 4
    report = ended(world, f"operations/{world.call('POST', path, {'created': True}, status=202)['id']}")
    assert (report["counts"]["removed"], report["counts"]["left.touched"]) == (3, 1)
    world.next_run(connection)
    assert [row["subject"] for row in world.rows("task")] == ["Mine now"], "what was taken back stays away"


@pytest.mark.feature("AC-12.1", system="marketo")
def test_nothing_of_an_erased_person_comes_to_the_timeline(marketo: MarketoWorld) -> None:
    world = marketo
    connection = world.begun(2, entities=entities("marketo"))
    world.mk("log_activity", lead=email(1), type=10, primary="Before")
    world.next_run(connection)
    assert len(world.rows("task")) == 1
    started = world.call("POST", "erasures", {"email": email(1), "dynamics": True}, status=None)
    assert started
    world.tick()
    world.advance(5)
    for _ in range(3):
        world.next_run(connection)
    assert world.rows("task") == [], "they go with their person"
    again = world.mk("create_lead", values={"email": email(1), "lastName": "Back"})
    world.mk("log_activity", lead=again["id"], type=10, primary="Late")
    world.next_run(connection)
    assert world.rows("task") == []


@pytest.mark.feature("AC-12.1", system="activecampaign")
@pytest.mark.xdist_group("app-two")
def test_activecampaigns_list_comes_to_the_timeline_once(world: World) -> None:
    connection = world.begun(3, entities=entities("activecampaign"))
    seeded = world.sims.control(
        "activecampaign", "POST", "seed", {"campaigns": [{"name": "Spring", "subject": "It is spring"}]}
    )
    campaign = seeded["campaigns"][0]["id"]
    contacts = [str(item["id"]) for item in world.contacts()]
    world.ac("engage", contacts=contacts, campaign=campaign)
    world.ac("click", contact=contacts[0], campaign=campaign, url="https://shop.example.com/")
    world.ac("create_contact", email="stranger@example.org")
    world.ac("open", contact="stranger@example.org", campaign=campaign)
    world.next_run(connection)
    first = timeline(world)
    assert len([subject for subject, _ in first if subject == "E-mail sent: Spring"]) == 3
    assert "Link in an e-mail clicked: Spring" in [subject for subject, _ in first]
    assert counts(world, connection)["skipped:person_not_linked"] == 1
    world.next_run(connection)
    assert timeline(world) == first
    world.sims.control("activecampaign", "POST", "switches", {"activities_readable": False})
    world.ac("edit_contact", contact=contacts[0], firstName="Edited")
    try:
        world.next_run(connection)
        refused = world.call("GET", f"connections/{connection}/runs")["value"][0]
        assert refused["state"] == "partly_failed"
        assert counts(world, connection)["failed:feed_refused"] == 1
        errors = world.call("GET", f"connections/{connection}/failures")["value"]
        assert "permission" in str(errors) or "access" in str(errors)
    finally:
        world.sims.control("activecampaign", "POST", "switches", {"activities_readable": True})
    world.next_run(connection)
    assert world.call("GET", f"connections/{connection}/failures")["value"] == []
