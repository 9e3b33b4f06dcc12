"""Rows by numeric id, as the vendor numbers them: from 1 up, never used again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]


class Table[R]:
    """Rows in order of their ids."""

    def __init__(self) -> None:
        self._rows: dict[int, R] = {}
        self._next = 1

    def next_id(self) -> int:
        """Take the next id."""
        taken = self._next
        self._next += 1
        return taken

    def put(self, row_id: int, row: R) -> R:
        """Store a row under an id; later ids start above it."""
        self._rows[row_id] = row
        self._next = max(self._next, row_id + 1)
        return row

    def get(self, row_id: int | None) -> R | None:
        """The row, or None."""
        return None if row_id is None else self._rows.get(row_id)

    def delete(self, row_id: int) -> None:
        """Remove a row that may be gone already."""
        self._rows.pop(row_id, None)

    def values(self) -> list[R]:
        """All rows, in the order they were made."""
        return list(self._rows.values())

    def ids(self) -> list[int]:
        """All ids, in the order they were made."""
        return list(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._rows


class Records(Table[Row]):
    """Rows that are plain mappings with their `id` inside."""

    def add(self, row: Row) -> Row:
        """Store a row under a new id."""
        row_id = self.next_id()
        row["id"] = row_id
        return self.put(row_id, row)

    def find(self, key: str, value: Any) -> Row | None:
        """The first row with this value."""
        return next((row for row in self if row.get(key) == value), None)

    def where(self, key: str, value: Any) -> list[Row]:
        """All rows with this value."""
        return [row for row in self if row.get(key) == value]
