"""Form-encoded bodies with bracket keys. Source: activecampaign.md 2.13 (webhooks) and 3.1 (automation step)."""

from __future__ import annotations

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.contacts.model import Contact
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import with_offset

Pairs = list[tuple[str, str]]


def _names(tenant: Tenant, contact: Contact) -> tuple[str, str]:
    """The contact's tags as one text, and its account's name."""
    tags = [tag["tag"] for tag_id in contact.tags or {} if (tag := tenant.tags.get(tag_id)) is not None]
    link = tenant.account_contacts.get(contact.account)
    account = tenant.accounts.get(link["account"]) if link else None
    return ", ".join(tags), account["name"] if account else ""


def _fields(tenant: Tenant, contact: Contact) -> Pairs:
    found: Pairs = []
    for field_id, row in (contact.values or {}).items():
        field = tenant.fields.get(field_id)
        if field is not None:
            found.append((f"contact[fields][{field['perstag'].lower()}]", row.value))
    return found


def _person(contact: Contact) -> Pairs:
    return [
        ("contact[id]", str(contact.id)),
        ("contact[email]", contact.email),
        ("contact[first_name]", contact.first),
        ("contact[last_name]", contact.last),
        ("contact[phone]", contact.phone),
    ]


def contact_block(tenant: Tenant, contact: Contact) -> Pairs:
    """The contact in a webhook."""
    tags, account = _names(tenant, contact)
    return [
        *_person(contact),
        ("contact[ip]", "0.0.0.0"),  # noqa: S104 - an unknown address, not one to bind
        ("contact[tags]", tags),
        ("contact[customer_acct_name]", account),
        ("contact[orgname]", account),
        *_fields(tenant, contact),
    ]


def event_body(  # noqa: PLR0917 - the order of `emit`
    tenant: Tenant, event: str, actor: Actor, block: Pairs, contact: Contact | None, list_id: int
) -> Pairs:
    """A webhook's whole body."""
    body: Pairs = [
        ("type", event),
        ("date_time", with_offset(tenant.now())),
        ("initiated_from", actor.source),
        ("initiated_by", actor.source if actor.user == "0" else actor.user),
        ("list", str(list_id)),
    ]
    return body + (contact_block(tenant, contact) if contact else []) + block


def automation_body(tenant: Tenant, contact: Contact, automation_id: int) -> Pairs:
    """What the webhook step of an automation sends: no type, no time, no `initiated_*`."""
    tags, account = _names(tenant, contact)
    return [
        *_person(contact),
        ("contact[orgname]", account),
        ("contact[customer_acct_name]", account),
        ("contact[tags]", tags),
        ("contact[ip4]", "0.0.0.0"),  # noqa: S104 - an unknown address, not one to bind
        *_fields(tenant, contact),
        ("seriesid", str(automation_id)),
    ]
