"""A PartitionStore in memory, by the same rules and limits as the real one, with a place for faults.

Set `fault` to a function of the `Call` that is about to happen; what it answers (or raises) decides what becomes of it.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from shared.azure.limits import check_key, check_transaction, row_bytes
from shared.errors import Transient
from shared.ports.ambient import Clock
from shared.ports.state import Cell, Conflict, Insert, Operation, Put, Remove, Replace, Row, StoreUsage


class Fault(Enum):
    """What becomes of a call. NONE: nothing odd. BEFORE: Transient, nothing applied. AFTER: applied, then Transient.
    LATE: Transient, applied at the next call (or `settle_late`). CRASH_BEFORE and CRASH_AFTER end the worker."""

    NONE = "none"
    BEFORE = "before"
    AFTER = "after"
    LATE = "late"
    CRASH_BEFORE = "crash_before"
    CRASH_AFTER = "crash_after"


class Crash(BaseException):
    """The worker died here."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a store. `number` counts all calls from 1, `of_method` those of the same method."""

    number: int
    of_method: int
    method: str
    partition: str
    keys: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()


@dataclass(slots=True)
class _Partition:
    rows: dict[str, Row] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


def no_fault(_: Call) -> Fault:
    return Fault.NONE


class MemoryPartitionStore:
    """One table in memory. `clock` is the storage service's own. With `hold_late` what is late comes only by
    `settle_late`."""

    def __init__(self, clock: Clock | None = None, fault: Callable[[Call], Fault | None] = no_fault) -> None:
        self._clock = clock
        self.fault = fault
        self.hold_late = False
        self._partitions: dict[str, _Partition] = {}
        self._lock = threading.RLock()
        self._version = 0
        self._late: list[tuple[str, tuple[Operation, ...]]] = []
        self._calls: dict[str, int] = {}
        self._usage = StoreUsage()
        self.calls = 0

    @property
    def usage(self) -> StoreUsage:
        return self._usage

    def now(self) -> datetime:
        return self._clock.now() if self._clock else datetime.now(UTC)

    def get(self, partition: str, key: str) -> Row | None:
        self._usage.gets += 1
        with self._faulty("get", partition, (key,)):
            return self._read(partition, key)

    def get_many(self, partition: str, keys: Iterable[str]) -> dict[str, Row]:
        wanted = tuple(dict.fromkeys(keys))
        self._usage.gets += len(wanted)
        with self._faulty("get_many", partition, wanted):
            return {key: row for key in wanted if (row := self._read(partition, key))}

    def scan(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Sequence[Row]:
        with self._faulty("scan", partition, (first, last)):
            held = self._partitions.get(partition, _Partition())
            keys = held.order[bisect_left(held.order, first) : bisect_left(held.order, last)][:limit]
            self._usage.scans += max(1, -(-len(keys) // 1000))
            return [row for key in keys if (row := self._read(partition, key))]

    def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        check_transaction(partition, operations)
        self._usage.commits += 1
        with self._faulty("transact", partition, tuple(op.key for op in operations), tuple(operations)):
            return self._apply(partition, operations)

    def settle_late(self) -> None:
        """Lets transactions that were held back arrive; a stale one is refused, as the service would."""
        with self._lock:
            late, self._late = self._late, []
            for partition, operations in late:
                try:
                    self._apply(partition, operations)
                except Conflict:
                    continue

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """Calls inside are not counted and meet no fault: for a test's own looks."""
        kept = self.fault, self.calls, dict(self._calls)
        self.fault = no_fault
        try:
            yield
        finally:
            self.fault, self.calls, self._calls = kept

    def rows(self, partition: str) -> dict[str, Row]:
        """All rows, for tests to look at; counts as no call."""
        with self._lock:
            return dict(self._partitions.get(partition, _Partition()).rows)

    def tamper(self, partition: str, key: str, cells: Mapping[str, Cell] | None) -> None:
        """Changes (or with None removes) a row behind everybody's back."""
        with self._lock:
            self._write(partition, Remove(key) if cells is None else Put(key, cells))

    def _read(self, partition: str, key: str) -> Row | None:
        check_key(key)
        row = self._partitions.get(partition, _Partition()).rows.get(key)
        if row:
            self._usage.rows_read += 1
            self._usage.bytes_read += row_bytes(partition, key, row.cells)
        return row

    def _apply(self, partition: str, operations: Sequence[Operation]) -> dict[str, str]:
        for operation in operations:
            self._check(partition, operation)
        written = {}
        for operation in operations:
            etag = self._write(partition, operation)
            if not isinstance(operation, Remove):
                written[operation.key] = etag
        return written

    def _check(self, partition: str, operation: Operation) -> None:
        row = self._partitions.get(partition, _Partition()).rows.get(operation.key)
        if isinstance(operation, Insert) and row is not None:
            raise Conflict(operation.key)
        etag = operation.etag if isinstance(operation, Replace | Remove) else None
        if etag is not None and (row is None or row.etag != etag):
            raise Conflict(operation.key)

    def _write(self, partition: str, operation: Operation) -> str:
        held = self._partitions.setdefault(partition, _Partition())
        if isinstance(operation, Remove):
            if held.rows.pop(operation.key, None):
                del held.order[bisect_left(held.order, operation.key)]
            self._usage.rows_written += 1
            return ""
        self._version += 1
        etag = f'W/"{self._version}"'
        if operation.key not in held.rows:
            insort(held.order, operation.key)
        cells = {name: _stored(cell) for name, cell in operation.cells.items()}
        held.rows[operation.key] = Row(operation.key, cells, etag, self.now())
        self._usage.rows_written += 1
        self._usage.bytes_written += row_bytes(partition, operation.key, cells)
        return etag

    def _faulty(
        self, method: str, partition: str, keys: tuple[str, ...], operations: tuple[Operation, ...] = ()
    ) -> _Faulty:
        return _Faulty(self, method, partition, keys, operations)


def _stored(cell: Cell) -> Cell:
    return cell.astimezone(UTC) if isinstance(cell, datetime) else cell


class _Faulty:
    """Asks for a fault before a call and carries it out around it, the whole call under the store's lock."""

    def __init__(
        self,
        store: MemoryPartitionStore,
        method: str,
        partition: str,
        keys: tuple[str, ...],
        operations: tuple[Operation, ...],
    ) -> None:
        self._store = store
        self._what = (method, partition, keys, operations)
        self._fault = Fault.NONE

    def __enter__(self) -> None:
        store = self._store
        method, partition, keys, operations = self._what
        with store._lock:
            store.calls += 1
            store._calls[method] = store._calls.get(method, 0) + 1
            call = Call(store.calls, store._calls[method], method, partition, keys, operations)
        self._fault = store.fault(call) or Fault.NONE
        if self._fault is Fault.CRASH_BEFORE:
            raise Crash
        if self._fault is Fault.BEFORE:
            raise Transient("the store did not answer")
        if self._fault is Fault.LATE:
            if operations:
                store._late.append((partition, operations))
            raise Transient("the store did not answer")
        store._lock.acquire()
        if store._late and not store.hold_late:
            store.settle_late()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._store._lock.release()
        if kind is not None:
            return
        if self._fault is Fault.CRASH_AFTER:
            raise Crash
        if self._fault is Fault.AFTER:
            raise Transient("the answer was lost")
