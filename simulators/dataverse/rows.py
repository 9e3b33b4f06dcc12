"""The rows of one table: values, order by key, by version and by indexed columns, deletions.

A row is a plain `dict` of logical column name to value that nobody changes in place: `put` replaces it. A column that
is absent has its default, one that is None is null. Values: `str`, `int`, `float`, `bool`, date-times as
`YYYY-MM-DDTHH:MM:SSZ`, dates as `YYYY-MM-DD`, lookups as `Ref`. Every row holds its primary key and `versionnumber`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from operator import itemgetter
from typing import NamedTuple, Protocol

_COMPACT_AT = 4_096
_FIRST_STRETCH, _LONGEST_STRETCH = 64, 1_024


class Ref(NamedTuple):
    """The value of a lookup column: logical table name and row id."""

    table: str
    id: str


type Value = str | int | float | bool | Ref | None
type Row = Mapping[str, Value]


class Block(Protocol):
    """Rows that are computed when read, so that a million of them cost next to nothing.

    Ids ascend with the position. `version(position)` ascends too.
    """

    def __len__(self) -> int: ...

    def id_at(self, position: int) -> str: ...

    def position(self, row_id: str) -> int | None:
        """Return where the id stands, or None when it is not of this block."""

    def first_after(self, row_id: str) -> int:
        """Return the position of the first id greater than `row_id` (any text)."""

    def row(self, position: int, columns: frozenset[str] | None = None) -> dict[str, Value]:
        """Build the row, or only these columns of it (key and version always)."""

    def rows(self, start: int, stop: int, columns: frozenset[str] | None = None) -> list[dict[str, Value]]:
        """Build the rows of a stretch of positions; columns without a value may be there as None."""

    def version(self, position: int) -> int: ...

    def first_above(self, version: int) -> int:
        """Return the position of the first row whose version is greater."""

    def first_from(self, column: str, value: str) -> int:
        """Return the first position whose column may reach `value`; 0 where the column does not ascend."""

    def candidates(self, column: str, value: Value) -> Iterable[int] | None:
        """Return the positions that may hold `value` in `column`, or None when only a scan can tell."""


class TableRows:
    """The rows of one table, with their order by key, by version and by indexed columns."""

    def __init__(self, name: str, primary_id: str) -> None:
        self.name = name
        self.primary_id = primary_id
        self.blocks: list[Block] = []
        self.deletions: list[tuple[int, str]] = []
        self._live: dict[str, Row] = {}
        self._own_ids: list[str] = []
        self._gone: set[str] = set()
        self._log: list[tuple[int, str]] = []
        self._indexes: dict[str, dict[Value, dict[str, None]]] = {}

    def __len__(self) -> int:
        touched = len(self._live) - len(self._own_ids)
        return sum(len(block) for block in self.blocks) - len(self._gone) - touched + len(self._live)

    def get(self, row_id: str) -> Row | None:
        """Return the row, or None when there is none."""
        row = self._live.get(row_id)
        if row is not None or row_id in self._gone:
            return row
        for block in self.blocks:
            position = block.position(row_id)
            if position is not None:
                return block.row(position)
        return None

    def ids(self, after: str | None = None) -> Iterator[str]:
        """Yield ids in key order, those greater than `after` only."""
        start = 0 if after is None else bisect_right(self._own_ids, after)
        own = (self._own_ids[i] for i in range(start, len(self._own_ids)))
        if not self.blocks:
            return own
        return merge(own, *(self._block_ids(block, after) for block in self.blocks))

    def rows(
        self, after: str | None = None, columns: frozenset[str] | None = None, floor: tuple[str, str] | None = None
    ) -> Iterator[Row]:
        """Yield rows in key order.

        Args:
            after: only rows with a greater id.
            columns: what computed rows need hold.
            floor: a column and the value that rows must reach; computed rows below it may be left out.
        """
        start = 0 if after is None else bisect_right(self._own_ids, after)
        own = self._own_ids
        if not self.blocks:
            live = self._live
            return (live[own[i]] for i in range(start, len(own)))
        sources = [self._block_rows(block, after, columns, floor) for block in self.blocks]
        if start < len(own):
            sources.append((own[i], self._live[own[i]]) for i in range(start, len(own)))
        merged = sources[0] if len(sources) == 1 else merge(*sources, key=itemgetter(0))
        return map(itemgetter(1), merged)

    def changed(self, above: int, upto: int) -> list[tuple[int, str]]:
        """Return (version, id) of the rows whose present version lies in `(above, upto]`, by version."""
        found = [
            (version, row_id)
            for version, row_id in self._log[bisect_right(self._log, (above, "~")) :]
            if version <= upto and (row := self._live.get(row_id)) is not None and row["versionnumber"] == version
        ]
        for block in self.blocks:
            for position in range(block.first_above(above), len(block)):
                if block.version(position) > upto:
                    break
                row_id = block.id_at(position)
                if row_id not in self._live and row_id not in self._gone:
                    found.append((block.version(position), row_id))
        found.sort()
        return list(dict.fromkeys(found))

    def deleted(self, above: int, upto: int) -> list[tuple[int, str]]:
        """Return (version, id) of the deletions in `(above, upto]`, by version."""
        low = bisect_right(self.deletions, (above, "~"))
        return [entry for entry in self.deletions[low:] if entry[0] <= upto]

    def find(self, column: str, value: Value) -> list[Row]:
        """Return the rows whose column equals the value (text compared without case), by key.

        The first call for a column builds an index that writes then keep.
        """
        wanted = fold(value)
        if wanted is None:
            return [row for row in self.rows() if row.get(column) is None]
        ids = set(self._index(column).get(wanted, ()))
        for block in self.blocks:
            positions = block.candidates(column, value)
            for position in range(len(block)) if positions is None else positions:
                row_id = block.id_at(position)
                if row_id in self._live or row_id in self._gone:
                    continue
                if fold(block.row(position, frozenset((column,))).get(column)) == wanted:
                    ids.add(row_id)
        rows = (self.get(row_id) for row_id in sorted(ids))
        return [row for row in rows if row is not None]

    def put(self, row: Row) -> None:
        """Keep the row as it is, in place of the one with the same id."""
        row_id = str(row[self.primary_id])
        before = self._live.get(row_id)
        if before is None and not self._in_block(row_id):
            insort(self._own_ids, row_id)
        self._gone.discard(row_id)
        self._live[row_id] = row
        self._note(row_id, version_of(row))
        for column, index in self._indexes.items():
            self._unindex(index, column, before, row_id)
            self._add_to(index, column, row, row_id)

    def drop(self, row_id: str) -> None:
        """Forget the row; the deletion log is the caller's affair."""
        before = self._live.pop(row_id, None)
        if self._in_block(row_id):
            self._gone.add(row_id)
        elif before is not None:
            self._own_ids.pop(bisect_left(self._own_ids, row_id))
        for column, index in self._indexes.items():
            self._unindex(index, column, before, row_id)

    def _block_ids(self, block: Block, after: str | None) -> Iterator[str]:
        gone = self._gone
        start = 0 if after is None else block.first_after(after)
        return (row_id for i in range(start, len(block)) if (row_id := block.id_at(i)) not in gone)

    def _block_rows(
        self, block: Block, after: str | None, columns: frozenset[str] | None, floor: tuple[str, str] | None
    ) -> Iterator[tuple[str, Row]]:
        """Yield ids and rows of a block, those that were written in their present form (however low)."""
        live, gone = self._live, self._gone
        start = 0 if after is None else block.first_after(after)
        first = start if floor is None else max(start, block.first_from(*floor))
        if first > start:
            touched = sorted(p for row_id in live if (p := block.position(row_id)) is not None and start <= p < first)
            yield from ((row_id := block.id_at(p), live[row_id]) for p in touched)
        stretch = _FIRST_STRETCH
        while first < len(block):
            stop = min(len(block), first + stretch)
            for made in block.rows(first, stop, columns):
                row_id = str(made[self.primary_id])
                if row_id not in gone:
                    yield row_id, live.get(row_id, made)
            first, stretch = stop, min(_LONGEST_STRETCH, 2 * stretch)

    def _in_block(self, row_id: str) -> bool:
        return any(block.position(row_id) is not None for block in self.blocks)

    def _index(self, column: str) -> dict[Value, dict[str, None]]:
        index = self._indexes.get(column)
        if index is None:
            index = self._indexes[column] = {}
            for row_id, row in self._live.items():
                self._add_to(index, column, row, row_id)
        return index

    @staticmethod
    def _add_to(index: dict[Value, dict[str, None]], column: str, row: Row, row_id: str) -> None:
        value = row.get(column)
        if value is not None:
            index.setdefault(fold(value), {})[row_id] = None

    @staticmethod
    def _unindex(index: dict[Value, dict[str, None]], column: str, before: Row | None, row_id: str) -> None:
        if before is None:
            return
        held = index.get(fold(before.get(column)))
        if held is not None:
            held.pop(row_id, None)

    def _note(self, row_id: str, version: int) -> None:
        if self._log and version < self._log[-1][0]:
            insort(self._log, (version, row_id))
        else:
            self._log.append((version, row_id))

    def forget(self, column: str) -> None:
        """Take a deleted column's values out of every row that was written; no row gets another version by it."""
        for row_id, row in self._live.items():
            if column in row:
                self._live[row_id] = {name: value for name, value in row.items() if name != column}
        self._indexes.pop(column, None)

    def compact(self) -> None:
        """Drop log entries of versions that no row has any more; never inside a transaction."""
        if len(self._log) > 2 * len(self._live) + _COMPACT_AT:
            self._log = sorted((version_of(row), row_id) for row_id, row in self._live.items())


def version_of(row: Row) -> int:
    """Return the row version."""
    version = row["versionnumber"]
    return version if isinstance(version, int) else 0


def fold(value: Value) -> Value:
    """Return the value as equality sees it: text without case (dataverse.md 1.3), lookups by id."""
    if isinstance(value, Ref):
        return value.id
    return value.casefold() if isinstance(value, str) else value
