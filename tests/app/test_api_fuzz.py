"""schemathesis over the whole document, against the app on the local host: right and wrong requests of every route."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from scripts import api_docs
from tests.app.conftest import API_VERSION, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]
api_docs.load_routes()
EXAMPLES = 6
"""Of each kind, for each route: some 500 requests in all."""

QUERY = {"api-version": API_VERSION}


def operations() -> Iterator[Any]:
    import schemathesis

    document = json.loads((api_docs.ROOT / "functions/openapi.json").read_text())
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        yield found.ok()


@pytest.fixture(scope="module")
def ids(world: World) -> dict[str, str]:
    """What stands in paths, so that most requests get beyond "not found"."""
    connection = world.begun(people=1)
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]["id"]
    return {"connection": connection, "run": run, "operation": f"{connection}.0"}


@pytest.mark.feature("APP-03.1")
@pytest.mark.feature("APP-03.2")
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_whatever_the_document_allows_or_forbids_no_request_is_a_server_error(
    world: World, ids: dict[str, str], mode: str
) -> None:
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.failures import FailureGroup
    from schemathesis.specs.openapi import checks as described

    checks = [
        not_a_server_error,
        described.content_type_conformance,
        described.response_schema_conformance,
        described.status_code_conformance,
    ]
    session = requests.Session()
    session.headers["x-functions-key"] = world.host.host_key
    seen: dict[str, set[int]] = {}
    wrong: list[str] = []
    for operation in operations():
        places = {item.name: ids[item.name] for item in operation.path_parameters if item.name in ids}
        strategy = operation.as_strategy(GenerationMode(mode), path_parameters=places or None, query=QUERY)

        def send(case: Any, label: str = operation.label) -> None:
            answer = case.call(base_url=f"{world.host.url}/api", session=session)
            seen.setdefault(label, set()).add(answer.status_code)
            if answer.status_code == 404 and not answer.content:
                return  # a path that the host itself gives to no function
            try:
                case.validate_response(answer, checks=checks)
                assert answer.status_code < 400 or answer.json()["error"]["nextStep"], answer.text
            except (AssertionError, FailureGroup) as failure:
                wrong.append(f"{label}: {failure}")

        drive(strategy, send)
    assert wrong == [], "\n".join(wrong)
    if mode == "positive":
        assert len(seen) == len(list(operations()))
    statuses = set().union(*seen.values())
    assert statuses >= ({200, 202, 404} if mode == "positive" else {400}), seen


def drive(strategy: Any, send: Any) -> None:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis.errors import Unsatisfiable

    run = settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(given(strategy)(send_case(send)))
    with contextlib.suppress(Unsatisfiable):  # nothing of this route can be wrong
        run()


def send_case(send: Any) -> Any:
    def one(case: Any) -> None:
        send(case)

    return one
