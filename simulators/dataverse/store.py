"""All rows of one organisation: in memory, with a database-wide row version and transactions.

`Store.lock` is one re-entrant lock for the organisation; whoever reads or writes holds it. Writes happen inside
`Store.transaction()`, which nests: an exception rolls back what was done inside it and goes on upwards. As rows are
replaced and never changed (see `rows`), a roll-back puts the old ones back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulators.dataverse.rows import Block, Ref, Row, TableRows, Value, fold, version_of

__all__ = ["FIRST_VERSION", "Block", "Ref", "Row", "Store", "TableRows", "Transaction", "Value", "fold", "version_of"]

FIRST_VERSION = 1_000_000


class Transaction:
    """One unit of work. `on_commit` runs callables after the outermost transaction has been kept."""

    def __init__(self) -> None:
        self.undo: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []

    def on_commit(self, run: Callable[[], None]) -> None:
        self.after.append(run)


class Store:
    """All tables of the organisation."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = FIRST_VERSION
        self.tables: dict[str, TableRows] = {}
        self._open: list[Transaction] = []
        self._held: dict[int, tuple[str, Row]] = {}

    def add_table(self, name: str, primary_id: str) -> TableRows:
        """Return the table's rows, making an empty table where there is none."""
        rows = self.tables.get(name)
        if rows is None:
            rows = self.tables[name] = TableRows(name, primary_id)
        return rows

    def __getitem__(self, table: str) -> TableRows:
        return self.tables[table]

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Hold the lock; keep everything at the end, or nothing when an exception passes. Nests."""
        with self.lock:
            transaction = Transaction()
            self._open.append(transaction)
            try:
                yield transaction
            except BaseException:
                for undo in reversed(transaction.undo):
                    undo()
                raise
            finally:
                self._open.pop()
            self._keep(transaction)

    def _keep(self, transaction: Transaction) -> None:
        if self._open:
            self._open[-1].undo.extend(transaction.undo)
            self._open[-1].after.extend(transaction.after)
            return
        for rows in self.tables.values():
            rows.compact()
        for run in transaction.after:
            run()

    def on_commit(self, run: Callable[[], None]) -> None:
        """Run after the outermost open transaction has been kept; at once when none is open."""
        if self._open:
            self._open[-1].after.append(run)
        else:
            run()

    def next_version(self) -> int:
        """Return a new row version: one counter for the whole database, never given twice."""
        self.version += 1
        return self.version

    def put(self, table: str, row: dict[str, Value]) -> Row:
        """Write the row under a new version and return it. The caller gives the row away."""
        row["versionnumber"] = self.next_version()
        self._replace(table, str(row[self.tables[table].primary_id]), row)
        return row

    def delete(self, table: str, row_id: str) -> int:
        """Remove the row, log the deletion and return its version.

        Raises:
            KeyError: there is no such row.
        """
        rows = self.tables[table]
        if rows.get(row_id) is None:
            raise KeyError(row_id)
        version = self.next_version()
        self._replace(table, row_id, None)
        rows.deletions.append((version, row_id))
        self._undo(lambda: rows.deletions.remove((version, row_id)))
        return version

    def hold(self, table: str, row: dict[str, Value]) -> int:
        """Give the row a version now but show it only on `release`: a commit that becomes visible late."""
        with self.lock:
            row["versionnumber"] = version = self.next_version()
            self._held[version] = (table, row)
            return version

    def release(self, version: int) -> Row:
        """Show the row that `hold` numbered, with the version it got then.

        Raises:
            KeyError: nothing is held under that version.
        """
        with self.lock:
            table, row = self._held.pop(version)
            self._replace(table, str(row[self.tables[table].primary_id]), row)
            return row

    def oldest_open_version(self) -> int:
        """Return the highest version below which nothing is still to appear."""
        return min(self._held, default=self.version + 1) - 1

    def _replace(self, table: str, row_id: str, row: Row | None) -> None:
        rows = self.tables[table]
        before = rows.get(row_id)

        def undo() -> None:
            if before is None:
                rows.drop(row_id)
            else:
                rows.put(before)

        if row is None:
            rows.drop(row_id)
        else:
            rows.put(row)
        self._undo(undo)

    def _undo(self, undo: Callable[[], None]) -> None:
        if self._open:
            self._open[-1].undo.append(undo)
