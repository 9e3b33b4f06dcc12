"""What the logs beside the lane share: newest-first keys, packed bodies, lists page by page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any, Final

from shared.domain.records import Kind, Ref, RemoteId
from shared.ports.journal import Listing
from shared.ports.state import Cell, Operation, PartitionStore, Remove, Row
from shared.state import envelope

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND: Final = (1 << 48) - 1
_SAFE: Final = re.compile(r"[0-9A-Za-z_.-]{0,400}")
_LOOKED_AT: Final = 1000
"""Rows a filtered page looks at before it says "go on": the work of one request stays bounded."""


def newest_first(at: datetime) -> str:
    """Twelve hexadecimal digits that sort later times first."""
    return f"{_LAST_MILLISECOND - max(0, (at - _EPOCH) // timedelta(milliseconds=1)):012x}"


def run_time(run_id: str) -> str:
    """`newest_first` of the moment an id of `IdSource` was made: it begins with 48 bits of milliseconds."""
    return f"{_LAST_MILLISECOND - int(run_id[:12], 16):012x}"


def packed(value: object, **cells: Cell) -> dict[str, Cell]:
    """The cells of a packed row. Raises ValueError for one that is too large."""
    return envelope.to_cells(envelope.pack(value), **cells)


def ref_pair(ref: Ref | None) -> list[str] | None:
    return None if ref is None else [ref.kind, ref.id]


def pair_ref(pair: Sequence[Any] | None) -> Ref | None:
    return None if pair is None else Ref(Kind(pair[0]), RemoteId(pair[1]))


def list_rows[T](
    store: PartitionStore,
    partition: str,
    within: tuple[str, str],
    *,
    limit: int,
    after: str,
    read: Callable[[Sequence[Row]], Iterable[T | None]],
    narrow: bool = False,
) -> Listing[T]:
    """A page of the rows in a key range. `read` answers one item a row, None for a row the filter leaves out; `narrow`:
    it will leave out most.

    Raises ValueError for an `after` that no page of this list gave.
    """
    first, last = within
    if not _SAFE.fullmatch(after):
        raise ValueError("this list has no such continuation")
    start = max(first, after + "!") if after else first
    found: list[T] = []
    looked, step = 0, _LOOKED_AT if narrow else min(max(limit, 50), _LOOKED_AT)
    while looked < _LOOKED_AT:
        rows = store.scan(partition, start, last, limit=step)
        step = _LOOKED_AT  # a filter that finds little reads the rest at once
        for row, item in zip(rows, read(rows), strict=True):
            looked += 1
            start = row.key + "!"
            if item is not None:
                found.append(item)
            if len(found) == limit:
                return Listing(found, row.key)
        if not rows:
            return Listing(found)
    return Listing(found, start[:-1])


def in_transactions(store: PartitionStore, partition: str, operations: Iterable[Operation], size: int = 100) -> None:
    """Applies operations that need not be one transaction."""
    for group in batched(operations, size, strict=False):
        store.transact(partition, group)


def erase_partition(store: PartitionStore, partition: str) -> None:
    """Deletes every row of a partition."""
    while rows := store.scan(partition, "!", "~", limit=100):
        store.transact(partition, [Remove(row.key) for row in rows])


def scan_all(store: PartitionStore, partition: str, first: str, last: str, step: int = 200) -> Iterator[Row]:
    """Every row of a range, a bounded number of them in memory."""
    while rows := store.scan(partition, first, last, limit=step):
        yield from rows
        first = rows[-1].key + "!"
