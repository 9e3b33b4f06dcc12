"""The rows of ``sdkmessages`` and ``sdkmessagefilters``: which message which table supports (dataverse.md 1.8, 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.dataverse.metadata.labels import metadata_id
from simulators.dataverse.store import Ref, Value

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

MESSAGES = ("Create", "Update", "Delete", "Retrieve", "RetrieveMultiple", "Associate", "Disassociate", "Upsert")
BULK = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
SPECIAL = {
    "lead": ("QualifyLead", "Merge"),
    "opportunity": ("Win", "Lose"),
    "account": ("Merge",),
    "contact": ("Merge",),
    "email": ("Send",),
}


def message_id(name: str) -> str:
    """The id of the row of a message."""
    return metadata_id("sdkmessage", name)


def filter_id(table: str, message: str) -> str:
    """The id of the row that says the table supports the message."""
    return metadata_id("sdkmessagefilter", table, message)


def messages_of(service: DataverseSystem, table: str) -> tuple[str, ...]:
    """All messages a table supports."""
    declared = service.schema[table]
    return (*MESSAGES, *(BULK if declared.bulk else ()), *SPECIAL.get(table, ()))


def seed_messages(service: DataverseSystem) -> None:
    """Write the rows; without history, as they were there before anyone came."""
    names = dict.fromkeys((*MESSAGES, *BULK, *(name for each in SPECIAL.values() for name in each)))
    for name in names:
        _put(service, "sdkmessage", {"sdkmessageid": message_id(name), "name": name, "isprivate": False})
    for table in service.schema.tables:
        add_filters(service, table)


def add_filters(service: DataverseSystem, table: str) -> None:
    """Write the rows of one table; call it for a table that came later."""
    for name in messages_of(service, table):
        row: dict[str, Value] = {
            "sdkmessagefilterid": filter_id(table, name),
            "sdkmessageid": Ref("sdkmessage", message_id(name)),
            "primaryobjecttypecode": table,
            "secondaryobjecttypecode": "none",
            "iscustomprocessingstepallowed": True,
        }
        _put(service, "sdkmessagefilter", row)


def _put(service: DataverseSystem, table: str, row: dict[str, Value]) -> None:
    service.store.put(table, row)
