"""Who may call what: every route of the table as everyone, through the local host's doors."""

from __future__ import annotations

import base64
import json
from typing import Any

import azure.functions as func
import pytest
import requests

from functions.api.route import ROUTES, Role
from functions.api.serve import SIGNED_IN
from functions.api.signin import CSRF_HEADER, NOBODY, signed_in
from scripts import api_docs
from tests.app.conftest import API_VERSION, USERS, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]
api_docs.load_routes()

CALLERS = ("nobody", "user", "reader", "admin", "function key")
MAY = {
    Role.OPEN: {"nobody", "user", "reader", "admin", "function key"},
    Role.SIGNED_IN: {"user", "reader", "admin", "function key"},
    Role.READER: {"reader", "admin", "function key"},
    Role.ADMIN: {"admin", "function key"},
}
NAMES = {"run": "0" * 32}


def call(world: World, name: str, caller: str, **headers: str) -> requests.Response:
    """The route on a connection that is not there: nothing happens, but who may gets another answer."""
    route = ROUTES[name]
    path = "/".join(NAMES.get(part[1:-1], "none") if part.startswith("{") else part for part in route.path.split("/"))
    if caller == "function key":
        address, sent = f"{world.host.url}/api/{path}", {"x-functions-key": world.host.host_key}
    else:
        address = f"{world.host.url}/api/{SIGNED_IN}/{path}"
        sent = {CSRF_HEADER: "1", **({"X-Dynasync-Local-User": caller} if caller != "nobody" else {})}
    body = {"none": "none"} if route.method in {"POST", "PATCH", "PUT"} else None
    query = {"api-version": API_VERSION} if route.role is not Role.OPEN else {}
    return requests.request(route.method, address, params=query, json=body, headers={**sent, **headers}, timeout=30)


@pytest.mark.feature("APP-05.1")
@pytest.mark.feature("APP-05.2")
@pytest.mark.parametrize("caller", CALLERS)
def test_every_route_opens_to_those_the_table_names_and_to_nobody_else(world: World, caller: str) -> None:
    for name, route in ROUTES.items():
        answer = call(world, name, caller)
        if caller in MAY[route.role]:
            assert answer.status_code not in {401, 403}, (name, answer.text)
            assert answer.status_code < 500, (name, answer.text)
        else:
            wanted = (401, "not_signed_in") if caller == "nobody" else (403, "role_missing")
            assert (answer.status_code, answer.json()["error"]["code"]) == wanted, (name, answer.text)


@pytest.mark.feature("APP-05.2")
def test_without_a_key_the_door_of_keys_is_shut_by_the_host(world: World) -> None:
    for route in ROUTES.values():
        if route.role is not Role.OPEN:
            path = route.path.replace("{", "").replace("}", "")
            url = f"{world.host.url}/api/{path}?api-version={API_VERSION}"
            for headers in ({}, {"x-functions-key": "wrong"}, {"X-Dynasync-Local-User": "admin"}):
                answer = requests.request(route.method, url, headers=headers, timeout=30)
                assert (answer.status_code, answer.content) == (401, b""), route.name


def test_the_table_of_the_reference_says_the_same_as_this_test() -> None:
    page = api_docs.roles()
    for route in ROUTES.values():
        [row] = [line for line in page.splitlines() if line.startswith(f"| {route.method} | `{route.path}` |")]
        cells = dict(zip(CALLERS, (cell.strip() for cell in row.split("|")[3:-1]), strict=True))
        assert {caller for caller, cell in cells.items() if cell == "yes"} == MAY[route.role], route.name
    assert {role for roles in USERS.values() for role in roles} == {"reader", "admin", "user"}


@pytest.mark.feature("APP-05.1")
def test_a_person_without_a_role_and_one_who_only_says_so_get_in_nowhere(world: World) -> None:
    assert call(world, "me", "nothing").json()["error"]["code"] == "role_missing"
    forged = base64.b64encode(json.dumps(principal(["admin"])).encode()).decode()
    answer = call(world, "list_connections", "nobody", **{"X-MS-CLIENT-PRINCIPAL": forged})
    assert answer.json()["error"]["code"] == "not_signed_in"


def principal(roles: list[Any], **changes: Any) -> dict[str, Any]:
    claims = [{"typ": "oid", "val": "6a0f1c9e-1111-4a57-9a0a-6f8b1e0d4c01"}]
    claims += [{"typ": "roles", "val": role} for role in roles]
    return {"auth_typ": "aad", "role_typ": "roles", "claims": claims, **changes}


def asked(value: object) -> func.HttpRequest:
    text = value if isinstance(value, str) else base64.b64encode(json.dumps(value).encode()).decode()
    return func.HttpRequest("GET", "/api/signed-in/me", headers={"x-ms-client-principal": text}, body=b"")


@pytest.mark.feature("APP-05.1")
def test_the_platforms_header_is_believed_only_where_the_platform_stands_in_front() -> None:
    request = asked(principal(["admin"]))
    assert signed_in(request, easy_auth=False) == NOBODY
    assert signed_in(request, easy_auth=True).roles == {"admin"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "not base64!",
        base64.b64encode(b"not json").decode(),
        [],
        {},
        principal(["admin"], auth_typ="google"),
        principal(["admin"], claims="all"),
        principal(["admin"], claims=[7, None, {"typ": "roles", "val": "admin"}]),
        principal(["admin"], claims=[{"typ": "oid", "val": {"x": 1}}, {"typ": "roles", "val": "admin"}]),
        "QUFB" * 20_000,
        base64.b64encode(b"[" * 40_000).decode(),
    ],
)
def test_a_header_that_cannot_be_read_is_nobody(value: object) -> None:
    assert signed_in(asked(value), easy_auth=True) == NOBODY


def test_roles_that_are_not_ours_count_for_nothing() -> None:
    assert signed_in(asked(principal(["Admin", "owner", "admin ", 7, None])), easy_auth=True).roles == frozenset()


@pytest.mark.feature("APP-05.3")
@pytest.mark.parametrize(
    "headers",
    [
        {CSRF_HEADER: ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {CSRF_HEADER: "", "Authorization": "Bearer x", "Cookie": "AppServiceAuthSession=x"},
    ],
)
def test_a_change_that_another_site_sends_from_an_administrators_browser_is_refused(
    world: World, headers: dict[str, str]
) -> None:
    answer = call(world, "create_connection", "admin", **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")
    assert call(world, "list_connections", "admin", **headers).status_code == 200  # reading changes nothing


@pytest.mark.feature("APP-05.3")
def test_the_apps_own_page_and_programs_with_a_token_may_change_things(world: World) -> None:
    own = {"Origin": world.host.url, "Sec-Fetch-Site": "same-origin"}
    assert call(world, "create_connection", "admin", **own).json()["error"]["code"] != "cross_site"
    token = {CSRF_HEADER: "", "Authorization": "Bearer x"}
    assert call(world, "create_connection", "admin", **token).json()["error"]["code"] != "cross_site"


def test_who_asks_is_told_and_stands_in_the_log_of_what_was_done(world: World) -> None:
    shown = call(world, "me", "reader").json()
    assert shown["roles"] == ["reader"]
    admin = call(world, "me", "admin").json()["id"]
    world.reseed(1)
    connection = world.connect()
    url = f"{world.host.url}/api/{SIGNED_IN}/connections/{connection}?api-version={API_VERSION}"
    headers = {CSRF_HEADER: "1", "X-Dynasync-Local-User": "admin", "If-Match": "*"}
    assert requests.patch(url, json={"name": "Mine"}, headers=headers, timeout=30).status_code == 200
    log = world.call("GET", f"connections/{connection}/activity")["value"]
    assert [(item["action"], item["actor"]) for item in log] == [
        ("connection.edited", admin),
        ("connection.created", "key"),
    ]
    assert (
        requests.get(f"{world.host.url}/api/{SIGNED_IN}/nowhere", timeout=30).json()["error"]["code"]
        == "route_not_found"
    )
