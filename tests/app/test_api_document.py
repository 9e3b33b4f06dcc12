"""The generated documents of the API are fresh, and the OpenAPI document is a right one."""

from __future__ import annotations

import json

import pytest
import requests

from scripts import api_docs
from tests.app.conftest import World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]


@pytest.mark.feature("APP-03.1")
def test_what_is_generated_of_the_routes_is_fresh() -> None:
    stale = [path.name for path, text in api_docs.files().items() if not path.exists() or path.read_text() != text]
    assert stale == [], "run .venv/bin/python scripts/api_docs.py"


@pytest.mark.feature("APP-03.1")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_document_is_valid_openapi_3_1_and_is_served_to_everybody(world: World) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    served = requests.get(f"{world.host.url}/api/openapi.json", timeout=30)
    assert served.headers["Content-Type"] == "application/json"
    document = json.loads((api_docs.ROOT / "functions/openapi.json").read_text())
    assert served.json() == document
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")


@pytest.mark.feature("APP-03.1")
def test_every_route_says_what_it_does_what_it_answers_and_which_codes() -> None:
    from functions.api.codes import CODES
    from functions.api.document import codes_of
    from functions.api.route import ROUTES, Role

    api_docs.load_routes()
    for route in ROUTES.values():
        assert route.handler.__doc__, route.name
        assert route.answer or route.status == 204 or route.media != "application/json", route.name
        assert set(codes_of(route)) <= CODES.keys(), route.name
        asks = route.method == "GET" or route.role is Role.READER or route.name == "ask"  # requests are kept themselves
        assert asks or route.audit, f"{route.name} leaves no line in the log"
