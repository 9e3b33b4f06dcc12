"""Every code of the closed list is reached: most through the app, the rest where a test of its own proves the case."""

from __future__ import annotations

import ast
import base64
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import pytest
import requests

from functions.api.codes import CODES
from functions.api.route import Role, Route
from functions.api.serve import SIGNED_IN, serve
from scripts.api_docs import ROOT
from shared.bootstrap import application
from shared.errors import GuardTripped, OutcomeUnknown, Rejected, SyncError, Throttled, Transient
from shared.manage.connections import Refused
from tests.app.conftest import API_VERSION, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]

ELSEWHERE = {
    "api_version_missing": "test_api_frame.py",
    "api_version_unknown": "test_api_frame.py",
    "continuation_invalid": "test_api_frame.py",
    "if_match_missing": "test_api_frame.py",
    "changed_meanwhile": "test_api_frame.py",
    "body_not_json": "test_api_frame.py",
    "body_too_large": "test_api_frame.py",
    "body_malformed": "test_requests.py",
    "contact_missing": "test_requests.py",
    "plan_needed": "test_api_planning.py",
    "plan_differs": "test_api_planning.py",
    "unknown_kind": "test_api_mapping.py",
    "record_not_found": "test_api_mapping.py",
    "not_signed_in": "test_api_roles.py",
    "role_missing": "test_api_roles.py",
    "cross_site": "test_api_roles.py",
    "route_not_found": "test_api_roles.py",
    "check_failed": "test_bad_input.py",
    "sync_now_refused": "test_operations.py",
    "initial_done": "test_operations.py",
    "hook_key": "test_requests.py",
    "changed_ground": "test_operations.py",
}
"""Codes with a test of their own, which names the code."""

RAISED: dict[str, SyncError] = {
    "rejected": Rejected("no", code="vendor_says_no"),
    "guard": GuardTripped("stopped"),
    "outcome_unknown": OutcomeUnknown("lost"),
    "throttled": Throttled("wait", retry_after=7.2, scope="account", code="too_many"),
    "transient": Transient("later", retry_after=3.0, code="storage_unavailable"),
    "erasure_running": Refused("this person is being erased", code="erasure_running"),
    "purge_running": Refused("a clean-up is under way", code="purge_running"),
}
"""What systems and moments have to give, raised where a use case would raise it."""


@pytest.fixture(scope="module")
def answers(world: World) -> dict[str, requests.Response]:
    """By code: the answer of a call that is meant to give it."""
    world.reseed(1)
    one, off = world.connect(), "f" * 32

    def ask(method: str, path: str, body: object = None) -> requests.Response:
        return world.answer(method, path, body, {"x-functions-key": world.host.host_key, "If-Match": "*"})

    there = f"connections/{one}"
    found = {
        "parameter_unknown": ask("GET", "connections?colour=red"),
        "parameter_invalid": ask("GET", f"{there}/conflicts?state=open"),
        "unknown_field": ask("PATCH", there, {"colour": "red"}),
        "missing_field": ask("POST", "erasures", {}),
        "invalid_value": ask("POST", "erasures", {"email": 7}),
        "text_unusable": ask("POST", "erasures", {"email": "\u0000"}),
        "config": ask("PATCH", there, {"partner": {"secrets": {"colour": "x"}}}),
        "map": ask("PATCH", there, {"rhythm": {"kind": "grid", "hours": 3}}),
        "not_confirmed": ask("POST", f"{there}/cleanup", {"confirm": "another", "sides": ["crm"]}),
        "connection_not_found": ask("GET", "connections/none"),
        "run_not_found": ask("GET", f"{there}/runs/{off}/revert"),
        "operation_not_found": ask("GET", f"operations/{off}"),
        "request_not_found": ask("GET", f"{there}/requests/{off}"),
        "unknown_entity": ask("POST", f"{there}/requests", {"entity": "none", "record": "1"}),
        "connection_exists": ask("POST", "connections", world.body()),
        "connection_ground": ask("PATCH", there, {"partner": {"url": world.sims.urls["entra"]}}),
        "connection_off": ask("POST", f"{there}/sync"),
    }
    found["auth"] = _refused_key(ask, there)
    world.begun()
    [there] = [f"connections/{item['id']}" for item in world.call("GET", "connections")["value"]]
    found["connection_on"] = ask("DELETE", there)
    found["nothing_to_revert"] = _nothing(world, ask, there)
    return found


def _refused_key(ask: Any, there: str) -> requests.Response:
    ask("PATCH", there, {"partner": {"secrets": {"key": "a-key-that-nobody-gave"}}})
    found: requests.Response = ask("POST", f"{there}/confirm-ground")
    return found


def _nothing(world: World, ask: Any, there: str) -> requests.Response:
    """A second run finds nothing to write, so that it has nothing to take back."""
    world.next_run(there.partition("/")[2])
    run = world.call("GET", f"{there}/runs")["value"][0]["id"]
    found: requests.Response = ask("POST", f"{there}/runs/{run}/revert")
    return found


@pytest.mark.feature("APP-03.2")
def test_calls_that_are_wrong_in_every_way_are_answered_with_the_code_for_it(
    answers: dict[str, requests.Response],
) -> None:
    for code, answer in answers.items():
        shown = answer.json().get("error", answer.json())
        assert (shown.get("code"), answer.status_code) == (code, CODES[code].status), (code, answer.text[:300])
        assert answer.headers["x-ms-error-code"] == code
        assert shown["message"]
        assert shown["nextStep"]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    monkeypatch.setenv("DYNASYNC_STATE_KEY", base64.b64encode(bytes(32)).decode())
    application.cache_clear()
    yield
    application.cache_clear()


def served(error: Exception) -> func.HttpResponse:
    def failing(call: object) -> Any:
        raise error

    route = Route(name="failing", method="GET", path="failing", role=Role.ADMIN, handler=failing)
    request = func.HttpRequest("GET", "http://host/api/failing", params={"api-version": API_VERSION}, body=b"")
    return serve(route, request, None)[0]


@pytest.mark.feature("APP-03.2")
@pytest.mark.parametrize("code", sorted(RAISED))
def test_what_a_use_case_raises_is_answered_with_a_code_of_the_list_and_the_cause_beside_it(
    in_process: None, code: str
) -> None:
    error = RAISED[code]
    answer = served(error)
    shown = ast.literal_eval(answer.get_body().decode())["error"]
    assert (shown["code"], answer.status_code) == (code, CODES[code].status)
    assert shown.get("innererror", {}).get("code", code) == error.code
    wait = getattr(error, "retry_after", None)
    assert answer.headers.get("Retry-After") == (str(round(wait)) if wait else None)


def test_a_bug_says_nothing_of_itself_to_the_caller(in_process: None, caplog: pytest.LogCaptureFixture) -> None:
    answer = served(KeyError("person@example.com"))
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (500, "internal")
    assert b"person" not in answer.get_body()
    assert "an HTTP function failed" in caplog.text


def test_each_code_of_the_list_has_its_test(answers: dict[str, requests.Response]) -> None:
    assert answers.keys() | ELSEWHERE.keys() | RAISED.keys() | {"internal"} == CODES.keys()
    for code, file in ELSEWHERE.items():
        text = (ROOT / "tests/app" / file).read_text()
        names = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant) and node.value == code]
        assert names, f"no test of {file} names {code}"


def test_no_other_code_is_answered_by_the_door_of_people(world: World) -> None:
    answer = requests.get(f"{world.host.url}/api/{SIGNED_IN}/connections", timeout=30)
    assert answer.json()["error"]["code"] in CODES
