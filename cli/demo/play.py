"""Plays a day: connect, check, switch on, let things happen from slot to slot, compare both systems at the end."""

from __future__ import annotations

import base64
import json
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.demo import show
from cli.demo.day import Day, DayClock, DemoFailed
from cli.demo.report import Report
from cli.demo.stories import story
from cli.demo.story import Chapter, Setting, Story
from cli.demo.world import CannotStart, Simulators, app, simulators

_QUEUE_LEASE = 5.0  # seconds after which the message of a killed worker is back; 10 minutes in Azure


@dataclass(frozen=True, slots=True)
class DemoOptions:
    system: str = "activecampaign"
    people: int | None = None
    whole: bool = False
    as_json: bool = False
    keep: bool = False
    port: int = 0
    storage: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """Where the storage emulator keeps its files, and further app settings."""

    at_end: Callable[[Day], None] = lambda day: None
    """Told when the day is over, while everything still runs."""


def play(options: DemoOptions) -> int:
    """Runs the demo and answers the exit status."""
    played = story(options.system)
    stage = _Stage(options, played, show.Screen(quiet=options.as_json, partner=played.title))
    try:
        stage.run()
    except CannotStart as error:
        print(f"demo: {error}", file=sys.stderr)
        return 3
    except DemoFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if options.as_json:
        print(json.dumps(show.as_json(stage.report), ensure_ascii=False, indent=2))
    return 0 if stage.report.passed else 1


@dataclass(slots=True)
class _Stage:
    """One play of a story."""

    options: DemoOptions
    story: Story
    out: show.Screen
    report: Report = field(default_factory=Report)

    def run(self) -> None:
        began = time.monotonic()
        with (
            tempfile.TemporaryDirectory(prefix="dynasync-demo-") as folder,
            simulators(self.story.simulators) as sims,
        ):
            self.report.source = self.story.seed(sims, Setting(self.options.people, whole=self.options.whole))
            self.out.title(self.report.source)
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            more: dict[str, Any] = {"DYNASYNC_STATE_KEY": key, **self.options.settings}
            clock = DayClock(Path(folder) / "clock.json", sims)
            started = app(
                sims,
                port=self.options.port,
                clock_file=clock.file,
                keep=self.options.storage,
                queue_lease=_QUEUE_LEASE,
                **more,
            )
            with started as host:
                clock.to_morning()
                day = self._connect(Day.of(sims, host, clock, key))
                self.report.seconds["start"] = time.monotonic() - began
                self._play(day)
                self.report.seconds["all"] = time.monotonic() - began
                self.out.result(self.report)
                self.options.at_end(day)
                if self.options.keep:
                    _keep(host.url, host.host_key, sims, self.out)

    def _connect(self, day: Day) -> Day:
        """A connection, checked and switched on."""
        made = day.api.call("POST", "connections", self.story.connection(day.sims))
        day.connection = str(made["id"])
        day.api.call("PATCH", f"connections/{day.connection}", {"entities": self.story.entities(made["entities"])})
        found = day.api.call("POST", f"connections/{day.connection}/check")
        self.report.steps = found["steps"]
        self.out.steps(self.report.steps)
        if not found["passed"]:
            raise DemoFailed("the check of the connection failed; the steps above say why")
        day.api.call("PATCH", f"connections/{day.connection}", {"switch": "on"})
        return day

    def _play(self, day: Day) -> None:
        for number, chapter in enumerate(self.story.chapters()):
            self._chapter(day, chapter, total=0 if number else self.story.total())
        report = self.report
        report.runs, report.counts = day.runs, day.status()["counts"]
        report.calls = {system: int(day.sims.control(system, "GET", "counts")["total"]) for system in day.sims.urls}
        apart, differences = self.story.compare(day)
        report.apart, report.differences = list(apart), list(differences)

    def _chapter(self, day: Day, chapter: Chapter, *, total: int) -> None:
        began = time.monotonic()
        happenings = [event(day) for event in chapter.events]

        def during() -> bool:
            return sum(happening.during(day) for happening in happenings) == len(happenings)

        with self.out.progress(chapter.title, total) as advance:
            day.watch = lambda status: advance(_linked(status))
            run = day.next_run(during)
        slot = str(run["slot"]).partition("T")[2].removesuffix("Z")
        lines = [(slot, happening.tell(day, run)) for happening in happenings]
        self.report.lines += lines
        self.report.seconds[chapter.title] = time.monotonic() - began
        self.out.lines(lines)


def _linked(status: Mapping[str, Any]) -> int:
    return sum(count for name, count in status["counts"].items() if name.endswith((".linked", ".awaiting")))


def _keep(url: str, key: str, sims: Simulators, out: show.Screen) -> None:
    out.addresses(url, key, sims.urls)
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
