"""The four ways in which a kind tells its changes, page by page.

A feed that starts without a cursor first walks over every row, then goes on from where the world was when the walk
began: so nothing that was committed meanwhile is missed, and some of it comes twice. `Position` is what a cursor says,
packed into text; the engine never looks inside.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from shared.connectors.memory.system import MemorySystem
from shared.connectors.memory.table import RowState, Table, Version, walk_key
from shared.domain.records import FieldName, Kind, RemoteId
from shared.errors import CursorExpired
from shared.ports.connector import Cursor, FeedKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a feed stands.

    `walking` is the last row of a walk under way (None: no walk). `log` is the last commit number told (DELTA, LOG).
    `mark` is the newest modified time of everything told (SINCE), `upper` and `told` (time, commit number) belong to
    a window that is being read page by page. `issued` and `generation` decide whether the token is still good.
    """

    select: str
    issued: str
    generation: int
    walking: str | None = None
    log: int = 0
    mark: str = ""
    upper: str = ""
    told: tuple[str, int] = ("", 0)


@dataclass(frozen=True, slots=True)
class Told:
    """One page before it is put into records."""

    rows: Sequence[tuple[RemoteId, Version]]
    position: Position
    more: bool
    walked: bool = False


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy of the system's rows as they stood after commit `seq`, at `moment`."""

    seq: int
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one call asks: the kind, the fields, whose rows, how far back the reader asks again, and from which lagging
    replica the server answers (None: from the newest)."""

    kind: Kind
    fields: Sequence[FieldName]
    shard: str | None = None
    overlap: timedelta = timedelta(0)
    replica: Replica | None = None


def select_of(kind: Kind, fields: Iterable[FieldName]) -> str:
    """Names a kind and a set of fields, in a few characters."""
    return blake2b("|".join([kind, *sorted(fields)]).encode(), digest_size=6).hexdigest()


def pack(position: Position) -> Cursor:
    return Cursor(json.dumps(asdict(position), separators=(",", ":")))


def unpack(cursor: Cursor, system: MemorySystem, reading: Reading) -> Position:
    """Raises CursorExpired for a cursor that is too old, was made for something else, or is no cursor at all."""
    try:
        data = json.loads(cursor)
        position = Position(**{**data, "told": tuple(data["told"])})
        issued = datetime.fromisoformat(position.issued)
    except (ValueError, TypeError, KeyError) as broken:
        raise CursorExpired(f"{system.name}: this is not a cursor of {reading.kind}") from broken
    if position.select != select_of(reading.kind, reading.fields):
        raise CursorExpired(f"{system.name}: the cursor of {reading.kind} was made for other fields")
    design = system.designs[reading.kind]
    if design.capabilities.feed not in {FeedKind.DELTA, FeedKind.LOG}:
        return position
    life = design.token_lifetime if design.capabilities.feed is FeedKind.DELTA else design.retention
    if position.generation != system.token_generation or system.now() - issued > life:
        raise CursorExpired(f"{system.name}: the cursor of {reading.kind} is no longer good")
    return position


def first(system: MemorySystem, reading: Reading) -> Position:
    """The start of a walk, with the place from which the feed will go on afterwards."""
    began = reading.replica or Replica(system.seq, system.now())
    return Position(
        select=select_of(reading.kind, reading.fields),
        issued=system.now().isoformat(),
        generation=system.token_generation,
        walking="",
        log=began.seq,
        mark=system.coarse(reading.kind, began.moment).isoformat(),
    )


def page(system: MemorySystem, reading: Reading, position: Position) -> Told:
    """The next page after `position`."""
    if position.walking is not None:
        return _walk(system, reading, position)
    return _FEEDS[system.designs[reading.kind].capabilities.feed](system, reading, position)


def _as_of(reading: Reading, position: Position) -> int | None:
    """The commit the answer shows. A replica never answers for a position it has not reached itself."""
    return None if reading.replica is None else max(reading.replica.seq, position.log)


def _mine(table: Table, reading: Reading, row: RemoteId) -> bool:
    return reading.shard is None or table.shard_of[row] == reading.shard


def _walk(system: MemorySystem, reading: Reading, position: Position) -> Told:
    """Every row that exists and may be seen, in order of ids. After the last page the feed proper begins."""
    table, size = system.tables[reading.kind], system.designs[reading.kind].page_size
    as_of = _as_of(reading, position)
    begin = bisect_right(table.ids, walk_key(RemoteId(position.walking or "")), key=walk_key) if position.walking else 0
    rows: list[tuple[RemoteId, Version]] = []
    for row in table.ids[begin:]:
        if len(rows) == size:
            return Told(rows, replace(position, walking=rows[-1][0]), more=True)
        version = table.as_of(row, as_of)
        if version is not None and _tellable(table, reading, row, version):
            rows.append((row, version))
    return Told(rows, replace(position, walking=None), more=False, walked=True)


def _again(system: MemorySystem, reading: Reading, position: Position) -> Told:
    """A kind without any filter: each turn is a walk."""
    return _walk(system, reading, first(system, reading))


def _since(system: MemorySystem, reading: Reading, position: Position) -> Told:
    """Rows modified at or after the mark minus the overlap, oldest first, up to the server's time when asking began.

    The mark is the newest time seen, moved only when the whole window was read: an empty answer leaves it alone.
    Deleted rows are simply not there.
    """
    table, size = system.tables[reading.kind], system.designs[reading.kind].page_size
    mark = datetime.fromisoformat(position.mark)
    upper = position.upper or system.now().isoformat()
    start = (mark - reading.overlap, 0)
    if position.told[0]:
        start = max(start, (datetime.fromisoformat(position.told[0]), position.told[1] + 1))
    begin = bisect_left(table.by_time, start, key=lambda entry: (entry[0], entry[1]))
    rows: list[tuple[RemoteId, Version]] = []
    last, told, as_of = datetime.fromisoformat(upper), position.told, _as_of(reading, position)
    for modified, seq, row in table.by_time[begin:]:
        if modified > last:
            break
        version = table.as_of(row, as_of)
        if version is None or version.seq != seq or not _tellable(table, reading, row, version):
            continue
        if len(rows) == size:
            return Told(rows, replace(position, upper=upper, told=told), more=True)
        rows.append((row, version))
        told = (modified.isoformat(), seq)
    newest = max([mark, *([datetime.fromisoformat(told[0])] if told[0] else [])]).astimezone(UTC)
    return Told(rows, replace(position, mark=newest.isoformat(), upper="", told=("", 0)), more=False)


def _tellable(table: Table, reading: Reading, row: RemoteId, version: Version) -> bool:
    return version.there and version.state is not RowState.HIDDEN and _mine(table, reading, row)


def _delta(system: MemorySystem, reading: Reading, position: Position) -> Told:
    """Each row that changed since the token, once a page, with its values now; deletes last, also of rows the reader
    never saw. A row that is hidden from us is not told at all."""
    rows, position, more = _entries(system, reading, position, lambda _version: True)
    living = [item for item in rows if item[1].there]
    dead = [item for item in rows if not item[1].there]
    return Told([*living, *dead], replace(position, issued=system.now().isoformat()), more)


def _log(system: MemorySystem, reading: Reading, position: Position) -> Told:
    """An activity log: entries of fields nobody asked for are passed over, so a page may be short or empty while there
    is more. Each record comes with its values now."""
    asked = frozenset(reading.fields)

    def matters(version: Version) -> bool:
        before = not version.changed  # labels, state and merges have no field name in the log
        return before or bool(version.changed & asked)

    rows, position, more = _entries(system, reading, position, matters)
    return Told(rows, replace(position, issued=system.now().isoformat()), more)


def _entries(
    system: MemorySystem, reading: Reading, position: Position, matters: Callable[[Version], bool]
) -> tuple[list[tuple[RemoteId, Version]], Position, bool]:
    """The rows behind the next entries of the commit log."""
    table, size = system.tables[reading.kind], system.designs[reading.kind].page_size
    begin = bisect_right(table.log, position.log, key=lambda entry: entry[0])
    as_of = _as_of(reading, position)
    last = system.seq if as_of is None else as_of
    taken = [entry for entry in table.log[begin : begin + size] if entry[0] <= last]
    rows: dict[RemoteId, Version] = {}
    for seq, row in taken:
        entry, now = table.as_of(row, seq), table.as_of(row, as_of)
        if entry is None or now is None or now.state is RowState.HIDDEN or not _mine(table, reading, row):
            continue
        if matters(entry):
            rows[row] = now
    end = begin + len(taken)
    more = end < len(table.log) and table.log[end][0] <= last
    return list(rows.items()), replace(position, log=taken[-1][0] if taken else position.log), more


_FEEDS: dict[FeedKind, Callable[[MemorySystem, Reading, Position], Told]] = {
    FeedKind.DELTA: _delta,
    FeedKind.SINCE: _since,
    FeedKind.LOG: _log,
    FeedKind.WALK: _again,
}
