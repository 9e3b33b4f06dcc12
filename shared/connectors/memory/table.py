"""Rows with their history, in the order in which commits became visible."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.connectors.memory.design import fold
from shared.domain.records import FieldName, Ref, RemoteId, Value


class RowState(StrEnum):
    """DELETED rows stay in the recycle bin, from which a user may restore them. HIDDEN rows exist, but not for us."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    HIDDEN = "hidden"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One row as one commit left it.

    `seq` numbers the commits of the whole system in the order in which they became visible; it is the row's revision.
    `modified_at` is what the system tells: coarse, and older than the commit where that became visible late.
    `changed` names the fields this commit changed, `by` who did it.
    """

    seq: int
    fields: Mapping[FieldName, Value | None]
    labels: frozenset[str]
    state: RowState
    modified_at: datetime
    changed: frozenset[FieldName]
    by: str
    merged_into: Ref | None = None

    @property
    def there(self) -> bool:
        return self.state is not RowState.DELETED


def walk_key(row: RemoteId) -> tuple[int, str]:
    """Numbers sort as numbers, UUIDs as text."""
    return (len(row), row)


@dataclass(slots=True)
class Table:
    """All rows of one kind. `ids` is in the order of a walk, which is not that of creation where ids are UUIDs; `log`
    and `by_time` have one entry a commit, so entries of a row that changed again are stale and are told apart by their
    commit number."""

    match_field: FieldName | None
    ids: list[RemoteId] = field(default_factory=list)
    rows: dict[RemoteId, list[Version]] = field(default_factory=dict)
    shard_of: dict[RemoteId, str] = field(default_factory=dict)
    log: list[tuple[int, RemoteId]] = field(default_factory=list)
    by_time: list[tuple[datetime, int, RemoteId]] = field(default_factory=list)
    by_match: dict[str, set[RemoteId]] = field(default_factory=dict)

    def now(self, row: RemoteId) -> Version | None:
        versions = self.rows.get(row)
        return versions[-1] if versions else None

    def as_of(self, row: RemoteId, seq: int | None) -> Version | None:
        """The row as it stood after commit `seq` (None: now)."""
        if seq is None:
            return self.now(row)
        versions = self.rows.get(row, [])
        place = bisect_right(versions, seq, key=lambda version: version.seq)
        return versions[place - 1] if place else None

    def match_of(self, version: Version | None) -> str | None:
        """The folded match value under which others may find this row."""
        if version is None or not version.there or self.match_field is None:
            return None
        value = version.fields.get(self.match_field)
        return fold(value) if isinstance(value, str) and fold(value) else None

    def holders(self, match: str) -> list[RemoteId]:
        """The rows that hold a match value now, oldest first."""
        found = self.by_match.get(fold(match), set())
        return sorted(found, key=lambda row: self.rows[row][0].seq)

    def commit(self, row: RemoteId, version: Version, shard: str) -> None:
        before = self.now(row)
        if before is None:
            insort(self.ids, row, key=walk_key)
            self.rows[row] = []
            self.shard_of[row] = shard
        old, new = self.match_of(before), self.match_of(version)
        if old is not None and old != new:
            self.by_match[old].discard(row)
        if new is not None:
            self.by_match.setdefault(new, set()).add(row)
        self.rows[row].append(version)
        self.log.append((version.seq, row))
        insort(self.by_time, (version.modified_at, version.seq, row))

    def current(self, seq: int | None = None) -> Iterator[tuple[RemoteId, Version]]:
        for row in self.ids:
            version = self.as_of(row, seq)
            if version is not None and version.there:
                yield row, version
