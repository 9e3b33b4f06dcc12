"""The table service's limits, enforced before anything is sent.

The emulator accepts what the real service refuses (rows over 1 MiB, 253 properties) or fails on it in ways of its own
(101 operations), so a mistake would only show in Azure. Limits: "Understanding the Table service data model" and
"Performing entity group transactions" in the Azure Storage REST reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from shared.ports.state import (
    MAX_CELL_BYTES,
    MAX_CELLS,
    MAX_KEY_BYTES,
    MAX_OPERATIONS,
    MAX_ROW_BYTES,
    MAX_TRANSACTION_BYTES,
    Cell,
    Insert,
    Operation,
    Put,
    Replace,
)

_FORBIDDEN: Final = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_TABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_SYSTEM: Final = frozenset({"PartitionKey", "RowKey", "Timestamp"})
_INT64: Final = 1 << 63
_EARLIEST: Final = 1601  # the first year of Edm.DateTime in the table service

_ENTITY_OVERHEAD: Final = 4
_PROPERTY_OVERHEAD: Final = 8
_OPERATION_HEAD: Final = 640
"""MIME boundary, content headers, request line and headers of one change in a transaction's body, keys apart."""


def check_transaction(partition: str, operations: Sequence[Operation]) -> None:
    """Raises ValueError, naming the row and the limit, for a transaction the real service would refuse."""
    if not operations:
        raise ValueError("a transaction needs at least one operation")
    if len(operations) > MAX_OPERATIONS:
        raise ValueError(f"a transaction holds at most {MAX_OPERATIONS} operations, not {len(operations)}")
    keys = [operation.key for operation in operations]
    if len(set(keys)) != len(keys):
        twice = next(key for number, key in enumerate(keys) if key in keys[:number])
        raise ValueError(f"a transaction may touch the row {twice} only once")
    check_key(partition)
    body = 0
    for operation in operations:
        check_key(operation.key)
        body += _OPERATION_HEAD + 2 * len(partition) + 2 * len(operation.key)
        if isinstance(operation, Insert | Replace | Put):
            check_row(partition, operation.key, operation.cells)
            body += sum(len(name) + _sent(cell) for name, cell in operation.cells.items())
    if body > MAX_TRANSACTION_BYTES:
        raise ValueError(f"a transaction holds at most {MAX_TRANSACTION_BYTES} bytes, not about {body}")


def check_table(name: str) -> None:
    """Raises ValueError for a table name the service refuses."""
    if not _TABLE.fullmatch(name):
        raise ValueError(f"the table name {name!r} must be 3 to 63 letters and digits, a letter first")


def check_key(key: str) -> None:
    """Raises ValueError for a partition or row key the service refuses."""
    if _FORBIDDEN.search(key):
        raise ValueError(f"the key {key!r} holds a character that table storage forbids")
    if len(key.encode("utf-16-le", "surrogatepass")) > MAX_KEY_BYTES:
        raise ValueError(f"a key of {len(key)} characters is longer than {MAX_KEY_BYTES} bytes")


def check_row(partition: str, key: str, cells: Mapping[str, Cell]) -> None:
    """Raises ValueError for a row the service refuses."""
    if len(cells) > MAX_CELLS:
        raise ValueError(f"the row {key} has {len(cells)} cells, at most {MAX_CELLS} are allowed")
    for name, cell in cells.items():
        if not _NAME.fullmatch(name) or name in _SYSTEM:
            raise ValueError(f"the row {key} has a cell with the forbidden name {name!r}")
        _check_cell(key, name, cell)
    size = row_bytes(partition, key, cells)
    if size > MAX_ROW_BYTES:
        raise ValueError(f"the row {key} has {size} bytes, at most {MAX_ROW_BYTES} are allowed")


def row_bytes(partition: str, key: str, cells: Mapping[str, Cell]) -> int:
    """The size of a row as the service counts (and bills) it."""
    keys = 2 * (len(partition) + len(key))
    return _ENTITY_OVERHEAD + keys + sum(_PROPERTY_OVERHEAD + 2 * len(name) + _held(c) for name, c in cells.items())


def _check_cell(key: str, name: str, cell: Cell) -> None:
    if isinstance(cell, str | bytes) and _held(cell) - 4 > MAX_CELL_BYTES:
        raise ValueError(f"the cell {name} of row {key} is over {MAX_CELL_BYTES} bytes")
    if isinstance(cell, int) and not -_INT64 <= cell < _INT64:
        raise ValueError(f"the cell {name} of row {key} does not fit 64 bits")
    if isinstance(cell, datetime) and (cell.tzinfo is None or cell.year < _EARLIEST):
        raise ValueError(f"the cell {name} of row {key} is a time without a zone, or before {_EARLIEST}")
    if not isinstance(cell, str | int | float | bytes | datetime):
        raise ValueError(f"the cell {name} of row {key} is a {type(cell).__name__}, which table storage cannot hold")  # noqa: TRY004 - one error for all refusals


def _held(cell: Cell) -> int:
    if isinstance(cell, str):
        return len(cell.encode("utf-16-le", "surrogatepass")) + 4
    if isinstance(cell, bytes):
        return len(cell) + 4
    return 1 if isinstance(cell, bool) else 8


def _sent(cell: Cell) -> int:
    """Bytes of a cell in the JSON of a request, its quotes and its type annotation included."""
    if isinstance(cell, bytes):
        return 4 * ((len(cell) + 2) // 3) + 40
    if isinstance(cell, str):
        escaped = sum(char in '"\\' or char < " " for char in cell)
        return len(cell.encode("utf-8", "surrogatepass")) + 5 * escaped + 6
    return 64
