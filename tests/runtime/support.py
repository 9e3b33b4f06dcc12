"""Starts the sample app on the local host and looks at what its functions did."""

import base64
import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.queue import QueueClient

import localhost
from localhost import RunningHost
from tests.pace import PATIENCE

SAMPLE = Path(__file__).parent / "sample_app"
YEARLY = "0 0 0 1 1 *"


def rule(*ids: str) -> Callable[[Any], Any]:
    """Say which rules of the host a test proves; the table in docs/reference/local-host.md is made from it."""
    return pytest.mark.host_rule(*ids)


class Sample:
    """A running sample app with queues of its own."""

    def __init__(self, host: RunningHost, settings: Mapping[str, str]) -> None:
        self.host = host
        self.settings = settings

    def url(self, path: str) -> str:
        return f"{self.host.url}/api/{path}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url(path), timeout=30, **options)

    def queue(self, setting: str, suffix: str = "") -> QueueClient:
        return QueueClient.from_connection_string(self.host.storage_connection, self.settings[setting] + suffix)

    def send(self, setting: str, *bodies: str, suffix: str = "", raw: bool = False) -> None:
        client = self.queue(setting, suffix)
        with contextlib.suppress(Exception):
            client.create_queue()
        for body in bodies:
            client.send_message(body if raw else base64.b64encode(body.encode()).decode())

    def bodies(self, setting: str, suffix: str = "") -> list[str]:
        """Take every visible message off a queue."""
        client = self.queue(setting, suffix)
        found = []
        for message in client.receive_messages(messages_per_page=32):
            found.append(base64.b64decode(message.content).decode())
            client.delete_message(message)
        return found

    def records(self, function: str, containing: str = "") -> list[dict[str, Any]]:
        return records(Path(self.settings["RECORD_FILE"]), function, containing)


def records(file: Path, function: str, containing: str = "") -> list[dict[str, Any]]:
    """What ``function`` wrote to the record file, whole lines only."""
    if not file.exists():
        return []
    lines = file.read_text().splitlines()
    found = [json.loads(line) for line in lines if line.endswith("}") and containing in line]
    return [one for one in found if one["function"] == function]


def sample_settings(folder: Path, **more: str) -> dict[str, str]:
    """Settings under which nothing fires by itself and every queue is this test's own."""
    unique = uuid.uuid4().hex[:12]
    return {
        "RECORD_FILE": str(folder / f"records-{unique}.jsonl"),
        "WORK_QUEUE": f"work-{unique}",
        "RELAY_QUEUE": f"relay-{unique}",
        "OUT_QUEUE": f"out-{unique}",
        "OFF_QUEUE": f"off-{unique}",
        "TICK": YEARLY,
        "AzureWebJobs.switched_off.Disabled": "true",
        "AzureWebJobs.queue_off.Disabled": "1",
        "AzureWebJobs.timer_off.Disabled": "true",
        "AzureWebJobs.at_start.Disabled": "true",
        "AzureFunctionsWebHost__hostid": f"test-{unique}",
        **more,
    }


@contextlib.contextmanager
def sample(
    folder: Path, storage: str | None, *, app: Path = SAMPLE, settings: Mapping[str, str] | None = None, **options: Any
) -> Iterator[Sample]:
    """Run the sample app."""
    chosen = {**sample_settings(folder), **(settings or {})}
    if storage is not None:
        chosen["AzureWebJobsStorage"] = storage
    with localhost.start(app, port=0, settings=chosen, **options) as host:
        yield Sample(host, chosen)


def copy_app(folder: Path, **changes: Any) -> Path:
    """A copy of the sample app whose host.json has other values; keys are dotted paths with ``__`` for the dots."""
    target = folder / "app"
    target.mkdir()
    (target / "function_app.py").write_text((SAMPLE / "function_app.py").read_text())
    document = json.loads((SAMPLE / "host.json").read_text())
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = document
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value
    (target / "host.json").write_text(json.dumps(document))
    return target


def until[T](look: Callable[[], T], *, timeout: float = PATIENCE, what: str = "") -> T:
    """Look again and again until the result is true; fail after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout} s: {what or look}")
        time.sleep(0.03)
    return found
