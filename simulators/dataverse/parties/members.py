"""The parties of an activity: who sent it, who got it, who was there (dataverse.md 2 "Activity parties").

They are written through the activity, in the collection `<activity>_activity_parties`, and read there or as
`activityparties`. A row for the owner and one for what the activity regards are kept by the system.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.dataverse.computed import new_row
from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError
from simulators.dataverse.hooks import WriteEvent
from simulators.dataverse.payload import Payload, read_payload
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.writing import log_write

SENDER, TO, CC, BCC, REQUIRED, OPTIONAL, ORGANIZER, REGARDING, OWNER = range(1, 10)
PARTY = "activityparty"
_ADDRESS = {"systemuser": "internalemailaddress", "team": "", "opportunity": ""}


def collection_name(table: str) -> str:
    """The navigation property that holds the parties of an activity table."""
    return f"{table}_activity_parties"


class PartyCollections(dict[str, Any]):
    """The entries of `hooks.collections` for every activity table, also one that is declared later."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        super().__init__()
        self._tables = tables

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str) or not name.endswith("_activity_parties"):
            return False
        table = self._tables.get(name.removesuffix("_activity_parties"))
        return table is not None and table.activity

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return write_parties


def write_parties(context: Context, table: Table, activity_id: str, items: list[Mapping[str, Any]]) -> None:
    """Write the parties a body holds; on an update they replace those of the same masks.

    Raises:
        DataverseError: 400 for a party without mask, an unknown mask, or two senders of one e-mail.
    """
    party = context.schema[PARTY]
    payloads = [read_payload(context, party, item, "create") for item in items]
    masks = set()
    for payload in payloads:
        mask = payload.values.get("participationtypemask")
        if mask is None:
            raise DataverseError(
                400, "0x80040b06", "An activity party must have a participation type mask.", name="NoParticipationMask"
            )
        masks.add(mask)
    senders = [payload for payload in payloads if payload.values.get("participationtypemask") == SENDER]
    if table.name == "email" and len(senders) > 1:
        raise DataverseError(400, "0x80040316", "There should be only one sender party.", name="ExtraPartyInformation")
    for row in parties_of(context, activity_id):
        if row.get("participationtypemask") in masks:
            _drop(context, row)
    for payload in payloads:
        _write_party(context, table, activity_id, payload)
    _refresh_texts(context, table, activity_id)


def parties_of(context: Context, activity_id: str) -> list[Row]:
    """The party rows of an activity, in the order in which they were written."""
    found = context.store[PARTY].find("activityid", activity_id)
    return sorted(found, key=lambda row: int(str(row["versionnumber"])))


def _write_party(context: Context, table: Table, activity_id: str, payload: Payload) -> None:
    values = payload.values
    who = values.get("partyid")
    values["activityid"] = Ref(table.name, activity_id)
    values["ispartydeleted"] = bool(values.get("ispartydeleted"))
    if isinstance(who, Ref):
        values["partyobjecttypecode"] = who.table
        if values.get("addressused") is None:
            values["addressused"] = address_of(context, who)
        if context.switches.on("parties_need_append_to"):
            target = context.schema[who.table]
            context.service.hooks.security.require(context, "AppendTo", target, context.store[who.table].get(who.id))
    row = new_row(context, context.schema[PARTY], values)
    context.store.put(PARTY, row)
    _log(context, WriteEvent("create", context.schema[PARTY], str(row["activitypartyid"]), None, row, values, "Party"))


def _drop(context: Context, row: Row) -> None:
    party_id = str(row["activitypartyid"])
    context.store.delete(PARTY, party_id)
    _log(context, WriteEvent("delete", context.schema[PARTY], party_id, row, None, {}, "Party"))


def _log(context: Context, event: WriteEvent) -> None:
    """Parties are part of their activity: no listener hears of them, the write log shows them."""
    if not context.silent:
        context.store.on_commit(lambda: log_write(context, event))


def address_of(context: Context, who: Ref) -> str | None:
    """The e-mail address that the system uses for a party."""
    row = context.store[who.table].get(who.id)
    column = _ADDRESS.get(who.table, "emailaddress1")
    return str(row[column]) if row is not None and column and row.get(column) else None


def _refresh_texts(context: Context, table: Table, activity_id: str) -> None:
    """An e-mail shows its sender and receivers as texts too."""
    row = context.store[table.name].get(activity_id)
    if table.name != "email" or row is None:
        return
    by_mask: dict[object, list[str]] = {}
    for party in parties_of(context, activity_id):
        address = party.get("addressused")
        if address:
            by_mask.setdefault(party.get("participationtypemask"), []).append(str(address))
    texts: dict[str, Value] = {
        "sender": next(iter(by_mask.get(SENDER, ())), None),
        "torecipients": "".join(f"{address};" for address in by_mask.get(TO, [])) or None,
    }
    if any(row.get(name) != value for name, value in texts.items()):
        context.store.put(table.name, {**row, **texts})


def keep_system_parties(context: Context, event: WriteEvent) -> None:
    """After a write of an activity: its owner and what it regards are parties too."""
    if not event.table.activity or event.table.name == "activitypointer" or event.after is None:
        return
    if not context.switches.on("parties_of_owner_and_regarding"):
        return
    for column, mask in (("ownerid", OWNER), ("regardingobjectid", REGARDING)):
        wanted = event.after.get(column)
        if event.before is not None and event.before.get(column) == wanted:
            continue
        _replace_party(context, event, mask, wanted)


def _replace_party(context: Context, event: WriteEvent, mask: int, wanted: Value) -> None:
    """What the system keeps is neither checked nor logged: it follows from the activity."""
    party = context.schema[PARTY]
    for row in parties_of(context, event.id):
        if row.get("participationtypemask") == mask:
            context.store.delete(PARTY, str(row["activitypartyid"]))
    if isinstance(wanted, Ref) and wanted.table in party.columns["partyid"].targets:
        values: dict[str, Value] = {"partyid": wanted, "participationtypemask": mask, "ispartydeleted": False}
        values |= {"activityid": Ref(event.table.name, event.id), "partyobjecttypecode": wanted.table}
        context.store.put(PARTY, new_row(context, party, values))


def refuse_direct_writes(context: Context, event: WriteEvent) -> None:
    """Parties are written through their activity only; when that goes, they go with it."""
    if event.table.name != PARTY or event.message not in {"Create", "Update", "Delete"}:
        return
    activity = (event.before or {}).get("activityid")
    if event.op == "delete" and isinstance(activity, Ref):
        tables = (activity.table, "activitypointer")
        if any(context.store[table].get(activity.id) is None for table in tables):
            return
    raise DataverseError(
        405,
        "0x80040800",
        f"The '{event.message}' method does not support entities of type 'activityparty'. MessageProcessorCache "
        "returned MessageProcessor.Empty. ",
        name="NotSupported",
    )


def mark_deleted(context: Context, event: WriteEvent) -> None:
    """Before a party loses the row it stood for: it says so."""
    del context
    if event.table.name == PARTY and event.message == "RemoveLink" and isinstance(event.after, dict):
        event.after["ispartydeleted"] = True
