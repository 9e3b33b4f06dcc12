"""The arguments of actions: typed entities, references and plain values from a JSON body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.dataverse.addressing import not_found
from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.path import GUID, NAMESPACE, ResourcePath
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Row
from simulators.frame import Response, json_response

type Json = dict[str, Any]
HEADERS = (("Content-Type", "application/json; odata.metadata=minimal"), ("OData-Version", "4.0"))


def read_arguments(context: Context, action: str, known: Mapping[str, type | tuple[type, ...]], required: str) -> Json:
    """Return the arguments of an action.

    Args:
        context: the request.
        action: its name, for error texts.
        known: parameter name to its JSON type.
        required: names that must be there, parted by blanks.

    Raises:
        DataverseError: 400 for no JSON object, an unknown, missing or mistyped parameter.
    """
    try:
        body = context.request.json() if context.request.body.strip() else {}
    except ValueError:
        raise error("PayloadError", set="", inner="Invalid JSON. The JSON text could not be read.") from None
    if not isinstance(body, dict):
        raise error("PayloadError", set="", inner="A JSON object was expected.")
    found = {name: value for name, value in body.items() if not name.startswith("@")}
    for name, value in found.items():
        if name not in known:
            raise error(
                "BadRequest",
                message=f"The parameter '{name[:100]}' in the request payload is not a valid parameter for the "
                f"operation '{action}'.",
            )
        if value is not None and (not isinstance(value, known[name]) or _false_number(value, known[name])):
            raise error("PayloadError", set="", inner=f"Cannot convert the value of parameter '{name}'.")
    for name in required.split():
        if found.get(name) is None:
            raise error("InvalidArgument", message=f"Required parameter '{name}' of {action} is missing.")
    return found


def _false_number(value: object, expected: type | tuple[type, ...]) -> bool:
    """JSON true is no number, although Python says so."""
    return isinstance(value, bool) and expected is not bool and expected != (bool,)


def table_of(context: Context, argument: Json, name: str, allowed: frozenset[str] | None = None) -> Table:
    """The table that a typed argument belongs to, by `@odata.type` or else by its primary key."""
    declared = str(argument.get("@odata.type", "")).lstrip("#").removeprefix(NAMESPACE)
    candidates = [context.schema[table] for table in allowed or () if context.schema[table].primary_id in argument]
    table = context.schema.get(declared) or (candidates[0] if len(candidates) == 1 and not declared else None)
    if table is None or (allowed is not None and table.name not in allowed):
        raise error("BadRequest", message=f"The type '{declared[:100]}' of parameter '{name}' is not valid here.")
    return table


def row_of(context: Context, table: Table, argument: Json, name: str) -> Row:
    """The row that a typed argument refers to. Raises 404 when there is none."""
    row_id = argument.get(table.primary_id)
    if not isinstance(row_id, str) or not GUID.fullmatch(row_id):
        raise error("InvalidArgument", message=f"The parameter '{name}' must hold '{table.primary_id}'.")
    row = context.store[table.name].get(row_id.lower())
    if row is None:
        raise not_found(table, row_id.lower())
    return row


def bound_row(context: Context, path: ResourcePath, entity_set: str) -> tuple[Table, Row]:
    """The row an action is bound to: `leads(guid)/Microsoft.Dynamics.CRM.X`."""
    table = context.schema.by_set(entity_set)
    if table is None or path.first.name != entity_set or len(path.segments) != 2 or path.first.guid is None:
        raise error("SegmentNotFound", segment=path.last.name)
    row = context.store[table.name].get(path.first.guid)
    if row is None:
        raise not_found(table, path.first.guid)
    return table, row


def answer(context: Context, type_name: str, body: Json) -> Response:
    """A complex answer with its context."""
    return json_response(200, {"@odata.context": context.url(f"$metadata#{type_name}")} | body, HEADERS)


def done() -> Response:
    return Response(204, [("OData-Version", "4.0")])


def refused(code: str, message: str, name: str, status: int = 400) -> DataverseError:
    """A refusal that only one action knows."""
    return DataverseError(status, code, message, name=name)
