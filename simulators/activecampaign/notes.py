"""/notes and /deals/{id}/notes. Source: activecampaign.md 2.11; what a note bumps: 2.5."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.call import Call, created, deleted, echo, ok
from simulators.activecampaign.contacts.rows import links, written_row
from simulators.activecampaign.deals import deal_block, deal_of
from simulators.activecampaign.errors import FORBIDDEN, invalid, missing, no_result
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import with_offset
from simulators.activecampaign.values import as_id, as_text
from simulators.frame.http import Response

OWNERS = {
    "Subscriber": "contact",
    "Deal": "deal",
    "Activity": "activity",
    "DealTask": "dealTask",
    "CustomerAccount": "customerAccount",
}


def note_row(tenant: Tenant, note: Row) -> dict[str, Any]:
    """A note."""
    return {
        "note": note["note"],
        "cdate": with_offset(note["created"]),
        "mdate": with_offset(note["updated"]),
        "reltype": note["reltype"],
        "relid": str(note["relid"]),
        "userid": str(note["user"]),
        "links": links(tenant, "notes", note["id"], "activities", "user", "mentions", "notes", "owner"),
        "owner": {"type": OWNERS[note["reltype"]], "id": str(note["relid"])},
        "is_draft": "",
        "id": str(note["id"]),
        "user": str(note["user"]),
    }


def add_note(call: Call, sent: dict[str, Any]) -> Row:
    """A note on a contact, deal, account and so on. Raises 422."""
    tenant = call.tenant
    text, kind = as_text(sent.get("note"), "note"), as_text(sent.get("reltype"), "reltype")
    if not text:
        raise missing("The note was not provided.", "note")
    if kind not in OWNERS:
        raise invalid("The reltype is not valid.", code="field_invalid", pointer="reltype")
    relid = as_id(sent.get("relid"))
    if relid is None or not _exists(tenant, kind, relid):
        raise invalid("The related record does not exist.", code="related_missing", pointer="relid")
    note = tenant.notes.add(
        {
            "note": text,
            "reltype": kind,
            "relid": relid,
            "user": call.user["id"],
            "created": call.now,
            "updated": call.now,
        }
    )
    tenant.log(call.actor, "create", "note", note["id"], {"reltype": [None, kind], "relid": [None, relid]})
    _after(call, note)
    return note


def _exists(tenant: Tenant, kind: str, relid: int) -> bool:
    if kind == "Subscriber":
        return tenant.contacts.get(relid) is not None
    if kind == "Deal":
        return relid in tenant.deals
    if kind == "CustomerAccount":
        return relid in tenant.accounts
    return True


def _after(call: Call, note: Row) -> None:
    """A note on a contact moves its udate in the same second."""
    tenant = call.tenant
    if note["reltype"] == "Subscriber":
        contact = tenant.contacts.get(note["relid"])
        if contact is not None:
            tenant.bump(contact, call.actor)
            tenant.emit("subscriber_note", call.actor, [("note", note["note"])], contact, 0)
    elif note["reltype"] == "Deal":
        deal = tenant.deals.get(note["relid"])
        if deal is not None:
            block = [*deal_block(tenant, deal), ("note[id]", str(note["id"])), ("note[text]", note["note"])]
            tenant.emit("deal_note_add", call.actor, block, tenant.contacts.get(deal["contact"]), 0)


def note_of(call: Call) -> Row:
    """The note of the path. Raises 403, as this resource does for what is not there."""
    note = call.tenant.notes.get(call.id())
    if note is None:
        raise no_result("Note", call.argument(), status=FORBIDDEN)
    return note


@routes.get("/notes")
def list_notes(call: Call) -> Response:
    """All notes; no changed-since filter, and the total is a number."""
    rows = call.tenant.notes.values()
    return call.listing("notes", rows, lambda row: note_row(call.tenant, row), total=int)


@routes.post("/notes")
def post_note(call: Call) -> Response:
    """201 with the contact beside."""
    sent = call.body("note")
    note = add_note(call, sent)
    view = echo(note_row(call.tenant, note), sent, "relid")
    view["owner"] = {"type": OWNERS[note["reltype"]], "id": view["relid"]}
    contact = call.tenant.contacts.get(note["relid"]) if note["reltype"] == "Subscriber" else None
    beside = {"contacts": [written_row(call.tenant, contact)]} if contact else {}
    return created(**beside, note=view)


@routes.get("/notes/{id}")
def get_note(call: Call) -> Response:
    """One note."""
    return ok(note=note_row(call.tenant, note_of(call)))


@routes.put("/notes/{id}")
def put_note(call: Call) -> Response:
    """Changes the text."""
    return _change(call, note_of(call))


def _change(call: Call, note: Row) -> Response:
    sent = call.body("note")
    text = as_text(sent.get("note"), "note")
    if not text:
        raise missing("The note was not provided.", "note")
    changed = {"note": [note["note"], text]}
    note.update(note=text, updated=call.now)
    call.tenant.log(call.actor, "update", "note", note["id"], changed)
    return ok(note=note_row(call.tenant, note))


@routes.delete("/notes/{id}")
def delete_note(call: Call) -> Response:
    """200 and an empty object."""
    note = note_of(call)
    call.tenant.notes.delete(note["id"])
    call.tenant.log(call.actor, "delete", "note", note["id"], {})
    return deleted()


def _notes_on(call: Call, kind: str, owner: Row) -> Response:
    rows = [row for row in call.tenant.notes if row["reltype"] == kind and row["relid"] == owner["id"]]
    return call.listing("notes", rows, lambda row: note_row(call.tenant, row), total=int)


def _add_note_on(call: Call, kind: str, owner: Row) -> Response:
    note = add_note(call, {**call.body("note"), "relid": owner["id"], "reltype": kind})
    return created(note=note_row(call.tenant, note))


@routes.get("/deals/{id}/notes")
def deal_notes(call: Call) -> Response:
    """Notes on one deal."""
    return _notes_on(call, "Deal", deal_of(call))


@routes.post("/deals/{id}/notes")
def post_deal_note(call: Call) -> Response:
    """A note on this deal."""
    return _add_note_on(call, "Deal", deal_of(call))


@routes.put("/deals/{id}/notes/{note}")
def put_deal_note(call: Call) -> Response:
    """Changes the text of a note on this deal."""
    deal, note = deal_of(call), call.tenant.notes.get(call.id(1))
    if note is None or note["reltype"] != "Deal" or note["relid"] != deal["id"]:
        raise no_result("Note", call.argument(1), status=FORBIDDEN)
    return _change(call, note)


@routes.get("/accounts/{id}/notes")
def account_notes(call: Call) -> Response:
    """Notes on one account."""
    from simulators.activecampaign.accounts import account_of

    return _notes_on(call, "CustomerAccount", account_of(call))


@routes.post("/accounts/{id}/notes")
def post_account_note(call: Call) -> Response:
    """A note on this account."""
    from simulators.activecampaign.accounts import account_of

    return _add_note_on(call, "CustomerAccount", account_of(call))
