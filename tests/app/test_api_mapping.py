"""Data configuration, mappings, criteria and schedule over HTTP, against both systems' own schemas."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.conftest import World
from tests.app.test_api_frame import error, keyed

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]
MATCH = {"If-Match": "*"}


@pytest.fixture
def connection(world: World) -> str:
    world.reseed(3)
    fields = [{"title": "Job title", "type": "text"}, {"title": "Born", "type": "date"}]
    world.sims.control("activecampaign", "POST", "seed", {"fields": fields})
    return world.connect()


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in schema["fields"] if item["name"] == name)
    return found


def test_both_sides_say_which_kinds_and_fields_they_have(world: World, connection: str) -> None:
    path = f"connections/{connection}/schemas"
    assert "contact" in world.call("GET", f"{path}/crm")["value"]
    assert "contact" in world.call("GET", f"{path}/partner")["value"]
    crm = world.call("GET", f"{path}/crm/contact")
    assert field(crm, "birthdate")["type"] == "date"
    assert field(crm, "lastname")["maxLength"] == 50
    assert field(crm, "createdon")["updatable"] is False
    assert {item["label"] for item in field(crm, "gendercode")["options"]} == {"Male", "Female"}
    partner = world.call("GET", f"{path}/partner/contact")
    assert {item["label"] for item in partner["fields"] if item["custom"]} >= {"Job title", "Born"}
    missing = world.answer("GET", f"{path}/crm/invoice", headers=keyed(world))
    assert "contact" in error(missing, 404, "unknown_kind")["nextStep"]


@pytest.mark.feature("HUB-06.1", system="activecampaign")
@pytest.mark.feature("HUB-06.2", system="activecampaign")
@pytest.mark.feature("HUB-06.3", system="activecampaign")
def test_an_entity_is_switched_turned_and_scoped_under_its_own_etag(world: World, connection: str) -> None:
    path = f"connections/{connection}/entities/contact"
    assert [item["name"] for item in world.call("GET", f"connections/{connection}/entities")["value"]] == [
        item["name"] for item in world.call("GET", f"connections/{connection}")["entities"]
    ]
    read = world.answer("GET", path, headers=keyed(world))
    assert (read.json()["on"], read.json()["direction"], read.json()["scope"]) == (True, "both", "all")
    criteria = {"all": [{"column": "statecode", "op": "eq", "value": "0"}]}
    change = {"on": False, "direction": "to_partner", "criteria": criteria}
    error(world.answer("PATCH", path, change, keyed(world)), 428, "if_match_missing")
    saved = world.answer("PATCH", path, change, keyed(world, **{"If-Match": read.headers["ETag"]}))
    assert saved.status_code == 200, saved.text
    shown = saved.json()
    assert (shown["on"], shown["direction"], shown["scope"]) == (False, "to_partner", "criteria")
    assert shown["map"]["criteria"] == criteria
    stale = world.answer("PATCH", path, {"on": True}, keyed(world, **{"If-Match": read.headers["ETag"]}))
    error(stale, 412, "changed_meanwhile")
    assert stale.json()["current"] == shown
    back = world.call("PATCH", path, {"on": True, "direction": "both", "scope": "all"})
    assert (back["on"], back["direction"], back["scope"]) == (True, "both", "all")
    wrong = {"criteria": {"all": [{"column": "new_nothing", "op": "eq", "value": 1}]}}
    found = error(world.answer("PATCH", path, wrong, keyed(world, **MATCH)), 400, "map")
    assert found["target"] == "contact.criteria.all[0].column"
    assert world.call("GET", path) == back


@pytest.mark.feature("HUB-06.4", system="activecampaign")
@pytest.mark.feature("HUB-07.2", system="activecampaign")
def test_rows_are_counted_live_by_the_criteria_that_are_sent(world: World, connection: str) -> None:
    path = f"connections/{connection}/entities/contact/count"
    assert world.call("POST", path, {}) == {"count": 3, "more": False, "shown": "3", "allCount": 3, "allMore": False}
    email = world.rows("contact")[0]["emailaddress1"]
    one = {"all": [{"column": "emailaddress1", "op": "eq", "value": email}]}
    for exact in (False, True):
        found = world.call("POST", path, {"criteria": one, "exact": exact})
        assert (found["count"], found["shown"], found["allCount"]) == (1, "1", 3)
    none = {"all": [{"column": "emailaddress1", "op": "eq", "value": "nobody@example.org"}]}
    assert world.call("POST", path, {"criteria": none})["count"] == 0
    wrong = world.answer("POST", path, {"criteria": {"all": [{"column": "x"}]}}, keyed(world))
    assert error(wrong, 400, "map")["details"]


@pytest.mark.feature("HUB-06.4", system="activecampaign")
def test_beyond_what_dynamics_counts_the_answer_says_more_and_exact_goes_on(world: World) -> None:
    world.reseed(1)
    rows = [{"lastname": f"Many {number}"} for number in range(5200)]
    world.sims.control("dataverse", "POST", "seed", {"rows": {"contact": rows}})
    path = f"connections/{world.connect()}/entities/contact/count"
    found = world.call("POST", path, {})
    assert (found["count"], found["more"], found["shown"]) == (5000, True, "more than 5000")
    found = world.call("POST", path, {"exact": True})
    assert (found["count"], found["more"], found["shown"]) == (5201, False, "5201")


@pytest.mark.feature("HUB-08.7", system="activecampaign")
def test_fields_that_are_named_alike_are_suggested_and_mapped_ones_are_not(world: World, connection: str) -> None:
    found = world.call("GET", f"connections/{connection}/entities/contact/suggestions")["value"]
    pairs = {item["crm"]: item for item in found}
    assert pairs["jobtitle"]["partner"] == "field:1"
    assert pairs["jobtitle"]["direction"] == "both"
    assert "emailaddress1" not in pairs
    assert [item["score"] for item in found] == sorted((item["score"] for item in found), reverse=True)


@pytest.mark.feature("HUB-08.1", system="activecampaign")
def test_a_map_is_judged_with_every_place_before_it_is_saved(world: World, connection: str) -> None:
    path = f"connections/{connection}/entities/contact"
    assert world.call("POST", f"{path}/validate") == {"valid": True, "mistakes": []}
    good = world.call("GET", path)["map"]
    wrong = {
        **good,
        "fields": [
            *good["fields"],
            {"id": "a", "crm": "new_nothing", "partner": "field:1"},
            {"id": "b", "crm": "gendercode", "partner": "field:2"},
        ],
    }
    found = world.call("POST", f"{path}/validate", {"map": wrong})
    assert found["valid"] is False
    places = {item["target"].partition(".fields")[2] for item in found["mistakes"]}
    count = len(good["fields"])
    assert {place.partition("]")[0] for place in places} == {f"[{count}", f"[{count + 1}"}
    refused = world.answer("PUT", path, {"map": wrong}, keyed(world, **MATCH))
    assert len(error(refused, 400, "map")["details"]) == len(found["mistakes"])
    better = {**good, "fields": [*good["fields"], {"id": "job", "crm": "jobtitle", "partner": "field:1"}]}
    assert world.call("POST", f"{path}/validate", {"map": better})["valid"]
    saved = world.answer("PUT", path, {"map": better}, keyed(world, **MATCH))
    assert saved.json()["map"]["fields"][-1]["id"] == "job"
    world.answer("PUT", path, {"map": good}, keyed(world, **MATCH))


@pytest.mark.feature("HUB-08.8", system="activecampaign")
def test_a_real_record_is_shown_as_the_map_would_carry_it_and_nothing_is_written(world: World, connection: str) -> None:
    path = f"connections/{connection}/entities/contact/preview"
    row = world.rows("contact")[0]
    found = world.call("POST", path, {"side": "crm", "record": row["contactid"]})
    shown = {item["id"]: item for item in found["fields"]}
    assert (shown["email"]["source"], shown["email"]["target"]) == (row["emailaddress1"], row["emailaddress1"])
    assert shown["lastname"]["target"] == row["lastname"]
    good = world.call("GET", f"connections/{connection}/entities/contact")["map"]
    tried = {
        **good,
        "fields": [
            *good["fields"],
            {"id": "x", "crm": "lastname", "partner": "field:1", "direction": "to_partner", "transforms": ["upper"]},
            {"id": "gone", "crm": "new_nothing", "partner": "field:2"},
        ],
    }
    answer = world.answer("POST", path, {"side": "crm", "record": row["contactid"], "map": tried}, keyed(world))
    assert answer.status_code == 200, answer.text
    assert answer.json()["broken"]["gone"]
    assert world.contacts() == []
    missing = {"side": "crm", "record": "00000000-0000-4000-8000-000000000000"}
    error(world.answer("POST", path, missing, keyed(world)), 404, "record_not_found")


@pytest.mark.feature("HUB-05.2", system="activecampaign")
def test_the_schedule_is_shown_and_set_under_its_own_etag(world: World) -> None:
    connection = world.begun(people=1)
    path = f"connections/{connection}/schedule"
    read = world.answer("GET", path, headers=keyed(world))
    shown = read.json()
    assert (shown["running"], shown["late"]) == (False, "on_time")
    assert shown["lastRun"]
    assert shown["lastEnd"] < shown["nextRun"]
    rhythm = {"kind": "grid", "hours": 4}
    error(world.answer("PUT", path, {"rhythm": rhythm}, keyed(world)), 428, "if_match_missing")
    saved = world.answer("PUT", path, {"rhythm": rhythm}, keyed(world, **{"If-Match": read.headers["ETag"]}))
    assert saved.json()["rhythm"] == rhythm
    stale = world.answer("PUT", path, {"rhythm": rhythm}, keyed(world, **{"If-Match": read.headers["ETag"]}))
    assert stale.json()["current"] == {"rhythm": rhythm}
    wrong = world.answer("PUT", path, {"rhythm": {"kind": "grid", "hours": 3}}, keyed(world, **MATCH))
    assert error(wrong, 400, "map")["target"] == "rhythm.hours"
    world.advance(4 * 3600 * 2.5)
    late = world.call("GET", path)
    assert late["late"] in {"late", "failing"}
    assert late["intervalsLate"] > 1
