"""/contacts and /contact/sync. Source: activecampaign.md 2.4 and 2.5."""

from __future__ import annotations

from hashlib import md5
from typing import Any

from simulators.activecampaign.call import Call, created, deleted, ok
from simulators.activecampaign.contacts import query
from simulators.activecampaign.contacts.detail import account_contact_rows, detail, side_loads
from simulators.activecampaign.contacts.model import Contact
from simulators.activecampaign.contacts.rows import list_row, value_row, written_row
from simulators.activecampaign.contacts.service import create_contact, delete_contact, update_contact
from simulators.activecampaign.errors import missing, no_result
from simulators.activecampaign.routes import routes
from simulators.activecampaign.values import as_id, as_int, as_text
from simulators.frame.http import Response, json_response

_SEGMENT_CACHE_SECONDS = 3600


def contact_of(call: Call, index: int = 0) -> Contact:
    """The contact of the path. Raises 404 with the model's inner name."""
    contact = call.tenant.contacts.get(call.id(index))
    if contact is None and call.tenant.switches.word("merged_source") == "destination":
        contact = call.tenant.contacts.get(call.tenant.contacts.merged.get(call.id(index) or 0))
    if contact is None:
        raise no_result("Subscriber", call.argument(index))
    return contact


@routes.get("/contacts")
def list_contacts(call: Call) -> Response:
    """A page of contacts with `meta.page_input`."""
    if (pending := _segment_pending(call)) is not None:
        return pending
    offset, limit = call.offset(), call.limit()
    chosen = query.select(call)
    page = [row for row in map(call.tenant.contacts.get, chosen.ids[offset : offset + limit]) if row is not None]
    answer: dict[str, Any] = {"scoreValues": []}
    rows = [list_row(call.tenant, contact) for contact in page]
    if call.tenant.switches.on("include_side_loads") and call.first("include"):
        answer |= side_loads(call, page, rows)
    answer["contacts"] = rows
    answer["meta"] = {"page_input": _page_input(call, limit, offset), "total": str(chosen.total), "sortable": True}
    return json_response(200, answer)


def _page_input(call: Call, limit: int, offset: int) -> dict[str, Any]:
    return {
        "segmentid": as_id(call.first("segmentid")),
        "formid": as_int(call.first("formid"), 0),
        "listid": as_int(call.first("listid"), 0),
        "tagid": as_int(call.first("tagid"), 0),
        "limit": limit,
        "offset": offset,
        "search": call.first("search") or None,
        "sort": None,
        "seriesid": as_int(call.first("seriesid"), 0),
        "waitid": as_int(call.first("waitid"), 0),
        "status": as_int(call.first("status"), -1),
        "forceQuery": as_int(call.first("forceQuery"), 0),
        "cacheid": md5(call.request.raw_query.encode(errors="replace"), usedforsecurity=False).hexdigest(),
    }


def _segment_pending(call: Call) -> Response | None:
    """The first call with a segment starts a job; its result is kept for an hour. None once it is there."""
    segment = as_id(call.first("segmentid"))
    if segment is None:
        return None
    jobs, now = call.tenant.segment_jobs, call.tenant.clock.time()
    started = jobs.get(segment)
    if started is None or call.first("forceQuery") == "1" or now - started > _SEGMENT_CACHE_SECONDS:
        started = jobs[segment] = now
    if now - started >= call.tenant.switches.number("segment_seconds"):
        return None
    if call.tenant.switches.word("segment_pending") == "202":
        return json_response(202, {"message": "The segment is being processed."})
    meta = {"page_input": _page_input(call, call.limit(), call.offset()), "total": "0", "sortable": True}
    return ok(scoreValues=[], contacts=[], meta=meta)


@routes.post("/contacts")
def post_contact(call: Call) -> Response:
    """201; 422 duplicate for a used e-mail."""
    attributes = call.body("contact")
    contact = create_contact(call.tenant, call.actor, attributes)
    return created(**_written(call, contact, attributes))


@routes.post("/contact/sync")
def sync_contact(call: Call) -> Response:
    """Upsert keyed on the e-mail only: 201 when created, 200 when it was there."""
    attributes = call.body("contact")
    email = as_text(attributes.get("email"), "email")
    if not email.strip():
        raise missing("Email address is required.", "email")
    contact = call.tenant.contacts.by_email(email)
    if contact is None:
        contact = create_contact(call.tenant, call.actor, attributes)
        return created(**_written(call, contact, attributes))
    kept = {key: value for key, value in attributes.items() if key != "email"}
    update_contact(call.tenant, call.actor, contact, kept)
    status = int(call.tenant.switches.number("sync_update_status"))
    return json_response(status, _written(call, contact, attributes))


@routes.get("/contacts/{id}")
def get_contact(call: Call) -> Response:
    """The contact with all that hangs on it."""
    return json_response(200, detail(call, contact_of(call)))


@routes.put("/contacts/{id}")
def put_contact(call: Call) -> Response:
    """A partial update; the way to change an e-mail."""
    contact, attributes = contact_of(call), call.body("contact")
    update_contact(call.tenant, call.actor, contact, attributes)
    return ok(**_written(call, contact, attributes))


@routes.delete("/contacts/{id}")
def remove_contact(call: Call) -> Response:
    """200 and an empty object; the second time 404, in other words than GET."""
    contact = call.tenant.contacts.get(call.id())
    if contact is None:
        raise missing_for_delete(call)
    delete_contact(call.tenant, call.actor, contact)
    return deleted()


def missing_for_delete(call: Call) -> Exception:
    """activecampaign.md 2.5: DELETE says `No result found for contact with id N`."""
    error = no_result("contact", call.argument())
    error.body = {"message": error.body["message"].replace("No Result", "No result")}
    return error


def _written(call: Call, contact: Contact, attributes: dict[str, Any]) -> dict[str, Any]:
    """`fieldValues` stand in the answer only when some were sent."""
    answer: dict[str, Any] = {}
    if attributes.get("fieldValues"):
        answer["fieldValues"] = [value_row(call.tenant, row) for row in (contact.values or {}).values()]
    answer["contact"] = written_row(call.tenant, contact)
    return answer


@routes.get("/contacts/{id}/accountContacts")
def contact_accounts(call: Call) -> Response:
    """The one account link, if any."""
    return ok(accountContacts=account_contact_rows(call.tenant, contact_of(call)))
