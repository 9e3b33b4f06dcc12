"""/automations, /contactAutomations, and what automations do. Source: activecampaign.md 2.11, 2.12 and 3.1."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.call import Call, created, deleted, echo, ok
from simulators.activecampaign.contacts.model import Contact
from simulators.activecampaign.contacts.rows import links
from simulators.activecampaign.errors import FORBIDDEN, ApiError, no_result
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import with_offset, with_offset_or_null
from simulators.activecampaign.values import as_id
from simulators.frame.http import Response

_DEPTH = 5
_ENTRY_FILTERS = {"contact": "contact", "subscriberid": "contact", "automation": "automation", "seriesid": "automation"}


def automation_row(tenant: Tenant, row: Row) -> dict[str, Any]:
    """An automation."""
    entries = tenant.contact_automations.where("automation", row["id"])
    return {
        "name": row["name"],
        "cdate": with_offset(row["created"]),
        "mdate": with_offset(row["updated"]),
        "userid": "1",
        "status": row["status"],
        "entered": str(len(entries)),
        "exited": str(sum(1 for entry in entries if entry["done"])),
        "hidden": "0",
        "entitlements_violation": "0",
        "source": "6",
        "description": row["description"],
        "exit_on_unsubscribe": "0",
        "exit_on_conversion": "0",
        "multientry": "1" if row["multientry"] else "0",
        "defaultscreenshot": "",
        "screenshot": None,
        "links": links(
            tenant,
            "automations",
            row["id"],
            "campaigns",
            "contactGoals",
            "contactAutomations",
            "blocks",
            "goals",
            "sms",
            "sitemessages",
            "triggers",
        ),
        "id": str(row["id"]),
    }


def entry_row(tenant: Tenant, row: Row) -> dict[str, Any]:
    """One contact in one automation."""
    return {
        "contact": str(row["contact"]),
        "seriesid": str(row["automation"]),
        "startid": "0",
        "status": "2" if row["done"] else "1",
        "adddate": with_offset(row["created"]),
        "remdate": with_offset_or_null(row["done"]),
        "timespan": None,
        "lastblock": "0",
        "lastdate": with_offset(row["created"]),
        "completedElements": str(len(row["steps"])),
        "totalElements": str(len(row["steps"])),
        "completed": 1 if row["done"] else 0,
        "completeValue": 100 if row["done"] else 0,
        "links": links(tenant, "contactAutomations", row["id"], "automation", "contact", "contactGoals"),
        "id": str(row["id"]),
        "automation": str(row["automation"]),
    }


def enter(tenant: Tenant, actor: Actor, contact: Contact, automation: Row, *, depth: int = 0) -> Row:
    """A contact enters an automation and runs through its steps at once."""
    row = tenant.contact_automations.add(
        {"contact": contact.id, "automation": automation["id"], "created": tenant.now(), "done": None, "steps": []}
    )
    contact.more().automations.append(row["id"])
    tenant.contacts.touch(contact)
    tenant.log(
        actor,
        "create",
        "contactAutomation",
        row["id"],
        {"contact": [None, contact.id], "automation": [None, automation["id"]]},
    )
    for step in automation["steps"]:
        _run(tenant, contact, automation, step, depth)
        row["steps"].append(step["type"])
    if automation["steps"]:
        row["done"] = tenant.now()
    return row


def _run(tenant: Tenant, contact: Contact, automation: Row, step: Row, depth: int) -> None:
    from simulators.activecampaign.subscribing import set_status
    from simulators.activecampaign.tagging import apply_tag, create_tag, remove_tag, tag_by_name

    actor = Actor.automation(automation["id"])
    kind = step["type"]
    if kind == "webhook":
        from simulators.activecampaign.webhooks.payload import automation_body

        tenant.post_form(step["url"], automation_body(tenant, contact, automation["id"]), None)
    elif kind == "add_tag":
        tag = tag_by_name(tenant, step["tag"]) or create_tag(tenant, actor, step["tag"])
        # Automations set off by automations stop after a few, so that two cannot feed each other for ever.
        apply_tag(tenant, actor, contact, tag, automations=depth < _DEPTH)
    elif kind == "remove_tag":
        known = tag_by_name(tenant, step["tag"])
        row = (contact.tags or {}).get(known["id"]) if known else None
        if row is not None:
            remove_tag(tenant, actor, contact, row)
    elif kind in {"subscribe", "unsubscribe"}:
        target = tenant.lists.get(step["list"])
        if target is not None:
            set_status(tenant, actor, contact, target, 1 if kind == "subscribe" else 2, automations=depth < _DEPTH)


def triggered(tenant: Tenant, contact: Contact, kind: str, related: int) -> None:
    """Start every active automation that waits for this event."""
    depth = tenant.automation_depth
    if depth >= _DEPTH:
        return
    tenant.automation_depth = depth + 1
    try:
        for automation in tenant.automations.values():
            start = automation["trigger"]
            if automation["status"] == "1" and start and start["type"] == kind and start.get("id") in (None, related):
                enter(tenant, Actor.automation(automation["id"]), contact, automation, depth=depth + 1)
    finally:
        tenant.automation_depth = depth


@routes.get("/automations")
def list_automations(call: Call) -> Response:
    """All automations."""
    tenant = call.tenant
    rows = tenant.automations.values()
    if (name := call.filter("name")) is not None:
        rows = [row for row in rows if name.lower() in row["name"].lower()]
    starts = [
        {"id": str(row["id"]), "series": str(row["id"]), "type": (row["trigger"] or {}).get("type", "none")}
        for row in rows
    ]
    meta = {"starts": starts, "filtered": False, "smsLogs": []}
    return call.listing("automations", rows, lambda row: automation_row(tenant, row), meta=meta)


@routes.get("/automations/{id}")
def get_automation(call: Call) -> Response:
    """One automation."""
    row = call.tenant.automations.get(call.id())
    if row is None:
        raise no_result("Series", call.argument())
    return ok(automation=automation_row(call.tenant, row))


@routes.get("/contactAutomations")
def list_entries(call: Call) -> Response:
    """Entries by `filters[contact|subscriberid|automation|seriesid|status]`."""
    rows = call.tenant.contact_automations.values()
    for key, slot in _ENTRY_FILTERS.items():
        if (wanted := call.filter(key)) is not None:
            rows = [row for row in rows if row[slot] == as_id(wanted)]
    if (status := call.filter("status")) is not None:
        rows = [row for row in rows if ("2" if row["done"] else "1") == status]
    return call.listing("contactAutomations", rows, lambda row: entry_row(call.tenant, row))


@routes.post("/contactAutomations")
def post_entry(call: Call) -> Response:
    """201; 403 in the model's words when it cannot be done."""
    sent, tenant = call.body("contactAutomation"), call.tenant
    contact, automation = (
        tenant.contacts.get(as_id(sent.get("contact"))),
        tenant.automations.get(as_id(sent.get("automation"))),
    )
    if contact is None or automation is None or automation["status"] != "1":
        raise _not_created(FORBIDDEN)
    if not _may_enter(tenant, contact, automation):
        raise _not_created(int(tenant.switches.number("entry_refused_status")))
    row = enter(tenant, call.actor, contact, automation)
    return created(contactAutomation=echo(entry_row(tenant, row), sent, "contact", "automation"))


def _may_enter(tenant: Tenant, contact: Contact, automation: Row) -> bool:
    """Whether a contact who is or was in there may enter again."""
    entries = [
        row for row in tenant.contact_automations.where("contact", contact.id) if row["automation"] == automation["id"]
    ]
    inside = any(not row["done"] for row in entries)
    if inside and tenant.switches.word("entry_while_inside") == "refused":
        return False
    return bool(automation["multientry"]) or not entries


def _not_created(status: int) -> ApiError:
    return ApiError(status, {"message": "Could not create SubscriberSeries"})


@routes.get("/contactAutomations/{id}")
def get_entry(call: Call) -> Response:
    """One entry."""
    row = call.tenant.contact_automations.get(call.id())
    if row is None:
        raise no_result("SubscriberSeries", call.argument())
    return ok(contactAutomation=entry_row(call.tenant, row))


@routes.delete("/contactAutomations/{id}")
def delete_entry(call: Call) -> Response:
    """Takes a contact out of an automation; 403 for one that is not there."""
    tenant = call.tenant
    row = tenant.contact_automations.get(call.id())
    if row is None:
        raise no_result("SubscriberSeries", call.argument(), status=FORBIDDEN)
    tenant.contact_automations.delete(row["id"])
    contact = tenant.contacts.get(row["contact"])
    if contact is not None and contact.extra:
        contact.extra.automations.remove(row["id"])
        tenant.contacts.touch(contact)
    tenant.log(call.actor, "delete", "contactAutomation", row["id"], {"contact": [row["contact"], None]})
    return deleted()
