"""The connector that defines what the port means.

Where the port's text leaves a question open, this connector's behaviour is the answer, and the contract suite
(`tests/contract/connector_contract.py`) says it in one sentence a test:

* A feed without a cursor walks over all rows, then tells changes from the moment at which the walk began.
* A cursor that is too old, was made for other fields, or is no cursor at all raises CursorExpired.
* A field that may not be read, or does not exist, is absent from a record; it is never `None`.
* Where a system knows one kind of empty only (`ClearBy.EMPTY`), an empty text reads as `None`.
* A row that exists but not for us is `HIDDEN` when read, is not told by any feed, and refuses writes (`no_access`).
* A create meets its own id (`CALLER_ID`) or match value (`UNIQUE_MATCH`): EXISTS with the record found, untouched.
* An update of a record that is not there is GONE; a delete of one has succeeded.
* A write that changes nothing still gives the record a new revision: sending none is the engine's business.
* One refused record of a batch does not touch the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from shared.connectors.memory import feeds
from shared.connectors.memory.feeds import Reading, Replica
from shared.connectors.memory.system import MemorySystem
from shared.connectors.memory.table import RowState, Version
from shared.connectors.memory.writing import Writer
from shared.domain.records import FieldName, Gone, GoneReason, Kind, Record, Ref, RemoteId, Schema
from shared.errors import ConfigError, Rejected, SyncError, Transient
from shared.ports.connector import (
    Capabilities,
    ChangePage,
    CheckState,
    CheckStep,
    Cursor,
    FeedKind,
    Op,
    Outcome,
    Settled,
    Ticket,
    Write,
    WriteResult,
)
from shared.ports.logbook import Notice


class MemoryConnector:
    """One shard (None: all) of one memory system, as the engine sees it.

    `overlap` is how far a SINCE feed reaches behind its mark: at least as long as the system's transactions last, or
    rows that commit late are lost. `lag` answers from which older copy the next read is served, None for the newest;
    tests use it for stale reads.
    """

    def __init__(
        self,
        system: MemorySystem,
        *,
        shard: str | None = None,
        overlap: timedelta = timedelta(0),
        lag: Callable[[], Replica | None] = lambda: None,
        concurrency: int = 1,
    ) -> None:
        self._system = system
        self._shard = shard
        self._overlap = overlap
        self._lag = lag
        self._writer = Writer(system)
        self._capabilities = Capabilities(
            system="memory",
            title=f"Memory system {system.name}",
            kinds={kind: design.capabilities for kind, design in system.designs.items()},
            shards=shard is not None,
            concurrency=concurrency,
            keeps_log=system.keeps_log,
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def check(self) -> Iterable[CheckStep]:
        """Steps: `account`, then `kind:<kind>` for each kind."""
        try:
            with self._call("check"):
                yield CheckStep(name="account", state=CheckState.PASSED)
        except SyncError as problem:
            reason = str(problem)
            yield CheckStep(
                name="account",
                state=CheckState.FAILED,
                reason=reason,
                next_step=problem.next_step or "Mend the account, then check again.",
                code=problem.code,
            )
            for kind in self._system.designs:
                yield CheckStep(name=f"kind:{kind}", state=CheckState.SKIPPED, reason="The account was not reached.")
            return
        for kind in self._system.designs:
            yield CheckStep(name=f"kind:{kind}", state=CheckState.PASSED)

    def identity(self) -> str:
        with self._call("identity"):
            return self._system.account

    def describe(self, kind: Kind) -> Schema:
        with self._call("describe"):
            self._known(kind)
            return self._system.schema(kind)

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        """ConfigError for a kind that has no feed."""
        with self._call("changes"):
            self._known(kind)
            if self._system.designs[kind].capabilities.feed is FeedKind.NONE:
                raise ConfigError(f"{self._system.name}: {kind} has no feed", setting=f"entities.{kind}")
            self._askable(kind, fields)
            reading = Reading(
                kind=kind, fields=tuple(fields), shard=self._shard, overlap=self._overlap, replica=self._lag()
            )
            system = self._system
            position = feeds.first(system, reading) if cursor is None else feeds.unpack(cursor, system, reading)
            told = feeds.page(system, reading, position)
            partial = system.designs[kind].capabilities.partial_rows
            items = [self._told(Ref(kind, row), version, fields, partial=partial) for row, version in told.rows]
            return ChangePage(items, feeds.pack(told.position), told.more, told.walked)

    def read(
        self, kind: Kind, ids: Sequence[RemoteId], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        with self._call("read"):
            self._known(kind)
            self._askable(kind, fields)
            table, replica = self._system.tables[kind], self._lag()
            answer: dict[RemoteId, Record | Gone] = {}
            for row in dict.fromkeys(ids):
                ref = Ref(kind, row)
                version = table.as_of(row, replica.seq if replica is not None else None)
                if version is None or not self._mine(ref):
                    answer[row] = Gone(ref, GoneReason.CONFIRMED)
                elif version.state is RowState.HIDDEN:
                    answer[row] = Gone(ref, GoneReason.HIDDEN)
                else:
                    answer[row] = self._told(ref, version, fields, reason=GoneReason.CONFIRMED)
            return answer

    def find(self, kind: Kind, values: Sequence[str], fields: Sequence[FieldName]) -> Mapping[str, Sequence[Record]]:
        """ValueError for more values than `find_size`."""
        with self._call("find"):
            self._known(kind)
            self._askable(kind, fields)
            if len(values) > self._system.designs[kind].capabilities.find_size:
                raise ValueError(f"{kind}: more values than one call takes")
            return {value: self._matching(kind, value, fields) for value in values}

    def stamped(self, kind: Kind, stamp: str, fields: Sequence[FieldName]) -> Record | None:
        """See `StampFinder.stamped`."""
        with self._call("find"):
            self._known(kind)
            name, table = self._system.designs[kind].capabilities.stamp, self._system.tables[kind]
            for row, version in table.current():
                if name is not None and version.fields.get(name) == stamp and self._mine(Ref(kind, row)):
                    told = self._told(Ref(kind, row), version, fields)
                    return told if isinstance(told, Record) else None
            return None

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """ValueError for more writes than `bulk_size`, of several kinds or operations, or with a key twice."""
        with self._call("write"):
            if not writes:
                return []
            kind, op = writes[0].ref.kind, writes[0].op
            self._known(kind)
            capabilities = self._system.designs[kind].capabilities
            if len(writes) > capabilities.bulk_size or len({write.key for write in writes}) < len(writes):
                raise ValueError(f"{kind}: too many writes, or one key twice, in one call")
            if any(write.ref.kind != kind or write.op is not op for write in writes):
                raise ValueError(f"{kind}: writes of several kinds or operations in one call")
            if op is Op.CREATE and capabilities.asynchronous_create:
                results = self._writer.accept(writes, self._shard or "")
            else:
                results = [self._writer.write(write, self._shard or "") for write in writes]
            if self._system.answers_to_lose > 0:
                self._system.answers_to_lose -= 1
                return [WriteResult(key=write.key, outcome=Outcome.UNKNOWN) for write in writes]
            return results

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        with self._call("settle"):
            return [self._writer.settle(ticket) for ticket in tickets]

    def note(self, notices: Sequence[Notice], doubtful: Collection[str] = ()) -> frozenset[str]:
        """See `shared.ports.logbook.Logbook`."""
        with self._call("note"):
            there = {notice.key for notice in self._system.log} & set(doubtful)
            self._system.log.extend(notice for notice in notices if notice.key not in there)
            if self._system.answers_to_lose > 0:
                self._system.answers_to_lose -= 1
                raise Transient(f"{self._system.name} did not answer", code="no_answer")
            return frozenset(notice.key for notice in notices)

    # ------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        """One request: counted, serialised, refused while the system is out."""
        with self._system.lock:
            self._system.calls[name] += 1
            if self._system.outage is not None:
                raise self._system.outage
            self._system.run_due()
            yield

    def _known(self, kind: Kind) -> None:
        if kind not in self._system.designs:
            raise Rejected(f"{self._system.name} has no {kind}", code="unknown_kind")

    def _askable(self, kind: Kind, fields: Sequence[FieldName]) -> None:
        """Some systems refuse a whole query for one unknown column; asking again after `describe` mends it."""
        if not self._system.designs[kind].refuses_unknown_fields:
            return
        for name in fields:
            if name not in self._system.specs[kind]:
                raise ConfigError(
                    f"{self._system.name}: {kind} has no field {name}",
                    setting=f"{kind}.{name}",
                    code="unknown_field",
                    next_step="Describe the kind again; the mapping of this field has to be mended.",
                )

    def _mine(self, ref: Ref) -> bool:
        return self._shard is None or self._system.tables[ref.kind].shard_of.get(ref.id) == self._shard

    def _matching(self, kind: Kind, value: str, fields: Sequence[FieldName]) -> list[Record]:
        table, found = self._system.tables[kind], []
        for row in table.holders(value):
            version = table.now(row)
            if version is not None and version.state is not RowState.HIDDEN and self._mine(Ref(kind, row)):
                record = self._told(Ref(kind, row), version, fields)
                if isinstance(record, Record):
                    found.append(record)
        return found

    def _told(
        self,
        ref: Ref,
        version: Version,
        fields: Sequence[FieldName],
        *,
        partial: bool = False,
        reason: GoneReason = GoneReason.TOLD,
    ) -> Record | Gone:
        design, specs = self._system.designs[ref.kind], self._system.specs[ref.kind]
        if not version.there:
            merged = version.merged_into if design.capabilities.tells_merges else None
            return Gone(ref, reason, merged)
        told = {
            name: version.fields.get(name)
            for name in fields
            if name in specs and specs[name].readable and not (partial and specs[name].custom)
        }
        tells_labels = design.capabilities.labels and not (partial and design.partial_labels)
        return Record(
            ref,
            told,
            revision=str(version.seq) if design.capabilities.conditional_write else None,
            modified_at=version.modified_at,
            labels=version.labels if tells_labels else None,
            active=version.state is RowState.ACTIVE,
            created_at=self._system.tables[ref.kind].rows[ref.id][0].modified_at,
        )
