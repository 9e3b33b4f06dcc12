"""One contact with everything beside it, its sub-resources, and `include=`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulators.activecampaign.call import Call
from simulators.activecampaign.contacts.model import Contact
from simulators.activecampaign.contacts.rows import contact_core, contact_links, membership_row, tag_row, value_row
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant


def value_rows(tenant: Tenant, contact: Contact) -> list[dict[str, Any]]:
    """Field values."""
    return [value_row(tenant, row) for row in (contact.values or {}).values()]


def tag_rows(tenant: Tenant, contact: Contact) -> list[dict[str, Any]]:
    """Tags."""
    return [tag_row(tenant, row) for row in (contact.tags or {}).values()]


def membership_rows(tenant: Tenant, contact: Contact) -> list[dict[str, Any]]:
    """Standings on lists."""
    return [membership_row(tenant, row) for row in (contact.lists or {}).values()]


def account_contact_rows(tenant: Tenant, contact: Contact) -> list[dict[str, Any]]:
    """The account link."""
    from simulators.activecampaign.accounts import account_contact_row

    row = tenant.account_contacts.get(contact.account)
    return [account_contact_row(tenant, row)] if row else []


def automation_rows(tenant: Tenant, contact: Contact) -> list[dict[str, Any]]:
    """Automations the contact is or was in."""
    from simulators.activecampaign.automations import entry_row

    entries = contact.extra.automations if contact.extra else []
    rows = (tenant.contact_automations.get(entry) for entry in entries)
    return [entry_row(tenant, row) for row in rows if row is not None]


def deal_rows(tenant: Tenant, contact: Contact, user: Row) -> list[dict[str, Any]]:
    """Deals, reduced where the key's user may not see the pipeline."""
    from simulators.activecampaign.deals import deal_row

    return [deal_row(tenant, deal, user) for deal in tenant.deals if deal["contact"] == contact.id]


def detail(call: Call, contact: Contact) -> dict[str, Any]:
    """GET /contacts/{id}: related rows at the top, their ids in the contact."""
    tenant = call.tenant
    beside: dict[str, list[dict[str, Any]]] = {
        "contactAutomations": automation_rows(tenant, contact),
        "contactLists": membership_rows(tenant, contact),
        "deals": deal_rows(tenant, contact, call.user),
        "fieldValues": value_rows(tenant, contact),
        "geoIps": [],
        "accountContacts": account_contact_rows(tenant, contact),
    }
    row = contact_core(tenant, contact)
    for name, rows in beside.items():
        row[name] = [each["id"] for each in rows]
    row["links"] = contact_links(tenant, contact.id)
    row["id"] = str(contact.id)
    row["organization"] = None
    return {**beside, "contact": row}


_INCLUDES: dict[str, Callable[[Tenant, Contact], list[dict[str, Any]]]] = {
    "fieldValues": value_rows,
    "contactTags": tag_rows,
    "contactLists": membership_rows,
    "accountContacts": account_contact_rows,
    "contactAutomations": automation_rows,
}


def side_loads(call: Call, page: list[Contact], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """`include=a,b`: rows of all contacts of the page at the top, their ids in each contact. Unknown names are left."""
    loaded: dict[str, Any] = {}
    for name in call.first("include").split(","):
        reader = _INCLUDES.get(name.strip())
        if reader is None:
            continue
        found = [reader(call.tenant, contact) for contact in page]
        for row, each in zip(rows, found, strict=True):
            row[name.strip()] = [part["id"] for part in each]
        loaded[name.strip()] = [part for each in found for part in each]
    return loaded
