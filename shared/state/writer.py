"""Collects changes in order and commits them in as few transactions as the service allows.

Each transaction holds a prefix of the changes in the order they were made, with the lane row. So what a crash leaves
is always a state the order of changes passes through; the fold chooses an order in which every such state is sound.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Final

from shared.ports.state import MAX_OPERATIONS, MAX_TRANSACTION_BYTES, Cell, Insert, Operation, Put, Replace
from shared.state.envelope import to_cells
from shared.state.lease import Fence, LaneRow
from shared.state.model import Fact
from shared.state.page import Change, Page, marker_cells
from shared.state.pages import Pages, Tree, row_key

MAX_SERIES_OPERATIONS: Final = MAX_OPERATIONS - 2  # the lane row and the directory
MAX_SERIES_BYTES: Final = MAX_TRANSACTION_BYTES - 192 * 1024
EASY_BYTES: Final = 1536 * 1024
"""A transaction is sent when it holds so much: the SDK makes some five copies of it, so that a full one takes 20 MB.
What belongs into one transaction may go up to what the service allows."""

_OVERHEAD: Final = 1024
"""The MIME and HTTP head of one operation in a transaction's body, and its keys."""


class Writer:
    """One series of transactions under a fence. After anything raised, forget the pages and begin anew."""

    def __init__(self, fence: Fence, pages: Pages) -> None:
        self._fence = fence
        self._pages = pages
        self._dirty: dict[str, Page | None] = {}
        self._weights: dict[str, int] = {}
        self._loose: list[Operation] = []
        self._loose_weight = 0
        self._split = False
        self._most = EASY_BYTES
        self.counts: Counter[str] = Counter()
        self.commits = 0

    def overlay(self, key: str) -> Page | None:
        """A page changed here and not written yet."""
        return self._dirty.get(key)

    def change(
        self, tree: Tree, page: Page, changes: Sequence[Change], applied: Callable[[bytes], None] | None = None
    ) -> None:
        """Puts entries into a page that `Pages.walk` gave, splitting it where they do not fit.

        `changes` are in key order and in the words of that page. `applied` is called with each key once its change is
        part of what the next transaction writes.
        """
        if not changes:
            return
        if page.would_split(changes):
            zero, one = self._divide(tree, page)
            half = bisect_left(changes, page.middle(), key=itemgetter(0))
            self.change(tree, zero, changes[:half], applied)
            self.change(tree, one, changes[half:], applied)
            return
        for key, blob in changes:
            page.discard(key) if blob is None else page.put(key, blob)
            if applied:
                applied(key)
        self._mark(tree, page)
        self.make_room()

    def add(self, operations: Sequence[Operation]) -> None:
        """Adds operations that belong together; none of their rows may be among those added before."""
        weight = sum(weigh(operation) for operation in operations)
        self.make_room(len(operations), weight)
        self._loose.extend(operations)
        self._loose_weight += weight

    def finish(self, operations: Sequence[Operation], facts: Mapping[str, Fact]) -> None:
        """Commits what is left, with the operations that must come last and the lane's new facts."""
        self.make_room(len(operations), sum(weigh(operation) for operation in operations))
        self._loose.extend(operations)
        self._commit(facts)

    def _divide(self, tree: Tree, page: Page) -> tuple[Page, Page]:
        self.make_room(3, 2 * page.weight())
        children = page.split()
        self._pages.directory(tree).split(page.prefix)
        self._pages.drop(row_key(tree, page.prefix))
        self._dirty[row_key(tree, page.prefix)] = None
        self._weights[row_key(tree, page.prefix)] = _OVERHEAD
        self._split = True
        for child in children:
            self._mark(tree, child)
        return children

    def _mark(self, tree: Tree, page: Page) -> None:
        key = row_key(tree, page.prefix)
        self._dirty[key] = page
        self._weights[key] = page.weight()
        self._pages.drop(key)

    def make_room(self, operations: int = 2, weight: int = 0) -> None:
        """Commits what is collected when so much more would not fit beside it."""
        rows = len(self._dirty) + len(self._loose)
        held = sum(self._weights.values()) + self._loose_weight
        if rows and (rows + operations > MAX_SERIES_OPERATIONS or held + weight > self._most):
            self._commit({})

    @contextmanager
    def in_one(self, operations: int, weight: int) -> Iterator[None]:
        """What is changed meanwhile goes into one transaction, as long as it fits one."""
        self.make_room(operations, weight)
        self._most = MAX_SERIES_BYTES
        yield
        self._most = EASY_BYTES

    def _commit(self, facts: Mapping[str, Fact]) -> None:
        bodies = {key: None if page is None else page.body() for key, page in self._dirty.items()}
        operations: list[Operation] = [
            Put(key, marker_cells() if body is None else to_cells(body)) for key, body in bodies.items()
        ]
        if self._split:
            operations.append(self._pages.directory_row())
        self._dirty.clear()  # what is sent takes memory enough
        deltas = dict(self.counts)

        def edit(row: LaneRow) -> LaneRow:
            return row.counted(deltas, facts)

        self._fence.commit([*operations, *self._loose], edit)
        for key, body in bodies.items():
            if body is not None:
                self._pages.keep(key, body)
        self._weights.clear()
        self._loose.clear()
        self._loose_weight = 0
        self._split = False
        self.counts.clear()
        self.commits += 1


def weigh(operation: Operation) -> int:
    """At most so many bytes of a transaction's body."""
    if isinstance(operation, Insert | Replace | Put):
        return _OVERHEAD + sum(64 + len(name) + _cell_weight(cell) for name, cell in operation.cells.items())
    return _OVERHEAD


def _cell_weight(cell: Cell) -> int:
    if isinstance(cell, bytes):
        return len(cell) * 4 // 3 + 4
    return len(cell) * 6 if isinstance(cell, str) else 32
