"""The running day: both systems, the app and one clock for all of them, driven from slot to slot."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from cli.demo.hub import Records
from cli.demo.world import Simulators

if TYPE_CHECKING:
    from localhost import RunningHost

_PATIENCE = 180.0
_IDLE_SECONDS = 1.0  # real seconds without a worker after which the next minute of the day is let come
_REST_SECONDS = 0.4  # the same when the lane itself has said that it waits
_MORNING = 8

API_VERSION = "2026-11-22"


class DemoFailed(Exception):
    """The product did not do what the demo expects; says at which step."""


class Api:
    """The app's HTTP API as the demo uses it."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/api"
        self._session = requests.Session()
        self._session.headers["x-functions-key"] = key

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A change of settings is made on what stands there now: the demo is the only administrator."""
        headers = {"If-Match": "*"} if method == "PATCH" else {}
        query = {"api-version": API_VERSION}
        answer = self._session.request(
            method, f"{self._url}/{path}", json=body, params=query, headers=headers, timeout=120
        )
        if answer.status_code >= 400:
            raise DemoFailed(f"{method} /api/{path} answered {answer.status_code}: {answer.text[:500]}")
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


@dataclass(slots=True)
class DayClock:
    """One clock for the app (by its clock file) and for the simulators (by their control API)."""

    file: Path
    sims: Simulators
    offset: float = 0.0

    def to_morning(self) -> None:
        """Half a minute to eight o'clock UTC, today or tomorrow; slots then never come while the demo prepares one."""
        now = datetime.now(UTC)
        eight = now.replace(hour=_MORNING, minute=0, second=0, microsecond=0)
        eight += timedelta(days=1) if eight <= now else timedelta()
        self._put((eight - now).total_seconds() - 30)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    def advance(self, seconds: float) -> None:
        self._put(self.offset + seconds)

    def to_next_hour(self) -> None:
        """A second past the next full hour."""
        now = self.now()
        hour = now.replace(minute=0, second=1, microsecond=0) + timedelta(hours=1)
        self.advance((hour - now).total_seconds())

    def _put(self, offset: float) -> None:
        self.offset = offset
        for system in self.sims.urls:
            self.sims.control(system, "POST", "clock", {"offset": offset})
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps({"offset": offset}))
        fresh.replace(self.file)


@dataclass(slots=True)
class Day:
    """A connection that is being played with. `watch` is told every status that is read."""

    sims: Simulators
    host: RunningHost
    api: Api
    clock: DayClock
    records: Records
    connection: str = ""
    watch: Callable[[Mapping[str, Any]], None] = lambda status: None
    runs: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, sims: Simulators, host: RunningHost, clock: DayClock, state_key: str) -> Day:
        """A day with an app that runs, before there is a connection."""
        settings = {"AzureWebJobsStorage": host.storage_connection, "DYNASYNC_STATE_KEY": state_key}
        return cls(sims, host, Api(host.url, host.host_key), clock, Records(settings))

    def status(self) -> dict[str, Any]:
        found = self.api.call("GET", f"connections/{self.connection}/status")
        if found.get("broken"):
            raise DemoFailed(f"the connection stopped: {found['broken']}")
        self.watch(found)
        return found

    def next_run(self, during: Callable[[], bool] | None = None, patience: float = _PATIENCE) -> dict[str, Any]:
        """Lets the next slot come and answers its run when it has ended.

        `during` is called a few times a second meanwhile, until it answers True. While nobody works on the lane
        (a wait the vendor asked for, a worker that died) the minutes of the day go by. Raises DemoFailed after
        `patience` seconds.
        """
        ended = int(self.status()["runsEnded"])
        self.clock.to_next_hour()
        end, idle = time.monotonic() + patience, time.monotonic()
        while (status := self.status())["runsEnded"] <= ended:
            if during is not None and during():
                during = None
            if status["running"]:
                idle = time.monotonic()
            rests = bool(status["nextRun"])
            if time.monotonic() - idle > (_REST_SECONDS if rests else _IDLE_SECONDS):
                self.clock.advance(60)
                idle = time.monotonic()
            if time.monotonic() > end:
                said = "\n".join(line for line in self.host.logs() if "rror" in line or "arning" in line)
                raise DemoFailed(f"the run did not end in {patience:.0f} s: {status}\n{said[-2000:]}")
            time.sleep(0.1 if during is not None else 0.2)
        run = dict(self.api.call("GET", f"connections/{self.connection}/runs")["value"][0])
        self.runs.append(run)
        return run

    def run_ids(self) -> list[str]:
        return [str(run["id"]) for run in self.runs]
