"""Durable state: the storage the lane state is built on, and the logs beside it.

`PartitionStore` is as much of a table service as the engine may rely on. `shared.state` packs links, batches and
cursors into it; `shared.azure.tables` implements it on Azure Table storage, `tests.fakes` in memory, and both pass
`tests/contract/partition_store_contract.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

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


class PartitionStore(Protocol):
    """One table. Every method may raise Transient; a `transact` that raises Transient may have been applied."""

    def get(self, partition: str, key: str) -> Row | None: ...

    def get_many(self, partition: str, keys: Iterable[str]) -> dict[str, Row]:
        """The rows that exist, by point reads (never by an `or` of keys, which scans the partition)."""
        ...

    def scan(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Sequence[Row]:
        """The rows with first <= key < last, in key order."""
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
