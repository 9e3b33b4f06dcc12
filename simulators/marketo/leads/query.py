"""Reading leads. Source: marketo.md 2.4."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from simulators.frame.http import Response
from simulators.marketo.activity_log import decoded
from simulators.marketo.call import BATCH, Call, as_id
from simulators.marketo.errors import CallError
from simulators.marketo.leads.service import field_named, value_of
from simulators.marketo.leads.store import Lead
from simulators.marketo.routes import routes
from simulators.marketo.tenant import Tenant

DEFAULTS = ("id", "email", "firstName", "lastName", "createdAt", "updatedAt")
MOST_MATCHES = 1000


def asked_fields(call: Call) -> list[str]:
    """What a read asks for; the six defaults without `fields`. Raises CallError 1006."""
    names = call.values("fields")
    for name in names:
        if field_named(call.tenant, name) is None and name != "ecids":
            raise CallError("1006", f"Field '{name[:100]}' not found")
    return list(dict.fromkeys(["id", *names])) if names else list(DEFAULTS)


def view(tenant: Tenant, lead: Lead, names: Iterable[str]) -> dict[str, Any]:
    """A lead with the asked fields; empty ones as null, or left out (switch)."""
    row = {name: value_of(tenant, lead, name) for name in names}
    if tenant.switches.word("null_fields") == "null":
        return row
    return {name: value for name, value in row.items() if value is not None}


def page_token(after: int) -> str:
    """A token of a paged list."""
    return base64.b32encode(f"{after:024d}:".encode()).decode()


def after_token(text: str) -> int:
    """What was seen last. Raises CallError 1003."""
    if not text:
        return 0
    head, colon, rest = decoded(text).partition(":")
    if rest or not colon or not head.isdigit():
        raise CallError("1003", "Invalid data: nextPageToken")
    return int(head)


def paged(call: Call, leads: list[Lead]) -> Response:
    """A page of leads in order of their ids, with a token when more wait."""
    names, size, after = asked_fields(call), call.batch_size(), after_token(call.text("nextPageToken"))
    rest = [lead for lead in leads if lead.id > after]
    page = rest[:size]
    more = {"nextPageToken": page_token(page[-1].id)} if len(rest) > len(page) else {}
    return call.ok([view(call.tenant, lead, names) for lead in page], **more)


@routes.on("GET", "/rest/v1/lead/{id}.json", "/rest/v1/leads/{id}.json")
def get_lead(call: Call) -> Response:
    """One lead by id; 1004 when there is none."""
    lead = call.tenant.leads.get(call.id())
    if lead is None:
        raise CallError("1004", "Lead not found")
    return call.ok([view(call.tenant, lead, asked_fields(call))])


@routes.on("GET", "/rest/v1/leads.json")
def get_leads(call: Call) -> Response:
    """Leads by the values of one field. Raises CallError 1002, 1003, 1006 and 1011."""
    name = call.required("filterType")
    call.required("filterValues")
    values = call.values("filterValues")
    if len(values) > BATCH:
        raise CallError("1003", f"Invalid data: at most {BATCH} filterValues")
    found = _matching(call, name, values)
    if len(found) > MOST_MATCHES:
        raise CallError("1003", "Too many results match the filter")
    return paged(call, found)


def _matching(call: Call, name: str, values: list[str]) -> list[Lead]:
    store = call.tenant.leads
    if name == "id":
        return store.many(sorted({number for each in values if (number := as_id(each)) is not None}))
    spec = field_named(call.tenant, name)
    if spec is None:
        raise CallError("1006", f"Field '{name[:100]}' not found")
    if not spec.searchable:
        raise CallError("1011", f"Field '{name}' not supported")
    if name == "leadPartitionId":
        wanted = {as_id(each) for each in values}
        return [lead for lead in store if lead.partition in wanted]
    found = {lead.id: lead for value in values for lead in store.find(name, value)}
    return [found[number] for number in sorted(found)]


@routes.on("GET", "/rest/v1/leads/partitions.json")
def partitions(call: Call) -> Response:
    """All lead partitions."""
    rows = [
        {"id": number, "name": name, "description": "Initial system lead partition" if number == 1 else ""}
        for name, number in call.tenant.partitions.items()
    ]
    return call.ok(rows)
