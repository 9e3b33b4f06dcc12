"""First sync of N people through the engine: storage transactions, CPU by part, memory.

    python -m bench.engine [--people 10000] [--storage memory|azurite]
    python -m bench.engine --memory [--people 100000]
    python -m bench.engine --inbox [--people 50000]

Both systems are in memory, so that what is measured is the engine and its state. The same people are then copied by
hand, without an engine, and both CPU times are compared: the machine's speed falls out. CPU is split by samples of the
stack, of the whole run. `--memory` puts both systems into a process of their own, so that the peak is a worker's.
`--inbox` measures how long people wait while so many rows are still to be loaded. Ends with 1, and names the figure,
when one misses its aim (bench/aims.py).
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.aims import (
    COMMITS,
    ENGINE_CPU_RATIO,
    FIXED_TRANSACTIONS,
    PEAK_MB,
    REQUEST_SECONDS,
    TRANSACTIONS,
    TRANSACTIONS_UP_TO,
    Figure,
    verdict,
)
from bench.apart import apart
from bench.inbox import Load, Waited, ask_meanwhile, slow
from bench.pair import CONTACT, FIELDS, MAIL, PERSON, by_hand, entity, systems
from bench.sampler import Sampler
from shared.azure.ambient import RandomIds, SystemClock, collect_seldom, give_memory_back
from shared.connectors.memory import MemoryConnector
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester
from shared.ports.connector import Connector
from shared.ports.state import PartitionStore, StoreUsage
from shared.state.lane import LaneStore
from shared.state.model import LaneId
from shared.sync.engine import Engine
from shared.sync.options import Options


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
    """`seconds` on the wall, `cpu` of this process, `parts`: samples of the stack by part."""

    people: int
    seconds: float
    cpu: float
    usage: StoreUsage
    before_mb: float
    peak_mb: float
    linked: int
    parts: Mapping[str, int]

    @property
    def per_1000(self) -> float:
        return self.usage.requests / self.people * 1000


def engine_for(
    crm: Connector, partner: Connector, store: PartitionStore, *, options: Options | None = None
) -> tuple[Engine, LaneStore]:
    clock, ids = SystemClock(), RandomIds()
    lane = LaneStore(store, LaneId(f"bench{time.time_ns()}"), clock=clock, ids=ids)
    config = ConnectionConfig(
        id="bench", name="bench", system="memory", crm={}, partner={}, entities=(entity(),), switch=Switch.ON
    )
    engine = Engine(
        connection=config,
        crm=crm,
        partner=partner,
        lane=lane,
        clock=clock,
        ids=ids,
        digester=Digester(b"b" * 32),
        journal=Quiet(),
        options=options or Options(slice_seconds=3600.0),
    )
    return engine, lane


def run(people: int, store: PartitionStore, *, options: Options | None = None) -> Measured:
    """A first sync with both systems in this process."""
    crm, partner = map(MemoryConnector, systems(people, SystemClock()))
    return _run(people, *engine_for(crm, partner, store, options=options), store)


def run_apart(people: int, store: PartitionStore) -> Measured:
    """A first sync with both systems in a process of their own: the peak is that of a worker."""
    with apart(people) as (crm, partner):
        return _run(people, *engine_for(crm, partner, store), store)


def _run(people: int, engine: Engine, lane: LaneStore, store: PartitionStore) -> Measured:
    before_mb = _peak_mb()
    before, began, cpu = store.usage.copy(), time.perf_counter(), time.process_time()
    sampler = Sampler()
    with sampler.looking():
        while engine.run_slice("bench").more:
            pass
    seconds, spent, peak = time.perf_counter() - began, time.process_time() - cpu, _peak_mb()
    usage = store.usage.since(before)
    linked = sum(count for name, count in lane.peek().counts.items() if name.endswith(".linked"))
    return Measured(people, seconds, spent, usage, before_mb, peak, linked, sampler.parts)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def inbox(
    people: int, store: PartitionStore, *, latency: float, requests: int, options: Options | None = None
) -> Waited:
    """Requests while `people` rows are pending, with the options a connection has by default. `latency`: seconds each
    write of a system takes."""
    crm, partner = systems(people, SystemClock())
    engine, _ = engine_for(slow(crm, latency), slow(partner, latency), store, options=options or Options())
    return ask_meanwhile(Load(engine, (crm, partner), (CONTACT, PERSON), MAIL), requests=requests, pause=5.0)


@contextlib.contextmanager
def storage(kind: str) -> Iterator[PartitionStore]:
    if kind == "memory":
        from tests.fakes.partition_store import MemoryPartitionStore

        yield MemoryPartitionStore()
        return
    from localhost import azurite
    from shared.azure.tables import Tables

    with azurite.start() as running:
        yield Tables.by_connection_string(running.connection_string, SystemClock(), prefix="bench").store("lanes")


def as_the_app() -> None:
    """What a worker does with its memory when it starts."""
    collect_seldom()
    give_memory_back()


def figures(found: Measured, *, by_hand: float = 0.0, memory: bool = False) -> list[Figure]:
    """What is judged of it. `by_hand`: CPU seconds of the copy by hand. `memory`: neither the systems nor the store are
    part of this process."""
    thousands = found.people / 1000
    told = [
        Figure("people linked", found.linked, least=found.people, most=found.people),
        Figure("storage commits", found.usage.commits, most=FIXED_TRANSACTIONS + COMMITS * thousands),
    ]
    if found.people <= TRANSACTIONS_UP_TO:
        most = FIXED_TRANSACTIONS + TRANSACTIONS * thousands
        told.append(Figure("storage transactions", found.usage.requests, most=most))
    if by_hand:
        told.append(Figure("CPU over that of a copy by hand", found.cpu / by_hand, most=ENGINE_CPU_RATIO))
    if memory:
        told.append(Figure("peak memory in MB", found.peak_mb, most=PEAK_MB))
    return told


def show(found: Measured, where: str) -> None:
    usage = found.usage
    print(f"{found.people:,} people, {FIELDS} fields, state in {where}; linked {found.linked:,}")
    print(
        f"  storage transactions: {usage.requests:,} = {found.per_1000:.1f} per 1,000 people "
        f"({usage.gets:,} point reads, {usage.scans:,} ranges, {usage.commits:,} commits)"
    )
    print(f"  written {usage.bytes_written / 1e6:.1f} MB, read {usage.bytes_read / 1e6:.1f} MB")
    print(f"  CPU {found.cpu:.1f} s, {found.cpu / found.people * 1e3:.2f} ms a person; {found.seconds:.1f} s wall")


def _first_sync(people: int, where: str) -> int:
    as_the_app()
    with storage(where) as store:
        found = run(people, store)
    show(found, where)
    total = sum(found.parts.values())
    print(f"  CPU by part, {total:,} samples of the whole run:")
    for name, samples in sorted(found.parts.items(), key=lambda pair: -pair[1]):
        print(f"    {name:30} {samples / total:5.0%}")
    bare = by_hand(people)
    print(f"  a copy by hand: CPU {bare:.1f} s; ratio {found.cpu / bare:.1f}")
    return verdict(figures(found, by_hand=bare))


def _memory(people: int, where: str) -> int:
    as_the_app()
    with storage(where) as store:
        found = run_apart(people, store)
    show(found, where)
    print(f"  peak memory {found.peak_mb:.0f} MB, before the first call {found.before_mb:.0f} MB")
    return verdict(figures(found, memory=where == "azurite"))


def _inbox(people: int, where: str, *, latency: float, requests: int) -> int:
    with storage(where) as store:
        waited = inbox(people, store, latency=latency, requests=requests)
    waits = ", ".join(f"{seconds:.1f}" for seconds in waited.waits)
    print(f"{waited.pending:,} rows of back-fill pending, {latency} s a write, state in {where}")
    print(f"  {len(waited.waits)} requests ended after {waits} s; the longest may take {REQUEST_SECONDS:.0f} s")
    print(f"  {waited.loaded:,} rows were loaded in {waited.seconds:.0f} s meanwhile")
    longest = max(waited.waits, default=0.0)
    return verdict(
        [
            Figure("requests that ended", len(waited.waits), least=1),
            Figure("seconds until the slowest request ended", longest, most=REQUEST_SECONDS),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--storage", choices=("memory", "azurite"), default="azurite")
    parser.add_argument("--memory", action="store_true", help="the peak, with both systems in a process of their own")
    parser.add_argument("--inbox", action="store_true", help="how long a request takes while the people are pending")
    parser.add_argument("--latency", type=float, default=0.5, help="with --inbox: seconds a write takes (default 0.5)")
    parser.add_argument("--requests", type=int, default=6, help="with --inbox: how many (default 6)")
    options = parser.parse_args()
    if options.memory:
        return _memory(options.people, options.storage)
    if options.inbox:
        return _inbox(options.people, options.storage, latency=options.latency, requests=options.requests)
    return _first_sync(options.people, options.storage)


if __name__ == "__main__":
    sys.exit(main())
