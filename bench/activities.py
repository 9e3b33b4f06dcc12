"""Activities delivered twice in random order, with kills: each once on the timeline, and what that takes.

    python -m bench.activities [--system marketo|activecampaign] [--activities 100000] [--people 500] [--kills 5]

Both simulators over https, the real connectors, the engine; time is driven. The partner's pages are told shuffled, with
entries of earlier pages among them, and when all were told the whole log is gone through again. A kill is a worker that
dies at a call to Dynamics, before or after it took effect, or at a write of its state; the next worker comes when the
lease has ended. Judged by Dynamics' own rows and write log; ends with 1 when one is missing, doubled, open or without a
person, or takes more state than it may.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.activity_world import Killer, world
from bench.aims import STATE_BYTES, Figure, verdict
from shared.azure.limits import row_bytes
from shared.connectors.activities import ACTIVITY
from shared.state.model import Command
from tests.fakes.partition_store import Call, Fault, MemoryPartitionStore


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
    def figures(self) -> list[Figure]:
        """What is judged of it."""
        return [
            Figure("activities in Dynamics", self.rows, least=self.told, most=self.told),
            Figure("creates", self.creates, least=self.told, most=self.told),
            Figure("open ones", self.open, least=0, most=0),
            Figure("ones without a person", self.strays, least=0, most=0),
            Figure("bytes of state an activity", self.state_bytes / max(1, self.told), most=STATE_BYTES),
        ]


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
    return verdict(found.figures)


if __name__ == "__main__":
    sys.exit(main())
