"""``Merge``: one of two rows goes inactive, what referred to it refers to the other (dataverse.md 1.4, 1.5)."""

from __future__ import annotations

from simulators.dataverse.actions.arguments import done, read_arguments, refused, row_of, table_of
from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.payload import Payload, read_payload
from simulators.dataverse.schema import Column, Table
from simulators.dataverse.security.guard import require_privilege
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.writing import update_row
from simulators.frame import Response

MERGEABLE = frozenset(("account", "contact", "lead"))
_KNOWN = {"Target": dict, "Subordinate": dict, "UpdateContent": dict, "PerformParentingChecks": bool}
_KEEPS = frozenset(("masterid", "createdby", "modifiedby", "createdonbehalfby", "modifiedonbehalfby"))


def merge(context: Context, path: ResourcePath) -> Response:
    """Answer ``POST Merge``."""
    if len(path.segments) != 1:
        raise error("SegmentNotFound", segment=path.last.name)
    arguments = read_arguments(context, "Merge", _KNOWN, "Target Subordinate PerformParentingChecks")
    require_privilege(context, "prvMerge")
    table = table_of(context, arguments["Target"], "Target", MERGEABLE)
    if table_of(context, arguments["Subordinate"], "Subordinate", MERGEABLE) is not table:
        raise refused("0x80040203", "Target and Subordinate must be of the same entity.", "InvalidArgument")
    winner = row_of(context, table, arguments["Target"], "Target")
    loser = row_of(context, table, arguments["Subordinate"], "Subordinate")
    _check(table, winner, loser)
    _repoint(context, table, winner, loser)
    content = dict(arguments.get("UpdateContent") or {})
    content.pop(table.primary_id, None)
    payload = read_payload(context, table, content, "update")
    update_row(context, table, _now(context, table, winner), payload, message="Merge")
    values: dict[str, Value] = {
        "statecode": 1,
        "merged": True,
        "masterid": Ref(table.name, str(winner[table.primary_id])),
    }
    update_row(context, table, _now(context, table, loser), Payload(values=values), message="Merge")
    return done()


def _check(table: Table, winner: Row, loser: Row) -> None:
    if winner[table.primary_id] == loser[table.primary_id]:
        raise refused("0x80045305", "A record cannot be merged with itself.", "MergeEntitiesIdenticalError")
    if winner.get("statecode", 0) != 0 or loser.get("statecode", 0) != 0:
        raise refused("0x80045304", "Merge is not allowed: both records must be active.", "MergeEntityNotActiveError")


def _now(context: Context, table: Table, row: Row) -> Row:
    """The row as it is after the references have moved."""
    return context.store[table.name].get(str(row[table.primary_id])) or row


def _repoint(context: Context, table: Table, winner: Row, loser: Row) -> None:
    loser_id, target = str(loser[table.primary_id]), Ref(table.name, str(winner[table.primary_id]))
    for owner in context.schema.tables.values():
        for column in owner.columns.values():
            if table.name in column.targets and column.name not in _KEEPS:
                _repoint_column(context, owner, column, loser_id, target)


def _repoint_column(context: Context, owner: Table, column: Column, loser_id: str, target: Ref) -> None:
    for row in context.store[owner.name].find(column.name, Ref(target.table, loser_id)):
        present = context.store[owner.name].get(str(row[owner.primary_id])) or row
        if present.get(column.name) == target or owner.name == "activitypointer":
            continue
        if present[owner.primary_id] == target.id:
            continue
        update_row(context, owner, present, Payload(values={column.name: target}), message="Merge")
