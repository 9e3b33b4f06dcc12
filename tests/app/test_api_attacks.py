"""What a careless or hostile client of the REST API tries."""

from __future__ import annotations

import base64
import json
import time
from datetime import datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
import requests

from bench.failures import failure, put_failures
from functions.api.signin import signed_in
from functions.exports import harmless
from shared import config
from shared.azure.conflicts import TableConflicts
from shared.azure.log_rows import newest_first
from shared.bootstrap import Application
from shared.domain.records import Kind, Ref, RemoteId
from shared.ports.journal import KeptConflict
from tests.app.conftest import World
from tests.app.test_api_frame import error, keyed
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]


@pytest.fixture
def connection(world: World) -> str:
    world.reseed(1)
    return world.connect()


def ended(world: World, answer: requests.Response) -> dict[str, Any]:
    """The operation that the answer names, once it is over."""
    end = time.monotonic() + PATIENCE
    where = answer.headers["Operation-Location"]
    while True:
        found: dict[str, Any] = requests.get(where, headers=keyed(world), timeout=30).json()
        if found["status"] in {"Succeeded", "Failed"}:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.3)


@pytest.mark.feature("APP-05.4")
@pytest.mark.parametrize("text", ["a-real-api-key", "{other}-partner-key", "dynasync-state-key"])
def test_a_secret_sent_as_a_plain_setting_is_neither_stored_nor_repeated(
    world: World, connection: str, text: str
) -> None:
    text = text.format(other="01a202f3bb84d691591f5626fb4de8a5")
    before = world.call("GET", f"connections/{connection}")
    edit = world.answer(
        "PATCH", f"connections/{connection}", {"partner": {"key": text}}, keyed(world, **{"If-Match": "*"})
    )
    found = error(edit, 400, "config")
    assert found["target"] == "partner.key"
    assert "partner.secrets.key" in found["nextStep"]
    assert text not in edit.text
    made = world.answer(
        "POST", "connections", world.body(crm_secret=text, crm_url="https://other.crm4.dynamics.com"), keyed(world)
    )
    assert error(made, 400, "config")["target"] == "crm.secret"
    assert text not in made.text
    assert world.call("GET", f"connections/{connection}") == before
    assert len(world.call("GET", "connections")["value"]) == 1


@pytest.mark.feature("APP-03.3")
def test_a_connection_that_another_admin_changed_is_not_deleted_under_the_etag_that_was_read(
    world: World, connection: str
) -> None:
    path = f"connections/{connection}"
    read = world.answer("GET", path, headers=keyed(world)).headers["ETag"]
    world.call("PATCH", path, {"name": "Another's work"})
    stale = world.answer("DELETE", path, headers=keyed(world, **{"If-Match": read}))
    error(stale, 412, "changed_meanwhile")
    assert stale.json()["current"]["name"] == "Another's work"
    fresh = {"If-Match": stale.headers["ETag"]}
    for headers in (fresh, fresh, {"If-Match": "*"}, {}):  # repeating it is safe
        assert world.answer("DELETE", path, headers=keyed(world, **headers)).status_code == 204
    world.call("GET", path, status=404)


@pytest.mark.feature("APP-03.2")
def test_a_connection_keeps_a_name_and_a_selection_is_either_named_or_a_filter(world: World, connection: str) -> None:
    path = f"connections/{connection}"
    blank = world.answer("PATCH", path, {"name": " \t "}, keyed(world, **{"If-Match": "*"}))
    assert error(blank, 400, "config")["target"] == "name"
    assert world.call("GET", path)["name"] == "Test"
    for way, names in (("failures/retry", "links"), ("failures/dismiss", "links"), ("conflicts/decide", "ids")):
        more = {"winner": "crm"} if names == "ids" else {}
        for body in ({}, {names: ["0" * 24], "filter": {}}):
            found = error(world.answer("POST", f"{path}/{way}", {**body, **more}, keyed(world)), 400, "invalid_value")
            assert found["target"] == names


def ask(world: World, connection: str, number: int, at: datetime) -> str:
    """An open question in the app's own table; answers its id."""
    key = base64.b64encode(bytes(32)).decode()
    settings = {"AzureWebJobsStorage": world.host.storage_connection, "DYNASYNC_STATE_KEY": key}
    name = f"{newest_first(at)}-{number}"
    question = KeptConflict(
        id=name,
        link=f"{number:024x}",
        entity="contact",
        field="phone",
        policy="ask",
        winner=None,
        crm=Ref(Kind("contact"), RemoteId(f"00000000-0000-4000-8000-{number:012d}")),
        partner=Ref(Kind("contact"), RemoteId(str(number + 1))),
        at=at,
        run="0" * 32,
    )
    TableConflicts(Application(config.load(settings)).store("conflicts"), connection).add([question])
    return name


@pytest.mark.feature("HUB-10.3", system="activecampaign")
def test_many_questions_are_answered_by_an_operation_and_none_that_came_after_the_call(
    world: World, connection: str
) -> None:
    path, now = f"connections/{connection}/conflicts", world.now()
    ids = [ask(world, connection, number, now - timedelta(minutes=number + 1)) for number in range(60)]
    later = ask(world, connection, 99, now + timedelta(hours=1))
    named = world.answer("POST", f"{path}/decide", {"ids": ids[:51], "winner": "partner"}, keyed(world))
    assert named.status_code == 202
    assert (named.json()["decided"], named.json()["more"]) == (0, True)
    operation = ended(world, named)
    assert (operation["status"], operation["counts"]) == ("Succeeded", {"decided": 51, "stale": 0})
    few = world.call("POST", f"{path}/decide", {"ids": ids[51:55], "winner": "crm"}, status=202)
    assert (few["decided"], few["more"]) == (4, False)
    for number in range(100, 146):
        ask(world, connection, number, now - timedelta(minutes=number))
    found = world.answer("POST", f"{path}/decide", {"filter": {"field": "phone"}, "winner": "crm"}, keyed(world))
    assert (found.json()["decided"], found.json()["more"]) == (0, True)
    assert ended(world, found)["counts"] == {"decided": 51, "stale": 0}
    assert [item["id"] for item in world.call("GET", path)["value"]] == [later]
    decided = world.call("GET", f"{path}?state=decided&maxpagesize=1000")["value"]
    assert {item["id"] for item in decided if item["winner"] == "partner"} == set(ids[:51])
    assert len(decided) == 106


@pytest.mark.feature("HUB-14.5", system="activecampaign")
@pytest.mark.parametrize("act", ["retry", "dismiss"])
def test_many_named_failures_are_worked_through_by_an_operation(world: World, connection: str, act: str) -> None:
    put_failures(world.host.storage_connection, connection, 260)
    links = [failure(number).link for number in range(255)]
    path = f"connections/{connection}/failures"
    answer = world.answer("POST", f"{path}/{act}", {"links": [*links, "0" * 24, links[0]]}, keyed(world))
    assert answer.json()["more"] is True, answer.text
    operation = ended(world, answer)
    assert (operation["status"], operation["counts"]) == ("Succeeded", {act: 255})
    left = world.call("GET", f"{path}/count")["count"]
    assert left == (5 if act == "dismiss" else 260)


def principal(claims: object, **more: object) -> func.HttpRequest:
    text = json.dumps({"auth_typ": "aad", "claims": claims, **more})
    headers = {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(text.encode()).decode()}
    return func.HttpRequest("GET", "https://app.example/api/signed-in/connections", headers=headers, body=b"")


OID = {"typ": "oid", "val": "someone"}


@pytest.mark.feature("APP-05.1")
@pytest.mark.parametrize(
    "request_",
    [
        principal([OID, {"typ": "roles", "val": ["admin"]}]),
        principal([OID, {"typ": ["roles"], "val": "admin"}]),
        principal([OID, {"typ": {"a": 1}, "val": {"b": 2}}], role_typ=["roles"]),
        principal([{"typ": "oid", "val": 7}, {"typ": "roles", "val": "admin"}]),
        principal([OID, {"typ": "roles", "val": "ADMIN"}, {"typ": "role", "val": "admin"}]),
        principal([OID, {"val": "admin"}], role_typ=None),
        principal({"typ": "roles", "val": "admin"}),
    ],
)
def test_a_principal_of_another_shape_gives_no_role(request_: func.HttpRequest) -> None:
    assert signed_in(request_, easy_auth=True).roles == frozenset()
    right = principal([OID, {"typ": "roles", "val": "admin"}])
    assert signed_in(right, easy_auth=True).roles == {"admin"}
    assert signed_in(right, easy_auth=False).roles == frozenset()


@pytest.mark.feature("HUB-14.6", system="activecampaign")
@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_beginning_that_a_spreadsheet_takes_for_a_formula_stays(first: str) -> None:
    assert harmless(f"{first}1+1") == f"'{first}1+1"
    assert harmless(f"a{first}1") == f"a{first}1"
