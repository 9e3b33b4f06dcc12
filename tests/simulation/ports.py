"""The engine's ports with trouble on them: each call may fail, take effect late, or be interrupted (`troubles`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.connectors.memory import MemoryConnector, Replica
from shared.domain.records import FieldName, Gone, Kind, Record, RemoteId, Schema, Side
from shared.ports.connector import (
    Capabilities,
    ChangePage,
    CheckStep,
    Cursor,
    Outcome,
    Settled,
    Ticket,
    Write,
    WriteResult,
)
from shared.ports.logbook import Notice
from shared.ports.report import ConflictEntry, RecordOutcome
from shared.ports.state import Operation, PartitionStore, Row, StoreUsage
from tests.simulation.troubles import Calls, Worker

if TYPE_CHECKING:
    from tests.simulation.world import World


class TroubledConnector(Calls):
    """Implements `shared.ports.connector.Connector` over a memory connector."""

    def __init__(self, world: World, worker: Worker, side: Side, inner: MemoryConnector) -> None:
        super().__init__(world, worker)
        self.side = side
        self._inner = inner
        self.lag: Replica | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    def check(self) -> Iterable[CheckStep]:
        return self._inner.check()

    def identity(self) -> str:
        return self.run("remote", f"{self.side} identity", self._inner.identity)

    def describe(self, kind: Kind) -> Schema:
        return self.run("remote", f"{self.side} describe {kind}", lambda: self._inner.describe(kind))

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        def do() -> ChangePage:
            seen = self._aged(lambda: self.world.ledger.now)
            page = self._inner.changes(kind, cursor, fields)
            self._whole_look(kind, cursor, page, seen)
            self._followed(kind, cursor, page)
            for item in page.items:
                self._saw(item.ref.id, seen, item)
            return page

        what = f"{self.side} changes {kind}{' from the start' if cursor is None else ''}"
        return self._lagging(what, do)

    def _whole_look(self, kind: Kind, cursor: Cursor | None, page: ChangePage, seen: int) -> None:
        """A feed read to its end has told every change until then; a walk tells a row once, whatever becomes of it
        while the others are told."""
        where = (self.side, kind)
        if cursor is None:
            self.worker.began[where] = seen
        if not page.more:
            walking = cursor is None or where in self.world.walks
            told = self.worker.began.get(where, 0) if walking else seen
            self.worker.told[where] = max(told, self.worker.told.get(where, 0))

    def _saw(self, row: RemoteId, when: int, told: Record | Gone) -> None:
        self.worker.read[self.side, row] = when
        self.world.ledger.looks.setdefault((self.side, row), set()).add(when)
        if isinstance(told, Record):
            self.world.ledger.met.add((self.side, row))

    def _followed(self, kind: Kind, cursor: Cursor | None, page: ChangePage) -> None:
        """Changes of Dynamics are carried over once the partner's own were taken: who read a page of them (no walk)
        owes a look at the partner's feed, or at each record where there is none but walks."""
        profile, now = self.world.profile, self.world.ledger.now
        partner = profile.kinds(Side.PARTNER)[profile.kinds(self.side).index(kind)]
        walks = self.world.walks
        if cursor is None:
            walks.add((self.side, kind))
        if self.side is Side.PARTNER:
            if not page.more:
                self.worker.drained[partner] = self.worker.told[self.side, kind]
        elif page.items and (self.side, kind) not in walks:
            self.worker.paged[partner] = now
        if page.walked:
            walks.discard((self.side, kind))

    def read(
        self, kind: Kind, ids: Sequence[RemoteId], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        def do() -> Mapping[RemoteId, Record | Gone]:
            seen = self._aged(lambda: self.world.ledger.now)
            found = self._inner.read(kind, ids, fields)
            if self.lag is not None:
                found = self._undenied(kind, found, fields)
            for row, told in found.items():
                self._saw(row, seen, told)
            return found

        return self._lagging(f"{self.side} read {kind} {', '.join(ids)}", do)

    def _undenied(
        self, kind: Kind, found: Mapping[RemoteId, Record | Gone], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        """A copy that lags behind tells old values, but never denies a record: a single "not there" is final."""
        denied = [row for row, item in found.items() if isinstance(item, Gone)]
        lag, self.lag = self.lag, None
        fresh = self._inner.read(kind, denied, fields)
        self.lag = lag
        return {**found, **fresh}

    def find(self, kind: Kind, values: Sequence[str], fields: Sequence[FieldName]) -> Mapping[str, Sequence[Record]]:
        def do() -> Mapping[str, Sequence[Record]]:
            found = self._inner.find(kind, values, fields)
            for records in found.values():
                for record in records:
                    self._saw(record.ref.id, self.world.ledger.now, record)
            return found

        return self.run("remote", f"{self.side} find {kind} {', '.join(values)}", do)

    def stamped(self, kind: Kind, stamp: str, fields: Sequence[FieldName]) -> Record | None:
        def do() -> Record | None:
            found = self._inner.stamped(kind, stamp, fields)
            if found is not None:
                self._saw(found.ref.id, self.world.ledger.now, found)
            return found

        return self.run("remote", f"{self.side} stamped {kind}", do)

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        op = writes[0].op.value if writes else "nothing"
        what = f"{self.side} write {op} " + ", ".join(f"{w.ref.id or 'new'} {sorted(w.fields)}" for w in writes)
        context = self.world.ledger.context(self.worker, self.side, writes)

        def do() -> Sequence[WriteResult]:
            with self.world.ledger.sending(context):
                if self.trouble is not None and self.trouble.kind == "partial" and len(writes) > 1:
                    self._inner.write(writes[: len(writes) // 2])
                    return []
                return self._inner.write(writes)

        def refused(wait: float | None) -> Sequence[WriteResult]:
            return [WriteResult(key=write.key, outcome=Outcome.NOT_TRIED, retry_after=wait) for write in writes]

        def unknown() -> Sequence[WriteResult]:
            return [WriteResult(key=write.key, outcome=Outcome.UNKNOWN) for write in writes]

        self.world.ledger.asked(self.worker, self.side, writes)
        self.world.intents.sent(self.worker)
        results = self.run("remote", what, do, unknown=unknown, refused=refused, also=("write",))
        if len(results) == len(writes) and all(result.outcome is not Outcome.UNKNOWN for result in results):
            self.world.ledger.answered(self.worker)
        else:
            self.world.ledger.unanswered(self.worker)
        self.world.note("answer", self.worker.name, tuple((r.key, r.outcome.value, r.code) for r in results))
        return results

    def note(self, notices: Sequence[Notice], doubtful: Collection[str] = ()) -> frozenset[str]:
        """Who was overtaken, or gave up waiting, may tell what another one told meanwhile."""

        def do() -> frozenset[str]:
            if self.world.ledger.late or self.worker.outlived:
                self.world.late_notices |= {notice.key for notice in notices}
            return self._inner.note(notices, doubtful)

        return self.run("remote", f"{self.side} note {len(notices)}", do)

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        return self.run("remote", f"{self.side} settle {', '.join(tickets)}", lambda: self._inner.settle(tickets))

    def _lagging[Answer](self, what: str, do: Callable[[], Answer]) -> Answer:
        """A stale read is answered from a copy that is a few commits old; the engine is not told."""
        trouble = self.worker.troubles.get(("remote", self.worker.counts["remote"]))
        self.lag = self.world.replica(self.side) if trouble is not None and trouble.kind == "stale" else None
        try:
            return self.run("remote", what, do)
        finally:
            self.lag = None

    def _aged(self, now: Callable[[], int]) -> int:
        """What a read that is sent now can tell. What is due on the server takes effect before it answers."""
        self.world.systems[self.side].run_due()
        if self.lag is not None:
            return self.world.ledger.at_commit(self.side, self.lag.seq)
        self.world.ledger.shown[self.side] = self.world.systems[self.side].seq
        return now()


class TroubledStore(Calls):
    """Implements `shared.ports.state.PartitionStore` over a store in memory."""

    def __init__(self, world: World, worker: Worker, inner: PartitionStore) -> None:
        super().__init__(world, worker)
        self._inner = inner

    @property
    def usage(self) -> StoreUsage:
        return self._inner.usage

    def get(self, partition: str, key: str) -> Row | None:
        return self.run("fetch", f"get {key}", lambda: self._inner.get(partition, key))

    def get_many(self, partition: str, keys: Iterable[str]) -> dict[str, Row]:
        wanted = list(keys)
        return self.run("fetch", f"get {len(wanted)} rows", lambda: self._inner.get_many(partition, wanted))

    def scan(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Sequence[Row]:
        return self.run("fetch", f"scan {first}", lambda: self._inner.scan(partition, first, last, limit=limit))

    def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        keys = ", ".join(f"{type(operation).__name__.lower()} {operation.key}" for operation in operations)

        def do() -> Mapping[str, str]:
            answer = self._inner.transact(partition, operations)
            self.world.committed(self.worker, operations)
            return answer

        return self.run("commit", keys, do)

    def now(self) -> Any:
        return self._inner.now()


class TroubledNotices(Calls):
    """Implements `shared.ports.logbook.NoticeBook` over the world's."""

    def begin(self, notices: Sequence[Notice]) -> tuple[list[Notice], frozenset[str]]:
        return self.run("commit", "notices begin", lambda: self.world.notices.begin(notices))

    def told(self, notices: Sequence[Notice], keys: Collection[str]) -> None:
        self.run("commit", "notices told", lambda: self.world.notices.told(notices, keys))


class TroubledJournal(Calls):
    """Implements `shared.ports.report.Journal` over the world's journal."""

    def begin_run(self, run_id: str, *, slot: str, reason: str) -> None:
        self.run("commit", "journal begin", lambda: self.world.journal.begin_run(run_id, slot=slot, reason=reason))

    def tell(
        self,
        run_id: str,
        part: str,
        outcomes: Sequence[RecordOutcome],
        counts: Mapping[str, int],
        *,
        unless: str = "",
    ) -> bool:
        told = self.world.journal
        return self.run("commit", "journal tell", lambda: told.tell(run_id, part, outcomes, counts, unless=unless))

    def conflicts(self, run_id: str, part: str, entries: Sequence[ConflictEntry]) -> None:
        self.run("commit", "journal conflicts", lambda: self.world.journal.conflicts(run_id, part, entries))

    def well(self, links: Sequence[str]) -> None:
        self.run("commit", "journal well", lambda: self.world.journal.well(links))

    def end_run(self, run_id: str, *, state: str, code: str = "", message: str = "") -> None:
        self.run(
            "commit",
            f"journal end {state}",
            lambda: self.world.journal.end_run(run_id, state=state, code=code, message=message),
        )
