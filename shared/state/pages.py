"""Finds and keeps the pages of a lane: three trees of them, read through a cache.

Neighbours that are wanted together are read as one key range, the others by point reads. The cache is sound for the
holder of the lease, who alone writes pages; a reader without the lease follows markers when a page was split since
it read the directory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import batched
from typing import Final

from shared.ports.state import PartitionStore, Put, Row
from shared.state import envelope, layers
from shared.state.directory import Directory
from shared.state.errors import StateDamaged
from shared.state.layers import Layers
from shared.state.page import Page, is_marker, unpack_page

DIRECTORY_KEY: Final = "tree"

WINDOW: Final = 48
"""Pages read at a time: about 2 MiB in memory."""

CACHE_BYTES: Final = 16 * 1024 * 1024
"""Memory for pages that were read, kept as they are packed: to decode one takes a twentieth of what reading it takes.
When it is full, what is in it stays and nothing more comes in: keys are digests, so no page is wanted more than
another, and each fold of a first load walks all of them in a circle."""

_GAP: Final = 4
"""A range may cover at most this many pages for each one wanted: a row of a range costs a client a tenth of a point
read (docs/adr/0002)."""

_SHORTEST: Final = 3
_LONGEST: Final = 96


class Tree(StrEnum):
    """LINKS: link key -> link. PARTNERS: partner record -> link, candidate. MATCHES: match key -> links, candidates."""

    LINKS = "l"
    PARTNERS = "p"
    MATCHES = "m"


class Pages:
    """The pages of one lane. Not for several threads at once: `Held` keeps a lock."""

    def __init__(self, store: PartitionStore, partition: str) -> None:
        self._store = store
        self._partition = partition
        self._directories: dict[Tree, Directory] | None = None
        self._layers: Layers | None = None
        self._cache: dict[str, bytes] = {}
        self._cached = 0

    def forget(self) -> None:
        """Believes nothing that was read before."""
        self._directories = None
        self._layers = None
        self._cache.clear()
        self._cached = 0

    def directory(self, tree: Tree) -> Directory:
        if self._directories is None:
            self._directories = self._load()
        return self._directories[tree]

    def layers(self) -> Layers:
        """What lies over the pages."""
        self.directory(Tree.LINKS)
        if self._layers is None:
            self._layers = Layers()
        return self._layers

    def merged(self) -> None:
        """Nothing lies over the pages any more."""
        self._layers = Layers()

    def directory_row(self) -> Put:
        """The row that tells all three trees as they stand here."""
        body = envelope.pack({tree.value: self.directory(tree).pack() for tree in Tree})
        return Put(DIRECTORY_KEY, envelope.to_cells(body))

    def groups(self, tree: Tree, keys: Iterable[bytes]) -> list[tuple[str, list[bytes]]]:
        """Keys by the page they belong to, both in key order."""
        directory = self.directory(tree)
        by_page: dict[str, list[bytes]] = {}
        for key in sorted(set(keys)):
            by_page.setdefault(directory.leaf(key), []).append(key)
        return list(by_page.items())

    def walk(
        self, tree: Tree, keys: Iterable[bytes], overlay: Callable[[str], Page | None] | None = None
    ) -> Iterator[tuple[Page, list[bytes]]]:
        """Each page that holds (or would hold) some of the keys, with those keys, in key order.

        `overlay` answers a page that was changed here and is not written yet.
        """
        for window in batched(self.groups(tree, keys), WINDOW, strict=False):
            pages = {
                prefix: page
                for prefix, _ in window
                if overlay and (page := overlay(row_key(tree, prefix))) is not None  # one without entries counts, too
            }
            pages |= self.read(tree, [prefix for prefix, _ in window if prefix not in pages])
            for prefix, wanted in window:
                page = pages.pop(prefix)
                if page.prefix == prefix:
                    yield page, wanted
                else:  # it was split since the directory was read
                    yield from self.walk(tree, wanted, overlay)

    def read(self, tree: Tree, prefixes: Sequence[str]) -> dict[str, Page]:
        """Pages by their prefix, from the cache or the store. A page that was split meanwhile comes as its child."""
        pages: dict[str, Page] = {}
        missing: list[str] = []
        for prefix in prefixes:
            cached = self._cache.get(row_key(tree, prefix))
            if cached is None:
                missing.append(prefix)
            else:
                pages[prefix] = unpack_page(self._partition, row_key(tree, prefix), cached, prefix)
        rows = self._rows(tree, missing) if missing else {}
        for prefix in missing:
            pages[prefix] = self._page(tree, prefix, rows.get(row_key(tree, prefix)))
        return pages

    def keep(self, key: str, body: bytes) -> None:
        """Puts the page of a row into the cache, when there is room."""
        self.drop(key)
        if self._cached + len(body) <= CACHE_BYTES:
            self._cache[key] = body
            self._cached += len(body)

    def drop(self, key: str) -> None:
        """A page is no longer as it was read."""
        self._cached -= len(self._cache.pop(key, b""))

    def _rows(self, tree: Tree, prefixes: Sequence[str]) -> Mapping[str, Row]:
        directory = self.directory(tree)
        rows: dict[str, Row] = {}
        singles: list[str] = []
        for run in _runs([directory.place_of(prefix) for prefix in prefixes]):
            names = [directory.prefixes[place] for place in run]
            if len(run) < _SHORTEST:
                singles.extend(row_key(tree, name) for name in names)
                continue
            first, last = row_key(tree, names[0]), row_key(tree, names[-1]) + "!"
            rows.update((row.key, row) for row in self._store.scan(self._partition, first, last))
        if singles:
            rows.update(self._store.get_many(self._partition, singles))
        return rows

    def _page(self, tree: Tree, prefix: str, row: Row | None) -> Page:
        if row is None and prefix:
            raise StateDamaged(self._partition, row_key(tree, prefix), "the page is missing")
        if row is not None and is_marker(self._partition, row):
            self.directory(tree).split(prefix)
            child = prefix + "0"
            found = self._store.get(self._partition, row_key(tree, child))
            if found is None:
                raise StateDamaged(self._partition, row_key(tree, child), "the page is missing")
            return self._page(tree, child, found)
        body = Page(prefix).body() if row is None else envelope.body_of(self._partition, row)
        self.keep(row_key(tree, prefix), body)
        return unpack_page(self._partition, row_key(tree, prefix), body, prefix)

    def _load(self) -> dict[Tree, Directory]:
        """The directory and the layers: their keys are neighbours, so that one range has them all."""
        rows = self._store.scan(self._partition, DIRECTORY_KEY, layers.LAST)
        self._layers = Layers.read(self._partition, [row for row in rows if row.key != DIRECTORY_KEY])
        for row in rows:
            if row.key == DIRECTORY_KEY:
                envelope.check_format(self._partition, row)
                try:
                    packed = envelope.read(self._partition, row)
                    return {tree: Directory.unpack(packed[tree.value]) for tree in Tree}
                except (StateDamaged, KeyError, TypeError, ValueError):
                    break  # derived from the markers: read them instead
        return {tree: self._rebuilt(tree) for tree in Tree}

    def _rebuilt(self, tree: Tree) -> Directory:
        """The directory as the markers tell it."""
        prefixes: list[str] = []
        first, last = row_key(tree, ""), f"{tree.value}/"
        while rows := self._store.scan(self._partition, first, last, limit=WINDOW):
            prefixes.extend(row.key[2:] for row in rows if not is_marker(self._partition, row))
            first = rows[-1].key + "!"
        return Directory(prefixes or [""])


def row_key(tree: Tree, prefix: str) -> str:
    return f"{tree.value}.{prefix}"


def _runs(places: Sequence[int]) -> Iterator[list[int]]:
    """Wanted places, in order, cut where the next one is too far for one range to pay."""
    run: list[int] = []
    for place in sorted(places):
        if run and (place - run[-1] > _GAP or place - run[0] >= _LONGEST):
            yield run
            run = []
        run.append(place)
    if run:
        yield run
