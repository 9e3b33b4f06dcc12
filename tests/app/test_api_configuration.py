"""The configuration as one file: export, difference, apply."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import requests

from tests.app.conftest import World
from tests.app.test_api_frame import error, keyed

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]


def export(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.call("GET", "configuration")
    return found


def apply(world: World, data: object, etag: str = "*") -> requests.Response:
    return world.answer("POST", "configuration/apply", data, keyed(world, **{"If-Match": etag}))


def acts(changes: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(item["act"], [part["place"] for part in item["differences"]]) for item in changes["value"]]


@pytest.mark.feature("HUB-24")
def test_an_export_applied_to_an_empty_installation_gives_the_same_and_twice_changes_nothing(world: World) -> None:
    world.reseed(1)
    first = world.connect(name="First", options={"order": 1})
    criteria = {"all": [{"column": "statecode", "op": "eq", "value": "0"}]}
    world.call("PATCH", f"connections/{first}/entities/contact", {"criteria": criteria, "direction": "to_partner"})
    world.call("PATCH", f"connections/{first}", {"rhythm": {"kind": "grid", "hours": 4}})
    before = export(world)
    [shown] = before["connections"]
    assert shown["crm"]["secretsStored"] == ["secret"]
    assert first not in str(before)
    assert world.keys["client_secret"] not in str(before)
    assert world.keys["api_key"] not in str(before)
    world.delete_connections()
    empty = world.answer("GET", "configuration", headers=keyed(world))
    assert empty.json()["connections"] == []
    planned = world.call("POST", "configuration/diff", before)
    assert (planned["changed"], acts(planned)) == (True, [("create", [])])
    assert export(world)["connections"] == []
    done = apply(world, before, empty.headers["ETag"])
    assert done.status_code == 200, done.text
    assert export(world) == before
    again = apply(world, before).json()
    assert (again["changed"], acts(again)) == (False, [("same", [])])
    assert export(world) == before
    stale = apply(world, before, empty.headers["ETag"])
    error(stale, 412, "changed_meanwhile")
    assert stale.json()["current"] == before
    connection = done.json()["value"][0]["id"]
    secrets = {"crm": {"secrets": {"secret": world.keys["client_secret"]}}}
    world.call("PATCH", f"connections/{connection}", secrets)
    world.call("PATCH", f"connections/{connection}", {"partner": {"secrets": {"key": world.keys["api_key"]}}})
    assert world.call("POST", f"connections/{connection}/check")["passed"]
    assert export(world) == before


@pytest.mark.feature("HUB-24")
def test_a_difference_is_told_part_by_part_and_what_is_not_named_is_left_alone(world: World) -> None:
    world.reseed(1)
    world.connect(name="Mine")
    now = export(world)
    wanted = copy.deepcopy(now)
    [item] = wanted["connections"]
    item["name"] = "Theirs"
    item["rhythm"] = {"kind": "grid", "hours": 8}
    item["partner"].pop("limit_calls")
    told = world.call("POST", "configuration/diff", wanted)
    assert acts(told) == [("update", ["name", "partner", "rhythm"])]
    assert told["value"][0]["differences"][0] == {"place": "name", "now": "Mine", "then": "Theirs"}
    assert export(world) == now
    assert apply(world, wanted).json()["value"][0]["act"] == "update"
    assert export(world) == wanted
    assert apply(world, wanted).json()["changed"] is False
    left = world.call("POST", "configuration/diff", {"format": 1, "connections": []})
    assert (left["changed"], acts(left)) == (False, [("extra", [])])
    apply(world, {"format": 1, "connections": []})
    assert export(world) == wanted


@pytest.mark.feature("HUB-24")
def test_a_file_that_is_wrong_anywhere_changes_nothing_at_all(world: World) -> None:
    world.reseed(1)
    world.connect(name="Mine")
    now = export(world)
    good = copy.deepcopy(now["connections"][0])
    good["name"] = "Changed"
    other = copy.deepcopy(good)
    other["partner"]["url"] = world.sims.urls["entra"]
    broken = [
        ({"format": 2, "connections": []}, "format"),
        ({"format": 1, "connections": [good, good]}, "connections[1]"),
        ({"format": 1, "connections": [{**good, "colour": 1}]}, "connections[0].colour"),
        (
            {"format": 1, "connections": [{**good, "rhythm": {"kind": "grid", "hours": 3}}]},
            "connections[0].rhythm.hours",
        ),
        ({"format": 1, "connections": [good, {**other, "system": "fax"}]}, "connections[1]"),
        ({"format": 1, "connections": [good, {**other, "options": {"order": "one"}}]}, "connections[1].options.order"),
        ({"format": 1, "connections": [good, other]}, "connections[1]"),  # both write the same columns
        ({"format": 1, "connections": [{**good, "crm": {"url": "https://crm.example.internal"}}]}, "connections[0]"),
    ]
    for data, target in broken:
        answer = apply(world, data)
        assert answer.status_code == 400, (target, answer.text)
        assert answer.json()["error"]["target"].startswith(target), (target, answer.text)
        assert export(world) == now, target
    assert len(world.call("GET", "connections")["value"]) == 1
