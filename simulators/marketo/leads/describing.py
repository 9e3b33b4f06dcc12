"""What fields leads have, and making more. Source: marketo.md 2.4."""

from __future__ import annotations

import re
from typing import Any

from simulators.frame.http import Response
from simulators.marketo.call import Call, skipped
from simulators.marketo.errors import CallError, RecordError
from simulators.marketo.fields import TYPES, Field
from simulators.marketo.lead_fields import ALWAYS_READ_ONLY
from simulators.marketo.leads.query import after_token, page_token
from simulators.marketo.leads.service import all_fields, field_named
from simulators.marketo.routes import routes

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z", re.ASCII)
MOST_MADE_BY_API = 100


@routes.on("GET", "/rest/v1/leads/describe.json")
def describe(call: Call) -> Response:
    """Every field with its REST name and whether it can be written."""
    rows: list[dict[str, Any]] = []
    for spec in all_fields(call.tenant):
        row: dict[str, Any] = {"id": spec.id, "displayName": spec.display, "dataType": spec.type}
        if spec.length is not None:
            row["length"] = spec.length
        row["rest"] = {"name": spec.name, "readOnly": spec.name == "id" or spec.name in ALWAYS_READ_ONLY}
        rows.append(row)
    return call.ok(rows)


@routes.on("GET", "/rest/v1/leads/describe2.json")
def describe2(call: Call) -> Response:
    """One object with searchable fields and, for each field, whether a native sync owns it."""
    specs = all_fields(call.tenant)
    shown = [{**spec.described(), "crmManaged": spec.crm and call.tenant.native} for spec in specs]
    row = {"name": "API Lead", "searchableFields": [[spec.name] for spec in specs if spec.searchable], "fields": shown}
    return call.ok([row])


def _schema_row(call: Call, spec: Field) -> dict[str, Any]:
    row: dict[str, Any] = {"displayName": spec.display, "name": spec.name, "description": None, "dataType": spec.type}
    if spec.length is not None:
        row["length"] = spec.length
    made = spec.name in call.tenant.made_by_api
    flags = {"isHidden": False, "isHtmlEncodingInEmail": True, "isSensitive": False}
    return {**row, **flags, "isCustom": spec.custom, "isApiCreated": made}


@routes.on("GET", "/rest/v1/leads/schema/fields.json")
def browse(call: Call) -> Response:
    """Fields by pages."""
    specs, size, after = all_fields(call.tenant), call.batch_size(), after_token(call.text("nextPageToken"))
    page = specs[after : after + size]
    more = after + size < len(specs)
    token = {"nextPageToken": page_token(after + size)} if more else {}
    return call.ok([_schema_row(call, spec) for spec in page], **token, moreResult=more)


@routes.on("GET", "/rest/v1/leads/schema/fields/{name}.json")
def field_by_name(call: Call) -> Response:
    """One field."""
    spec = field_named(call.tenant, call.arguments[0])
    if spec is None:
        raise CallError("1006", f"Field '{call.arguments[0][:100]}' not found")
    return call.ok([_schema_row(call, spec)])


@routes.on("POST", "/rest/v1/leads/schema/fields.json")
def create_fields(call: Call) -> Response:
    """Custom fields; at most 100 by this way, and none can be deleted."""
    return call.ok([_create(call, row) for row in call.input()])


def _create(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    name, display, kind = (str(row.get(key) or "") for key in ("name", "displayName", "dataType"))
    wrong: RecordError | None = None
    if not _NAME.match(name) or not display or kind not in TYPES:
        wrong = RecordError("1003", "Invalid data: name, displayName and a known dataType are needed")
    elif field_named(call.tenant, name) or any(spec.display == display for spec in call.tenant.fields.values()):
        wrong = RecordError("1017", "Object already exists")
    elif len(call.tenant.made_by_api) >= MOST_MADE_BY_API:
        wrong = RecordError("1028", "Max field limit reached")
    if wrong is not None:
        return skipped(wrong, name=name)
    call.tenant.add_field(name, display, kind)
    call.tenant.made_by_api.add(name)
    call.tenant.log(call.actor.who, "create", "field", name)
    return {"name": name, "status": "created"}
