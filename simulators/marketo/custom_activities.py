"""Custom activities: their types, and adding them to leads. Source: marketo.md 2.5."""

from __future__ import annotations

from typing import Any

from simulators.frame.http import Response, to_json
from simulators.marketo.activity_types import add_attributes, attribute_values
from simulators.marketo.call import Call, as_id, skipped
from simulators.marketo.errors import CallError, RecordError
from simulators.marketo.routes import routes
from simulators.marketo.times import read_instant, stamp

MOST_BYTES = 65_536


@routes.on("GET", "/rest/v1/activities/external/types.json")
def types(call: Call) -> Response:
    """All custom types, drafts among them."""
    return call.ok([each.shown(attributes=False) for each in call.tenant.types.custom.values()])


@routes.on("GET", "/rest/v1/activities/external/type/{name}/describe.json")
def describe(call: Call) -> Response:
    """One type: the approved version, or with `draft=true` the draft."""
    made = call.tenant.types.get(call.arguments[0])
    return call.ok([made.shown(attributes=True, draft=call.text("draft").lower() == "true")])


@routes.on("POST", "/rest/v1/activities/external/type.json")
def create_type(call: Call) -> Response:
    """A new type, as a draft."""
    made = call.tenant.types.create(call.json(), stamp(call.tenant.now()))
    call.tenant.log(call.actor.who, "create", "activityType", made.api_name)
    return call.ok([made.shown(attributes=True)])


@routes.on("POST", "/rest/v1/activities/external/type/{name}/attributes/create.json")
def create_attributes(call: Call) -> Response:
    """Secondary attributes, on the draft."""
    made = call.tenant.types.get(call.arguments[0])
    add_attributes(made, call.json().get("attributes"))
    made.updated = stamp(call.tenant.now())
    return call.ok([made.shown(attributes=True, draft=True)])


@routes.on("POST", "/rest/v1/activities/external/type/{name}/approve.json")
def approve(call: Call) -> Response:
    """Make the draft the live version."""
    made = call.tenant.types.get(call.arguments[0])
    if made.draft is None:
        raise CallError("709", "Business Rule Violation: there is no draft to approve")
    made.live, made.draft = made.draft, None
    return call.ok([made.shown(attributes=True)])


@routes.on("POST", "/rest/v1/activities/external/type/{name}/delete.json")
def delete_type(call: Call) -> Response:
    """Remove a type that no activity uses."""
    made = call.tenant.types.get(call.arguments[0])
    rows = call.tenant.activities.slice(0, len(call.tenant.activities))
    if any(row.type == made.id for row in rows):
        raise CallError("1022", "Object in use")
    del call.tenant.types.custom[made.api_name]
    return call.ok([made.shown(attributes=True)])


@routes.on("POST", "/rest/v1/activities/external.json")
def add(call: Call) -> Response:
    """Up to 300 activities, written once and never changed. What is skipped says why under `errors`."""
    results: list[dict[str, Any]] = []
    for row in call.input():
        try:
            results.append(_add_one(call, row))
        except RecordError as error:
            results.append(skipped(error, under="errors"))
    return call.ok(results)


def _add_one(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    tenant = call.tenant
    for name in ("leadId", "activityDate", "activityTypeId", "primaryAttributeValue"):
        if row.get(name) in (None, ""):
            raise RecordError("1002", f"Missing value for the required parameter '{name}'")
    lead = tenant.leads.get(as_id(row["leadId"]))
    if lead is None:
        raise RecordError("1004", "Lead not found")
    made = tenant.types.approved(as_id(row["activityTypeId"]))
    if made is None:
        raise RecordError("1013", "Activity type not found")
    moment = read_instant(str(row["activityDate"]))
    if moment is None or moment < 0:
        raise RecordError("1001", f"Invalid value '{str(row['activityDate'])[:100]}'. Required of type 'datetime'")
    if len(to_json(row.get("attributes") or [])) > MOST_BYTES:
        raise RecordError("1049", "Failed to Create Activity: Attributes array too long")
    attributes = attribute_values(made, row.get("attributes"))
    primary = str(row["primaryAttributeValue"])[:2000]
    activity = tenant.activities.add(lead.id, int(moment), made.id, primary=primary, attributes=attributes)
    tenant.log(call.actor.who, "create", "activity", activity.guid, {"leadId": [None, lead.id]})
    return {"id": activity.number, "marketoGUID": activity.guid, "status": "added"}
