"""Who did what, and when: `a-<time, newest first>-<id>` a row each. Entries are added, and go when they are old."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from shared.azure.log_rows import in_transactions, list_rows, newest_first, packed
from shared.ports.journal import AuditEntry, Listing
from shared.ports.state import Conflict, Insert, PartitionStore, Remove, Row
from shared.state import envelope

_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,120}")


class TableAudit:
    """`AuditLog` of one connection, or of the installation under the id "app"."""

    def __init__(self, store: PartitionStore, connection: str) -> None:
        self._store = store
        self._partition = connection

    def append(self, entry: AuditEntry) -> None:
        if not _ID.fullmatch(entry.id):
            raise ValueError("an audit entry's id is 1 to 120 letters, digits, '_' or '-'")
        body = [entry.at.astimezone(UTC), entry.actor, entry.action, entry.target, dict(entry.details)]
        try:
            self._store.transact(self._partition, [Insert(f"a-{newest_first(entry.at)}-{entry.id}", packed(body))])
        except Conflict:
            return  # a repeat of this call

    def list(self, *, limit: int = 50, after: str = "", action: str = "") -> Listing[AuditEntry]:
        def read(rows: Sequence[Row]) -> Iterable[AuditEntry | None]:
            for entry in map(self._entry, rows):
                yield entry if f"{entry.action}.".startswith(f"{action}." if action else "") else None

        return list_rows(self._store, self._partition, ("a-", "a."), limit=limit, after=after, read=read)

    def delete_before(self, moment: datetime, limit: int = 500) -> int:
        """Forgets what is older; answers how many entries. Call until 0."""
        rows = self._store.scan(self._partition, f"a-{newest_first(moment)}.", "a.", limit=limit)
        in_transactions(self._store, self._partition, [Remove(row.key) for row in rows])
        return len(rows)

    def _entry(self, row: Row) -> AuditEntry:
        at, actor, action, target, details = envelope.read(self._partition, row)
        entry_id = row.key.split("-", 2)[2]
        return AuditEntry(id=entry_id, at=at, actor=actor, action=action, target=target, details=details)
