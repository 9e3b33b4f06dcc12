"""Static lists and who is on them. Source: marketo.md 2.6."""

from __future__ import annotations

from typing import Any

from simulators.frame.http import Response
from simulators.marketo.activity_types import ADDED_TO_LIST, REMOVED_FROM_LIST
from simulators.marketo.call import Actor, Call, as_id, skipped
from simulators.marketo.errors import CallError, RecordError
from simulators.marketo.leads.query import after_token, page_token, paged
from simulators.marketo.routes import routes
from simulators.marketo.tenant import Tenant
from simulators.marketo.times import stamp


def make_list(tenant: Tenant, name: str, list_id: int | None = None) -> dict[str, Any]:
    """A new list."""
    number = list_id or max(tenant.lists, default=1000) + 1
    moment = stamp(tenant.now())
    row = {"id": number, "name": name, "description": "", "programName": None, "workspaceName": "Default"}
    tenant.lists[number] = {**row, "createdAt": moment, "updatedAt": moment}
    tenant.members[number] = {}
    return tenant.lists[number]


def join(tenant: Tenant, actor: Actor, list_id: int, lead_id: int) -> None:
    """Put a lead on a list, with activity 24 where it was not on it."""
    members = tenant.members[list_id]
    if lead_id not in members:
        members[lead_id] = None
        _note(tenant, actor, list_id, lead_id, kind=ADDED_TO_LIST)


def leave(tenant: Tenant, actor: Actor, list_id: int, lead_id: int) -> bool:
    """Take a lead off a list; whether it was on it."""
    if lead_id not in tenant.members[list_id]:
        return False
    del tenant.members[list_id][lead_id]
    _note(tenant, actor, list_id, lead_id, kind=REMOVED_FROM_LIST)
    return True


def _note(tenant: Tenant, actor: Actor, list_id: int, lead_id: int, *, kind: int) -> None:
    op = "subscribe" if kind == ADDED_TO_LIST else "unsubscribe"
    name = tenant.lists[list_id]["name"]
    tenant.activities.add(
        lead_id, tenant.now(), kind, primary_id=list_id, primary=name, attributes={"Source": actor.source}
    )
    tenant.log(actor.who, op, "list", list_id, {"lead": [None, lead_id]})


@routes.on("GET", "/rest/v1/lists.json")
def lists(call: Call) -> Response:
    """All lists, or those of some ids or names."""
    ids, names = {as_id(each) for each in call.values("id")}, set(call.values("name"))
    rows = [
        row
        for _, row in sorted(call.tenant.lists.items())
        if (not ids or row["id"] in ids) and (not names or row["name"] in names)
    ]
    after, size = after_token(call.text("nextPageToken")), call.batch_size()
    page = [row for row in rows if row["id"] > after][:size]
    more = {"nextPageToken": page_token(page[-1]["id"])} if page and page[-1] is not rows[-1] else {}
    return call.ok([{key: value for key, value in row.items() if value is not None} for row in page], **more)


def _list_id(call: Call) -> int:
    list_id = call.id()
    if list_id is None or list_id not in call.tenant.lists:
        raise CallError("1013", "List not found")
    return list_id


@routes.on("GET", "/rest/v1/lists/{id}.json")
def one_list(call: Call) -> Response:
    """One list."""
    row = call.tenant.lists[_list_id(call)]
    return call.ok([{key: value for key, value in row.items() if value is not None}])


@routes.on("GET", "/rest/v1/lists/{id}/leads.json", "/rest/v1/list/{id}/leads.json")
def members(call: Call) -> Response:
    """The leads of a list, by pages in order of their ids."""
    return paged(call, call.tenant.leads.many(sorted(call.tenant.members[_list_id(call)])))


@routes.on("POST", "/rest/v1/lists/{id}/leads.json")
def add(call: Call) -> Response:
    """Put up to 300 leads on a list."""
    list_id = _list_id(call)

    def one(lead_id: int) -> str:
        join(call.tenant, call.actor, list_id, lead_id)
        return "added"

    return call.ok([_each(call, lead_id, one) for lead_id in call.ids()])


@routes.on("DELETE", "/rest/v1/lists/{id}/leads.json")
def remove(call: Call) -> Response:
    """Take up to 300 leads off a list; 1015 for one that is not on it."""
    list_id = _list_id(call)

    def one(lead_id: int) -> str:
        if not leave(call.tenant, call.actor, list_id, lead_id):
            raise RecordError("1015", "Lead not in list")
        return "removed"

    return call.ok([_each(call, lead_id, one) for lead_id in call.ids()])


@routes.on("GET", "/rest/v1/lists/{id}/leads/ismember.json")
def is_member(call: Call) -> Response:
    """Whether leads are on a list."""
    on_it = call.tenant.members[_list_id(call)]
    return call.ok(
        [_each(call, lead_id, lambda each: "memberof" if each in on_it else "notmemberof") for lead_id in call.ids()]
    )


def _each(call: Call, lead_id: int | None, act: Any) -> dict[str, Any]:
    if lead_id is None or lead_id not in call.tenant.leads:
        return skipped(RecordError("1004", "Lead not found"), id=lead_id)
    try:
        return {"id": lead_id, "status": act(lead_id)}
    except RecordError as error:
        return skipped(error, id=lead_id)
