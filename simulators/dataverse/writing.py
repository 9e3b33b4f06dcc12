"""Writing rows: the one way in, so that rules, computed columns, listeners and the write log always apply.

    create_row(context, table, payload)            -> the new row
    update_row(context, table, row, payload)       -> the row as it is now
    delete_row(context, table, row)

All three run inside the caller's transaction. A `Payload` with only `values` is the way for actions to write columns
that a request may not (`Payload(values={"statecode": 1, "statuscode": 3})`).
"""

from __future__ import annotations

from simulators.dataverse import computed
from simulators.dataverse.addressing import not_found
from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.hooks import Op, WriteEvent
from simulators.dataverse.payload import Payload, read_payload
from simulators.dataverse.schema import Column, Table
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.values import value_of
from simulators.dataverse.writerules import check_keys, check_references, check_required, settle_state

_SILENT = frozenset(("modifiedon", "modifiedby", "modifiedonbehalfby", "versionnumber"))


def create_row(context: Context, table: Table, payload: Payload, *, message: str = "Create") -> Row:
    """Make a row, with the rows of a deep insert.

    Raises:
        DataverseError: a rule, a right or a listener refuses; the caller's transaction undoes what was begun.
    """
    security = context.service.hooks.security
    security.require(context, "Create", table)
    security.check_columns(context, "create", table, payload.values, None)
    _make_parents(context, payload)
    row = computed.new_row(context, table, payload.values)
    row_id = str(row[table.primary_id])
    if context.store[table.name].get(row_id) is not None:
        raise error("DuplicateRecord")
    settle_state(table, None, row, payload.values)
    check_required(table, row)
    check_references(context, table, payload.values)
    computed.refresh(context, table, row)
    event = WriteEvent("create", table, row_id, None, row, payload.values, message)
    _notify_before(context, event)
    check_keys(context, table, row, None)
    written = context.store.put(table.name, row)
    _finish(context, event)
    _make_children(context, table, row_id, payload)
    return written


def update_row(context: Context, table: Table, row: Row, payload: Payload, *, message: str = "Update") -> Row:
    """Change a row. Every sent column counts as changed, also when its value is the same (dataverse.md 1.5).

    Raises:
        DataverseError: as `create_row`.
    """
    security = context.service.hooks.security
    security.require(context, "Write", table, row)
    security.check_columns(context, "update", table, payload.values, row)
    if "ownerid" in payload.values and payload.values["ownerid"] != row.get("ownerid"):
        security.require(context, "Assign", table, row)
    _make_parents(context, payload)
    row_id = str(row[table.primary_id])
    after = computed.changed_row(context, table, row, payload.values)
    settle_state(table, row, after, payload.values)
    _refuse_inactive(context, table, row, payload)
    check_required(table, after, payload.values)
    check_references(context, table, payload.values)
    computed.refresh(context, table, after)
    event = WriteEvent("update", table, row_id, row, after, payload.values, message)
    _notify_before(context, event)
    check_keys(context, table, after, row)
    written = context.store.put(table.name, after)
    _finish(context, event)
    _make_children(context, table, row_id, payload)
    return written


def delete_row(context: Context, table: Table, row: Row, *, message: str = "Delete") -> None:
    """Remove a row; rows that refer to it are removed, unlinked or forbid it, by relationship.

    Raises:
        DataverseError: 405 0x80040227 when a row forbids it, else as `create_row`.
    """
    context.service.hooks.security.require(context, "Delete", table, row)
    row_id = str(row[table.primary_id])
    if context.store[table.name].get(row_id) is None:
        return
    event = WriteEvent("delete", table, row_id, row, None, {}, message)
    _notify_before(context, event)
    references = list(_references_to(context, table, row_id))
    if any(column.on_delete == "Restrict" for _, column, _ in references):
        raise error("CannotDeleteDueToAssociation", table=table.name, id=row_id)
    context.store.delete(table.name, row_id)
    for owner, column, other in references:
        _cascade(context, owner, column, other)
    _finish(context, event)


def set_link(context: Context, table: Table, row: Row, column: str, target: Ref | None) -> Row:
    """Set or clear one lookup, as `$ref` requests do."""
    return update_row(context, table, row, Payload(values={column: target}))


def _references_to(context: Context, table: Table, row_id: str) -> list[tuple[Table, Column, Row]]:
    found = []
    for owner in context.schema.tables.values():
        for column in owner.columns.values():
            if table.name in column.targets:
                rows = context.store[owner.name].find(column.name, Ref(table.name, row_id))
                found += [(owner, column, row) for row in rows]
    return found


def _cascade(context: Context, owner: Table, column: Column, row: Row) -> None:
    present = context.store[owner.name].get(str(row[owner.primary_id]))
    if present is None:
        return
    if column.on_delete == "Cascade":
        delete_row(context, owner, present)
    elif column.update or column.create:
        update_row(context, owner, present, Payload(values={column.name: None}), message="RemoveLink")


def _make_parents(context: Context, payload: Payload) -> None:
    for navigation, body in payload.parents:
        parent = context.schema[navigation.table]
        made = create_row(context, parent, read_payload(context, parent, body, "create"))
        payload.values[navigation.column] = Ref(parent.name, str(made[parent.primary_id]))
    payload.parents = []


def _make_children(context: Context, table: Table, row_id: str, payload: Payload) -> None:
    for navigation, bodies in payload.children:
        child = context.schema[navigation.table]
        for body in bodies:
            nested = read_payload(context, child, body, "create")
            if not navigation.intersect:
                nested.values[navigation.column] = Ref(table.name, row_id)
            made = create_row(context, child, nested)
            if navigation.intersect:
                associate(context, table, row_id, navigation.name, Ref(child.name, str(made[child.primary_id])))
    for navigation, references in payload.links:
        for reference in references:
            associate(context, table, row_id, navigation.name, reference)
    for name, items in payload.parties.items():
        context.service.hooks.collections[name](context, table, row_id, items)


def associate(context: Context, table: Table, row_id: str, navigation_name: str, target: Ref) -> None:
    """Link a row to another through a collection-valued navigation property.

    Raises:
        DataverseError: 404 when the other row does not exist, else as `update_row`.
    """
    navigation = table.navigation[navigation_name]
    other = context.schema[target.table]
    row = context.store[other.name].get(target.id)
    if row is None:
        raise not_found(other, target.id)
    if not navigation.intersect:
        update_row(context, other, row, Payload(values={navigation.column: Ref(table.name, row_id)}))
        return
    if linked(context, table, row_id, navigation_name, target.id) is None:
        intersect = context.schema[navigation.intersect]
        values: dict[str, Value] = {navigation.near: row_id, navigation.far: target.id}
        create_row(context, intersect, Payload(values=values), message="Associate")


def dissociate(context: Context, table: Table, row_id: str, navigation_name: str, target_id: str) -> None:
    """Undo `associate`. Does nothing where there is no link."""
    navigation = table.navigation[navigation_name]
    if navigation.intersect:
        link = linked(context, table, row_id, navigation_name, target_id)
        if link is not None:
            delete_row(context, context.schema[navigation.intersect], link, message="Disassociate")
        return
    other = context.schema[navigation.table]
    row = context.store[other.name].get(target_id)
    if row is not None and row.get(navigation.column) == Ref(table.name, row_id):
        update_row(context, other, row, Payload(values={navigation.column: None}))


def linked(context: Context, table: Table, row_id: str, navigation_name: str, target_id: str) -> Row | None:
    """Return the row of the intersect table that links the two, or None."""
    navigation = table.navigation[navigation_name]
    rows = context.store[navigation.intersect].find(navigation.near, row_id)
    return next((row for row in rows if row.get(navigation.far) == target_id), None)


def _refuse_inactive(context: Context, table: Table, row: Row, payload: Payload) -> None:
    """Refuse to change an inactive row, where the switch says so (dataverse.md 1.10: unconfirmed)."""
    if not context.switches.on("inactive_rows_refuse_updates") or "statecode" in payload.values:
        return
    column = table.columns.get("statecode")
    if column is not None and value_of(row, column) not in (0, None):
        raise error("RecordInactive", id=row[table.primary_id], table=table.name)


def _notify_before(context: Context, event: WriteEvent) -> None:
    if context.silent:
        return
    for listener in context.service.hooks.before_write:
        listener(context, event)


def _finish(context: Context, event: WriteEvent) -> None:
    context.cost.rows_written += 1
    if context.silent:
        return
    for listener in context.service.hooks.after_write:
        listener(context, event)
    context.store.on_commit(lambda: _commit(context, event))


def _commit(context: Context, event: WriteEvent) -> None:
    log_write(context, event)
    for listener in context.service.hooks.after_commit:
        listener(context, event)


def log_write(context: Context, event: WriteEvent) -> None:
    """Note a write in the write log: who, what, and the columns with their old and new values."""
    context.service.writes.add(
        at=context.service.clock.time(),
        who=context.caller.name or context.caller.user_id,
        op=event.op,
        kind=event.table.name,
        record_id=event.id,
        changed=_differences(event.before or {}, event.after or {}, event.op),
    )


def _differences(before: Row, after: Row, op: Op) -> dict[str, list[object]]:
    if op == "delete":
        return {}
    names = [name for name in {**before, **after} if name not in _SILENT and before.get(name) != after.get(name)]
    return {name: [_plain(before.get(name)), _plain(after.get(name))] for name in sorted(names)}


def _plain(value: Value) -> object:
    return value.id if isinstance(value, Ref) else value
