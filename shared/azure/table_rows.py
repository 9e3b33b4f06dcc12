"""Rows between our words and the SDK's entities."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.ports.state import Cell, Insert, Operation, Put, Replace, Row


def to_entity(partition: str, key: str, cells: Mapping[str, Cell]) -> dict[str, Any]:
    """An entity; every integer is sent as Int64, so that its type does not depend on its value."""
    from azure.data.tables import EdmType, EntityProperty

    entity: dict[str, Any] = {"PartitionKey": partition, "RowKey": key}
    for name, cell in cells.items():
        if isinstance(cell, int) and not isinstance(cell, bool):
            entity[name] = EntityProperty(cell, EdmType.INT64)
        elif isinstance(cell, datetime):
            entity[name] = cell.astimezone(UTC)
        else:
            entity[name] = cell
    return entity


def to_row(entity: Any) -> Row:
    cells = {name: _cell(value) for name, value in entity.items() if name not in {"PartitionKey", "RowKey"}}
    metadata = entity.metadata
    return Row(str(entity["RowKey"]), cells, str(metadata["etag"]), _plain_time(metadata["timestamp"]))


def to_sdk(partition: str, operation: Operation) -> tuple[str, Any] | tuple[str, Any, dict[str, Any]]:
    """One operation as `submit_transaction` takes it."""
    from azure.core import MatchConditions
    from azure.data.tables import UpdateMode

    if isinstance(operation, Insert):
        return ("create", to_entity(partition, operation.key, operation.cells))
    if isinstance(operation, Put):
        return ("upsert", to_entity(partition, operation.key, operation.cells), {"mode": UpdateMode.REPLACE})
    condition = {"etag": operation.etag, "match_condition": MatchConditions.IfNotModified} if operation.etag else {}
    if isinstance(operation, Replace):
        return (
            "update",
            to_entity(partition, operation.key, operation.cells),
            {"mode": UpdateMode.REPLACE, **condition},
        )
    return ("delete", {"PartitionKey": partition, "RowKey": operation.key}, condition)


def _cell(value: Any) -> Cell:
    from azure.data.tables import EntityProperty

    if isinstance(value, EntityProperty):
        return _cell(value.value)
    if isinstance(value, datetime):
        return _plain_time(value)
    cell: Cell = value
    return cell


def _plain_time(value: datetime) -> datetime:
    """The SDK's own kind of datetime carries its text along; rows hold plain ones."""
    return datetime.combine(value.date(), value.time(), UTC)
