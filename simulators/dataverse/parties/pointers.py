"""``activitypointers``: all activities in one table, with the columns they share (dataverse.md 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError
from simulators.dataverse.hooks import WriteEvent
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Row, Value
from simulators.dataverse.writing import delete_row

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

POINTER = "activitypointer"


def mirror(context: Context, event: WriteEvent) -> None:
    """After a write of an activity: its row in `activitypointer` follows."""
    if not event.table.activity or event.table.name == POINTER:
        return
    pointers = context.store[POINTER]
    if event.after is None:
        if pointers.get(event.id) is not None:
            context.store.delete(POINTER, event.id)
        return
    _put(context.service, event.table, event.after)


def _put(service: DataverseSystem, table: Table, activity: Row) -> None:
    columns = service.schema[POINTER].columns
    row: dict[str, Value] = {name: value for name, value in activity.items() if name in columns}
    row["activitytypecode"] = table.name
    service.store.put(POINTER, row)


def mirror_all(service: DataverseSystem) -> None:
    """Give every activity that has none its row in `activitypointer`."""
    known = service.store[POINTER]
    for table in service.schema.tables.values():
        if table.activity and table.name != POINTER:
            for row in service.store[table.name].rows():
                if known.get(str(row["activityid"])) is None:
                    _put(service, table, row)


def follow_deletion(context: Context, event: WriteEvent) -> None:
    """After the deletion of a pointer: the activity behind it goes."""
    if event.table.name != POINTER or event.op != "delete" or event.before is None:
        return
    table = context.schema.get(str(event.before.get("activitytypecode")))
    row = context.store[table.name].get(event.id) if table is not None else None
    if table is not None and row is not None:
        delete_row(context, table, row)


def refuse_direct_writes(context: Context, event: WriteEvent) -> None:
    """An activity is created and changed as what it is, never as a pointer."""
    del context
    if event.table.name == POINTER and event.op in {"create", "update"}:
        raise DataverseError(
            405,
            "0x80040800",
            f"The '{event.op.capitalize()}' method does not support entities of type 'activitypointer'. "
            "MessageProcessorCache returned MessageProcessor.Empty. ",
            name="NotSupported",
        )
