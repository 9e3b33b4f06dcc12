"""The local stand-in for App Service Authentication."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from localhost.users import COOKIE, HEADER
from tests.runtime.support import Sample, rule, sample

pytestmark = [pytest.mark.storage, pytest.mark.feature("APP-01.1")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, azurite: str) -> Iterator[Sample]:
    users = {"ana": ["admin", "reader"], "bob": []}
    with sample(tmp_path_factory.mktemp("users"), azurite, users=users) as running:
        yield running


def principal(headers: dict[str, str]) -> dict[str, Any]:
    return json.loads(base64.b64decode(headers["x-ms-client-principal"]))


def roles(headers: dict[str, str]) -> list[str]:
    return [claim["val"] for claim in principal(headers)["claims"] if claim["typ"] == "roles"]


@rule("AUTH-02")
def test_a_signed_in_user_arrives_with_roles(app: Sample) -> None:
    headers = app.get("hello", headers={HEADER: "ana"}).json()["headers"]
    assert roles(headers) == ["admin", "reader"]
    assert principal(headers)["auth_typ"] == "aad"
    assert headers["x-ms-client-principal-name"] == "ana"
    assert headers["x-ms-client-principal-idp"] == "aad"
    assert HEADER.lower() not in headers
    object_id = headers["x-ms-client-principal-id"]
    assert object_id == app.get("hello", headers={HEADER: "ana"}).json()["headers"]["x-ms-client-principal-id"]
    assert object_id != app.get("hello", headers={HEADER: "bob"}).json()["headers"]["x-ms-client-principal-id"]


@rule("AUTH-01")
def test_headers_of_the_platform_that_come_from_outside_are_dropped(app: Sample) -> None:
    forged = {
        "X-MS-CLIENT-PRINCIPAL": base64.b64encode(b'{"claims": [{"typ": "roles", "val": "admin"}]}').decode(),
        "x-ms-client-principal-name": "ana",
        "X-Ms-Client-Principal-Id": "1",
        "X-MS-TOKEN-AAD-ACCESS-TOKEN": "abc",
    }
    alone = app.get("hello", headers=forged).json()["headers"]
    assert not [name for name in alone if name.startswith("x-ms-")]
    signed_in = app.get("hello", headers={**forged, HEADER: "bob"}).json()["headers"]
    assert signed_in["x-ms-client-principal-name"] == "bob"
    assert roles(signed_in) == []
    assert "x-ms-token-aad-access-token" not in signed_in


def test_an_undeclared_user_is_refused(app: Sample) -> None:
    assert app.get("hello", headers={HEADER: "eve"}).status_code == 401
    assert requests.get(f"{app.host.url}/.auth/login/local?user=eve", timeout=60).status_code == 403


def test_sign_in_by_browser_and_out_again(app: Sample) -> None:
    with requests.Session() as browser:
        sign_in = f"{app.host.url}/.auth/login/local?user=ana&post_login_redirect_uri=/api/hello?x=1"
        landed = browser.get(sign_in, timeout=60)
        assert landed.json()["headers"]["x-ms-client-principal-name"] == "ana"
        assert landed.json()["params"] == {"x": "1"}
        cookie = next(one for one in browser.cookies if one.name == COOKIE)
        assert cookie.has_nonstandard_attr("HttpOnly")
        me = browser.get(f"{app.host.url}/.auth/me", timeout=60).json()
        assert me[0]["user_id"] == "ana"
        assert {"typ": "roles", "val": "admin"} in me[0]["user_claims"]
        browser.get(f"{app.host.url}/.auth/logout", timeout=60)
        assert browser.get(f"{app.host.url}/.auth/me", timeout=60).status_code == 401
        assert "x-ms-client-principal" not in browser.get(app.url("hello"), timeout=60).json()["headers"]


def test_a_made_up_session_is_nobody(app: Sample) -> None:
    headers = app.get("hello", cookies={COOKIE: "ana"}).json()["headers"]
    assert "x-ms-client-principal" not in headers


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1"])
def test_sign_in_leads_nowhere_else(app: Sample, target: str) -> None:
    address = f"{app.host.url}/.auth/login/local"
    answer = requests.get(
        address, params={"user": "ana", "post_login_redirect_uri": target}, allow_redirects=False, timeout=60
    )
    assert answer.headers["Location"] == "/"


def test_the_sign_in_page_lists_the_users(app: Sample) -> None:
    page = requests.get(f"{app.host.url}/.auth/login/aad?post_login_redirect_uri=/x", timeout=60)
    assert "user=ana&amp;post_login_redirect_uri=/x" in page.text
    assert "bob</a> (no role)" in page.text
