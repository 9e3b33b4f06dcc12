"""Takes rows that cannot be read out of a lane, so that a resync can fill the gap from what both systems hold.

Nothing is guessed: a damaged page is emptied, a damaged batch, cursor, command or layer goes. Whoever does this has to
write the lane's reverse entries again and to drop its cursors: then every record is read and compared anew, and records
whose link is lost meet as on a first link. Tombstones and refusals that lay in a lost page are gone with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.ports.state import Operation, PartitionStore, Put, Remove, Row
from shared.state import batches, cursors, inbox, layers
from shared.state.errors import StateDamaged
from shared.state.links import unpack_link
from shared.state.page import Page, is_marker, read_page
from shared.state.pages import WINDOW, Tree, row_key
from shared.state.reader import LaneReader
from shared.state.reverse import PartnerEntry, unpack_match

type Damage = tuple[str, Sequence[Operation]]
"""The key of a row that does not decode, and what takes it out."""


def damaged_rows(store: PartitionStore, partition: str, reader: LaneReader) -> Iterator[Damage]:
    """All but layers, which have to be sound. Raises ConfigError for what a newer release wrote."""
    for tree in Tree:
        wanted = set(reader.pages.directory(tree).prefixes)
        for prefix in [*_unreadable(store, partition, tree), *_missing(store, partition, tree, wanted)]:
            key = row_key(tree, prefix)
            yield key, [Put(key, Page(prefix).cells())]
    yield from cursors.damaged(store, partition)
    yield from inbox.damaged(store, partition)
    yield from batches.damaged(partition, store.scan(partition, batches.FIRST, batches.LAST))


def damaged_layers(store: PartitionStore, partition: str) -> Damage | None:
    """The layers, when they cannot be read: they lie on top of one another, and go together."""
    rows = store.scan(partition, layers.FIRST, layers.LAST)
    try:
        layers.Layers.read(partition, rows)
    except StateDamaged as fault:
        return fault.key, [Remove(row.key) for row in rows]
    return None


def _unreadable(store: PartitionStore, partition: str, tree: Tree) -> Iterator[str]:
    for row in _rows(store, partition, tree):
        prefix = row.key[2:]
        if is_marker(partition, row):
            continue
        try:
            page = read_page(partition, row, prefix)
            for _, blob in page.items():  # noqa: PERF102 - a page is no dict
                _decode(tree, page, blob)
        except (StateDamaged, ValueError):
            yield prefix


def _missing(store: PartitionStore, partition: str, tree: Tree, wanted: set[str]) -> list[str]:
    """Pages that are not there. A tree that never held anything has none."""
    found = {row.key[2:] for row in _rows(store, partition, tree)}
    return sorted(wanted - found - {""})


def _rows(store: PartitionStore, partition: str, tree: Tree) -> Iterator[Row]:
    first, last = row_key(tree, ""), f"{tree.value}/"
    while rows := store.scan(partition, first, last, limit=WINDOW):
        yield from rows
        first = rows[-1].key + "!"


def _decode(tree: Tree, page: Page, blob: bytes) -> None:
    if tree is Tree.LINKS:
        unpack_link(blob, page.words)
    elif tree is Tree.PARTNERS:
        PartnerEntry.unpack(blob)
    else:
        unpack_match(blob, page.words)
