"""The product's own function_app.py on the local host, through Microsoft's worker library."""

import base64
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

import localhost
from localhost import RunningHost
from localhost.errors import HostError
from tests.runtime.support import until

pytestmark = pytest.mark.storage
ROOT = Path(__file__).resolve().parents[2]


def app_settings(storage: str) -> dict[str, str]:
    return {
        "AzureWebJobsStorage": storage,
        "DYNASYNC_STATE_KEY": base64.b64encode(bytes(range(32))).decode(),
        "DYNASYNC_TABLES": f"t{uuid.uuid4().hex[:10]}",
        "AzureFunctionsWebHost__hostid": f"app-{uuid.uuid4().hex[:10]}",
    }


@pytest.fixture(scope="module")
def app(azurite: str) -> Iterator[RunningHost]:
    with localhost.start(ROOT, port=0, settings=app_settings(azurite)) as host:
        yield host


@pytest.mark.feature("APP-01.1")
def test_only_timer_queue_and_http_triggers(app: RunningHost) -> None:
    headers = {"x-functions-key": app.master_key}
    listed = requests.get(f"{app.url}/admin/functions", headers=headers, timeout=30).json()
    kinds = {binding["type"] for one in listed for binding in one["config"]["bindings"]}
    assert {"timerTrigger", "queueTrigger", "httpTrigger"} <= kinds
    assert kinds <= {"timerTrigger", "queueTrigger", "httpTrigger", "queue", "http"}


@pytest.mark.feature("APP-01.1")
def test_http_answers_and_a_timer_run_succeeds(app: RunningHost) -> None:
    assert requests.get(f"{app.url}/api/health", timeout=30).status_code == 200
    assert app.admin_invoke("tick") == 202
    until(lambda: any("Function.tick [" in line and "Executed" in line for line in app.logs()))
    assert any("Function.tick [" in line and "Executed (Succeeded" in line for line in app.logs())


@pytest.mark.feature("APP-01.2")
def test_a_missing_app_setting_stops_the_start_and_is_named(azurite: str) -> None:
    settings = {**app_settings(azurite), "DYNASYNC_STATE_KEY": ""}
    with pytest.raises(HostError, match="The app setting DYNASYNC_STATE_KEY is missing"):
        localhost.start(ROOT, port=0, settings=settings)
