"""What happens to many records at once, or to the machine: the first load, a storm of refusals, a killed worker."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.demo.day import Day
from cli.demo.sides import DYNAMICS
from cli.demo.stories.activecampaign.cast import Cast
from cli.demo.stories.activecampaign.sides import PARTNER, Sides
from cli.demo.story import Line

_LIMIT = json.dumps(
    {
        "error": {
            "code": "0x80072322",
            "message": "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
        }
    }
)
_BULK = 10
"""Contacts from which the app imports in bulk; a kill waits until so many of a run's writes were made."""


@dataclass(slots=True)
class FirstLoad:
    """Everybody moves once, and nothing is written to Dynamics."""

    sides: Sides
    cast: Cast

    def during(self, day: Day) -> bool:
        return True

    def tell(self, day: Day, run: Mapping[str, Any]) -> Line:
        log = self.sides.log("activecampaign")
        made = Counter(row["id"] for row in log if row["op"] == "create" and row["kind"] == "contact")
        crm = self.sides.log("dataverse")
        wanted = self.cast.addresses - 1  # one was there before
        problems = [f"{DYNAMICS} was written {len(crm)} times"] if crm else []
        if len(made) != wanted or max(made.values(), default=0) > 1:
            problems.append(
                f"{wanted} contacts were to be made once each; by the log {len(made)}, {sum(made.values())} times"
            )
        if run["reason"] != "initial" or run["state"] != "succeeded":
            problems.append(f"the run is called {run['reason']} and {run['state']}")
        return Line(
            "the sync is switched on for the first time",
            DYNAMICS,
            f"made {len(made):,} contacts, each once; wrote nothing to {DYNAMICS}",
            "The initial sync runs once, from Dynamics to ActiveCampaign only.",
            f"{self.cast.addresses:,} addresses within the criteria",
            f"{sum(1 for _ in self.sides.contacts()):,} contacts",
            tuple(problems),
        )


@dataclass(slots=True)
class Edited:
    """So many contacts get another phone number in Dynamics. Each must arrive exactly once."""

    sides: Sides
    ids: Sequence[str]
    prefix: str
    marks: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.marks = {"activecampaign": self.sides.last("activecampaign")}
        for number, row_id in enumerate(self.ids):
            self.sides.edit_row("contact", row_id, telephone1=self.phone(number))

    def phone(self, number: int) -> str:
        return f"{self.prefix}{number:04d}"

    def writes(self) -> Counter[str]:
        """How often the app wrote each of the new numbers, by ActiveCampaign's log."""
        log = self.sides.log("activecampaign", self.marks["activecampaign"])
        written = (row["changed"].get("phone", [None, ""])[1] for row in log if row["kind"] == "contact")
        return Counter(phone for phone in written if str(phone).startswith(self.prefix))

    def problems(self) -> list[str]:
        times = self.writes()
        missing = [number for number in range(len(self.ids)) if not times[self.phone(number)]]
        doubled = [phone for phone, count in times.items() if count > 1]
        return [
            *([f"{len(missing)} of {len(self.ids)} edits did not arrive"] if missing else []),
            *([f"{len(doubled)} edits were written more than once"] if doubled else []),
        ]


@dataclass(slots=True)
class Storm:
    """Both systems refuse call after call with 429 while many edits wait."""

    edited: Edited
    before: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        sims = self.edited.sides.sims
        self.before = self._refused()
        answer = {"status": 429, "headers": {"Retry-After": "1"}}
        sims.control("activecampaign", "POST", "faults", [{"match": {"times": 3}, "do": answer}])
        sims.control("dataverse", "POST", "faults", [{"match": {"times": 2}, "do": {**answer, "body": _LIMIT}}])

    def during(self, day: Day) -> bool:
        return True

    def _refused(self) -> dict[str, int]:
        sims = self.edited.sides.sims
        return {
            system: sum(
                int(row["count"]) for row in sims.control(system, "GET", "counts")["by"] if row["status"] == 429
            )
            for system in ("dataverse", "activecampaign")
        }

    def tell(self, day: Day, run: Mapping[str, Any]) -> Line:
        for system in ("dataverse", "activecampaign"):
            self.edited.sides.sims.control(system, "DELETE", "faults")
        now = self._refused()
        crm, partner = (now[system] - self.before[system] for system in ("dataverse", "activecampaign"))
        problems = self.edited.problems()
        if not crm or not partner:
            problems.append("there was no storm")
        times = self.edited.writes()
        return Line(
            f"both systems answer 429 while {len(self.edited.ids)} phones wait",
            "both",
            f"waited as told, then wrote {sum(times.values())} phones to {PARTNER}, each once",
            "A 429 closes the account's budget for every worker until the time it names; the work is kept.",
            f"refused {crm} calls",
            f"refused {partner} calls; {len(times)} new phones",
            tuple(problems),
        )


@dataclass(slots=True)
class Killed:
    """The worker dies by SIGKILL in the middle of a run."""

    edited: Edited
    pid: int = 0
    written: int = 0
    after: int = 0

    def during(self, day: Day) -> bool:
        written = len(self.edited.writes())
        if written < _BULK:
            return False
        if day.status()["running"]:
            self.pid = day.host.kill_worker("background")
            self.written = len(self.edited.writes())
        return True

    def tell(self, day: Day, run: Mapping[str, Any]) -> Line:
        problems = self.edited.problems()
        if not self.pid:
            problems.append("the run was over before the worker could be killed")
        times = self.edited.writes()
        return Line(
            f"the worker is killed (kill -9) while {len(self.edited.ids)} phones are under way",
            "the app",
            f"a new worker settled what was open and finished the run: {sum(times.values())} phones written, each once",
            "What was to be written stood in storage before the call; what became of it was read, not repeated.",
            "as before",
            f"{self.written} phones when the worker died, {len(times)} at the end",
            tuple(problems),
        )


@dataclass(slots=True)
class Quiet:
    """Nothing happens, so nothing may be written."""

    sides: Sides
    marks: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.marks = {system: self.sides.last(system) for system in ("dataverse", "activecampaign")}

    def during(self, day: Day) -> bool:
        return True

    def tell(self, day: Day, run: Mapping[str, Any]) -> Line:
        written = {system: len(self.sides.log(system, mark)) for system, mark in self.marks.items()}
        problems = [f"{count} writes to {system}" for system, count in written.items() if count]
        counts = ", ".join(f"{code} {count:,}" for code, count in sorted(run["counts"].items()))
        return Line(
            "an hour in which nothing happens",
            "",
            "wrote nothing",
            f"Nothing of the day echoes. The run's own counts: {counts or 'nothing changed'}.",
            f"{written['dataverse']} writes",
            f"{written['activecampaign']} writes",
            tuple(problems),
        )
