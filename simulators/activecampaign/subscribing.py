"""Who is on which list, and how that changes. Source: activecampaign.md 2.6."""

from __future__ import annotations

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.contacts.model import ACTIVE, UNSUBSCRIBED, Contact, ContactList
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant


def has_unsubscribed(contact: Contact, list_id: int) -> bool:
    """Whether the contact opted out of this list."""
    row = contact.lists.get(list_id) if contact.lists else None
    return row is not None and row.status == UNSUBSCRIBED


def set_status(
    tenant: Tenant,
    actor: Actor,
    contact: Contact,
    target: Row,
    status: int,
    *,
    reason: str = "",
    automations: bool = True,
) -> ContactList:
    """Put a contact on a list, or off it. What is so already stays as it is, dates included."""
    if contact.lists is None:
        contact.lists = {}
    row = contact.lists.get(target["id"])
    old = row.status if row else None
    if row is not None and old == status:
        return row
    now = tenant.now()
    if row is None:
        row = ContactList(tenant.contact_lists.next_id(), contact.id, target["id"], status, now)
        tenant.contact_lists.put(row.id, row)
        contact.lists[target["id"]] = row
    row.status = status
    row.updated = now
    row.first, row.last = contact.first, contact.last
    if status == UNSUBSCRIBED:
        row.unsubscribed, row.reason = now, reason
    elif status == ACTIVE:
        row.subscribed, row.reason = now, ""
    _settle(tenant, actor, contact, target, row, old=old, automations=automations)
    return row


def _settle(
    tenant: Tenant,
    actor: Actor,
    contact: Contact,
    target: Row,
    row: ContactList,
    *,
    old: int | None,
    automations: bool,
) -> None:
    """Log, udate, webhooks and automations after a change of standing."""
    op = {ACTIVE: "subscribe", UNSUBSCRIBED: "unsubscribe"}.get(row.status, "update")
    tenant.log(actor, op, "contact", contact.id, {f"lists[{target['id']}]": [old, row.status]})
    # activecampaign.md 2.5: a change of standing leaves udate alone, and moves adate.
    contact.more().active_at = tenant.now()
    if tenant.switches.on("list_change_bumps_udate"):
        tenant.bump(contact, actor)
    else:
        tenant.contacts.touch(contact)
    if row.status == ACTIVE:
        tenant.emit("subscribe", actor, [], contact, target["id"])
        if automations:
            from simulators.activecampaign.automations import triggered

            triggered(tenant, contact, "subscribe", target["id"])
    elif row.status == UNSUBSCRIBED:
        block = [("list[][id]", str(target["id"])), ("unsubscribe[reason]", row.reason)]
        tenant.emit("unsubscribe", actor, block, contact, target["id"])
