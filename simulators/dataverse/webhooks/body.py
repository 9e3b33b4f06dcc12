"""The body of a webhook call: the RemoteExecutionContext as JSON (dataverse.md 4)."""

from __future__ import annotations

import calendar
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from simulators.dataverse.context import Context
from simulators.dataverse.hooks import WriteEvent
from simulators.dataverse.schema import CHOICES, Column, Kind, Table
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.webhooks.registration import MESSAGES, Image, Step

type Json = dict[str, Any]
LIMIT = 256 * 1024
_CONTRACT = "http://schemas.microsoft.com/xrm/2011/Contracts"
_STRIPPED = ("InputParameters", "PreEntityImages", "PostEntityImages")


def execution_context(context: Context, event: WriteEvent, step: Step) -> Json:
    """What the endpoint is told about the write."""
    service, caller = context.service, context.caller
    organisation: Row = next(context.store["organization"].rows(), {})
    unit = (context.store["systemuser"].get(caller.user_id) or {}).get("businessunitid")
    tag = context.request.first("tag")
    return {
        "BusinessUnitId": unit.id if isinstance(unit, Ref) else None,
        "CorrelationId": service.new_id(),
        "Depth": 1 if event.message in {"", *MESSAGES.values()} else 2,
        "InitiatingUserId": caller.charged_user_id,
        "InputParameters": [{"key": "Target", "value": _target(event)}],
        "IsExecutingOffline": False,
        "IsInTransaction": step.mode == 0,
        "IsOfflinePlayback": False,
        "IsolationMode": 1,
        "MessageName": MESSAGES[event.op],
        "Mode": step.mode,
        "OperationCreatedOn": _moment(context.now) + "+0000)/",
        "OperationId": service.new_id(),
        "OrganizationId": organisation.get("organizationid"),
        "OrganizationName": organisation.get("name"),
        "OutputParameters": [{"key": "id", "value": event.id}] if event.op == "create" else [],
        "OwningExtension": _reference(Ref("sdkmessageprocessingstep", step.id), step.name),
        "ParentContext": None,
        "PostEntityImages": _images(event.table, event.after, [image for image in step.images if image.after]),
        "PreEntityImages": _images(event.table, event.before, [image for image in step.images if image.before]),
        "PrimaryEntityId": event.id,
        "PrimaryEntityName": event.table.name,
        "RequestId": service.new_id(),
        "SecondaryEntityName": "none",
        "SharedVariables": [{"key": "tag", "value": tag}] if tag else [],
        "Stage": step.stage,
        "UserId": caller.user_id,
    }


def encode(body: Json) -> tuple[bytes, bool]:
    """The body as bytes, and whether it was too large and lost its parameters and images."""
    raw = json.dumps(body, ensure_ascii=False).encode()
    if len(raw) <= LIMIT:
        return raw, False
    small = {name: value for name, value in body.items() if name not in {*_STRIPPED, "ParentContext"}}
    return json.dumps(small, ensure_ascii=False).encode(), True


def _target(event: WriteEvent) -> Json:
    """A deletion names the row; a creation shows it whole, an update what was sent."""
    if event.op == "delete" or event.after is None:
        return _reference(Ref(event.table.name, event.id), None)
    names = (
        event.after if event.op == "create" else [*event.changed, "modifiedon", "modifiedby", event.table.primary_id]
    )
    return _entity(event.table, event.after, names)


def _images(table: Table, row: Row | None, images: Iterable[Image]) -> list[Json]:
    if row is None:
        return []
    return [
        {"key": image.alias, "value": _entity(table, row, [n for n in row if not image.columns or n in image.columns])}
        for image in images
    ]


def _entity(table: Table, row: Row, names: Iterable[str]) -> Json:
    shown = [name for name in dict.fromkeys(names) if name in table.columns]
    return {
        "__type": f"Entity:{_CONTRACT}",
        "Attributes": [{"key": name, "value": _value(table.columns[name], row.get(name))} for name in shown],
        "EntityState": None,
        "FormattedValues": [],
        "Id": row.get(table.primary_id),
        "KeyAttributes": [],
        "LogicalName": table.name,
        "RelatedEntities": [],
        "RowVersion": str(row["versionnumber"]) if "versionnumber" in row else None,
    }


def _value(column: Column, value: Value) -> object:
    if value is None:
        return None
    if isinstance(value, Ref):
        return _reference(value, None)
    if column.kind in CHOICES:
        return {"__type": f"OptionSetValue:{_CONTRACT}", "Value": value}
    if column.kind is Kind.MONEY:
        return {"__type": f"Money:{_CONTRACT}", "Value": value}
    if column.kind is Kind.DATETIME:
        return _moment(str(value)) + ")/"
    return value


def _reference(ref: Ref, name: str | None) -> Json:
    return {
        "__type": f"EntityReference:{_CONTRACT}",
        "Id": ref.id,
        "KeyAttributes": [],
        "LogicalName": ref.table,
        "Name": name,
        "RowVersion": None,
    }


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return f"/Date({calendar.timegm(utc.timetuple()) * 1000}"


def headers_for(context: Context, event: WriteEvent, body: Mapping[str, Any], *, too_large: bool) -> dict[str, str]:
    """The headers that tell what the call is about."""
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "x-ms-dynamics-organization": context.base_url.split("/")[2],
        "x-ms-dynamics-entity-name": event.table.name,
        "x-ms-dynamics-request-name": MESSAGES[event.op],
        "x-ms-correlation-request-id": str(body["CorrelationId"]),
    }
    if too_large:
        headers["x-ms-dynamics-msg-size-exceeded"] = "true"
    return headers
