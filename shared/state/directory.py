"""Which pages there are: the leaves of one tree of pages, in key order.

The depths of the leaves in key order tell the whole tree, so a directory of ten thousand pages is a row of a few
hundred bytes. Every split writes it in its own transaction; it is derived from the markers and can be rebuilt.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from shared.state.page import KEY_BITS

_KEY_BYTES: Final = KEY_BITS // 8


class Directory:
    """The leaves of one tree; a tree without rows is one leaf with the empty prefix."""

    def __init__(self, prefixes: Iterable[str] = ("",)) -> None:
        self.prefixes = list(prefixes)
        self._starts = [_start(prefix) for prefix in self.prefixes]

    def __len__(self) -> int:
        return len(self.prefixes)

    def place(self, key: bytes) -> int:
        """The number of the leaf a key belongs to."""
        return bisect_right(self._starts, key) - 1

    def place_of(self, prefix: str) -> int:
        """The number of the leaf with this prefix, or of the first of those it was split into."""
        return self.place(_start(prefix))

    def leaf(self, key: bytes) -> str:
        return self.prefixes[self.place(key)]

    def split(self, prefix: str) -> None:
        """Replaces a leaf by its two children."""
        place = self.place(_start(prefix))
        if self.prefixes[place] != prefix:
            raise ValueError(f"{prefix!r} is no leaf")
        self.prefixes[place : place + 1] = [prefix + "0", prefix + "1"]
        self._starts[place : place + 1] = [_start(prefix + "0"), _start(prefix + "1")]

    @staticmethod
    def bounds(prefix: str) -> tuple[int, int]:
        """The keys of a leaf as numbers: from the first, up to but without the second."""
        first = int((prefix + "0" * KEY_BITS)[:KEY_BITS], 2)
        return first, first + (1 << (KEY_BITS - len(prefix)))

    def pack(self) -> bytes:
        return zlib.compress(bytes(len(prefix) for prefix in self.prefixes), 6)

    @staticmethod
    def unpack(packed: bytes) -> Directory:
        """Raises ValueError for depths that do not make one whole tree."""
        try:
            depths = zlib.decompress(packed)
        except zlib.error as error:
            raise ValueError("its depths do not decode") from error
        prefixes = []
        position = 0
        for depth in depths:
            if depth > KEY_BITS or position >> KEY_BITS or position % (1 << (KEY_BITS - depth)):
                raise ValueError("its depths make no tree")
            prefixes.append(f"{position:0{KEY_BITS}b}"[:depth])
            position += 1 << (KEY_BITS - depth)
        if position != 1 << KEY_BITS:
            raise ValueError("its depths make no whole tree")
        return Directory(prefixes)


def _start(prefix: str) -> bytes:
    return int((prefix + "0" * KEY_BITS)[:KEY_BITS], 2).to_bytes(_KEY_BYTES, "big")
