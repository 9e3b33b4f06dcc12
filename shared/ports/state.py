"""Durable state: the storage the lane state is built on, and the logs beside it.

`PartitionStore` is as much of a table service as the engine may rely on. `shared.state` packs links, batches and
cursors into it; `shared.azure.tables` implements it on Azure Table storage, `tests.fakes` in memory, and both pass
`tests/contract/partition_store_contract.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

MAX_OPERATIONS: Final = 100
"""Operations in one transaction (Azure Table storage, "Performing entity group transactions")."""

MAX_TRANSACTION_BYTES: Final = 4 * 1024 * 1024
"""The whole request body of a transaction; bytes travel as base64, so four thirds of what they are."""

MAX_ROW_BYTES: Final = 1024 * 1024
"""One row with its keys and property names (Azure Table storage, "Understanding the Table service data model")."""

MAX_CELL_BYTES: Final = 64 * 1024
"""One `bytes` cell, or one `str` cell counted in UTF-16."""

MAX_CELLS: Final = 252
"""Cells of a row besides its two keys and its time stamp."""

MAX_KEY_BYTES: Final = 1024
"""A partition or row key, counted in UTF-16."""

PARALLEL_READS: Final = 8
"""Point reads that `get_many` keeps in flight."""

type Cell = str | int | float | bool | bytes | datetime
"""`int` fits 64 bits signed; `datetime` is aware; `str` and `bytes` are at most 64 KiB (a `str` in UTF-16)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entity as read. `etag` is opaque and good for one conditional write; `stamped` is the service's own time."""

    key: str
    cells: Mapping[str, Cell]
    etag: str
    stamped: datetime


@dataclass(frozen=True, slots=True)
class Insert:
    """Succeeds only when the key is free."""

    key: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Replace:
    """Replaces the whole row; only while it still has `etag`."""

    key: str
    cells: Mapping[str, Cell]
    etag: str


@dataclass(frozen=True, slots=True)
class Put:
    """Inserts or replaces, whatever is there. Only for rows that a fenced row in the same transaction protects."""

    key: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Remove:
    """Deletes the row; with an `etag` only while it still has it. A row that is not there is an error with an etag,
    and nothing at all without one."""

    key: str
    etag: str | None = None


type Operation = Insert | Replace | Put | Remove


class Conflict(Exception):
    """A transaction was refused: a key was taken, or an etag was no longer true. Nothing of it was applied.

    `key` names the row at fault when the service tells.
    """

    def __init__(self, key: str = "") -> None:
        super().__init__(f"the row {key or '(not told)'} changed meanwhile")
        self.key = key


@dataclass(slots=True)
class StoreUsage:
    """What a store was asked to do since it was made. Each request is one billed transaction of the service.

    `bytes_read` and `bytes_written` count rows as the service bills them (two bytes a character, the bytes of a
    cell, names included), not what travels.
    """

    gets: int = 0
    scans: int = 0
    commits: int = 0
    rows_read: int = 0
    rows_written: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    @property
    def requests(self) -> int:
        return self.gets + self.scans + self.commits

    def since(self, earlier: StoreUsage) -> StoreUsage:
        """What was added after `earlier`, a `copy` of this counter."""
        return StoreUsage(*(getattr(self, name) - getattr(earlier, name) for name in StoreUsage.__slots__))

    def copy(self) -> StoreUsage:
        return replace(self)


class PartitionStore(Protocol):
    """One table. Every method may raise Transient; a `transact` that raises Transient may have been applied.

    Several threads may use one store. Reads see every transaction that ended before they began.
    """

    @property
    def usage(self) -> StoreUsage: ...

    def get(self, partition: str, key: str) -> Row | None: ...

    def get_many(self, partition: str, keys: Iterable[str]) -> dict[str, Row]:
        """The rows that exist, by point reads, `PARALLEL_READS` at a time (never by an `or` of keys, which scans the
        partition). Where many neighbours are wanted, `scan` their range instead."""
        ...

    def scan(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Sequence[Row]:
        """The rows with first <= key < last, in key order (ordinal, by code unit), at most `limit` of them."""
        ...

    def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Applies all or nothing and answers the new etag of each row written.

        At most 100 operations, 4 MiB, one operation a key. Raises Conflict, or ValueError for a transaction that the
        real service would refuse (too large, a forbidden key character, a cell over 64 KiB, a row over 1 MiB).
        """
        ...

    def now(self) -> datetime:
        """The service's own clock, for leases: from a Timestamp or Date header a few seconds old at most."""
        ...
