"""First sync of N people through the engine: storage transactions, CPU by part, peak memory.

    python -m bench.engine [--people 10000] [--storage memory|azurite] [--floor]
    python -m bench.engine --inbox [--people 50000]

Both systems are in memory, so that what is measured is the engine and its state. CPU is split by the package a sample
of the profiler's own time falls into; the run is made twice, once profiled and once not, and the unprofiled one is
quoted for time and memory. `--floor` fills both systems without the engine and prints the memory they take: what the
engine adds is the difference. `--inbox` measures how long people wait while so many rows are still to be loaded.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import pstats
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.inbox import LONGEST, Load, Waited, ask_meanwhile, slow
from shared.connectors.memory import KindDesign, MemoryConnector, MemorySystem, MemoryUsers
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Value
from shared.ports.connector import CreateKey, Deletes, FeedKind, KindCapabilities
from shared.ports.state import PartitionStore, StoreUsage
from shared.state.lane import LaneStore
from shared.state.model import LaneId
from shared.sync.engine import Engine
from shared.sync.options import Options

CONTACT, PERSON, MAIL = Kind("contact"), Kind("person"), FieldName("mail")
FIELDS = 10
ROOT = Path(__file__).resolve().parent.parent


class Quiet:
    """A journal that keeps nothing, so that only lane state is counted."""

    def begin_run(self, *_: object, **__: object) -> None: ...

    def tell(self, *_: object, **__: object) -> bool:
        return True

    def conflicts(self, *_: object) -> None: ...

    def well(self, *_: object) -> None: ...

    def end_run(self, *_: object, **__: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Measured:
    seconds: float
    cpu: float
    usage: StoreUsage
    peak_mb: float
    linked: int


def specs() -> tuple[FieldSpec, ...]:
    texts = (
        FieldSpec(name=FieldName(f"f{number}"), type=FieldType.TEXT, max_length=50) for number in range(FIELDS - 1)
    )
    return (FieldSpec(name=MAIL, type=FieldType.EMAIL, max_length=100), *texts)


def entity() -> dict[str, object]:
    fields: list[dict[str, object]] = [{"id": "mail", "crm": "mail", "partner": "mail", "required": True}]
    fields += [{"id": f"f{number}", "crm": f"f{number}", "partner": f"f{number}"} for number in range(FIELDS - 1)]
    return {
        "name": "contact",
        "crm_kind": "contact",
        "partner_kind": "person",
        "direction": "both",
        "match": "mail",
        "fields": fields,
    }


def engine_for(
    people: int, store: PartitionStore, *, latency: float = 0.0, options: Options | None = None
) -> tuple[Engine, LaneStore]:
    """`latency`: seconds each write of a system takes."""
    from shared.azure.ambient import RandomIds, SystemClock

    clock, ids = SystemClock(), RandomIds()
    crm_kind = KindCapabilities(
        feed=FeedKind.DELTA,
        deletes=Deletes.TOLD,
        conditional_write=True,
        create_key=CreateKey.CALLER_ID,
        match_field=MAIL,
        bulk_size=1000,
        find_size=100,
    )
    partner_kind = KindCapabilities(
        feed=FeedKind.SINCE,
        deletes=Deletes.ABSENCE,
        create_key=CreateKey.UNIQUE_MATCH,
        match_field=MAIL,
        bulk_size=250,
    )
    crm = MemorySystem(
        "crm", [KindDesign(kind=CONTACT, fields=specs(), capabilities=crm_kind, page_size=5000)], now=clock.now
    )
    partner = MemorySystem(
        "partner", [KindDesign(kind=PERSON, fields=specs(), capabilities=partner_kind, page_size=100)], now=clock.now
    )
    users = MemoryUsers(crm)
    for number in range(people):
        values: dict[FieldName, Value | None] = {MAIL: f"person{number}@example.org"}
        values.update({FieldName(f"f{place}"): f"value {place} of {number}" for place in range(FIELDS - 1)})
        users.create(CONTACT, values)
    lane = LaneStore(store, LaneId(f"bench{time.time_ns()}"), clock=clock, ids=ids)
    config = ConnectionConfig(
        id="bench", name="bench", system="memory", crm={}, partner={}, entities=(entity(),), switch=Switch.ON
    )
    engine = Engine(
        connection=config,
        crm=slow(crm, latency) if latency else MemoryConnector(crm),
        partner=slow(partner, latency) if latency else MemoryConnector(partner),
        lane=lane,
        clock=clock,
        ids=ids,
        digester=Digester(b"b" * 32),
        journal=Quiet(),
        options=options or Options(slice_seconds=3600.0),
    )
    return engine, lane


def run(people: int, store: PartitionStore) -> Measured:
    engine, lane = engine_for(people, store)
    before, began, cpu = store.usage.copy(), time.perf_counter(), time.process_time()
    while engine.run_slice("bench").more:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    linked = sum(count for name, count in lane.peek().counts.items() if name.endswith(".linked"))
    return Measured(time.perf_counter() - began, time.process_time() - cpu, store.usage.since(before), peak, linked)


def inbox(
    people: int, store: PartitionStore, *, latency: float, requests: int, options: Options | None = None
) -> Waited:
    """Requests while `people` rows are pending, with the options a connection has by default."""
    engine, _ = engine_for(people, store, latency=latency, options=options or Options())
    systems = (engine.crm._system, engine.partner._system)  # type: ignore[attr-defined]  # noqa: SLF001 - the bench owns them
    return ask_meanwhile(Load(engine, systems, (CONTACT, PERSON), MAIL), requests=requests, pause=5.0)


def split(people: int, store: PartitionStore) -> Counter[str]:
    """Share of the profiler's own time by part."""
    engine, _ = engine_for(people, store)
    profile = cProfile.Profile()
    profile.enable()
    while engine.run_slice("bench").more:
        pass
    profile.disable()
    parts: Counter[str] = Counter()
    for (file, _, _), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        parts[_part(file)] += own
    return parts


def _part(file: str) -> str:
    for part in ("shared/domain", "shared/sync", "shared/state", "shared/azure", "connectors/memory"):
        if part in file:
            return part
    return "tables SDK and http" if "site-packages" in file or "http" in file or "ssl" in file else "python"


@contextlib.contextmanager
def storage(kind: str) -> Iterator[PartitionStore]:
    if kind == "memory":
        from tests.fakes.partition_store import MemoryPartitionStore

        yield MemoryPartitionStore()
        return
    from localhost import azurite
    from shared.azure.ambient import SystemClock
    from shared.azure.tables import Tables

    with azurite.start() as running:
        yield Tables.by_connection_string(running.connection_string, SystemClock(), prefix="bench").store("lanes")


def floor(people: int) -> float:
    """Peak memory of both systems full of people, without an engine between them."""
    engine, _ = engine_for(people, _NoStore())  # type: ignore[arg-type]
    users = MemoryUsers(engine.partner._system)  # type: ignore[attr-defined]  # noqa: SLF001 - the bench owns it
    for number in range(people):
        values: dict[FieldName, Value | None] = {MAIL: f"person{number}@example.org"}
        values.update({FieldName(f"f{place}"): f"value {place} of {number}" for place in range(FIELDS - 1)})
        users.create(PERSON, values)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _NoStore:
    """Nothing is stored while the floor is measured."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the floor used the store: {name}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--storage", choices=("memory", "azurite"), default="azurite")
    parser.add_argument("--no-split", action="store_true", help="leave the profiled run out")
    parser.add_argument("--floor", action="store_true", help="only the memory of both systems, without the engine")
    parser.add_argument("--inbox", action="store_true", help="how long a request takes while the people are pending")
    parser.add_argument("--latency", type=float, default=0.5, help="with --inbox: seconds a write takes (default 0.5)")
    parser.add_argument("--requests", type=int, default=6, help="with --inbox: how many (default 6)")
    options = parser.parse_args()
    if options.floor:
        print(f"{options.people:,} people on both sides without an engine: peak memory {floor(options.people):.0f} MB")
        return 0
    if options.inbox:
        with storage(options.storage) as store:
            waited = inbox(options.people, store, latency=options.latency, requests=options.requests)
        waits = ", ".join(f"{seconds:.1f}" for seconds in waited.waits)
        print(f"{waited.pending:,} rows of back-fill pending, {options.latency} s a write, state in {options.storage}")
        print(f"  {len(waited.waits)} requests ended after {waits} s; the longest may take {LONGEST:.0f} s")
        print(f"  {waited.loaded:,} rows were loaded in {waited.seconds:.0f} s meanwhile")
        return 0 if waited.kept else 1
    with storage(options.storage) as store:
        found = run(options.people, store)
        usage = found.usage
        print(f"{options.people:,} people, {FIELDS} fields, state in {options.storage}; linked {found.linked:,}")
        print(f"  {found.seconds:.1f} s wall, {found.cpu:.1f} s CPU, peak {found.peak_mb:.0f} MB with both systems")
        each = options.people / 1000
        print(
            f"  storage transactions: {usage.requests:,} = {usage.requests / each:.1f} per 1,000 people "
            f"({usage.gets:,} point reads, {usage.scans:,} ranges, {usage.commits:,} commits)"
        )
        print(f"  written {usage.bytes_written / 1e6:.1f} MB, read {usage.bytes_read / 1e6:.1f} MB")
        if not options.no_split:
            parts = split(min(options.people, 10_000), store)
            total = sum(parts.values())
            print("  CPU by part: " + ", ".join(f"{name} {took / total:.0%}" for name, took in parts.most_common()))
    return 0 if found.linked == options.people else 1


if __name__ == "__main__":
    sys.exit(main())
