"""The product's own entry points: simulators over https, the storage emulator, the app on the local host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.demo.people import generated
from cli.demo.world import CLIENT_ID, TENANT, Simulators, app, seed, simulators
from localhost import RunningHost


@dataclass(slots=True)
class World:
    """Both systems and the app; `call` speaks the app's HTTP API."""

    sims: Simulators
    host: RunningHost
    clock_file: Path
    keys: dict[str, str]

    def call(self, method: str, path: str, body: object = None, *, status: int | None = 200, key: bool = True) -> Any:
        headers = {"x-functions-key": self.host.host_key} if key else {}
        answer = requests.request(method, f"{self.host.url}/api/{path}", json=body, headers=headers, timeout=90)
        if status is not None:
            assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:400]}"
        return answer.json() if answer.content else None

    def reseed(self, people: int) -> None:
        """Fresh systems with so many people in Dynamics; connections of earlier tests are deleted."""
        for connection in self.call("GET", "connections")["value"]:
            self.call("PATCH", f"connections/{connection['id']}", {"switch": "off"})
            self.call("DELETE", f"connections/{connection['id']}", status=204)
        self.keys = seed(self.sims, list(generated(people)))

    def body(self, **changes: Any) -> dict[str, Any]:
        crm = {
            "url": self.sims.urls["dataverse"],
            "tenant": TENANT,
            "client_id": CLIENT_ID,
            "authority": self.sims.urls["entra"].removeprefix("https://"),
            "secrets": {"secret": self.keys["client_secret"]},
        }
        partner = {"url": self.sims.urls["activecampaign"], "secrets": {"key": self.keys["api_key"]}}
        body: dict[str, Any] = {"name": "Test", "system": "activecampaign", "crm": crm, "partner": partner}
        for name, value in changes.items():
            side, _, setting = name.partition("_")
            body.setdefault(side, {})[setting] = value
        return body

    def connect(self, **changes: Any) -> str:
        return str(self.call("POST", "connections", self.body(**changes), status=201)["id"])

    def switch_on(self, connection: str) -> None:
        self.call("PATCH", f"connections/{connection}", {"switch": "on"})
        self.tick()

    def tick(self) -> None:
        """What the minute timer does, now."""
        assert self.host.admin_invoke("tick") == 202

    def status(self, connection: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"connections/{connection}/status")
        return found

    def wait_for(self, connection: str, runs: int, seconds: float = 60.0) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while (status := self.status(connection))["runsEnded"] < runs:
            assert "broken" not in status, status
            assert time.monotonic() < end, f"run {runs} did not end in {seconds} s: {status}"
            time.sleep(0.2)
        return status


FAST = {"AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01"}


@pytest.fixture(scope="session")
def sims() -> Iterator[Simulators]:
    with simulators() as found:
        yield found


@pytest.fixture(scope="session")
def world(sims: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    clock_file = tmp_path_factory.mktemp("clock") / "clock.json"
    with app(sims, port=0, clock_file=clock_file, **FAST) as host:
        yield World(sims, host, clock_file, {})
