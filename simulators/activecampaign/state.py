"""`GET /_sim/state`: all the account holds, as plain JSON by pages.

Without `kind`: how many there are of each. With `kind`: rows with an id above `after`, at most `limit` (1,000), and for
contacts those of `ids=1,2` or `email=`.
"""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.contacts.model import Contact
from simulators.activecampaign.tables import Records
from simulators.activecampaign.tenant import TABLES, Tenant
from simulators.activecampaign.times import utc_nanoseconds
from simulators.activecampaign.values import as_id
from simulators.activecampaign.webhooks.courier import Courier
from simulators.frame.system import ControlError

_LIMIT = 1000


def view(tenant: Tenant, courier: Courier, query: dict[str, str]) -> dict[str, Any]:
    """See the module. Raises ControlError for an unknown kind."""
    kind = query.get("kind", "")
    if not kind:
        return {"counts": _counts(tenant), "exclusions": tenant.exclusions}
    if kind == "contacts":
        return _contacts(tenant, query)
    if kind == "deliveries":
        return {"deliveries": courier.log()}
    if kind == "records":
        return {"records": [row for rows in tenant.records.values() for row in rows.values()]}
    if kind == "batches":
        return {"batches": [_batch(tenant, batch_id) for batch_id in tenant.imports.batches]}
    if kind not in TABLES:
        raise ControlError(f"state knows contacts, records, batches, deliveries and {', '.join(TABLES)}")
    table: Records = getattr(tenant, kind)
    rows = [_shown(row) for row in table if row["id"] > int(query.get("after", 0))]
    return {kind: rows[: int(query.get("limit", _LIMIT))]}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "key"}


def _counts(tenant: Tenant) -> dict[str, int]:
    counts = {name: len(getattr(tenant, name)) for name in TABLES}
    counts |= {"contacts": len(tenant.contacts), "field_values": len(tenant.values)}
    counts |= {"contact_tags": len(tenant.contact_tags), "contact_lists": len(tenant.contact_lists)}
    counts["records"] = sum(len(rows) for rows in tenant.records.values())
    counts["batches"] = len(tenant.imports.batches)
    return counts


def _batch(tenant: Tenant, batch_id: str) -> dict[str, Any]:
    batch = tenant.imports.batches[batch_id]
    return {
        "id": batch.id,
        "status": batch.status,
        "contacts": batch.size,
        "success": batch.success,
        "failure": batch.failure,
        "errors": batch.errors,
    }


def _contacts(tenant: Tenant, query: dict[str, str]) -> dict[str, Any]:
    if "email" in query:
        found = tenant.contacts.by_email(query["email"])
        return {"contacts": [contact_state(tenant, found)] if found else []}
    if "ids" in query:
        rows = [tenant.contacts.get(as_id(each)) for each in query["ids"].split(",")]
        return {"contacts": [contact_state(tenant, row) for row in rows if row is not None]}
    after, limit = int(query.get("after", 0)), int(query.get("limit", _LIMIT))
    page: list[dict[str, Any]] = []
    for contact_id in range(after + 1, tenant.contacts.next_id()):
        contact = tenant.contacts.get(contact_id)
        if contact is not None:
            page.append(contact_state(tenant, contact))
            if len(page) >= limit:
                break
    return {"contacts": page}


def contact_state(tenant: Tenant, contact: Contact) -> dict[str, Any]:
    """A contact with its values by field title, tags by name, standings by list name, and its account."""
    link = tenant.account_contacts.get(contact.account)
    account = tenant.accounts.get(link["account"]) if link else None
    fields = [(tenant.fields.get(key), row.value) for key, row in (contact.values or {}).items()]
    tags = [tenant.tags.get(tag_id) for tag_id in contact.tags or {}]
    return {
        "id": contact.id,
        "email": contact.email,
        "firstName": contact.first,
        "lastName": contact.last,
        "phone": contact.phone,
        "created": utc_nanoseconds(contact.created),
        "updated": utc_nanoseconds(contact.updated),
        "fields": dict(sorted((field["title"], value) for field, value in fields if field)),
        "tags": sorted(tag["tag"] for tag in tags if tag),
        "lists": dict(sorted((_list_name(tenant, key), row.status) for key, row in (contact.lists or {}).items())),
        "account": account["name"] if account else None,
        "jobTitle": link["title"] if link else None,
        "bounced": bool(contact.extra and contact.extra.hard),
    }


def _list_name(tenant: Tenant, list_id: int) -> str:
    row = tenant.lists.get(list_id)
    return str(row["name"]) if row else str(list_id)
