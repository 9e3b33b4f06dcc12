"""The plain view of everything the organisation holds, for tests and demos."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from simulators.dataverse.schema import Kind, Table
from simulators.dataverse.store import Ref, Row
from simulators.frame import ControlError

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

_MOST = 10_000


def describe(service: DataverseSystem, query: dict[str, str]) -> dict[str, Any]:
    """Return the tables with their counts, or with `table` a page of its rows.

    Args:
        query: `table`, `after` (an id), `limit` (up to 10,000), `id` for one row, `deleted=true` for the deletion log.

    Raises:
        ControlError: an unknown table, or a limit that is none.
    """
    name = query.get("table")
    if name is None:
        return _overview(service)
    table = service.schema.get(name)
    if table is None:
        raise ControlError(f"there is no table {name!r}")
    rows = service.store[name]
    if query.get("deleted") == "true":
        return {"table": name, "deleted": [{"version": version, "id": each} for version, each in rows.deletions]}
    if "id" in query:
        row = rows.get(query["id"].lower())
        return {"table": name, "row": None if row is None else plain(table, row)}
    limit = int(query.get("limit", "1000"))
    if not 0 < limit <= _MOST:
        raise ControlError(f"limit is a number from 1 to {_MOST}")
    found = [plain(table, row) for row in islice(rows.rows(query.get("after")), limit)]
    following = found[-1][table.primary_id] if len(found) == limit else None
    return {"table": name, "count": len(rows), "rows": found, "next": following}


def plain(table: Table, row: Row) -> dict[str, Any]:
    """Return a row as plain JSON: columns that hold something, lookups as `{"table": ..., "id": ...}`."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        column = table.columns.get(name)
        if value is None or (column is not None and column.kind is Kind.PARTYLIST):
            continue
        shown[name] = {"table": value.table, "id": value.id} if isinstance(value, Ref) else value
    return shown


def _overview(service: DataverseSystem) -> dict[str, Any]:
    counts = {name: len(rows) for name, rows in service.store.tables.items() if len(rows)}
    users = [
        {
            "systemuserid": row["systemuserid"],
            "fullname": row.get("fullname"),
            "applicationid": row.get("applicationid"),
            "azureactivedirectoryobjectid": row.get("azureactivedirectoryobjectid"),
        }
        for row in islice(service.store["systemuser"].rows(), 200)
    ]
    return {
        "version": service.store.version,
        "metadata_version": service.schema.version,
        "tables": counts,
        "users": users,
        "writes": len(service.writes),
    }
