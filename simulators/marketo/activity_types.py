"""Kinds of activities: the standard ones and those an administrator makes. Source: marketo.md 2.5."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulators.marketo.errors import CallError, RecordError

NEW, CHANGE, SCORE, ADDED_TO_LIST, REMOVED_FROM_LIST, MERGE = 12, 13, 22, 24, 25, 32
OPPORTUNITY_ADDED, OPPORTUNITY_REMOVED, OPPORTUNITY_CHANGED, DELETED, PUSHED = 34, 35, 36, 37, 145
FIRST_CUSTOM, MOST_CUSTOM, MOST_ATTRIBUTES = 100_001, 10, 20
_KINDS = frozenset({
    "string", "boolean", "integer", "float", "link", "email", "currency", "date", "datetime", "phone", "text"
})  # fmt: skip

_STANDARD: tuple[tuple[int, str, str, tuple[str, ...]], ...] = (
    (1, "Visit Webpage", "Webpage ID", ("Client IP Address", "Query Parameters", "Referrer URL", "Webpage URL")),
    (2, "Fill Out Form", "Webform ID", ("Client IP Address", "Form Fields", "Referrer URL", "Webpage ID")),
    (3, "Click Link", "Link ID", ("Client IP Address", "Webpage ID")),
    (6, "Send Email", "Mailing ID", ("Campaign Run ID", "Step ID")),
    (7, "Email Delivered", "Mailing ID", ("Campaign Run ID", "Step ID")),
    (8, "Email Bounced", "Mailing ID", ("Category", "Details", "Email")),
    (9, "Unsubscribe Email", "Mailing ID", ("Client IP Address", "Form Fields")),
    (10, "Open Email", "Mailing ID", ("Device", "Is Mobile Device")),
    (11, "Click Email", "Mailing ID", ("Device", "Link")),
    (NEW, "New Lead", "Source Type", ("Created Date", "Source Info", "Lead Source")),
    (CHANGE, "Change Data Value", "Attribute Name", ("New Value", "Old Value", "Reason", "Source")),
    (SCORE, "Change Score", "Score Name", ("Change Value", "New Value", "Old Value", "Reason")),
    (23, "Change Owner", "New Owner", ("Old Owner", "Reason")),
    (ADDED_TO_LIST, "Add to List", "List ID", ("Source",)),
    (REMOVED_FROM_LIST, "Remove from List", "List ID", ("Source",)),
    (27, "Email Bounced Soft", "Mailing ID", ("Category", "Details", "Email")),
    (MERGE, "Merge Leads", "Lead ID", ("Master Updated", "Merge IDs", "Merge Source", "Merged in Sales")),
    (OPPORTUNITY_ADDED, "Add to Opportunity", "Oppty ID", ("Is Primary", "Role")),
    (OPPORTUNITY_REMOVED, "Remove from Opportunity", "Oppty ID", ("Is Primary", "Role")),
    (OPPORTUNITY_CHANGED, "Update Opportunity", "Oppty ID", ("Data Value Changes",)),
    (DELETED, "Delete Lead", "Lead ID", ("Campaign", "Remove from CRM")),
    (46, "Interesting Moment", "Type", ("Date", "Description", "Source")),
    (47, "Request Campaign", "Campaign ID", ("Source",)),
    (104, "Change Status in Progression", "Program", ("New Status", "Old Status", "Reason")),
    (110, "Call Webhook", "Webhook", ("Error Type", "Response")),
    (PUSHED, "Push Lead to Marketo", "Program ID", ("Reason", "Source")),
    (300, "Sync Lead to Microsoft", "Lead ID", ("Reason",)),
)


@dataclass(slots=True)
class Custom:
    """A custom type. `live` is what is approved, `draft` what is being edited."""

    id: int
    api_name: str
    created: str
    updated: str
    draft: dict[str, Any] | None = None
    live: dict[str, Any] | None = None

    @property
    def status(self) -> str:
        """draft, approved, or approved with draft."""
        if self.live is None:
            return "draft"
        return "approved" if self.draft is None else "approved with draft"

    def shown(self, *, attributes: bool, draft: bool = False) -> dict[str, Any]:
        """As the API describes it: the approved version unless there is none or the draft is asked for."""
        version = (self.draft if draft and self.draft else self.live) or self.draft or {}
        facts: dict[str, Any] = {
            key: version[key] for key in ("name", "description", "triggerName", "filterName") if key in version
        }
        row: dict[str, Any] = {
            "id": self.id,
            "apiName": self.api_name,
            **facts,
            "createdAt": self.created,
            "updatedAt": self.updated,
        }
        row["status"] = self.status
        if attributes:
            row |= {"primaryAttribute": version["primaryAttribute"], "attributes": version["attributes"]}
        return row


@dataclass(slots=True)
class TypeBook:
    """All types of a subscription."""

    custom: dict[str, Custom] = field(default_factory=dict[str, Custom])

    def listed(self) -> list[dict[str, Any]]:
        """Standard types and approved custom ones, without saying which is which."""
        standard: list[dict[str, Any]] = [_standard(*row) for row in _STANDARD]
        return standard + [_approved(each.id, each.live) for each in self.custom.values() if each.live is not None]

    def approved(self, type_id: Any) -> Custom | None:
        """A custom type that activities can be added to."""
        found = next((each for each in self.custom.values() if each.id == type_id), None)
        return found if found is not None and found.live is not None else None

    def create(self, body: dict[str, Any], stamp: str) -> Custom:
        """A draft. Raises CallError 1002, 1003, 1017 and 1027."""
        for name in ("apiName", "name", "triggerName", "filterName", "primaryAttribute"):
            if not body.get(name):
                raise CallError("1002", f"Missing value for the required parameter '{name}'")
        api_name = str(body["apiName"])
        if not api_name.isascii() or not api_name.isalnum():
            raise CallError("1003", "Invalid data: apiName takes letters and digits")
        if api_name in self.custom:
            raise CallError("1017", "Object already exists")
        if len(self.custom) >= MOST_CUSTOM:
            raise CallError("1027", "Max Activity Type Limit Reached")
        draft = {key: str(body[key]) for key in ("name", "triggerName", "filterName")}
        draft["description"] = str(body.get("description", ""))
        version: dict[str, Any] = {**draft, "primaryAttribute": attribute(body["primaryAttribute"]), "attributes": []}
        made = Custom(FIRST_CUSTOM + len(self.custom), api_name, stamp, stamp, draft=version)
        self.custom[api_name] = made
        return made

    def get(self, api_name: str) -> Custom:
        """By API name. Raises CallError 1013."""
        found = self.custom.get(api_name)
        if found is None:
            raise CallError("1013", f"Custom activity type '{api_name}' not found")
        return found


def attribute(body: Any) -> dict[str, Any]:
    """An attribute as it is kept. Raises CallError 1002 and 1003."""
    if not isinstance(body, dict) or not body.get("apiName") or not body.get("name"):
        raise CallError("1002", "Missing value for the required parameter 'attributes'")
    kind = str(body.get("dataType", "string"))
    if kind not in _KINDS:
        raise CallError("1003", f"Invalid data: dataType '{kind}'")
    row = {"apiName": str(body["apiName"]), "name": str(body["name"])}
    return {**row, "description": str(body.get("description", "")), "dataType": kind}


def add_attributes(made: Custom, rows: Any) -> None:
    """More secondary attributes, on the draft. Raises CallError 1002, 1003, 1017 and 1028."""
    wanted = [attribute(row) for row in rows] if isinstance(rows, list) else []
    if not wanted:
        raise CallError("1002", "Missing value for the required parameter 'attributes'")
    draft = dict(made.draft or made.live or {})
    known = list(draft["attributes"])
    if any(one["apiName"] == row["apiName"] for row in wanted for one in known):
        raise CallError("1017", "Object already exists")
    if len(known) + len(wanted) > MOST_ATTRIBUTES:
        raise CallError("1028", "Max field limit reached")
    made.draft = {**draft, "attributes": known + wanted}


def _standard(number: int, name: str, primary: str, attributes: tuple[str, ...]) -> dict[str, Any]:
    kind = "integer" if "ID" in primary else "string"
    shown = [{"name": each, "dataType": "string"} for each in attributes]
    row = {"id": number, "name": name, "description": name}
    return {**row, "primaryAttribute": {"name": primary, "dataType": kind}, "attributes": shown}


def _approved(number: int, live: dict[str, Any]) -> dict[str, Any]:
    shown = [_plain(one) for one in live["attributes"]]
    row = {"id": number, "name": live["name"], "description": live.get("description", "")}
    return {**row, "primaryAttribute": _plain(live["primaryAttribute"]), "attributes": shown}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {"name": row["name"], "apiName": row["apiName"], "dataType": row["dataType"]}


def attribute_values(made: Custom, rows: Any) -> dict[str, Any]:
    """The attributes of one activity by display name; sent by name or API name. Raises RecordError 1003."""
    live = made.live or {}
    names = {one["name"]: one["name"] for one in live["attributes"]}
    names |= {one["apiName"]: one["name"] for one in live["attributes"]}
    found: dict[str, Any] = {}
    for row in rows if isinstance(rows, list) else []:
        key = (row.get("apiName") or row.get("name")) if isinstance(row, dict) else None
        if key not in names:
            raise RecordError("1003", f"Invalid data: attribute '{key}' is not part of the activity type")
        found[names[key]] = row.get("value")
    return found
