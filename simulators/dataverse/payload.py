"""The JSON body of a create or update, read against the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from simulators.dataverse.addressing import resolve
from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.schema import Column, Kind, Navigation, Table
from simulators.dataverse.store import Ref, Value
from simulators.dataverse.values import TypeMismatchError, payload_error, read_value

_BIND = "@odata.bind"
_SKIP_UNTYPED = "---> Microsoft.OData.ODataException: Does not support untyped value in non-open type."


@dataclass(slots=True)
class Payload:
    """What a body asks for.

    Attributes:
        values: columns with their new values; None clears.
        parents: single-valued navigation with a new row to make first (deep insert).
        children: collection-valued navigation with rows to make afterwards.
        links: collection-valued navigation with existing rows to associate afterwards.
        parties: rows for a partylist collection, which `hooks.collections` writes.
    """

    values: dict[str, Value] = field(default_factory=dict)
    parents: list[tuple[Navigation, Mapping[str, Any]]] = field(default_factory=list)
    children: list[tuple[Navigation, list[Mapping[str, Any]]]] = field(default_factory=list)
    links: list[tuple[Navigation, list[Ref]]] = field(default_factory=list)
    parties: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)


def read_body(context: Context, table: Table) -> Mapping[str, Any]:
    """Return the body as a JSON object.

    Raises:
        DataverseError: 400 for no body, no JSON, or another JSON value.
    """
    body = context.request.body
    if not body.strip():
        raise payload_error(table, "System.ArgumentException: Stream was not readable.")
    try:
        parsed = context.request.json()
    except ValueError:
        text = "Invalid JSON. The JSON text could not be read."
        raise payload_error(table, f"Microsoft.OData.ODataException: {text}") from None
    if not isinstance(parsed, dict):
        text = "An unexpected 'StartArray' node was found when reading from the JSON reader."
        raise payload_error(table, f"Microsoft.OData.ODataException: {text} A 'StartObject' node was expected.")
    return parsed


def read_payload(context: Context, table: Table, body: Mapping[str, Any], op: Literal["create", "update"]) -> Payload:
    """Read a JSON object against the table.

    Raises:
        DataverseError: unknown or mistyped properties, values out of bounds, references to nothing.
    """
    payload = Payload()
    for name, raw in body.items():
        property_name, at, annotation = name.partition("@")
        if not at:
            _read_property(context, table, payload, (name, raw), op)
        elif name.endswith(_BIND) and name != _BIND:
            _read_bind(context, table, payload, name.removesuffix(_BIND), raw)
        else:
            _check_annotation(context, table, body, property_name, annotation)
    return payload


def _check_annotation(
    context: Context, table: Table, body: Mapping[str, Any], property_name: str, annotation: str
) -> None:
    if "." not in annotation.strip("."):
        raise payload_error(
            table,
            f"System.ArgumentException: '{annotation}' is an invalid instance annotation name. An instance annotation "
            "name must contain a period that is not at the start or end of the name.",
        )
    if property_name and property_name not in body and property_name not in table.by_wire_name:
        raise undeclared(context, table, property_name)


def undeclared(context: Context, table: Table, name: str) -> DataverseError:
    """Return the error for a navigation property that the table has not (its name matters to the letter)."""
    refusal = error("UndeclaredProperty", name=name)
    if context.switches.word("undeclared_property_code") == "0x0":
        return refusal
    inner = refusal.message.removeprefix("An error occurred while validating input parameters: ")
    return payload_error(table, inner)


def _read_property(
    context: Context, table: Table, payload: Payload, item: tuple[str, Any], op: Literal["create", "update"]
) -> None:
    name, raw = item
    if name in context.service.hooks.collections:
        payload.parties[name] = _rows_of(table, name, raw)
        return
    navigation = table.navigation.get(name)
    column = table.by_wire_name.get(name)
    if navigation is not None and (column is None or column.is_lookup or isinstance(raw, (dict, list))):
        _read_navigation(table, payload, navigation, raw)
        return
    if column is None or column.kind is Kind.PARTYLIST:
        raise _invalid_property(context, table, name)
    if column.is_lookup:
        if _ignored(context, table, column, op):
            return
        raise payload_error(
            table,
            "Microsoft.Crm.CrmException: CRM do not support direct update of Entity Reference properties, Use "
            "Navigation properties instead.",
        )
    if _ignored(context, table, column, op):
        return
    try:
        payload.values[column.name] = read_value(table, column, raw)
    except TypeMismatchError as mismatch:
        raise payload_error(table, f"Microsoft.OData.ODataException: {mismatch}") from None


def _ignored(context: Context, table: Table, column: Column, op: Literal["create", "update"]) -> bool:
    """Say whether a column that is not valid for this operation is passed over (a switch: or refused)."""
    if column.create if op == "create" else column.update:
        return False
    if context.switches.word("invalid_for_write") == "ignore":
        return True
    raise error(
        "InvalidArgument",
        message=f"The property '{column.name}' of '{table.name}' is not valid for {op}.",
    )


def _invalid_property(context: Context, table: Table, name: str) -> DataverseError:
    text = f"Microsoft.Crm.CrmException: Invalid property '{name}' was found in entity "
    text += f"'Microsoft.Dynamics.CRM.{table.name}'. {_SKIP_UNTYPED}"
    if context.switches.word("undeclared_property_code") == "0x0":
        message = f"An error occurred while validating input parameters: {text}"
        return DataverseError(400, "0x0", message, name="InvalidProperty")
    return payload_error(table, text)


def _read_navigation(table: Table, payload: Payload, navigation: Navigation, raw: Any) -> None:
    if navigation.collection:
        rows = _rows_of(table, navigation.name, raw)
        payload.children.append((navigation, rows))
    elif raw is None:
        payload.values[navigation.column] = None
    elif isinstance(raw, dict):
        payload.parents.append((navigation, raw))
    else:
        raise payload_error(
            table,
            "Microsoft.OData.ODataException: An unexpected 'PrimitiveValue' node was found for property named "
            f"'{navigation.name}' when reading from the JSON reader. A 'StartObject' node was expected.",
        )


def _rows_of(table: Table, name: str, raw: Any) -> list[Mapping[str, Any]]:
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise payload_error(
            table,
            f"Microsoft.OData.ODataException: An unexpected node was found for property named '{name}' when reading "
            "from the JSON reader. A 'StartArray' node was expected.",
        )
    return list(raw)


def _read_bind(context: Context, table: Table, payload: Payload, name: str, raw: Any) -> None:
    navigation = table.navigation.get(name)
    if navigation is None:
        raise undeclared(context, table, name)
    if navigation.collection:
        references = raw if isinstance(raw, list) else [raw]
        allowed = frozenset((navigation.table,))
        payload.links.append((navigation, [resolve(context, _text(table, name, each), allowed) for each in references]))
        return
    if raw is None:
        payload.values[navigation.column] = None
        return
    targets = table.columns[navigation.column].targets
    allowed = frozenset(target for target, property_name in targets.items() if property_name == name)
    payload.values[navigation.column] = resolve(context, _text(table, name, raw), allowed)


def _text(table: Table, name: str, raw: Any) -> str:
    if not isinstance(raw, str):
        raise payload_error(
            table,
            f"Microsoft.OData.ODataException: The value of the annotation '{_BIND}' of '{name}' is not a string.",
        )
    return raw
