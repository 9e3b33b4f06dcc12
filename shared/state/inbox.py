"""The inbox of a lane: commands that anyone leaves and only the holder of the lease takes out.

Two rows a command: `i.<due>.<digest>` holds it, so that what is due is one key range in the order it fell due, and
`k.<digest>` names that row, so that a second command of the same key finds the first. A repeat rewrites the first
row: the holder who read it before cannot remove it as done, and it is served again (a hint that came while the record
was being read must not be lost).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import batched
from typing import Any, Final

from shared.domain.records import Kind, Ref, RemoteId, Side
from shared.errors import Transient
from shared.ports.state import Cell, Conflict, Insert, Operation, PartitionStore, Put, Remove, Replace, Row
from shared.state import envelope
from shared.state.errors import StateDamaged
from shared.state.model import Command
from shared.state.words import pack_facts

ASIDE: Final = datetime(3000, 1, 1, tzinfo=UTC)
"""What is due from here on is put aside: no time brings it up, the end of a run does, in the order of these times."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = "i."
_LAST: Final = "i/"
_TRIES: Final = 20
_AT_ONCE: Final = 40


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command as it lies in the inbox: its row, and the ETag under which it may be taken out."""

    command: Command
    row: str
    etag: str


def put_commands(store: PartitionStore, partition: str, commands: Sequence[Command], now: datetime) -> None:
    """Leaves commands; one that waits already is renewed, and falls due at the earlier of both times.

    Needs no lease. Repeating the call after a Transient does no harm.
    """
    latest = {command.key: replace(command, put_at=command.put_at or now) for command in commands}
    for group in batched(latest.values(), _AT_ONCE, strict=False):
        try:
            store.transact(partition, [write for command in group for write in _fresh(command)])
        except Conflict:
            for command in group:
                _put_one(store, partition, command)


def due(store: PartitionStore, partition: str, now: datetime, limit: int) -> list[Waiting]:
    """The commands whose time has come, in the order they fell due."""
    rows = store.scan(partition, _FIRST, _due_text(now + timedelta(milliseconds=1)), limit=limit)
    return [Waiting(_command(partition, row), row.key, row.etag) for row in rows]


def aside(store: PartitionStore, partition: str, limit: int) -> list[Waiting]:
    """The commands that were put aside, in their order."""
    rows = store.scan(partition, _due_text(ASIDE), _LAST, limit=limit)
    return [Waiting(_command(partition, row), row.key, row.etag) for row in rows]


def pending(store: PartitionStore, partition: str, limit: int) -> list[Command]:
    """Commands that wait, due or not, in the order they fall due."""
    return [_command(partition, row) for row in store.scan(partition, _FIRST, _LAST, limit=limit)]


def lies(store: PartitionStore, partition: str, key: str) -> bool:
    """Whether a command waits, found by its name alone."""
    return store.get(partition, _name_key(key)) is not None


def damaged(store: PartitionStore, partition: str) -> Iterator[tuple[str, Sequence[Operation]]]:
    """The rows that do not decode, with what takes them and their names out."""
    for row in store.scan(partition, _FIRST, _LAST):
        try:
            _command(partition, row)
        except StateDamaged:
            name = store.get(partition, f"k.{row.key.rpartition('.')[2]}")
            yield row.key, [Remove(row.key), *([Remove(name.key)] if name is not None else ())]


def removal(waiting: Waiting) -> list[Operation]:
    """Takes a command out, unless it was renewed since it was read."""
    return [Remove(waiting.row, waiting.etag), Remove(_name_key(waiting.command.key))]


def postponement(waiting: Waiting, later: Command, now: datetime) -> list[Operation]:
    """Puts a command back for later, unless it was renewed since it was read."""
    row = _row_key(later)
    name = Put(_name_key(later.key), _name_cells(row))
    if row == waiting.row:
        return [Replace(row, _cells(later), waiting.etag), name]
    return [Remove(waiting.row, waiting.etag), Insert(row, _cells(replace(later, put_at=later.put_at or now))), name]


def unchanged(store: PartitionStore, partition: str, waiting: Iterable[Waiting]) -> set[str]:
    """The keys of those commands that still lie as they were read."""
    known = {item.row: item for item in waiting}
    rows = store.get_many(partition, known)
    return {known[key].command.key for key, row in rows.items() if row.etag == known[key].etag}


def _put_one(store: PartitionStore, partition: str, command: Command) -> None:
    for _ in range(_TRIES):
        try:
            store.transact(partition, _renewal(store, partition, command))
        except Conflict:
            continue
        return
    raise Transient(f"command {command.key} changes too often to be renewed", code="inbox_contended")


def _renewal(store: PartitionStore, partition: str, command: Command) -> Sequence[Operation]:
    """What leaves a command, given what lies there now."""
    name = store.get(partition, _name_key(command.key))
    if name is None:
        return _fresh(command)
    old = store.get(partition, str(name.cells.get("row", "")))
    if old is None:
        row = _row_key(command)
        return [Insert(row, _cells(command)), Replace(name.key, _name_cells(row), name.etag)]
    before = _command(partition, old)
    merged = replace(command, tries=max(command.tries, before.tries), put_at=before.put_at)
    row = _row_key(merged)
    if row >= old.key:
        return [Replace(old.key, _cells(replace(merged, not_before=before.not_before)), old.etag)]
    return [Remove(old.key, old.etag), Insert(row, _cells(merged)), Replace(name.key, _name_cells(row), name.etag)]


def _fresh(command: Command) -> list[Operation]:
    row = _row_key(command)
    return [Insert(row, _cells(command)), Insert(_name_key(command.key), _name_cells(row))]


def _due_at(command: Command) -> datetime:
    """A command is due when it may run; without a time of its own, in the order it was put."""
    return command.not_before or command.put_at or _EPOCH


def _due_text(at: datetime) -> str:
    return f"{_FIRST}{max(0, (at - _EPOCH) // timedelta(milliseconds=1)):012x}"


def _digest(key: str) -> str:
    return blake2b(key.encode(), digest_size=16).hexdigest()


def _row_key(command: Command) -> str:
    return f"{_due_text(_due_at(command))}.{_digest(command.key)}"


def _name_key(key: str) -> str:
    return f"k.{_digest(key)}"


def _name_cells(row: str) -> dict[str, Cell]:
    return {"f": envelope.FORMAT, "n": envelope.RELEASE_OF_FORMAT[envelope.FORMAT], "row": row}


def _cells(command: Command) -> dict[str, Cell]:
    ref = command.ref
    body = [
        command.key,
        command.op,
        command.side.value if command.side else None,
        [ref.kind, ref.id] if ref else None,
        command.kind,
        pack_facts(command.payload),
        command.not_before.astimezone(UTC) if command.not_before else None,
        command.tries,
        command.trace,
        command.put_at.astimezone(UTC) if command.put_at else None,
    ]
    return envelope.to_cells(envelope.pack(body))


def _command(partition: str, row: Row) -> Command:
    packed: Any = envelope.read(partition, row)
    try:
        key, op, side, ref, kind, payload, not_before, tries, trace, put_at = packed
        return Command(
            key=key,
            op=op,
            side=Side(side) if side else None,
            ref=Ref(Kind(ref[0]), RemoteId(ref[1])) if ref else None,
            kind=kind,
            payload=dict(payload),
            not_before=not_before,
            tries=tries,
            trace=trace,
            put_at=put_at,
        )
    except (TypeError, ValueError) as error:
        raise StateDamaged(partition, row.key, "it does not hold a command") from error
