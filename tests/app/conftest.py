"""The product's own entry points: simulators over https, the storage emulator, the app on the local host."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from cli.demo.people import generated
from cli.demo.world import Simulators, app, crm_side, seed, simulators
from localhost import RunningHost
from tests.pace import PATIENCE


@dataclass(slots=True)
class World:
    """Both systems and the app; `call` speaks the app's HTTP API."""

    sims: Simulators
    host: RunningHost
    clock_file: Path
    keys: dict[str, str]
    system: ClassVar[str] = "activecampaign"
    """Whom the app keeps in step with Dynamics here."""

    def call(self, method: str, path: str, body: object = None, *, status: int | None = 200, key: bool = True) -> Any:
        """A change of settings takes what stands there for what was read; `answer` shows the headers. Where a system's
        limit is used up the call is repeated when the answer says."""
        headers = {"x-functions-key": self.host.host_key} if key else {}
        if method == "PATCH":
            headers["If-Match"] = "*"
        deadline = time.monotonic() + PATIENCE
        answer = self.answer(method, path, body, headers)
        while status != 503 and _asks_to_wait(answer) and time.monotonic() < deadline:
            time.sleep(float(answer.headers["Retry-After"]))
            answer = self.answer(method, path, body, headers)
        if status is not None:
            assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:400]}"
        return answer.json() if answer.content else None

    def answer(self, method: str, path: str, body: object = None, headers: Any = None) -> requests.Response:
        """The answer as it came; `path` with a query of its own is sent as it is."""
        url = f"{self.host.url}/api/{path}"
        if "api-version=" not in url:
            url += f"{'&' if '?' in url else '?'}api-version={API_VERSION}"
        return requests.request(method, url, json=body, headers=headers, timeout=90)

    def reseed(self, people: int) -> None:
        """Fresh systems with so many people in Dynamics; connections of earlier tests are deleted."""
        self.delete_connections()
        self.keys = seed(self.sims, list(generated(people)), limit=LIMIT)
        offset = json.loads(self.clock_file.read_text())["offset"]
        for system in ("dataverse", "activecampaign"):  # other tests use the same systems and set their clocks back
            self.sims.control(system, "POST", "clock", {"offset": offset})
        # The app remembers for an hour which id a tag has; an account that is made anew keeps its tags' ids that way.
        self.sims.control("activecampaign", "POST", "seed", {"tags": TAGS})

    def delete_connections(self) -> None:
        for connection in self.call("GET", "connections")["value"]:
            self.call("PATCH", f"connections/{connection['id']}", {"switch": "off"})
            self.call("DELETE", f"connections/{connection['id']}", status=204)

    def partner_side(self) -> dict[str, Any]:
        key = {"key": self.keys["api_key"]}
        return {"url": self.sims.urls["activecampaign"], "secrets": key, "limit_calls": LIMIT}

    def body(self, **changes: Any) -> dict[str, Any]:
        """A new connection. `crm_x=` and `partner_x=` change the setting `x` of a side, other names one of its own."""
        crm = crm_side(self.sims, self.keys["client_secret"])
        body: dict[str, Any] = {"name": "Test", "system": self.system, "crm": crm, "partner": self.partner_side()}
        for name, value in changes.items():
            side, _, setting = name.partition("_")
            if setting:
                body.setdefault(side, {})[setting] = value
            else:
                body[name] = value
        return body

    def connect(self, **changes: Any) -> str:
        return str(self.call("POST", "connections", self.body(**changes), status=201)["id"])

    def switch_on(self, connection: str) -> None:
        self.call("PATCH", f"connections/{connection}", {"switch": "on"})
        self.tick()

    def tick(self) -> None:
        """What the minute timer does, now."""
        assert self.host.admin_invoke("tick") == 202

    def advance(self, seconds: float) -> None:
        """Lets time pass, for the app and for both systems alike."""
        offset = json.loads(self.clock_file.read_text())["offset"] + seconds
        fresh = self.clock_file.with_suffix(".new")
        fresh.write_text(json.dumps({"offset": offset}))
        fresh.replace(self.clock_file)
        for system in ("dataverse", self.system):
            self.sims.control(system, "POST", "clock", {"advance": seconds})
        time.sleep(0.3)  # both workers look at the file every fifth of a second

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=json.loads(self.clock_file.read_text())["offset"])

    def next_run(self, connection: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Lets the time of the next scheduled run come, and waits until it ended.

        A record's own next try may come before the run; then time is moved on once more.
        """
        ended = self.status(connection)["runsEnded"]
        end, ticked = time.monotonic() + seconds, 0.0
        while (status := self.status(connection))["runsEnded"] == ended:
            assert "broken" not in status, status
            assert time.monotonic() < end, f"the next run did not end in {seconds} s: {status}"
            due = status["nextRun"]
            wait = (datetime.fromisoformat(due) - self.now()).total_seconds() if due else 0.0
            if not status["running"] and (wait > 0 or time.monotonic() - ticked > TICK_EVERY):
                self.advance(max(0.0, wait) + 1)
                self.tick()
                ticked = time.monotonic()
            time.sleep(LOOK_EVERY)
        return status

    def begun(self, people: int = 1, **changes: Any) -> str:
        """A connection whose initial sync is over."""
        self.reseed(people)
        connection = self.connect(**changes)
        self.switch_on(connection)
        self.wait_for(connection, 1)
        return connection

    def ac(self, act: str, **what: Any) -> Any:
        return self.sims.control("activecampaign", "POST", f"do/{act}", what)

    def rows(self, kind: str, limit: int = 1000) -> list[dict[str, Any]]:
        """The rows of a Dynamics table, as its simulator holds them."""
        found: list[dict[str, Any]] = self.sims.control("dataverse", "GET", f"state?table={kind}&limit={limit}")["rows"]
        return found

    def contacts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sims.control("activecampaign", "GET", "state?kind=contacts&limit=1000")[
            "contacts"
        ]
        return found

    def status(self, connection: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"connections/{connection}/status")
        return found

    def wait_for(self, connection: str, runs: int, seconds: float = PATIENCE) -> dict[str, Any]:
        """Waits until so many runs have ended; meanwhile the minute timer fires every few seconds."""
        end, ticked = time.monotonic() + seconds, time.monotonic()
        while (status := self.status(connection))["runsEnded"] < runs:
            assert "broken" not in status, status
            assert time.monotonic() < end, f"run {runs} did not end in {seconds} s: {status}"
            time.sleep(LOOK_EVERY)
            if time.monotonic() - ticked > TICK_EVERY:
                self.tick()
                ticked = time.monotonic()
        return status


TAGS = ["D365: Contact", "D365: Lead", "D365: Pushed from Dynamics", "D365: Pulled from ActiveCampaign"]
LIMIT = 100
"""Calls a second of the account: one that was granted more than the usual five, so that the tests do not wait."""
API_VERSION = "2026-11-22"
USERS = {"reader": ["reader"], "admin": ["admin"], "user": ["user"], "nothing": []}
"""Who may sign in on the local host, and their roles."""

LOOK_EVERY = 0.3
"""Seconds between two looks at a run that goes on: a look is work for the app and the storage emulator."""

TICK_EVERY = 4.0
"""Seconds; the minute timer of a test fires as often while the test waits."""
FAST = {"AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01"}


def _asks_to_wait(answer: requests.Response) -> bool:
    return answer.status_code == 503 and answer.json().get("error", {}).get("code") == "throttled"


@pytest.fixture(scope="session")
def sims() -> Iterator[Simulators]:
    with simulators() as found:
        yield found


@pytest.fixture(scope="session")
def world(sims: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    clock_file = tmp_path_factory.mktemp("clock") / "clock.json"
    with app(sims, port=0, clock_file=clock_file, users=USERS, **FAST) as host:
        yield World(sims, host, clock_file, {})
