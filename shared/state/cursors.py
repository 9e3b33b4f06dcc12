"""Cursors of a lane: one packed row each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from shared.ports.state import Operation, PartitionStore, Put, Remove, Row
from shared.state import envelope
from shared.state.errors import StateDamaged
from shared.state.model import CursorState
from shared.state.words import pack_facts

_NAME: Final = re.compile(r"[0-9A-Za-z_.:-]{1,200}")
_FIRST: Final = "c."
_LAST: Final = "c/"


def read_cursor(store: PartitionStore, partition: str, name: str) -> CursorState | None:
    """Raises StateDamaged for a row that does not decode."""
    row = store.get(partition, _key(name))
    return None if row is None else _read(partition, row)


def read_cursors(store: PartitionStore, partition: str) -> dict[str, CursorState]:
    rows = store.scan(partition, _FIRST, _LAST)
    return {row.key.removeprefix(_FIRST): _read(partition, row) for row in rows}


def damaged(store: PartitionStore, partition: str) -> Iterator[tuple[str, Sequence[Operation]]]:
    """The rows that do not decode, with what takes them out."""
    for row in store.scan(partition, _FIRST, _LAST):
        try:
            _read(partition, row)
        except StateDamaged:
            yield row.key, [Remove(row.key)]


def operations(cursors: Mapping[str, CursorState | None]) -> list[Operation]:
    """What writes or removes these cursors."""
    return [
        Remove(_key(name)) if cursor is None else Put(_key(name), envelope.to_cells(_pack(cursor)))
        for name, cursor in cursors.items()
    ]


def _pack(cursor: CursorState) -> bytes:
    return envelope.pack([cursor.token, cursor.digest, cursor.position, cursor.phase, pack_facts(cursor.facts)])


def _read(partition: str, row: Row) -> CursorState:
    packed: Any = envelope.read(partition, row)
    try:
        token, digest, position, phase, facts = packed
        return CursorState(token=token, digest=digest, position=position, phase=phase, facts=dict(facts))
    except (TypeError, ValueError) as error:
        raise StateDamaged(partition, row.key, "it does not hold a cursor") from error


def _key(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"the cursor name {name!r} may hold letters, digits and '_.:-' only")
    return f"{_FIRST}{name}"
