"""What may be done with contacts, by whomever. Source: activecampaign.md 2.5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.contacts.model import Contact, ContactList, ContactTag
from simulators.activecampaign.contacts.store import email_key
from simulators.activecampaign.custom_values import put_value, read_values
from simulators.activecampaign.errors import ApiError, invalid, missing
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.values import as_text

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)*")
_MAX_EMAIL = 254
ATTRIBUTES = {"firstName": "first", "lastName": "last", "phone": "phone"}


def valid_email(tenant: Tenant, email: str) -> bool:
    """Whether this looks like an address of a mailbox."""
    whole = len(email) <= _MAX_EMAIL and _EMAIL.fullmatch(email) is not None
    return whole and ("." in email.rpartition("@")[2] or tenant.switches.on("dotless_domains"))


def read_email(tenant: Tenant, attributes: Mapping[str, Any], *, own: Contact | None = None) -> str:
    """The e-mail of a body, checked. `own` is the contact that may keep it. Raises 422."""
    email = as_text(attributes.get("email"), "email").strip()
    if not email:
        if tenant.switches.on("phone_only_contacts") and attributes.get("allowNullEmail"):
            return ""
        raise missing("Email address is required.", "email")
    if not valid_email(tenant, email):
        raise invalid("Contact Email Address is not valid.", code="field_invalid", pointer="email")
    other = tenant.contacts.by_email(email)
    if other is not None and other is not own:
        raise invalid("Email address already exists in the system", code="duplicate", pointer="email")
    return email.lower() if tenant.switches.word("email_stored_as") == "lower" else email


def create_contact(tenant: Tenant, actor: Actor, attributes: Mapping[str, Any]) -> Contact:
    """A new contact with its field values. Raises 422 for a bad or used e-mail and for bad values."""
    email = read_email(tenant, attributes)
    texts = _texts(attributes)
    values = read_values(tenant, attributes.get("fieldValues"))
    check_room(tenant)
    contact = new_contact(tenant, email, texts.get("first", ""), texts.get("last", ""), texts.get("phone", ""))
    changed: dict[str, list[Any]] = {"email": [None, email]}
    changed |= {name: [None, texts[slot]] for name, slot in ATTRIBUTES.items() if texts.get(slot)}
    changed |= _put_all(tenant, contact, values)
    tenant.log(actor, "create", "contact", contact.id, changed)
    return contact


def check_room(tenant: Tenant) -> None:
    """Raises where the plan's contact limit is reached."""
    most = int(tenant.switches.number("plan_contact_limit"))
    if most and len(tenant.contacts) >= most:
        status = int(tenant.switches.number("contact_limit_status"))
        raise ApiError(status, {"message": "You have reached the contact limit of your account."})


def new_contact(tenant: Tenant, email: str, first: str, last: str, phone: str) -> Contact:
    """Store a contact; no log, no webhook. A deleted e-mail comes back under the id the switch says."""
    contact_id = tenant.contacts.next_id()
    if tenant.switches.word("readded_email") == "revived_id":
        contact_id = tenant.contacts.buried.pop(email_key(email), contact_id)
    contact = Contact(contact_id, email, first, last, phone, tenant.now())
    tenant.contacts.add(contact)
    return contact


def update_contact(tenant: Tenant, actor: Actor, contact: Contact, attributes: Mapping[str, Any]) -> Contact:
    """Change what was sent; what was not sent is left alone, what was sent empty is wiped. Raises 422."""
    email = read_email(tenant, attributes, own=contact) if "email" in attributes else contact.email
    texts = _texts(attributes)
    values = read_values(tenant, attributes.get("fieldValues"))
    changed: dict[str, list[Any]] = {}
    if email != contact.email:
        changed["email"] = [contact.email, email]
        tenant.contacts.rename(contact, email)
    for name, slot in ATTRIBUTES.items():
        if slot in texts and texts[slot] != getattr(contact, slot):
            changed[name] = [getattr(contact, slot), texts[slot]]
            setattr(contact, slot, texts[slot])
    changed |= _put_all(tenant, contact, values)
    touch_contact(tenant, actor, contact, changed)
    return contact


def touch_contact(tenant: Tenant, actor: Actor, contact: Contact, changed: dict[str, list[Any]]) -> None:
    """Log an update, move udate, tell webhooks. Writing the same again moves udate too (recorded on contact/sync)."""
    tenant.log(actor, "update", "contact", contact.id, changed)
    tenant.bump(contact, actor)
    tenant.emit("update", actor, [], contact, 0)


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {slot: as_text(attributes[name], name) for name, slot in ATTRIBUTES.items() if name in attributes}


def _put_all(tenant: Tenant, contact: Contact, values: list[tuple[Row, str]]) -> dict[str, list[Any]]:
    return {f"fields[{field['id']}]": put_value(tenant, contact, field, text)[1] for field, text in values}


def delete_contact(tenant: Tenant, actor: Actor, contact: Contact, *, op: str = "delete") -> None:
    """Remove a contact and what hangs on it. No webhook exists for this."""
    drop_belongings(tenant, contact)
    tenant.contacts.remove(contact)
    tenant.log(actor, op, "contact", contact.id, {"email": [contact.email, None]})


def drop_belongings(tenant: Tenant, contact: Contact) -> None:
    """Remove values, tags, standings, the account link and automation entries."""
    for value in (contact.values or {}).values():
        tenant.values.delete(value.id)
    tenant.values_version += 1
    for tag_row in (contact.tags or {}).values():
        tenant.contact_tags.delete(tag_row.id)
        if (tag := tenant.tags.get(tag_row.tag)) is not None:
            tag["count"] -= 1
    for standing in (contact.lists or {}).values():
        tenant.contact_lists.delete(standing.id)
    if contact.account is not None:
        tenant.account_contacts.delete(contact.account)
    for entry in contact.extra.automations if contact.extra else ():
        tenant.contact_automations.delete(entry)


def merge_contacts(
    tenant: Tenant, actor: Actor, source: Contact, destination: Contact, from_source: frozenset[str]
) -> None:
    """Merge in the admin pages: the destination's e-mail and id stay, the source is gone, without a webhook.

    `from_source` names the attributes and `fields[ID]` whose value the person took from the source; what the
    destination lacks comes from the source anyway.
    """
    changed: dict[str, list[Any]] = {"merged": [source.id, destination.id]}
    for name, slot in ATTRIBUTES.items():
        theirs, ours = getattr(source, slot), getattr(destination, slot)
        if theirs and theirs != ours and (not ours or name in from_source):
            changed[name] = [ours, theirs]
            setattr(destination, slot, theirs)
    for field_id, value in (source.values or {}).items():
        field, own = tenant.fields.get(field_id), (destination.values or {}).get(field_id)
        if field and (own is None or not own.value or f"fields[{field_id}]" in from_source):
            _, changed[f"fields[{field_id}]"] = put_value(tenant, destination, field, value.value)
    _move_belongings(tenant, source, destination)
    drop_belongings(tenant, source)
    tenant.contacts.remove(source)
    tenant.contacts.merged[source.id] = destination.id
    tenant.log(actor, "merge", "contact", destination.id, changed)
    tenant.bump(destination, actor)


def _moved[Kept: (ContactTag, ContactList)](
    theirs: dict[int, Kept] | None, ours: dict[int, Kept] | None, contact_id: int
) -> tuple[dict[int, Kept], dict[int, Kept]]:
    """What stays with the source and what the destination then has; its own rows win."""
    kept, merged = dict(theirs or {}), dict(ours or {})
    for key in [key for key in kept if key not in merged]:
        merged[key] = kept.pop(key)
        merged[key].contact = contact_id
    return kept, merged


def _move_belongings(tenant: Tenant, source: Contact, destination: Contact) -> None:
    source.tags, destination.tags = _moved(source.tags, destination.tags, destination.id)
    source.lists, destination.lists = _moved(source.lists, destination.lists, destination.id)
    if source.account is not None and destination.account is None:
        link = tenant.account_contacts.get(source.account)
        if link is not None:
            link["contact"] = destination.id
            destination.account, source.account = source.account, None
    for note in tenant.notes:
        if note["reltype"] == "Subscriber" and note["relid"] == source.id:
            note["relid"] = destination.id
    for deal in tenant.deals:
        if deal["contact"] == source.id:
            deal["contact"] = destination.id
