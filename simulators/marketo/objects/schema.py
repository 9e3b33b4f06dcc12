"""The custom object metadata API: types, fields and approval. Licence-gated. Source: marketo.md 2.6."""

from __future__ import annotations

import re
from typing import Any

from simulators.frame.http import Response
from simulators.marketo.call import Call
from simulators.marketo.errors import CallError, missing
from simulators.marketo.fields import TYPES, field
from simulators.marketo.lead_fields import object_stamps
from simulators.marketo.objects.api import description
from simulators.marketo.objects.kinds import ObjectKind
from simulators.marketo.routes import routes
from simulators.marketo.tenant import Tenant
from simulators.marketo.times import stamp

MOST_TYPES, MOST_FIELDS = 10, 50
_NAME = re.compile(r"[A-Za-z0-9_]+\Z", re.ASCII)


def make_kind(tenant: Tenant, name: str, title: str, *, native: bool = False) -> ObjectKind:
    """A custom object without fields of its own, as a draft."""
    fields = {spec.name: spec for spec in object_stamps()}
    kind = ObjectKind(name, title, "marketoGUID", (), ("marketoGUID",), fields, native=native, custom=True)
    kind.state, kind.created = "draft", stamp(tenant.now())
    tenant.custom[name] = kind
    return kind


def add_field(kind: ObjectKind, row: dict[str, Any]) -> None:
    """One more field: `{"name", "displayName"?, "dataType"?, "isDedupeField"?, "relatedTo"?}`. Raises CallError."""
    name, data_type = str(row.get("name") or ""), str(row.get("dataType") or "string")
    if not _NAME.match(name) or data_type not in TYPES:
        raise CallError("1003", "Invalid data: a field has a name of letters, digits and _ and a known dataType")
    if name in kind.fields:
        raise CallError("1017", "Object already exists")
    if len(kind.fields) >= MOST_FIELDS:
        raise CallError("1028", "Max field limit reached")
    dedupe = bool(row.get("isDedupeField"))
    related = row.get("relatedTo")
    made = field(1500 + len(kind.fields), name, str(row.get("displayName") or name), data_type)
    kind.fields[name] = made
    if dedupe:
        kind.keys = (*kind.keys, name)
    if isinstance(related, dict) and related.get("field"):
        kind.links[name] = _link(str(related.get("name") or "Lead"), str(related["field"]))
    if dedupe or related:
        kind.searchable = (*kind.searchable, name)


def _link(name: str, its_field: str) -> tuple[str, str]:
    """What a link field points at: a field of leads, a company by our id, or another custom object by its key."""
    if name == "Lead":
        return f"lead:{its_field}", "1004"
    if name != "Company":
        return f"custom:{name}:{its_field}", "1013"
    if its_field != "externalCompanyId":
        raise CallError("1003", "Invalid data: a link to companies is by externalCompanyId")
    return "companies", "1013"


def _licensed(call: Call) -> None:
    if not call.tenant.switches.on("custom_object_schema"):
        raise CallError("616")


@routes.on("POST", "/rest/v1/customobjects/schema.json")
def create_type(call: Call) -> Response:
    """A new type, as a draft."""
    _licensed(call)
    name, title = str(call.json().get("apiName") or ""), str(call.json().get("displayName") or "")
    if not name or not title:
        raise missing("apiName" if not name else "displayName")
    if not _NAME.match(name):
        raise CallError("1003", "Invalid data: apiName takes letters, digits and _")
    action = call.word("action", "createOnly", ("createOnly", "updateOnly", "createOrUpdate"))
    known = call.tenant.custom.get(name)
    if known is not None and action == "createOnly":
        raise CallError("1017", "Object already exists")
    if known is None and action == "updateOnly":
        raise CallError("1013", "Object not found")
    if known is not None:
        known.title = title
        return call.ok([{"name": name, "status": "updated"}])
    if len(call.tenant.custom) >= MOST_TYPES:
        raise CallError("1003", f"Invalid data: at most {MOST_TYPES} custom objects")
    make_kind(call.tenant, name, title)
    call.tenant.log(call.actor.who, "create", "customObject", name)
    return call.ok([{"name": name, "status": "created"}])


def _type(call: Call) -> ObjectKind:
    _licensed(call)
    found = call.tenant.custom.get(call.arguments[0])
    if found is None:
        raise CallError("1013", "Object not found")
    return found


@routes.on("POST", "/rest/v1/customobjects/schema/{name}/addField.json")
def add_fields(call: Call) -> Response:
    """More fields."""
    kind = _type(call)
    for row in call.input():
        add_field(kind, row)
    return call.ok([{"name": kind.name, "status": "updated"}])


@routes.on("POST", "/rest/v1/customobjects/schema/{name}/approve.json")
def approve(call: Call) -> Response:
    """Make it usable: it needs a dedupe field and a link to leads."""
    kind = _type(call)
    if not kind.keys or not kind.links:
        raise CallError("709", "Business Rule Violation: a dedupe field and a link field are needed")
    kind.state = "approved"
    return call.ok([{"name": kind.name, "status": "updated"}])


@routes.on("GET", "/rest/v1/customobjects/schema.json")
def list_types(call: Call) -> Response:
    """All types, drafts among them."""
    _licensed(call)
    return call.ok([{**description(kind), "state": kind.state} for kind in call.tenant.custom.values()])
