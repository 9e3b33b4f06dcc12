"""A world in which people do things, their activities are told in no order and twice, and workers die on the way.

Both simulators over https, the real connectors, the engine; time is driven.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from bench.rig import START, DrivenTime, PacedBudget, trusted
from bench.wiring import Around, Told, between, wire_marketo
from shared.connectors import registry
from shared.connectors.activities import ACTIVITY
from shared.domain.records import Gone, Record
from shared.http.counts import CallCounts
from shared.http.session import new_session
from shared.ports.connector import ChangePage, Connector, Write, WriteResult
from shared.sync.engine import Engine
from simulators.activecampaign import ActiveCampaign
from simulators.dataverse import build
from simulators.frame import Clock, System, serve_all
from simulators.marketo import Marketo
from tests.fakes.partition_store import Crash, MemoryPartitionStore

SPREAD = 60 * 86_400
"""The activities lie within the last sixty days."""

_WANTED = frozenset({6, 8, 10, 11, 46})
"""Marketo's numbers of the types that are told by default."""

_AGAIN = 20
"""Entries of an earlier page that come again with a page."""


class Shuffled:
    """A partner that tells its activities in no order, and some of them again."""

    def __init__(self, real: Connector, chance: random.Random) -> None:
        self._real, self._chance = real, chance
        self._told: list[Record | Gone] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def changes(self, kind: Any, cursor: Any, fields: Any) -> ChangePage:
        page = self._real.changes(kind, cursor, fields)
        if kind != ACTIVITY:
            return page
        items = [*page.items, *self._chance.sample(self._told, min(_AGAIN, len(self._told)))]
        self._chance.shuffle(items)
        self._told = [*self._told[-2000:], *page.items]
        return replace(page, items=items)


@dataclass(slots=True)
class Killer:
    """Decides at which call a worker dies. `due` are the numbers of calls, counted over all workers."""

    due: list[tuple[int, str]]
    count: int = 0
    died: Counter[str] = field(default_factory=Counter)

    def strikes(self, where: str) -> bool:
        self.count += 1
        if self.due and self.count >= self.due[0][0] and self.due[0][1] == where:
            self.due.pop(0)
            self.died[where] += 1
            return True
        return False


class Mortal:
    """Dynamics, at whose calls workers die."""

    def __init__(self, real: Connector, killer: Killer) -> None:
        self._real, self._killer = real, killer

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        if self._killer.strikes("before the call"):
            raise Crash
        found = self._real.write(writes)
        if self._killer.strikes("after the call"):
            raise Crash
        return found


@dataclass(slots=True)
class World:
    """Both systems, the engine, and hands."""

    crm: System
    partner: Any
    time: DrivenTime
    engine: Engine
    store: MemoryPartitionStore
    told: Told
    counts: CallCounts
    killer: Killer
    workers: int = 0

    def run(self) -> Counter[str]:
        """Whole runs until one has ended, over as many workers as it takes."""
        self.told.state = ""
        while not self.told.state:
            self.workers += 1
            try:
                found = self.engine.run_slice(f"w{self.workers}")
            except Crash:
                self.time.advance(120)
                continue
            if found.not_before is not None and not self.told.state:
                self.time.advance(max(0.0, (found.not_before - self.time.now()).total_seconds()))
        if self.told.state != "succeeded":
            raise AssertionError(f"the run stopped: {self.engine.lane.peek().facts}")
        self.time.advance(300)
        return self.told.counts.copy()

    def rows(self) -> list[Mapping[str, Any]]:
        """The tasks in Dynamics."""
        table: Any = self.crm.store["task"]  # type: ignore[attr-defined]
        return list(table.rows())

    def happen(self, count: int, people: int) -> int:
        """So many activities or a few more, by the simulators' own hands; answers how many of them are to be told."""
        number = 0
        while (made := self._there()) < count:
            number += 1
            self._round(number, [address(n) for n in range(people)])
        self.time.advance(60)
        return made

    def _round(self, number: int, people: Sequence[str]) -> None:
        if isinstance(self.partner, Marketo):
            self.partner.act("engage", {"leads": people, "asset": f"Mail {number}", "spread_seconds": SPREAD})
            return
        campaign = self.partner.seed({"campaigns": [{"name": f"Mail {number}", "subject": f"Subject {number}"}]})
        number = campaign["campaigns"][0]["id"]
        self.partner.act("engage", {"contacts": people, "campaign": number, "spread_seconds": SPREAD})

    def _there(self) -> int:
        tenant = self.partner.tenant
        if not isinstance(self.partner, Marketo):
            return len(tenant.activities)
        return sum(row.type in _WANTED for row in tenant.activities.slice(0, len(tenant.activities)))


def address(number: int) -> str:
    return f"person{number}@example.org"


def _entities(system: str, *, activities: bool) -> tuple[Mapping[str, object], ...]:
    found = {str(item["name"]): dict(item) for item in registry.defaults_of(system).default_entities()}
    contact = found["contact"]
    fields: Any = contact["fields"]
    kept = [item for item in fields if item["id"] in {"email", "firstname", "lastname"}]
    contact |= {"parents": [], "fixed": ["email"], "fields": kept}
    return contact, {**found["activity"], "on": activities, "parents": ["contact"]}


@contextmanager
def world(system: str, people: int, killer: Killer, seed: int = 1, *, activities: bool = True) -> Iterator[World]:
    """Both systems with the same people in them, linked by a first sync."""
    with tempfile.TemporaryDirectory(prefix="dynasync-bench-") as folder, trusted(Path(folder)) as authority:
        clock = Clock()
        clock.set_now(START, frozen=True)
        partner = _partner(system, clock, people)
        systems: dict[str, System] = {**build(clock), system: partner}
        rows = [
            {"firstname": f"First {n}", "lastname": f"Last {n}", "emailaddress1": address(n)} for n in range(people)
        ]
        systems["dataverse"].seed({"rows": {"contact": rows}})
        clock.advance(3600)
        servers = serve_all(systems, 0, authority)
        try:
            urls = {name: f"https://127.0.0.1:{server.port}" for name, server in servers.items()}
            time, counts = DrivenTime(clock), CallCounts()
            store = MemoryPartitionStore(time)
            budgets = {name: PacedBudget(time, 100, 1.0) for name in (registry.CRM, system)}
            around = Around(clock=time, session=new_session(), store=store, budgets=budgets, observers=[counts])
            engine = _engine(system, urls, around, _entities(system, activities=activities))
            engine = replace(
                engine,
                crm=cast("Connector", Mortal(engine.crm, killer)),
                partner=cast("Connector", Shuffled(engine.partner, random.Random(seed))),
            )
            made = World(systems["dataverse"], partner, time, engine, store, around.journal, counts, killer)
            made.run()
            yield made
        finally:
            for server in servers.values():
                server.close()


def _partner(system: str, clock: Clock, people: int) -> Any:
    named = [{"email": address(n), "firstName": f"First {n}", "lastName": f"Last {n}"} for n in range(people)]
    made: Any = Marketo(clock) if system == "marketo" else ActiveCampaign(clock)
    free = {"calls_per_window": 0, "daily_quota": 0} if system == "marketo" else {"requests_per_second": 0}
    made.switches.set(free)
    made.seed({"leads" if system == "marketo" else "contacts": named})
    return made


def _engine(system: str, urls: Mapping[str, str], around: Around, entities: tuple[Mapping[str, object], ...]) -> Engine:
    if system == "marketo":
        return wire_marketo(urls, around, entities=entities)
    return between(system, {"key": "ac-key"}, urls, around, entities=entities)
