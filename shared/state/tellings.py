"""What feeds told of partner records without a link, kept while a first load is under way.

A row of Dynamics that meets such a record by its match value can then be compared with it without reading it again.
Rows are only added, `t.<order>.<number>`, each with a stretch of records packed together; what was told later counts.
They go when the first load ends: nothing here is the only place of anything.

Every page of Dynamics meets records of all rows, since both sides have an order of their own. The holder of the lease,
who alone adds rows, therefore reads them once and keeps them as they are packed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgpack

from shared.domain.records import Ref
from shared.ports.state import Operation, PartitionStore, Put, Remove, Row
from shared.state import envelope
from shared.state.errors import StateDamaged
from shared.state.model import Telling
from shared.state.reverse import partner_key
from shared.state.words import Words, compact, expand

_FIRST: Final = "t."
_LAST: Final = "t/"
_DIGEST: Final = 8
_ROW_BYTES: Final = 400 * 1024
_WINDOW: Final = 8
"""Rows read at a time."""

KEPT_BYTES: Final = 16 * 1024 * 1024
"""Packed bytes that are kept: ten fields of some 130,000 people. What is more is read again for each page."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One row as it is packed: decoded whenever it is asked, which takes a fraction of what reading it takes."""

    key: str
    at: int
    body: bytes


def rows(tellings: Collection[Telling], order: int, at: datetime) -> Iterator[Operation]:
    """The rows of what was told at `at`. `order` grows with every commit of the lane."""
    words, entries, size, number = Words(), dict[bytes, bytes](), 0, 0
    for telling in tellings:
        blob = _pack(telling, words)
        entries[partner_key(telling.ref)] = blob
        size += len(blob)
        if size >= _ROW_BYTES:
            yield _row(order, number, words, entries, at)
            words, entries, size, number = Words(), {}, 0, number + 1
    if entries:
        yield _row(order, number, words, entries, at)


class Tellings:
    """What was told, as one lane's lease holder knows it. Not for several threads at once: `Held` keeps a lock."""

    def __init__(self, store: PartitionStore, partition: str) -> None:
        self._store = store
        self._partition = partition
        self._kept: list[_Kept] = []
        self._size = 0
        self._rest: str | None = _FIRST

    def forget(self) -> None:
        """Believes nothing that was read before."""
        self._kept.clear()
        self._size, self._rest = 0, _FIRST

    def added(self, written: Sequence[Operation]) -> None:
        """Takes in rows that were written just now, the newest of all."""
        for operation in written:
            if self._rest is None and isinstance(operation, Put):
                row = _packed(self._partition, operation)
                self._rest = None if self._keep(row) else row.key

    def read(self, refs: Collection[Ref], since: datetime) -> dict[Ref, Telling]:
        """What is known of some records from what was told at or after `since`. Raises StateDamaged, ConfigError."""
        wanted = {partner_key(ref): ref for ref in refs}
        found: dict[Ref, Telling] = {}
        for row in self._rows():
            if row.at < int(since.timestamp()):
                continue
            try:
                texts, shapes, entries = envelope.unpack(row.body)
                words = Words(texts, shapes)
                for key in entries.keys() & wanted.keys():
                    ref = wanted[key]
                    told = _unpack(ref, entries[key], words)
                    found[ref] = told if told.whole else _joined(found.get(ref), told)
            except (AttributeError, TypeError, ValueError, IndexError, KeyError) as error:
                raise StateDamaged(self._partition, row.key, f"it does not hold what was told ({error})") from error
        return {ref: telling for ref, telling in found.items() if telling.whole}

    def _rows(self) -> Iterator[_Kept]:
        """All rows in order: those that are kept, then the rest, of which is kept what fits."""
        yield from list(self._kept)
        if self._rest is None:
            return
        rest: str | None = None
        for found in _stored(self._store, self._partition, self._rest):
            row = _packed(self._partition, found)
            if rest is None and not self._keep(row):
                rest = row.key
            yield row
        self._rest = rest

    def _keep(self, row: _Kept) -> bool:
        fits = self._size + len(row.body) <= KEPT_BYTES
        if fits:
            self._kept.append(row)
            self._size += len(row.body)
        return fits


def removals(store: PartitionStore, partition: str) -> list[Operation]:
    """Takes all of it away."""
    return [Remove(row.key) for row in _stored(store, partition, _FIRST)]


def _joined(earlier: Telling | None, part: Telling) -> Telling:
    return part if earlier is None else replace(earlier, digests={**earlier.digests, **part.digests})


def _packed(partition: str, row: Row | Put) -> _Kept:
    at = row.cells.get("at")
    return _Kept(row.key, at if isinstance(at, int) else -1, envelope.body_of(partition, row))


def _stored(store: PartitionStore, partition: str, first: str) -> Iterator[Row]:
    while window := store.scan(partition, first, _LAST, limit=_WINDOW):
        yield from window
        first = window[-1].key + "!"


def _row(order: int, number: int, words: Words, entries: dict[bytes, bytes], at: datetime) -> Operation:
    body = envelope.pack([words.texts, words.shapes, entries])
    return Put(f"{_FIRST}{order:020d}.{number:03d}", envelope.to_cells(body, at=int(at.timestamp())))


def _pack(telling: Telling, words: Words) -> bytes:
    names = tuple(sorted(telling.digests))
    digests: Sequence[bytes] = [telling.digests[name] for name in names]
    cleared = sum(1 << number for number, digest in enumerate(digests) if not digest)
    packed: bytes = msgpack.packb(
        [
            telling.whole,
            words.shape(names),
            cleared.to_bytes((cleared.bit_length() + 7) // 8, "little"),
            b"".join(digests),
            None if telling.labels is None else words.numbers(sorted(telling.labels)),
            compact(telling.revision),
        ]
    )
    return packed


def _unpack(ref: Ref, blob: bytes, words: Words) -> Telling:
    packed: Any = msgpack.unpackb(blob)
    whole, shape, cleared, joined, labels, revision = packed
    bits, place = int.from_bytes(cleared, "little"), 0
    digests: dict[str, bytes] = {}
    for number, name in enumerate(words.texts_of(shape)):
        size = 0 if bits >> number & 1 else _DIGEST
        digests[name] = joined[place : place + size]
        place += size
    if place != len(joined):
        raise ValueError("its digests are cut off")
    return Telling(
        ref=ref,
        whole=bool(whole),
        digests=digests,
        labels=None if labels is None else frozenset(words.texts[number] for number in labels),
        revision=expand(revision),
    )
