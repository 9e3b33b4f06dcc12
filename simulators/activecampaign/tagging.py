"""Putting tags on contacts and taking them off. Source: activecampaign.md 2.7."""

from __future__ import annotations

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.contacts.model import Contact, ContactTag
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant


def tag_by_name(tenant: Tenant, name: str) -> Row | None:
    """Tag names are unique whatever their letter case."""
    wanted = name.strip().lower()
    return next((tag for tag in tenant.tags if tag["tag"].lower() == wanted), None)


def create_tag(tenant: Tenant, actor: Actor, name: str, kind: str = "contact", description: str = "") -> Row:
    """A new tag; the caller has made sure the name is free."""
    now = tenant.now()
    tag = tenant.tags.add(
        {"tag": name.strip(), "tagType": kind, "description": description, "created": now, "updated": now, "count": 0}
    )
    tenant.log(actor, "create", "tag", tag["id"], {"tag": [None, tag["tag"]]})
    return tag


def apply_tag(
    tenant: Tenant, actor: Actor, contact: Contact, tag: Row, *, automations: bool = True
) -> tuple[ContactTag, bool]:
    """Tag a contact. Returns the row and whether it is new; a tag that is there already keeps its first row."""
    if contact.tags is not None and (row := contact.tags.get(tag["id"])) is not None:
        return row, False
    row = ContactTag(tenant.contact_tags.next_id(), contact.id, tag["id"], tenant.now(), actor.user)
    tenant.contact_tags.put(row.id, row)
    if contact.tags is None:
        contact.tags = {}
    contact.tags[tag["id"]] = row
    tag["count"] += 1
    tag["updated"] = tenant.now()
    tenant.log(actor, "tag", "contact", contact.id, {"tag": [None, tag["tag"]]})
    tenant.bump(contact, actor)
    tenant.emit("contact_tag_added", actor, tag_block(tenant, tag), contact, 0)
    if automations:
        from simulators.activecampaign.automations import triggered

        triggered(tenant, contact, "tag", tag["id"])
    return row, True


def remove_tag(tenant: Tenant, actor: Actor, contact: Contact, row: ContactTag) -> None:
    """Take a tag off by its association."""
    tenant.contact_tags.delete(row.id)
    if contact.tags is not None:
        contact.tags.pop(row.tag, None)
    tag = tenant.tags.get(row.tag)
    name = tag["tag"] if tag else str(row.tag)
    if tag:
        tag["count"] -= 1
        tag["updated"] = tenant.now()
    tenant.log(actor, "untag", "contact", contact.id, {"tag": [name, None]})
    if tenant.switches.on("tag_removal_bumps_udate"):
        tenant.bump(contact, actor)
    else:
        tenant.contacts.touch(contact)
    tenant.emit("contact_tag_removed", actor, tag_block(tenant, tag) if tag else [], contact, 0)


def tag_block(tenant: Tenant, tag: Row) -> list[tuple[str, str]]:
    """The tag's text in a webhook, under the key the switch `tag_event_key` names."""
    key = tenant.switches.word("tag_event_key")
    return [] if key == "none" else [(key, tag["tag"])]
