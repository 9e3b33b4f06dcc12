"""The remote world: tables, commits, schemas and time, as one system's server keeps them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from threading import RLock
from uuid import UUID, uuid5

from shared.connectors.memory.design import KindDesign, fold
from shared.connectors.memory.table import RowState, Table, Version
from shared.connectors.memory.values import Refusal, stored
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Ref, RemoteId, Schema, Value
from shared.errors import SyncError
from shared.ports.connector import CreateKey, FeedKind, Ticket
from shared.ports.logbook import Notice

_NAMESPACE = UUID("0d9c6a52-0f0c-5b3e-8f43-7a2a5f1d9b11")

HUB = "hub"
"""The name under which writes of a connector stand in the commit history."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One change that became visible: told to observers, so that tests can judge by what the server saw."""

    ref: Ref
    by: str
    before: Version | None
    after: Version


@dataclass(slots=True)
class Job:
    """One asynchronous import: running until its time has come; `refused` maps match values to codes."""

    running: bool = True
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(order=True, slots=True)
class _Deferred:
    due: datetime
    number: int
    action: Callable[[], None]
    locks: frozenset[str]


class MemorySystem:
    """One account of a system that exists in memory only.

    Everything that happens goes through `commit`, which numbers it. `now` is the server's clock; commits may be
    deferred (`defer`): a transaction that began earlier becomes visible late, an import or a request that timed out
    takes effect later. Deferred work that locks a row is finished before anybody else changes that row. While `outage`
    is set every request raises it; `answers_to_lose` is how many of the next writes take effect without an answer.
    `log` is what was told of its records, where it `keeps_log`.
    """

    def __init__(
        self, name: str, designs: Iterable[KindDesign], *, now: Callable[[], datetime], keeps_log: bool = False
    ) -> None:
        self.name = name
        self.keeps_log = keeps_log
        self.log: list[Notice] = []
        self.account = f"{name}-account"
        self.now = now
        self.designs: dict[Kind, KindDesign] = {design.kind: design for design in designs}
        self.specs: dict[Kind, dict[FieldName, FieldSpec]] = {
            kind: dict(design.schema().fields) for kind, design in self.designs.items()
        }
        self.tables = {kind: Table(design.capabilities.match_field) for kind, design in self.designs.items()}
        self.observers: list[Callable[[Commit], None]] = []
        self.calls: Counter[str] = Counter()
        self.outage: SyncError | None = None
        self.answers_to_lose = 0
        self.jobs: dict[Ticket, Job] = {}
        self.lock = RLock()
        self.seq = 0
        self.token_generation = 0
        self._made = 0
        self._created: Counter[Kind] = Counter()
        self._deferred: list[_Deferred] = []
        self._numbers = 0

    # -- time ------------------------------------------------------------------------------------------------------

    def defer(self, due: datetime, action: Callable[[], None], *, locks: Iterable[str] = ()) -> None:
        """Runs `action` when the clock has reached `due`, or as soon as somebody wants one of its locks."""
        self._numbers += 1
        heappush(self._deferred, _Deferred(due, self._numbers, action, frozenset(locks)))

    def run_due(self) -> None:
        while self._deferred and self._deferred[0].due <= self.now():
            heappop(self._deferred).action()

    def run_all(self) -> None:
        """Lets everything that is still under way take effect at once."""
        while self._deferred:
            heappop(self._deferred).action()

    def release(self, *locks: str) -> None:
        """Finishes the deferred work that holds any of `locks`."""
        waiting = sorted(item for item in self._deferred if item.locks & set(locks))
        self._deferred = [item for item in self._deferred if item not in waiting]
        heapify(self._deferred)
        for item in waiting:
            item.action()

    def new_ticket(self) -> Ticket:
        self._numbers += 1
        return Ticket(f"{self.name}-import-{self._numbers}")

    def forget_jobs(self) -> None:
        """The server no longer knows any import; those under way still happen."""
        self.jobs.clear()

    # -- rows ------------------------------------------------------------------------------------------------------

    def row(self, ref: Ref) -> Version | None:
        """The row as it is, deleted ones included."""
        return self.tables[ref.kind].now(ref.id)

    def is_used(self, ref: Ref) -> bool:
        """Whether a living row refers to this one."""
        rows = (version for table in self.tables.values() for _, version in table.current())
        return any(ref in version.fields.values() for version in rows)

    def new_id(self, kind: Kind) -> RemoteId:
        """A UUID where callers may choose ids, else a number, as systems of either sort have them."""
        self._created[kind] += 1
        number = self._created[kind]
        if self.designs[kind].capabilities.create_key is CreateKey.CALLER_ID:
            return RemoteId(str(uuid5(_NAMESPACE, f"{self.name}|{kind}|{number}")))
        return RemoteId(str(number))

    def accept(self, kind: Kind, values: Mapping[FieldName, Value | None]) -> dict[FieldName, Value | None]:
        """What the columns make of `values`. Raises Refusal for the first one that will not do."""
        design, specs = self.designs[kind], self.specs[kind]
        accepted: dict[FieldName, Value | None] = {}
        for name, value in values.items():
            if name not in specs:
                raise Refusal("unknown_field", name)
            accepted[name] = stored(design, specs[name], value)
            if isinstance(value, Ref):
                self._check_reference(specs[name], value)
        return accepted

    def _check_reference(self, spec: FieldSpec, value: Ref) -> None:
        target = self.row(value) if value.kind in spec.targets and value.kind in self.tables else None
        if target is None or not target.there:
            raise Refusal("dangling_reference", spec.name)

    def check_complete(self, kind: Kind, values: Mapping[FieldName, Value | None]) -> None:
        """Raises Refusal when a new row would lack a required value."""
        for name, spec in self.specs[kind].items():
            if spec.required and values.get(name) is None:
                raise Refusal("required", name)

    def check_unique(self, kind: Kind, match: object, row: RemoteId | None) -> None:
        """Raises Refusal when another row of a kind with unique match values holds this one."""
        design = self.designs[kind]
        name = design.capabilities.match_field
        if design.capabilities.create_key is not CreateKey.UNIQUE_MATCH or not isinstance(match, str) or name is None:
            return
        if any(holder != row for holder in self.tables[kind].holders(match)):
            raise Refusal("duplicate", name)

    def commit(
        self,
        ref: Ref,
        changes: Mapping[FieldName, Value | None],
        *,
        by: str,
        labels: frozenset[str] | None = None,
        state: RowState = RowState.ACTIVE,
        merged_into: Ref | None = None,
        shard: str = "",
        modified_at: datetime | None = None,
    ) -> Version:
        """Makes the next version of a row visible. `changes` must have been accepted."""
        table = self.tables[ref.kind]
        before = table.now(ref.id)
        old: Mapping[FieldName, Value | None] = (
            before.fields if before is not None and before.there else dict.fromkeys(self.specs[ref.kind])
        )
        if state is RowState.DELETED and before is not None:
            old = before.fields
        self.seq += 1
        after = Version(
            seq=self.seq,
            fields={**old, **changes},
            labels=labels if labels is not None else (before.labels if before is not None else frozenset()),
            state=self._state(ref.kind, state, {**old, **changes}),
            modified_at=self.coarse(ref.kind, modified_at or self.now()),
            changed=frozenset(name for name, value in changes.items() if old.get(name) != value),
            by=by,
            merged_into=merged_into,
        )
        table.commit(ref.id, after, shard)
        for observer in self.observers:
            observer(Commit(ref, by, before, after))
        return after

    def _state(self, kind: Kind, state: RowState, fields: Mapping[FieldName, Value | None]) -> RowState:
        """Where field values decide whether a row is active, they do."""
        deciding = self.designs[kind].capabilities.deactivate
        if not deciding or state not in {RowState.ACTIVE, RowState.INACTIVE}:
            return state
        inactive = all(fields.get(name) == value for name, value in deciding.items())
        return RowState.INACTIVE if inactive else RowState.ACTIVE

    def coarse(self, kind: Kind, moment: datetime) -> datetime:
        """A moment as this kind's modified times tell it."""
        step = self.designs[kind].capabilities.coarse
        if step <= timedelta(0):
            return moment
        start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return start + (moment - start) // step * step

    # -- schema ----------------------------------------------------------------------------------------------------

    def schema(self, kind: Kind) -> Schema:
        return Schema(kind, dict(self.specs[kind]))

    def alter(self, kind: Kind, name: FieldName, **changes: object) -> None:
        """Changes what is true of a column (`max_length`, `readable`, `options`); values that are there stay."""
        self.specs[kind][name] = replace(self.specs[kind][name], **changes)  # type: ignore[arg-type]
        self._metadata_changed(kind)

    def drop_column(self, kind: Kind, name: FieldName) -> FieldSpec:
        """Deletes a column and every value in it; no row gets a new version by it."""
        spec = self.specs[kind].pop(name)
        table = self.tables[kind]
        for versions in table.rows.values():
            last = versions[-1]
            versions[-1] = replace(last, fields={key: value for key, value in last.fields.items() if key != name})
        self._metadata_changed(kind)
        return spec

    def add_column(self, kind: Kind, spec: FieldSpec) -> None:
        """Adds a column, empty in every row. One that was dropped before is another one, and says so."""
        self._made += 1
        self.specs[kind][spec.name] = replace(spec, made=f"made{self._made}")
        empty: Value | None = False if spec.type is FieldType.BOOLEAN and spec.required else None
        for versions in self.tables[kind].rows.values():
            versions[-1] = replace(versions[-1], fields={**versions[-1].fields, spec.name: empty})
        self._metadata_changed(kind)

    def _metadata_changed(self, kind: Kind) -> None:
        if self.designs[kind].capabilities.feed is FeedKind.DELTA:
            self.expire_tokens()  # Dataverse refuses its delta tokens after a change of the table's metadata

    def expire_tokens(self) -> None:
        """Every token and log position given so far is refused from now on."""
        self.token_generation += 1


def match_locks(kind: Kind, match: object) -> tuple[str, ...]:
    """The lock on a match value: two transactions cannot give it to two rows at once."""
    return (f"{kind}?{fold(match)}",) if isinstance(match, str) and fold(match) else ()
