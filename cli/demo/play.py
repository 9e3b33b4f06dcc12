"""Plays the demo: connect, check, switch on, wait, compare."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from cli.demo import show
from cli.demo.people import expected, people
from cli.demo.verify import Difference, compare
from cli.demo.world import CLIENT_ID, TENANT, CannotStart, Simulators, app, seed, simulators

_PATIENCE = 240.0


class DemoFailed(Exception):
    """The product did not do what the demo expects; says at which step."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    people: int | None
    as_json: bool
    keep: bool
    port: int


@dataclass(slots=True)
class Report:
    """What happened, for people and for machines."""

    source: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


class Api:
    """The app's HTTP API as the demo uses it."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/api"
        self._session = requests.Session()
        self._session.headers["x-functions-key"] = key

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self._session.request(method, f"{self._url}/{path}", json=body, timeout=120)
        if answer.status_code >= 400:
            raise DemoFailed(f"{method} /api/{path} answered {answer.status_code}: {answer.text[:500]}")
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


def play(options: DemoOptions) -> int:
    """Runs the demo and answers the exit status."""
    out = show.Screen(quiet=options.as_json)
    report = Report()
    try:
        with tempfile.TemporaryDirectory(prefix="dynasync-demo-") as folder, simulators() as sims:
            _play(options, report, sims, Path(folder), out)
    except CannotStart as error:
        print(f"demo: {error}", file=sys.stderr)
        return 3
    except DemoFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if options.as_json:
        print(json.dumps(show.as_json(report), ensure_ascii=False, indent=2))
    return 1 if report.differences else 0


def _play(options: DemoOptions, report: Report, sims: Simulators, folder: Path, out: show.Screen) -> None:
    report.source, rows = people(options.people)
    wanted, doubled = expected(rows)
    out.title(f"{len(rows):,} contacts in Dynamics 365 ({report.source}), {len(wanted):,} e-mail addresses")
    keys = seed(sims, rows)
    clock_file = folder / "clock.json"
    began = time.monotonic()
    with app(sims, port=options.port, clock_file=clock_file) as host:
        api = Api(host.url, host.host_key)
        report.seconds["start"] = time.monotonic() - began
        connection = _connect(api, sims, keys)
        _check(api, connection, report, out)
        began = time.monotonic()
        api.call("PATCH", f"connections/{connection}", {"switch": "on"})
        _advance(clock_file, _to_next_minute())
        _wait(api, connection, len(wanted), out, runs=1)
        report.seconds["initial sync"] = time.monotonic() - began
        _advance(clock_file, 3600)
        _wait(api, connection, len(wanted), out, runs=2)
        report.runs = api.call("GET", f"connections/{connection}/runs")["value"]
        report.counts = api.call("GET", f"connections/{connection}/status")["counts"]
        report.calls = _calls(sims)
        report.differences = compare(sims, wanted, doubled, report.counts, report.runs)
        out.result(report)
        if options.keep:
            _keep(host.url, host.host_key, sims, out)


def _connect(api: Api, sims: Simulators, keys: Mapping[str, str]) -> str:
    body = {
        "name": "Demo",
        "system": "activecampaign",
        "crm": {
            "url": sims.urls["dataverse"],
            "tenant": TENANT,
            "client_id": CLIENT_ID,
            "authority": sims.urls["entra"].removeprefix("https://"),
            "secrets": {"secret": keys["client_secret"]},
        },
        "partner": {"url": sims.urls["activecampaign"], "secrets": {"key": keys["api_key"]}},
    }
    return str(api.call("POST", "connections", body)["id"])


def _check(api: Api, connection: str, report: Report, out: show.Screen) -> None:
    found = api.call("POST", f"connections/{connection}/check")
    report.steps = found["steps"]
    out.steps(report.steps)
    if not found["passed"]:
        raise DemoFailed("the check of the connection failed; the steps above say why")


def _wait(api: Api, connection: str, total: int, out: show.Screen, *, runs: int) -> None:
    """Follows the progress until so many runs have ended."""
    end = time.monotonic() + _PATIENCE
    with out.progress(f"run {runs}", total) as advance:
        while True:
            status = api.call("GET", f"connections/{connection}/status")
            if status.get("broken"):
                raise DemoFailed(f"the connection stopped: {status['broken']}")
            advance(sum(count for name, count in status["counts"].items() if name.endswith((".linked", ".awaiting"))))
            if status["runsEnded"] >= runs:
                return
            if time.monotonic() > end:
                raise DemoFailed(f"run {runs} did not end within {_PATIENCE:.0f} s; its state: {status}")
            time.sleep(0.5)


def _to_next_minute() -> float:
    return 60.0 - datetime.now(UTC).second


def _advance(clock_file: Path, seconds: float) -> None:
    """Drives the app's wall clock: the timer fires as if the time had passed."""
    offset = json.loads(clock_file.read_text())["offset"] + seconds
    fresh = clock_file.with_suffix(".new")
    fresh.write_text(json.dumps({"offset": offset}))
    fresh.replace(clock_file)


def _calls(sims: Simulators) -> dict[str, int]:
    """Calls that the simulators counted, by system."""
    found: dict[str, int] = {}
    for system in ("entra", "dataverse", "activecampaign"):
        found[system] = int(str(sims.control(system, "GET", "counts")["total"]))
    return found


def _keep(url: str, key: str, sims: Simulators, out: show.Screen) -> None:
    out.addresses(url, key, sims.urls)
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
