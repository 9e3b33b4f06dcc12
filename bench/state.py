"""What lane state costs: transactions, bytes and CPU, for links in pages and for a row a link.

    .venv/bin/python -m bench.state --links 10000 --store azurite
    .venv/bin/python -m bench.state --links 1000000 --store memory --fold 50000 --layout pages

The store's own counter gives requests and bytes (as the service bills them). CPU is this process's: with `azurite` the
SDK's share is in it, with `memory` the copying and sizing of rows by the fake. The making of the data is left out.
Each figure of docs/adr/0002 names the command that made it.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched

from shared.azure.ambient import RandomIds, SystemClock
from shared.azure.tables import Tables
from shared.domain.identity import Agreed, Digest, Link, LinkKey, MatchKey, link_key
from shared.domain.records import Kind, Ref, RemoteId
from shared.ports.state import PartitionStore, Put
from shared.state import CursorState, Held, LaneChanges, LaneId, LaneStore
from shared.state.envelope import pack, to_cells
from shared.state.links import pack_link, unpack_link
from shared.state.reverse import partner_key
from shared.state.words import Words

FIELDS = 15


@dataclass(slots=True)
class Measured:
    """One line of the table."""

    name: str
    seconds: float
    cpu: float
    requests: int
    rows: int
    written: int
    read: int

    def line(self, links: int) -> str:
        per = 10_000 / max(links, 1)
        return (
            f"{self.name:<34}{links:>9,}{self.requests:>9,}{self.rows:>10,}{self.written / 1e6:>11.2f}"
            f"{self.read / 1e6:>10.2f}{self.cpu:>9.2f}{self.cpu * per:>11.3f}{self.seconds:>9.2f}"
        )


HEAD = (
    f"{'what':<34}{'links':>9}{'requests':>9}{'rows':>10}{'MB written':>11}{'MB read':>10}{'CPU s':>9}"
    f"{'CPU/10,000':>11}{'seconds':>9}"
)


def make_links(dice: random.Random, start: int, count: int, fields: int = FIELDS) -> list[Link]:
    """Links as an engine makes them: two of the fields are stored differently on both sides."""
    links = []
    for number in range(start, start + count):
        agreed = {}
        for field in range(fields):
            crm = Digest(dice.randbytes(16))
            agreed[f"contact.field{field}"] = Agreed(crm, Digest(dice.randbytes(16)) if field < 2 else crm)
        links.append(
            Link(
                crm=crm_ref(number),
                partner=Ref(Kind("contact"), RemoteId(str(100_000 + number))),
                entity="contact",
                agreed=agreed,
                crm_revision=f'W/"{4_000_000 + number}"',
                match=MatchKey(dice.randbytes(12)),
                made="partner",
                labels=frozenset({"contact", "pushed"}),
            )
        )
    return links


def crm_ref(number: int) -> Ref:
    from uuid import UUID

    return Ref(Kind("contact"), RemoteId(str(UUID(bytes=random.Random(number).randbytes(16)))))


class Bench:
    """Runs one layout on one store and prints as it goes."""

    def __init__(self, store: PartitionStore, links: int, fold: int) -> None:
        self.store = store
        self.links = links
        self.fold = fold
        self.dice = random.Random(1)

    @contextlib.contextmanager
    def measure(self, name: str, links: int) -> Iterator[None]:
        before, cpu, began = self.store.usage.copy(), time.process_time(), time.perf_counter()
        yield
        used = self.store.usage.since(before)
        done = Measured(
            name,
            time.perf_counter() - began,
            time.process_time() - cpu,
            used.requests,
            used.rows_written + used.rows_read,
            used.bytes_written,
            used.bytes_read,
        )
        print(done.line(links), flush=True)

    def pages(self) -> None:
        lane = LaneStore(self.store, LaneId("bench"), clock=SystemClock(), ids=RandomIds())
        held = self._acquire(lane)
        self._load(held)
        held = self._again(lane, held)
        some = [link_key(crm_ref(number)) for number in self.dice.sample(range(self.links), min(200, self.links))]
        with self.measure("pages: 200 links by point reads", len(some)):
            assert len(held.links(some)) == len(some)
        held = self._again(lane, held)
        size = min(self.links, 10_000)
        first = sorted(link_key(crm_ref(number)) for number in range(self.links))[:size]
        with self.measure("pages: 10,000 neighbours (ranges)", size):
            assert len(held.links(first)) == size
        held = self._again(lane, held)
        size = min(5000, self.links)
        chosen = [LinkKey(link_key(crm_ref(number))) for number in self.dice.sample(range(self.links), size)]
        with self.measure(f"pages: {size:,} scattered links", size):
            found = held.links(chosen)
        edited = [link.with_(crm_revision='W/"9"') for link in found.values()]
        with self.measure(f"pages: fold {size:,} scattered edits", size):
            held.fold(LaneChanges(links=edited, cursors={"crm.contact": CursorState(token="2")}))
            held.merge()
        held = self._again(lane, held)
        with self.measure("pages: 1 edit, cold", 1):
            (one,) = held.links(chosen[:1]).values()
            held.fold(LaneChanges(links=[one.with_(tries=1)], cursors={"crm.contact": CursorState(token="3")}))
        held = self._again(lane, held)
        with self.measure("pages: scan of all", self.links):
            assert sum(1 for _ in held.scan_links()) == self.links

    def _load(self, held: Held) -> None:
        """A first load: a fold for each `fold` records, the making of the links not measured."""
        usage, cpu, began = self.store.usage.copy(), 0.0, 0.0
        for start in range(0, self.links, self.fold):
            links = make_links(self.dice, start, min(self.fold, self.links - start))
            changes = LaneChanges(links=links, cursors={"crm.contact": CursorState(token=str(start))})
            at, clock = time.process_time(), time.perf_counter()
            held.fold(changes)
            cpu, began = cpu + time.process_time() - at, began + time.perf_counter() - clock
        at, clock = time.process_time(), time.perf_counter()
        held.merge()
        cpu, began = cpu + time.process_time() - at, began + time.perf_counter() - clock
        used = self.store.usage.since(usage)
        done = Measured(
            f"pages: first load, fold per {self.fold:,}",
            began,
            cpu,
            used.requests,
            used.rows_written + used.rows_read,
            used.bytes_written,
            used.bytes_read,
        )
        print(done.line(self.links), flush=True)

    def entities(self) -> None:
        """A row a link and one for each way back to it, with the lane row in each transaction: what the pages are
        compared with. Reading goes by the link's own row only."""
        words = Words()
        numbers = range(self.links)
        self.store.transact("bench", [Put("lane", {"fence": 1})])
        links = [link for start in range(0, self.links, 5000) for link in self._made(start)]
        with self.measure("entities: first load, 33 a commit", self.links):
            self._write(links, words)
        some = [f"l.{link_key(crm_ref(number)).hex()}" for number in self.dice.sample(numbers, min(200, self.links))]
        with self.measure("entities: 200 links by point reads", len(some)):
            assert len(self._decoded(self.store.get_many("bench", some).values(), words)) == len(some)
        with self.measure("entities: scan of all", self.links):
            assert len(self._decoded(self.store.scan("bench", "l.", "l/"), words)) == self.links
        size = min(5000, self.links)
        chosen = [f"l.{link_key(crm_ref(number)).hex()}" for number in self.dice.sample(numbers, size)]
        with self.measure(f"entities: {size:,} scattered links", size):
            found = self._decoded(self.store.get_many("bench", chosen).values(), words)
        with self.measure(f"entities: write {size:,} scattered", size):
            for edits in batched(found, 99, strict=False):
                rows = [Put(f"l.{link.key.hex()}", to_cells(pack([pack_link(link, words)]))) for link in edits]
                self.store.transact("bench", [*rows, Put("lane", {"fence": 1})])

    def _made(self, start: int) -> list[Link]:
        return make_links(self.dice, start, min(5000, self.links - start))

    def _write(self, links: Sequence[Link], words: Words) -> None:
        """Each link with its two reverse rows."""
        for group in batched(links, 33, strict=False):
            rows = [Put("lane", {"fence": 1})]
            for link in group:
                assert link.partner is not None
                assert link.match is not None
                rows.append(Put(f"l.{link.key.hex()}", to_cells(pack([pack_link(link, words)]))))
                rows.append(Put(f"p.{partner_key(link.partner).hex()}", to_cells(pack(link.key))))
                rows.append(Put(f"m.{link.match.hex()}.{link.key.hex()}", to_cells(pack(b""))))
            self.store.transact("bench", rows)

    def _decoded(self, rows: object, words: Words) -> list[Link]:
        from shared.state import envelope

        return [unpack_link(envelope.read("bench", row)[0], words) for row in rows]  # type: ignore[attr-defined]

    def _acquire(self, lane: LaneStore) -> Held:
        held = lane.acquire("bench", 3600)
        if held is None:
            raise SystemExit("the lane is busy: use a fresh table")
        return held

    def _again(self, lane: LaneStore, held: Held) -> Held:
        """The lane as a new worker finds it: nothing in memory."""
        held.release()
        return self._acquire(lane)


def _on_store(kind: str, layout: str, links: int, fold: int) -> None:
    """One layout on a fresh store."""
    if kind == "memory":
        from tests.fakes.partition_store import MemoryPartitionStore

        _run(Bench(MemoryPartitionStore(), links, fold), layout)
        return
    from localhost import azurite

    with azurite.start() as emulator:
        tables = Tables.by_connection_string(emulator.connection_string, SystemClock(), prefix="bench")
        _run(Bench(tables.store("state"), links, fold), layout)
        tables.close()


def _run(bench: Bench, layout: str) -> None:
    if layout == "pages":
        bench.pages()
    else:
        bench.entities()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=10_000)
    parser.add_argument("--store", choices=["memory", "azurite"], default="azurite")
    parser.add_argument("--layout", choices=["pages", "entities", "both"], default="both")
    parser.add_argument("--fold", type=int, default=5000, help="records folded at a time in the first load")
    chosen = parser.parse_args(arguments)
    command = " ".join(sys.argv[1:] if arguments is None else arguments)
    print(f"# python -m bench.state {command}\n{HEAD}")
    for layout in ("pages", "entities"):
        if chosen.layout in {layout, "both"}:
            _on_store(chosen.store, layout, chosen.links, chosen.fold)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
