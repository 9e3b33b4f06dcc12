"""What a row must satisfy before it is kept: states, required columns, references, alternate keys."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.dataverse.addressing import not_found, rows_with_key
from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.schema import Column, Option, Table
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.values import value_of

_OWNERSHIP = frozenset(("ownerid", "owninguser", "owningteam", "owningbusinessunit"))


def settle_state(table: Table, before: Row | None, after: dict[str, Value], sent: Mapping[str, Value]) -> None:
    """Make state and status agree: a state alone takes its first status, a status must belong to the state.

    Raises:
        DataverseError: 400 0x80048408 when they do not (dataverse.md 1.10).
    """
    state_column, status_column = table.columns.get("statecode"), table.columns.get("statuscode")
    if state_column is None or status_column is None:
        return
    if sent.get("statecode") is None and sent.get("statuscode") is None and before is not None:
        return
    state = after["statecode"] = sent.get("statecode", _held(before, state_column, 0))
    status = sent.get("statuscode")
    if status is None:
        kept = _held(before, status_column, None)
        status = kept if _belongs(status_column, kept, state) else _first_status(status_column, state)
    if not _belongs(status_column, status, state):
        label = state_column.option(state)
        raise error(
            "InvalidStateCodeStatusCode",
            reason=status,
            schema=table.schema_name,
            state=label.label if label else state,
            table=table.name,
            id=after[table.primary_id],
        )
    after["statuscode"] = status


def _held(before: Row | None, column: Column, otherwise: Value) -> Value:
    value = value_of(before, column) if before is not None else None
    return otherwise if value is None else value


def _belongs(column: Column, status: Value, state: Value) -> bool:
    option = column.option(status)
    return option is not None and option.state == state


def _first_status(column: Column, state: Value) -> Value:
    options: list[Option] = [option for option in column.options if option.state == state]
    return options[0].value if options else None


def check_required(table: Table, row: Row, sent: Mapping[str, Value] | None = None) -> None:
    """Refuse a null in a column that the system requires (`ApplicationRequired` binds forms only).

    Args:
        sent: on an update, the columns it sends; only these are looked at.

    Raises:
        DataverseError: 400.
    """
    for column in table.required:
        if (sent is None or column.name in sent) and value_of(row, column) is None:
            raise error("RequiredFieldMissing", column=column.name)


def check_references(context: Context, table: Table, sent: Mapping[str, Value]) -> None:
    """Check that what lookups point to exists and may be linked (Append on this table, AppendTo on the other).

    Raises:
        DataverseError: 404, 403.
    """
    for name, value in sent.items():
        if not isinstance(value, Ref):
            continue
        target = context.schema[value.table]
        row = context.store[value.table].get(value.id)
        if row is None:
            raise not_found(target, value.id)
        if name not in _OWNERSHIP:
            context.service.hooks.security.require(context, "Append", table)
            context.service.hooks.security.require(context, "AppendTo", target, row)


def check_keys(context: Context, table: Table, row: Row, before: Row | None) -> None:
    """Refuse a second row with the values of an active alternate key.

    Raises:
        DataverseError: 0x80060892, its status by switch (dataverse.md 8: unconfirmed).
    """
    for key in table.keys.values():
        if key.status != "Active":
            continue
        values = {name: row.get(name) for name in key.columns}
        if before is not None and all(before.get(name) == value for name, value in values.items()):
            continue
        if any(other[table.primary_id] != row[table.primary_id] for other in rows_with_key(context, table, values)):
            labels = ", ".join(table.columns[name].label or table.columns[name].schema_name for name in key.columns)
            status = int(context.switches.number("duplicate_key_status"))
            raise error("DuplicateRecordEntityKey", status=status, keys=labels, key=key.label or key.name)
