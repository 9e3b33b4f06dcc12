"""Conflicts over the app's own doors: asked, listed with both values, answered once, applied at the next slot."""

from __future__ import annotations

from typing import Any

import pytest

from shared.connectors.activecampaign.defaults import default_entities
from tests.app.conftest import World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-two")]


def asking(world: World, people: int, field: str = "firstname") -> str:
    """A connection over its initial sync that asks about a field."""
    connection = world.begun(people)
    maps: list[dict[str, Any]] = [dict(item) for item in default_entities()]
    for item in maps:
        item["fields"] = [{**row, **({"policy": "ask"} if row["id"] == field else {})} for row in item["fields"]]
    world.call("PATCH", f"connections/{connection}", {"entities": maps})
    return connection


def clash(world: World, number: int, ours: str, theirs: str) -> dict[str, Any]:
    """Both sides change the first name of a person; answers the contact."""
    contact = world.contacts()[number]
    row = next(row for row in world.rows("contact") if str(row["emailaddress1"]).lower() == contact["email"].lower())
    change = {"table": "contact", "id": row["contactid"], "values": {"firstname": ours}}
    world.sims.control("dataverse", "POST", "do/edit", change)
    world.ac("edit_contact", contact=contact["id"], firstName=theirs)
    return {"contact": contact["id"], "row": row["contactid"]}


def first_names(world: World, ids: dict[str, Any]) -> tuple[str, str]:
    contact = next(item for item in world.contacts() if item["id"] == ids["contact"])
    row = next(item for item in world.rows("contact") if item["contactid"] == ids["row"])
    return str(row["firstname"]), str(contact["firstName"])


@pytest.mark.feature("HUB-10.2", system="activecampaign")
@pytest.mark.feature("HUB-10.3", system="activecampaign")
@pytest.mark.feature("HUB-10.4", system="activecampaign")
@pytest.mark.feature("HUB-23", system="activecampaign")
def test_a_question_is_listed_with_both_values_answered_once_and_applied_at_the_next_slot(world: World) -> None:
    connection = asking(world, 4)
    pairs = [clash(world, number, f"Ours {number}", f"Theirs {number}") for number in range(3)]
    world.next_run(connection)
    found = world.call("GET", f"connections/{connection}/conflicts")["value"]
    assert {(item["crm"]["value"], item["partner"]["value"]) for item in found} == {
        (f"Ours {number}", f"Theirs {number}") for number in range(3)
    }
    assert all(item["winner"] == "" and item["field"] == "firstname" for item in found)
    world.next_run(connection)
    again = world.call("GET", f"connections/{connection}/conflicts")["value"]
    assert {item["id"] for item in again} == {item["id"] for item in found}  # the same questions, not new ones

    first = next(item for item in found if item["crm"]["value"] == "Ours 0")
    path = f"connections/{connection}/conflicts/decide"
    answer = world.call("POST", path, {"ids": [first["id"]], "winner": "partner"}, status=202)
    assert (answer["decided"], answer["stale"]) == (1, [])
    assert answer["runsAt"]
    repeat = world.call("POST", path, {"ids": [first["id"]], "winner": "partner"}, status=202)
    assert repeat["decided"] == 1
    other = world.call("POST", path, {"ids": [first["id"]], "winner": "crm"}, status=202)
    assert (other["decided"], other["stale"]) == (0, [first["id"]])
    assert first_names(world, pairs[0]) == ("Ours 0", "Theirs 0")  # not before the slot
    rest = world.call("POST", path, {"filter": {"field": "firstname"}, "winner": "crm"}, status=202)
    assert rest["decided"] == 2
    world.next_run(connection)
    told = world.status(connection), world.call("GET", f"connections/{connection}/runs")["value"][:2], world.now()
    assert first_names(world, pairs[0]) == ("Theirs 0", "Theirs 0"), told
    assert first_names(world, pairs[1]) == ("Ours 1", "Ours 1")
    assert first_names(world, pairs[2]) == ("Ours 2", "Ours 2")
    assert world.call("GET", f"connections/{connection}/conflicts")["value"] == []
    decided = world.call("GET", f"connections/{connection}/conflicts?state=decided")["value"]
    assert {"partner", "crm"} == {item["winner"] for item in decided}
    log = world.call("GET", f"connections/{connection}/activity")["value"]
    assert [item["action"] for item in log].count("conflict.decided") == 4
    assert {"connection.created", "connection.edited", "conflict.decided"} <= {item["action"] for item in log}
    runs = {item["details"]["run"]: item for item in log if item["action"] == "run.ended"}
    told = {run["id"]: run for run in world.call("GET", f"connections/{connection}/runs")["value"]}
    assert {run for run, item in told.items() if item["counts"].get("writes:partner")} <= runs.keys() <= told.keys()
    assert {(item["actor"], item["details"]["reason"]) for item in runs.values()} == {
        ("dynasync", "initial"),
        ("schedule", "scheduled"),
    }
    assert all(item["at"] == told[run]["ended"] for run, item in runs.items())
    assert all(item["actor"] and item["at"] for item in log)
    assert "Ours" not in str(log)
    assert "Theirs" not in str(log)


@pytest.mark.feature("HUB-10.4", system="activecampaign")
def test_an_answer_about_values_that_moved_on_is_not_applied_and_the_question_comes_back(world: World) -> None:
    connection = asking(world, 2)
    pair = clash(world, 0, "Ours", "Theirs")
    world.next_run(connection)
    (asked,) = world.call("GET", f"connections/{connection}/conflicts")["value"]
    world.ac("edit_contact", contact=pair["contact"], firstName="Changed since")
    world.call(
        "POST", f"connections/{connection}/conflicts/decide", {"ids": [asked["id"]], "winner": "partner"}, status=202
    )
    world.next_run(connection)
    assert first_names(world, pair) == ("Ours", "Changed since")
    (anew,) = world.call("GET", f"connections/{connection}/conflicts")["value"]
    assert anew["id"] != asked["id"]
    assert anew["partner"]["value"] == "Changed since"


def test_an_answer_that_says_too_little_is_refused_with_what_to_send(world: World) -> None:
    connection = asking(world, 1)
    bodies: list[dict[str, Any]] = [
        {"winner": "crm"},
        {"ids": ["x"]},
        {"ids": [], "winner": "crm"},
        {"ids": ["x"], "filter": {}, "winner": "crm"},
        {"filter": {"colour": "red"}, "winner": "crm"},
    ]
    for body in bodies:
        error = world.call("POST", f"connections/{connection}/conflicts/decide", body, status=400)["error"]
        assert error["nextStep"], body
