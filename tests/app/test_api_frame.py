"""The frame of the REST API: versions, pages, ETags, refusals with their place, nothing half saved."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.app.conftest import API_VERSION, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]


def error(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text[:500]
    assert answer.headers["x-ms-error-code"] == code
    found: dict[str, Any] = answer.json()["error"]
    assert found["message"]
    return found


def keyed(world: World, **more: str) -> dict[str, str]:
    return {"x-functions-key": world.host.host_key, **more}


@pytest.fixture
def connection(world: World) -> str:
    world.reseed(1)
    return world.connect()


@pytest.mark.feature("APP-03.2")
@pytest.mark.parametrize(
    ("version", "code"),
    [("", "api_version_missing"), ("2020-01-01", "api_version_unknown"), ("x", "api_version_unknown")],
)
def test_a_version_that_is_missing_or_unknown_is_refused_with_those_that_are_known(
    world: World, version: str, code: str
) -> None:
    query = f"?api-version={version}" if version else "?api-version="
    found = error(world.answer("GET", f"connections{query}", headers=keyed(world)), 400, code)
    assert found["known"] == [API_VERSION]
    assert API_VERSION in found["nextStep"]


@pytest.mark.feature("APP-03.4")
def test_a_list_is_read_page_by_page_by_the_addresses_it_gives(world: World, connection: str) -> None:
    for number in range(4):
        world.call("PATCH", f"connections/{connection}", {"name": f"Name {number}"})
    whole = world.call("GET", f"connections/{connection}/activity")["value"]
    assert len(whole) == 5
    assert [item["action"] for item in whole] == ["connection.edited"] * 4 + ["connection.created"]
    seen, pages = [], 0
    address = f"{world.host.url}/api/connections/{connection}/activity?api-version={API_VERSION}&maxpagesize=2"
    while address:
        body = requests.get(f"{address}&code={world.host.host_key}", timeout=30).json()
        assert len(body["value"]) <= 2
        seen += body["value"]
        address = body.get("nextLink", "")
        assert world.host.host_key not in address
        if address:
            query = parse_qs(urlsplit(address).query)
            assert query["api-version"] == [API_VERSION]
            assert query["maxpagesize"] == ["2"]
        pages += 1
    assert (seen, pages) == (whole, 3)
    error(
        world.answer("GET", f"connections/{connection}/activity?after=%20%2F", headers=keyed(world)),
        400,
        "continuation_invalid",
    )
    for size in ("0", "1001", "-1", "many"):
        answer = world.answer("GET", f"connections/{connection}/activity?maxpagesize={size}", headers=keyed(world))
        assert error(answer, 400, "parameter_invalid")["target"] == "maxpagesize"


@pytest.mark.feature("APP-03.3")
def test_a_change_needs_the_etag_that_was_read_and_a_stale_one_is_answered_with_how_it_stands(
    world: World, connection: str
) -> None:
    path = f"connections/{connection}"
    read = world.answer("GET", path, headers=keyed(world))
    etag = read.headers["ETag"]
    assert etag.startswith('"')  # strong
    error(world.answer("PATCH", path, {"name": "Mine"}, keyed(world)), 428, "if_match_missing")
    saved = world.answer("PATCH", path, {"name": "Mine"}, keyed(world, **{"If-Match": etag}))
    assert (saved.status_code, saved.json()["name"]) == (200, "Mine")
    stale = world.answer("PATCH", path, {"name": "Theirs"}, keyed(world, **{"If-Match": etag}))
    error(stale, 412, "changed_meanwhile")
    assert stale.json()["current"] == saved.json()
    assert stale.headers["ETag"] == saved.headers["ETag"] != etag
    assert world.answer("GET", path, headers=keyed(world)).json() == saved.json()
    again = world.answer("PATCH", path, {"name": "Theirs"}, keyed(world, **{"If-Match": stale.headers["ETag"]}))
    assert again.json()["name"] == "Theirs"


@pytest.mark.feature("APP-03.3")
def test_of_admins_who_save_at_once_one_wins_and_the_others_are_told(world: World, connection: str) -> None:
    path = f"connections/{connection}"
    etag = world.answer("GET", path, headers=keyed(world)).headers["ETag"]

    def save(name: str) -> requests.Response:
        return world.answer("PATCH", path, {"name": name}, keyed(world, **{"If-Match": etag}))

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(save, [f"Admin {number}" for number in range(6)]))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]
    [won] = [answer.json()["name"] for answer in answers if answer.status_code == 200]
    assert {answer.json()["current"]["name"] for answer in answers if answer.status_code == 412} == {won}
    assert world.call("GET", path)["name"] == won


BAD_BODIES: list[tuple[str, Any, str, str]] = [
    ("unknown field", {"name": "x", "colour": "red"}, "unknown_field", "colour"),
    ("wrong type", {"name": 7}, "invalid_value", "name"),
    ("too long", {"name": "x" * 201}, "invalid_value", "name"),
    ("empty", {"name": ""}, "invalid_value", "name"),
    ("place in a list", {"entities": [{}, "lead"]}, "invalid_value", "entities[1]"),
    ("no such switch", {"switch": "auto"}, "invalid_value", "switch"),
    ("switch with a setting", {"switch": "on", "name": "x"}, "invalid_value", "switch"),
    ("control characters", {"name": "a\u0000b"}, "text_unusable", "name"),
    ("half a pair", {"name": "\ud800"}, "text_unusable", "name"),
    ("unknown secret", {"name": "new", "partner": {"secrets": {"colour": "x"}}}, "config", "partner.secrets.colour"),
    ("unknown setting", {"name": "new", "partner": {"colour": "x"}}, "config", ""),
    ("wrong option", {"name": "new", "options": {"order": "first"}}, "config", ""),
    ("no entity map", {"name": "new", "entities": [{"name": "lead"}]}, "config", ""),
    ("wrong rhythm after a right name", {"name": "new", "rhythm": {"kind": "grid", "hours": 3}}, "map", "rhythm.hours"),
]


@pytest.mark.feature("APP-03.2")
def test_what_is_not_known_or_wrong_is_refused_with_its_place_and_nothing_of_it_is_saved(
    world: World, connection: str
) -> None:
    path = f"connections/{connection}"
    before = world.answer("GET", path, headers=keyed(world))
    for what, body, code, target in BAD_BODIES:
        answer = world.answer("PATCH", path, body, keyed(world, **{"If-Match": "*"}))
        found = error(answer, 400, code)
        assert found.get("target", "").startswith(target), (what, found)
        assert found["nextStep"], what
    after = world.answer("GET", path, headers=keyed(world))
    assert (after.json(), after.headers["ETag"]) == (before.json(), before.headers["ETag"])
    found = error(world.answer("POST", "connections", {"name": 1, "colour": 2}, keyed(world)), 400, "missing_field")
    assert {(item["code"], item["target"]) for item in found["details"]} == {
        ("missing_field", "system"),
        ("missing_field", "crm"),
        ("missing_field", "partner"),
        ("invalid_value", "name"),
        ("unknown_field", "colour"),
    }


@pytest.mark.feature("APP-03.2")
def test_bodies_that_are_no_json_object_or_too_large_and_selections_that_are_too_long_are_refused(
    world: World, connection: str
) -> None:
    address = f"{world.host.url}/api/connections/{connection}/failures/retry?api-version={API_VERSION}"

    def post(body: bytes) -> requests.Response:
        return requests.post(address, data=body, headers=keyed(world), timeout=60)

    for body in (b"", b"[]", b"7", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 50_000):
        error(post(body), 400, "body_not_json")
    error(post(b'{"links": ["' + b"x" * 1_000_001 + b'"]}'), 413, "body_too_large")
    error(post(b'{"a": ' * 100 + b"1" + b"}" * 100), 400, "text_unusable")
    found = error(post(json.dumps({"links": ["ab"] * 10_000}).encode()), 400, "invalid_value")
    assert found["target"] == "links"
    found = error(post(json.dumps({"filter": {"entity": "x" * 100_000}}).encode()), 400, "invalid_value")
    assert found["target"] == "filter.entity"
    answer = world.answer("GET", f"connections/{connection}/failures?entity={'x' * 3000}", headers=keyed(world))
    assert error(answer, 400, "parameter_invalid")["target"] == "entity"
    answer = world.answer("GET", f"connections/{connection}/failures?colour=red", headers=keyed(world))
    assert error(answer, 400, "parameter_unknown")["target"] == "colour"


def test_names_with_script_or_a_formula_come_back_as_text_and_never_as_a_page(world: World, connection: str) -> None:
    name = "<script>alert(1)</script>=cmd|' /C calc'!A0"
    answer = world.answer("PATCH", f"connections/{connection}", {"name": name}, keyed(world, **{"If-Match": "*"}))
    assert answer.json()["name"] == name
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.feature("APP-03.5")
def test_accepted_work_names_an_operation_that_can_be_polled_to_its_end(world: World) -> None:
    connection = world.begun(people=1)
    accepted = world.answer("POST", f"connections/{connection}/initial-sync", {"repeat": True}, keyed(world))
    assert accepted.status_code == 202
    where = accepted.headers["Operation-Location"]
    assert accepted.json()["status"] == "NotStarted"

    def poll() -> dict[str, Any]:
        found: dict[str, Any] = requests.get(where, headers=keyed(world), timeout=30).json()
        return found

    assert poll()["status"] in {"NotStarted", "Running", "Succeeded"}
    world.wait_for(connection, 2)
    ended = poll()
    assert (ended["id"], ended["status"], ended["kind"]) == (accepted.json()["id"], "Succeeded", "run")
    assert ended["run"]["state"] == "succeeded"


@pytest.mark.feature("APP-05.4")
def test_a_secret_goes_in_and_never_comes_out(world: World, connection: str) -> None:
    body = {"partner": {"secrets": {"key": "a-new-secret-of-the-partner"}}}
    answer = world.answer("PATCH", f"connections/{connection}", body, keyed(world, **{"If-Match": "*"}))
    assert answer.json()["partner"]["secretsStored"] == ["key"]
    for path in ("", "/activity", "/status", "/operations"):
        shown = world.answer("GET", f"connections/{connection}{path}", headers=keyed(world)).text
        assert "a-new-secret" not in shown
        assert world.keys["client_secret"] not in shown
