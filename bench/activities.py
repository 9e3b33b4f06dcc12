"""Activities delivered twice in random order, with kills: each once on the timeline, and what that takes.

    python -m bench.activities [--system marketo|activecampaign] [--activities 100000] [--people 500] [--kills 5]

Both simulators over https, the real connectors, the engine; time is driven. The partner's pages are told shuffled, with
entries of earlier pages among them, and when all were told the whole log is gone through again. A kill is a worker that
dies at a call to Dynamics, before or after it took effect, or at a write of its state; the next worker comes when the
lease has ended. Judged by Dynamics' own rows and write log.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from bench.rig import START, DrivenTime, PacedBudget, trusted
from bench.wiring import Told
from shared.azure.limits import row_bytes
from shared.connectors import registry
from shared.connectors.activities import ACTIVITY
from shared.connectors.surroundings import Memo, Surroundings
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester
from shared.domain.records import Gone, Record
from shared.http.client import Runtime
from shared.http.counts import CallCounts
from shared.http.entra import TokenPool
from shared.http.session import new_session
from shared.ports.connector import ChangePage, Connector, Write, WriteResult
from shared.state.lane import LaneStore
from shared.state.model import Command, LaneId
from shared.sync.engine import Engine
from shared.sync.options import Options
from simulators.activecampaign import DEFAULT_KEY, ActiveCampaign
from simulators.dataverse import build
from simulators.dataverse.tokens import APPLICATION, SECRET, TENANT
from simulators.frame import Clock, System, serve_all
from simulators.marketo import DEFAULT_CLIENT, DEFAULT_SECRET, Marketo
from tests.fakes.ids import FakeIds
from tests.fakes.partition_store import Call, Crash, Fault, MemoryPartitionStore

SPREAD = 60 * 86_400
"""The activities lie within the last sixty days."""

_WANTED = frozenset({6, 8, 10, 11, 46})
"""Marketo's numbers of the types that are told by default."""

_AGAIN = 20
"""Entries of an earlier page that come again with a page."""


class Secrets:
    def secret(self, name: str) -> str:
        return {"crm-secret": SECRET, "mk-secret": DEFAULT_SECRET, "ac-key": DEFAULT_KEY}[name]


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
            made = _wired(
                system,
                (systems["dataverse"], partner),
                urls,
                DrivenTime(clock),
                killer,
                seed,
                entities=_entities(system, activities=activities),
            )
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


def _wired(  # noqa: PLR0917
    system: str,
    both: tuple[System, Any],
    urls: Mapping[str, str],
    clock: DrivenTime,
    killer: Killer,
    seed: int,
    *,
    entities: tuple[Mapping[str, object], ...],
) -> World:
    counts, told, ids = CallCounts(), Told(), FakeIds()
    hosts = {name: url.removeprefix("https://") for name, url in urls.items()}
    signed: Mapping[str, dict[str, object]] = {
        "marketo": {"client_id": DEFAULT_CLIENT, "client_secret": "mk-secret", "rejection_activity": ""},
        "activecampaign": {"key": "ac-key"},
    }
    sides: dict[str, dict[str, object]] = {
        registry.CRM: {
            "url": urls["dataverse"],
            "tenant": TENANT,
            "client_id": APPLICATION,
            "secret": "crm-secret",
            "authority": hosts["entra"],
            "tables": ["contact", "task"],
        },
        system: {"url": urls[system], **signed[system]},
    }
    runtime = Runtime(session=new_session(), clock=clock, jitter=ids.jitter, observers=[counts])

    def side(name: str) -> Connector:
        surroundings = Surroundings(
            runtime=runtime,
            budget=PacedBudget(clock, 100, 1.0),
            secrets=Secrets(),
            tokens=TokenPool(),
            memo=Memo(clock.monotonic),
            trusted_hosts=frozenset(hosts.values()),
            labels=frozenset(),
        )
        return registry.build(name, sides[name], surroundings)

    store = MemoryPartitionStore(clock)
    engine = Engine(
        connection=ConnectionConfig(
            id="bench",
            name="bench",
            system=system,
            crm=sides[registry.CRM],
            partner=sides[system],
            entities=entities,
            switch=Switch.ON,
        ),
        crm=cast("Connector", Mortal(side(registry.CRM), killer)),
        partner=cast("Connector", Shuffled(side(system), random.Random(seed))),
        lane=LaneStore(store, LaneId("bench"), clock=clock, ids=ids),
        clock=clock,
        ids=ids,
        digester=Digester(b"b" * 32),
        journal=told,
        options=Options(initial_one_way=True),
    )
    return World(*both, clock, engine, store, told, counts, killer)


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of it."""

    told: int
    rows: int
    creates: int
    open: int
    strays: int
    died: Mapping[str, int]
    calls: Mapping[str, int]
    state_bytes: int
    transactions: int
    seconds: float

    @property
    def holds(self) -> bool:
        return self.told == self.rows == self.creates and not self.open and not self.strays


def prove(system: str, activities: int, people: int, kills: int, seed: int = 1) -> Proof:
    """Delivers them twice, with kills."""
    chance = random.Random(seed)
    killer = Killer([])
    with world(system, people, killer, seed) as both:
        told = both.happen(activities, people)
        size, before = _size(both.store), _requests(both.store)
        both.counts.clear()
        begun = time.process_time()
        _arm(killer, both.store, kills, activities, chance)
        both.run()
        once, transactions = _size(both.store), _requests(both.store) - before
        both.engine.enqueue(Command(key="walk-again", op="walk", payload={"feed": f"partner:{ACTIVITY}"}))
        both.run()
        both.run()
        seconds = time.process_time() - begun
        found = both.rows()
        writes = [row for row in both.crm.writes.page(limit=sys.maxsize) if row["kind"] == "task"]
        made = Counter(str(row["op"]) for row in writes)
        return Proof(
            told=told,
            rows=len(found),
            creates=made["create"],
            open=sum(row.get("statecode") != 1 for row in found),
            strays=sum(row.get("regardingobjectid") is None for row in found),
            died=dict(killer.died),
            calls={
                f"{name} {what}": tally.calls
                for (name, what), tally in sorted(both.counts.snapshot().items())
                if name in {"dynamics", system}
            },
            state_bytes=once - size,
            transactions=transactions,
            seconds=seconds,
        )


def _arm(killer: Killer, store: MemoryPartitionStore, kills: int, activities: int, chance: random.Random) -> None:
    """Spreads the kills over the calls the first delivery takes, of all three sorts in turn."""
    calls = max(2, 2 * activities // 1000)
    sorts = ["after the call", "at a state write", "before the call"]
    at = sorted(chance.sample(range(1, max(kills + 2, calls)), kills))
    killer.due = [(killer.count + number, sorts[index % len(sorts)]) for index, number in enumerate(at)]

    def fault(call: Call) -> Fault:
        if killer.due and killer.due[0][1] == "at a state write" and killer.count >= killer.due[0][0]:
            if call.method != "transact":
                return Fault.NONE
            killer.due.pop(0)
            killer.died["at a state write"] += 1
            return chance.choice([Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
        return Fault.NONE

    store.fault = fault


def _size(store: MemoryPartitionStore) -> int:
    """Bytes of all rows as the service bills them."""
    partitions: Any = store._partitions  # noqa: SLF001
    return sum(row_bytes(name, key, row.cells) for name, part in partitions.items() for key, row in part.rows.items())


def _requests(store: MemoryPartitionStore) -> int:
    return store.usage.gets + store.usage.scans + store.usage.commits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=("marketo", "activecampaign"), default="marketo")
    parser.add_argument("--activities", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = prove(given.system, given.activities, given.people, given.kills, given.seed)
    print(f"{given.system}: {found.told:,} activities told twice, {sum(found.died.values())} kills {dict(found.died)}")
    print(f"  rows {found.rows:,}, created {found.creates:,}, open {found.open}, without a person {found.strays}")
    print(f"  {found.seconds:.0f} s of CPU; state {1000 * found.state_bytes / found.told:,.0f} bytes a thousand")
    print(f"  {1000 * found.transactions / found.told:.1f} transactions a thousand in the first delivery")
    for name, count in found.calls.items():
        print(f"    {name:28} {count:>7,}")
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
