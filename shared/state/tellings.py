"""What feeds told of partner records without a link, kept while a first load is under way.

A row of Dynamics that meets such a record by its match value can then be compared with it without reading it again.
Rows are only added, `t.<order>.<number>`, each with a stretch of records packed together; what was told later counts.
They go when the first load ends: nothing here is the only place of anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
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


def read(store: PartitionStore, partition: str, refs: Collection[Ref], since: datetime) -> dict[Ref, Telling]:
    """What is known of some records from what was told at or after `since`. Raises StateDamaged, ConfigError."""
    wanted = {partner_key(ref): ref for ref in refs}
    found: dict[Ref, Telling] = {}
    for row in _rows(store, partition):
        if not isinstance(at := row.cells.get("at"), int) or at < int(since.timestamp()):
            continue
        try:
            texts, shapes, entries = envelope.read(partition, row)
            words = Words(texts, shapes)
            for key in entries.keys() & wanted.keys():
                ref = wanted[key]
                told = _unpack(ref, entries[key], words)
                found[ref] = told if told.whole else _joined(found.get(ref), told)
        except (AttributeError, TypeError, ValueError, IndexError, KeyError) as error:
            raise StateDamaged(partition, row.key, f"it does not hold what was told ({error})") from error
    return {ref: telling for ref, telling in found.items() if telling.whole}


def removals(store: PartitionStore, partition: str) -> list[Operation]:
    """Takes all of it away."""
    return [Remove(row.key) for row in _rows(store, partition)]


def _joined(earlier: Telling | None, part: Telling) -> Telling:
    return part if earlier is None else replace(earlier, digests={**earlier.digests, **part.digests})


def _rows(store: PartitionStore, partition: str) -> Iterator[Row]:
    first = _FIRST
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
