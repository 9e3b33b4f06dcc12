"""Measured calls of a Marketo connection against the ideal, both ways, and the calls of a day without changes.

    python -m bench.marketo [--people 10000] [--changed 4000]

Both simulators over https, the connectors, the engine; time is driven, so every figure is the same in every run. Each
phase is read until a run finds nothing: what was written comes back through the logs once, and that is counted too.

| flow | ideal calls |
|---|---|
| write N people | ceil(N/300); from 600 new ones at a time by import: ceil(N/3000) files and as many questions |
| read N changed people | ceil(N/300) of the log of changes + ceil(N/300) of people |
| a run | 1 of each of the three logs; the log of changes is one of them, the two others pass 3,000 rows a call |
| Dynamics | ceil(N/5000) a read, 1 where nothing changed; ceil(N/100) updates |

Descriptions, tokens, the walk by ids of a first load, polls while an import runs, and the looks at Marketo's logs
before a page is written to it are lines of their own. Ends with 1 when a phase takes more than 1.03 x the ideal, or a
day of idle runs more than the vendor's mark.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.aims import CALLS_RATIO, IDLE_DAY, Figure, verdict
from bench.ideal import DATAVERSE_PAGE, DATAVERSE_UPDATES, calls
from bench.rig import START, DrivenTime, PacedBudget, trusted
from bench.wiring import Around, Told, wire_marketo
from shared.connectors import registry
from shared.connectors.dynamics.defaults import LIMIT as CRM_LIMIT
from shared.connectors.marketo.defaults import LIMIT, default_entities
from shared.http.counts import CallCounts
from shared.http.session import new_session
from shared.sync.engine import Engine
from simulators.dataverse import build
from simulators.frame import Clock, System, serve_all
from simulators.marketo import Marketo
from tests.fakes.partition_store import MemoryPartitionStore

PAGE, FILE, LOGS, SCAN = 300, 3000, 3, 3000
_COUNTED: Mapping[tuple[str, str], str] = {
    ("dynamics", "walk"): "dynamics read",
    ("dynamics", "catchup"): "dynamics read",
    ("dynamics", "delta"): "dynamics read",
    ("dynamics", "update"): "dynamics update",
    ("marketo", "create"): "write",
    ("marketo", "update"): "write",
    ("marketo", "import"): "files",
    ("marketo", "outcomes"): "questions",
    ("marketo", "changes"): "logs",
    ("marketo", "events"): "logs",
    ("marketo", "deleted"): "logs",
    ("marketo", "changed"): "people",
}
type Calls = Counter[str]


@dataclass(frozen=True, slots=True)
class Counted:
    """One phase: calls by endpoint and their ideal; `beside` holds the lines of their own."""

    phase: str
    measured: Calls
    ideal: Calls
    beside: Mapping[str, int]

    @property
    def ratio(self) -> float:
        return self.measured.total() / self.ideal.total()


@dataclass(slots=True)
class Rig:
    """Both systems, the engine between them, and hands to act in both."""

    crm: System
    partner: Marketo
    time: DrivenTime
    counts: CallCounts
    engine: Engine
    told: Told
    rows: dict[int, str] = field(default_factory=dict)

    def run(self) -> Counter[str]:
        """One run to its end, then time for the next; answers the counters of outcomes."""
        self.told.state = ""
        while not self.told.state:
            found = self.engine.run_slice("bench")
            self.partner.agenda.run_due()
            if found.not_before is not None and not self.told.state:
                self.time.advance(max(0.0, (found.not_before - self.time.now()).total_seconds()))
        if self.told.state != "succeeded":
            raise AssertionError(f"the run stopped: {self.engine.lane.peek().facts}")
        self.time.advance(300)
        self.partner.agenda.run_due()
        return self.told.counts.copy()

    def edit_crm(self, people: range) -> None:
        if not self.rows:
            table: Any = self.crm.store["contact"]  # type: ignore[attr-defined]
            self.rows = {number_of(row["emailaddress1"]): row["contactid"] for row in table.rows()}
        for number in people:
            what = {"table": "contact", "id": self.rows[number], "values": {"lastname": f"Edited {number}"}}
            self.crm.act("edit", what)
        self.time.advance(60)

    def edit_partner(self, people: range) -> None:
        for number in people:
            self.partner.act("edit_lead", {"lead": email(number), "values": {"firstName": f"Edited {number}"}})
        self.time.advance(60)

    def counted(self, phase: str, ideal: Calls, looks: int) -> Counted:
        measured: Calls = Counter()
        beside: Counter[str] = Counter()
        for (system, purpose), tally in self.counts.snapshot().items():
            name = _COUNTED.get((system, purpose))
            (beside if name is None else measured)[name or f"{system} {purpose}"] += tally.calls
        for name, count, aside in (
            ("questions", max(0, measured["questions"] - measured["files"]), "polls"),
            ("logs", LOGS * looks, "looks"),
        ):
            measured[name] -= count
            beside[aside] += count
        self.counts.clear()
        return Counted(phase, +measured, +ideal, +beside)


def email(number: int) -> str:
    return f"person{number}@example.org"


def number_of(address: str) -> int:
    return int(address.partition("@")[0].removeprefix("person"))


def contacts() -> dict[str, Any]:
    """The default map of contacts without references to other kinds."""
    (found,) = (dict(item) for item in default_entities() if item["name"] == "contact")
    fields: Any = found["fields"]
    kept = [item for item in fields if item["id"] not in {"company", "owner"}]
    return {**found, "parents": [], "fixed": ["email"], "fields": kept}


def _read(people: int) -> Calls:
    others = (LOGS - 1) * max(1, calls(people, SCAN))
    return Counter({"logs": max(1, calls(people, PAGE)) + others, "people": calls(people, PAGE)})


def _delta(rows: int) -> Calls:
    return Counter({"dynamics read": max(1, calls(rows, DATAVERSE_PAGE))})


def _new(people: int, *, imports: bool) -> Calls:
    files = calls(people, FILE)
    return Counter({"files": files, "questions": files} if imports else {"write": calls(people, PAGE)})


def flows(people: int, changed: int, *, imports: bool) -> Iterator[Counted]:
    """Every phase in turn; raises AssertionError when a run did not do what the phase is about."""
    idle = _read(0) + _delta(0)
    with rig(imports=imports) as both:
        rows = [
            {
                "firstname": f"First {n}",
                "lastname": f"Last {n}",
                "emailaddress1": email(n),
                "jobtitle": f"Title {n % 9}",
            }
            for n in range(people)
        ]
        both.crm.seed({"rows": {"contact": rows}})
        both.time.advance(3600)
        # With files the ids come by the log within the run, and the next run finds nothing; else it meets the echo.
        load = Counter({"dynamics read": calls(people, DATAVERSE_PAGE) + 1}) + _new(people, imports=imports)
        echo = _read(people) + (_read(0) if imports else Counter()) + _delta(0)
        yield _phase(both, "into an empty subscription", load + echo, {"writes:partner": people})
        both.edit_crm(range(changed))
        ideal = _delta(changed) + Counter({"write": calls(changed, PAGE)}) + _read(0) + _read(changed) + _delta(0)
        yield _phase(both, "changed in Dynamics", ideal, {"writes:partner": changed}, looks=1)
        both.edit_partner(range(changed, 2 * changed))
        written = Counter({"dynamics update": calls(changed, DATAVERSE_UPDATES)})
        ideal = _read(changed) + written + _delta(changed) + idle
        yield _phase(both, "changed in Marketo", ideal, {"writes:crm": changed}, looks=1)
        both.counts.clear()
        if outcomes := both.run():
            raise AssertionError(f"an idle run did something: {outcomes}")
        yield both.counted("an idle run", idle, 0)


def _phase(both: Rig, phase: str, ideal: Calls, wanted: Mapping[str, int], *, looks: int = 0) -> Counted:
    """A run that writes what is `wanted`, and the next one, which must write nothing."""
    both.counts.clear()
    outcomes = both.run()
    found = {name: outcomes[name] for name in ("writes:partner", "writes:crm") if outcomes[name]}
    if found != dict(wanted):
        raise AssertionError(f"{phase}: wrote {found}, not {dict(wanted)}; {dict(outcomes)}")
    written = len(both.crm.writes) + len(both.partner.writes)
    quiet = both.run()
    if len(both.crm.writes) + len(both.partner.writes) != written:
        raise AssertionError(f"{phase}: the next run wrote again: {dict(quiet)}")
    return both.counted(phase, ideal, looks)


@contextmanager
def rig(*, imports: bool = True) -> Iterator[Rig]:
    """An environment and a subscription with nobody in them."""
    with tempfile.TemporaryDirectory(prefix="dynasync-bench-") as folder, trusted(Path(folder)) as authority:
        clock = Clock()
        clock.set_now(START, frozen=True)
        partner = Marketo(clock)
        partner.switches.set({"calls_per_window": 0, "daily_quota": 0})
        systems: dict[str, System] = {**build(clock), "marketo": partner}
        servers = serve_all(systems, 0, authority)
        try:
            urls = {name: f"https://127.0.0.1:{server.port}" for name, server in servers.items()}
            yield _wired(systems["dataverse"], partner, urls, DrivenTime(clock), imports=imports)
        finally:
            for server in servers.values():
                server.close()


def _wired(crm: System, partner: Marketo, urls: Mapping[str, str], time: DrivenTime, *, imports: bool) -> Rig:
    counts = CallCounts()
    around = Around(
        clock=time,
        session=new_session(),
        store=MemoryPartitionStore(time),
        budgets={
            registry.CRM: PacedBudget(time, *CRM_LIMIT.share({})),
            "marketo": PacedBudget(time, *LIMIT.share({})),
        },
        observers=[counts],
    )
    engine = wire_marketo(urls, around, entities=(contacts(),), import_from=600 if imports else 0)
    return Rig(crm, partner, time, counts, engine, around.journal)


def show(found: Counted, title: str) -> None:
    total, ideal = found.measured.total(), found.ideal.total()
    print(f"\n{title}: {found.phase}: {total:,} calls, ideal {ideal:,}, {found.ratio:.3f} x")
    for name in sorted(found.measured | found.ideal):
        print(f"    {name:18} {found.measured[name]:>6,}   ideal {found.ideal[name]:>6,}")
    for name, count in sorted(found.beside.items()):
        print(f"    {name:18} {count:>6,}   own line")


def day(idle: Counted, entities: int = 5) -> int:
    """Calls of Marketo in a day of five-minute cycles that find nothing, all default entities on: the logs, the
    description of each kind and the look for the native sync each cycle, and a token an hour."""
    logs = sum(count for name, count in idle.measured.items() if not name.startswith("dynamics"))
    described = 2 + 1 + (entities - 2)  # people in two calls, the native sync, each kind beside people
    return 288 * (logs + described) + 24


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=4000)
    options = parser.parse_args()
    figures: list[Figure] = []
    for imports in (True, False):
        title = f"{options.people:,} people, {'new ones by import' if imports else 'all by calls'}"
        idle = None
        for idle in flows(options.people, options.changed, imports=imports):
            show(idle, title)
            figures.append(Figure(f"{title}: {idle.phase}", idle.ratio, most=CALLS_RATIO))
        if idle is not None:
            print(f"\na day of idle cycles: {day(idle):,} calls of Marketo; the vendor's mark is {IDLE_DAY:,}")
            figures.append(Figure(f"{title}: calls in a day of idle cycles", day(idle), most=IDLE_DAY))
    return verdict(figures)


if __name__ == "__main__":
    sys.exit(main())
