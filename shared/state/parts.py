"""A body too large for one row, in parts: `KEY000`, `KEY001`, ... The first part says how many there are.

Written in the order `part_rows` gives, the first part last, a body exists only when all of it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.ports.state import Cell, Operation, Put, Row
from shared.state import envelope

MAX_PARTS: Final = 999


def part_rows(key: str, body: bytes, **cells: Cell) -> list[Operation]:
    """The rows of a body, the first part last. Raises ValueError for a body of more than `MAX_PARTS`."""
    size = envelope.MAX_BODY_BYTES
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    if len(chunks) > MAX_PARTS:
        raise ValueError(f"{key} is too large ({len(body)} bytes): split it")
    rows: list[Operation] = [
        Put(f"{key}{number:03d}", envelope.to_cells(chunk, parts=len(chunks), **cells))
        for number, chunk in enumerate(chunks)
    ]
    return rows[1:] + rows[:1]


def joined(partition: str, parts: Mapping[int, Row]) -> Any:
    """What was packed into parts, by their number; the first must be there. Raises ValueError, TypeError, KeyError or
    StateDamaged for parts that do not make a body."""
    count = parts[0].cells.get("parts")
    if not isinstance(count, int):
        raise TypeError("it does not say how many parts it has")
    return envelope.unpack(b"".join(envelope.body_of(partition, parts[number]) for number in range(count)))
