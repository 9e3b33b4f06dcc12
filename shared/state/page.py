"""One page: the entries of one stretch of keys, packed into one row, and how a page becomes two.

A page stands for a prefix of bits; its key is that prefix as text (`l.0110`), so pages lie in key order and a stretch
of neighbours is one key range. A page that was split is a marker: its entries are in its two children.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from shared.ports.state import Cell, Row
from shared.state import envelope
from shared.state.errors import StateDamaged
from shared.state.words import Words

SPLIT_BYTES: Final = 48 * 1024
"""A page larger than this is split: base64 of it still fits a property, and a transaction holds sixty of them."""

KEY_BITS: Final = 96
_ENTRY_OVERHEAD: Final = 4


type Change = tuple[bytes, bytes | None]
"""A key and its new entry, None to take it out."""


class Page:
    """Entries by key, as bytes; only those that are asked for are decoded."""

    __slots__ = ("_entries", "_prefix", "_size", "words")

    def __init__(self, prefix: str, entries: dict[bytes, bytes] | None = None, words: Words | None = None) -> None:
        self._prefix = prefix
        self._entries = entries or {}
        self.words = words or Words()
        lengths = sum(map(len, self._entries)) + sum(map(len, self._entries.values()))
        self._size = lengths + _ENTRY_OVERHEAD * len(self._entries)

    @property
    def prefix(self) -> str:
        return self._prefix

    @property
    def size(self) -> int:
        """Bytes of the entries, without the header."""
        return self._size

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> bytes | None:
        return self._entries.get(key)

    def put(self, key: bytes, blob: bytes) -> None:
        self.discard(key)
        self._entries[key] = blob
        self._size += self.cost(key, blob)

    def discard(self, key: bytes) -> None:
        self._size -= self.cost(key, self._entries.pop(key, None))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Entries in key order."""
        for key in sorted(self._entries):
            yield key, self._entries[key]

    @staticmethod
    def cost(key: bytes, blob: bytes | None) -> int:
        """What an entry adds to `size`."""
        return 0 if blob is None else len(key) + len(blob) + _ENTRY_OVERHEAD

    def middle(self) -> bytes:
        """The first key of its second half."""
        return int((self._prefix + "1").ljust(KEY_BITS, "0"), 2).to_bytes(KEY_BITS // 8, "big")

    def would_split(self, changes: Sequence[Change]) -> bool:
        """Whether the page has to be split to take these changes in."""
        most = sum(len(key) + len(blob or b"") + _ENTRY_OVERHEAD for key, blob in changes)
        if self._size + most <= SPLIT_BYTES or len(self._prefix) >= KEY_BITS:
            return False
        size, entries = self._size, len(self._entries)
        for key, blob in changes:
            old = self._entries.get(key)
            size += self.cost(key, blob) - self.cost(key, old)
            entries += (blob is not None) - (old is not None)
        return size > SPLIT_BYTES and entries > 1

    def split(self) -> tuple[Page, Page]:
        """Its two children. They share its words, which keep their numbers."""
        depth = len(self._prefix)
        halves: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
        for key, blob in self._entries.items():
            halves[key[depth >> 3] >> (7 - (depth & 7)) & 1][key] = blob
        texts, shapes = self.words.texts, self.words.shapes
        zero, one = (Page(self._prefix + "01"[bit], halves[bit], Words(texts, shapes)) for bit in (0, 1))
        return zero, one

    def weight(self) -> int:
        """At most so many bytes of a transaction's body (base64), with the row's own overhead."""
        return (self._size + self.words.size + 64) * 4 // 3 + 1024

    def body(self) -> bytes:
        """The page, packed."""
        return envelope.pack([self.words.texts, self.words.shapes, self._entries])

    def cells(self) -> dict[str, Cell]:
        return envelope.to_cells(self.body())


def marker_cells() -> dict[str, Cell]:
    """The row of a page that was split."""
    return {"f": envelope.FORMAT, "n": envelope.RELEASE_OF_FORMAT[envelope.FORMAT], "split": True}


def is_marker(partition: str, row: Row) -> bool:
    """Whether the row says that its entries moved to its children. Raises ConfigError for a newer format."""
    envelope.check_format(partition, row)
    return row.cells.get("split") is True


def read_page(partition: str, row: Row, prefix: str) -> Page:
    """The page in a row. Raises StateDamaged for one that does not decode, ConfigError for a newer format."""
    return unpack_page(partition, row.key, envelope.body_of(partition, row), prefix)


def unpack_page(partition: str, key: str, body: bytes, prefix: str) -> Page:
    """The page in the body of the row `key`. Raises StateDamaged for one that does not decode."""
    try:
        texts, shapes, entries = envelope.unpack(body)
        return Page(prefix, _checked(entries, prefix), Words(texts, shapes))
    except (TypeError, ValueError) as error:
        raise StateDamaged(partition, key, f"it does not hold a page ({error})") from error


def starts_with(key: bytes, prefix: str) -> bool:
    depth = len(prefix)
    return depth == 0 or int.from_bytes(key, "big") >> (len(key) * 8 - depth) == int(prefix, 2)


def _checked(entries: Any, prefix: str) -> dict[bytes, bytes]:
    if not isinstance(entries, dict):
        raise TypeError("it has no entries")
    for key in (next(iter(entries), None), next(reversed(entries), None)):
        if key is not None and (not isinstance(key, bytes) or not starts_with(key, prefix)):
            raise ValueError("its entries belong to another page")
    return entries
