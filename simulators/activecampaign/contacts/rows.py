"""How contacts and what hangs on them look in answers. Source: activecampaign.md 2.5 (recorded keys), 2.6 to 2.8."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.contacts.model import Contact, ContactList, ContactTag, Extra, FieldValue
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import NO_DATETIME, wall_clock, with_offset, with_offset_or_null

_NOTHING = Extra()
_LINKS = (
    "bounceLogs",
    "contactAutomations",
    "contactData",
    "contactGoals",
    "contactLists",
    "contactLogs",
    "contactTags",
    "contactDeals",
    "deals",
    "fieldValues",
    "geoIps",
    "notes",
    "organization",
    "plusAppend",
    "trackingLogs",
    "scoreValues",
    "accountContacts",
    "automationEntryCounts",
)
_LINK_TAILS = tuple(
    (name, f"/{name}?limit=2500&orders%5Blastdate%5D=DESC" if name == "contactAutomations" else f"/{name}")
    for name in _LINKS
)


def links(tenant: Tenant, resource: str, record_id: object, *names: str) -> dict[str, str]:
    """`{"tag": ".../contactTags/7/tag"}` for each name."""
    start = f"{tenant.switches.word('account_address') or tenant.base}/api/3/{resource}/{record_id}/"
    return {name: start + name for name in names}


def contact_core(tenant: Tenant, contact: Contact) -> dict[str, Any]:
    """The keys every contact answer has, without links and id."""
    extra = contact.extra or _NOTHING
    created, updated = wall_clock(contact.created), wall_clock(contact.updated)
    account = tenant.account_contacts.get(contact.account)
    company = tenant.accounts.get(account["account"]) if account else None
    return {
        "cdate": with_offset(contact.created),
        "email": contact.email,
        "phone": contact.phone,
        "firstName": contact.first,
        "lastName": contact.last,
        "orgid": "0",
        "orgname": company["name"] if company else "",
        "segmentio_id": "",
        "bounced_hard": str(extra.hard),
        "bounced_soft": str(extra.soft),
        "bounced_date": None if extra.bounced_at is None else wall_clock(extra.bounced_at)[:10],
        "ip": "0",
        "ua": None,
        "hash": contact.hash,
        "socialdata_lastcheck": None,
        "email_local": "",
        "email_domain": contact.email.rpartition("@")[2],
        "sentcnt": str(extra.sent),
        "rating_tstamp": None,
        "gravatar": "0",
        "deleted": "0",
        "anonymized": "0",
        "adate": with_offset_or_null(extra.active_at),
        "udate": with_offset(contact.updated),
        "edate": None,
        "deleted_at": None,
        "created_utc_timestamp": created,
        "updated_utc_timestamp": updated,
        "created_timestamp": created,
        "updated_timestamp": updated,
        "created_by": contact.created_by,
        "updated_by": contact.updated_by,
        "mpp_tracking": "0",
    }


def _mail_dates(contact: Contact) -> dict[str, Any]:
    extra = contact.extra or _NOTHING
    touched = contact.updated_by is not None
    return {
        "last_click_date": with_offset_or_null(extra.clicked_at),
        "last_open_date": with_offset_or_null(extra.opened_at),
        "last_mpp_open_date": None,
        "best_send_hour": "0" if touched else None,
        "sms_consent": "0" if touched else None,
        "sms_consent_updated_at": NO_DATETIME if touched else None,
        "whatsapp_id": None,
        "whatsapp_username": None,
    }


def contact_links(tenant: Tenant, contact_id: int) -> dict[str, str]:
    """Every sub-resource's address."""
    start = f"{tenant.base}/api/3/contacts/{contact_id}"
    return {name: start + tail for name, tail in _LINK_TAILS}


def _account_ids(contact: Contact) -> list[str]:
    return [] if contact.account is None else [str(contact.account)]


def list_row(tenant: Tenant, contact: Contact) -> dict[str, Any]:
    """A contact in a list: no field values, no tags."""
    row = contact_core(tenant, contact)
    row |= _mail_dates(contact)
    row["scoreValues"] = []
    row["accountContacts"] = _account_ids(contact)
    return _closed(tenant, contact, row)


def written_row(tenant: Tenant, contact: Contact) -> dict[str, Any]:
    """A contact in the answer to a write, or side-loaded."""
    row = contact_core(tenant, contact)
    row |= {key: value for key, value in _mail_dates(contact).items() if not key.startswith(("last_", "whatsapp_"))}
    return _closed(tenant, contact, row)


def _closed(tenant: Tenant, contact: Contact, row: dict[str, Any]) -> dict[str, Any]:
    row["links"] = contact_links(tenant, contact.id)
    row["id"] = str(contact.id)
    row["organization"] = None
    return row


def value_row(tenant: Tenant, value: FieldValue) -> dict[str, Any]:
    """A fieldValue."""
    return {
        "contact": str(value.contact),
        "field": str(value.field),
        "value": value.value,
        "cdate": with_offset(value.created),
        "udate": with_offset(value.updated),
        "links": links(tenant, "fieldValues", value.id, "owner", "field"),
        "id": str(value.id),
        "owner": str(value.contact),
    }


def tag_row(tenant: Tenant, row: ContactTag) -> dict[str, Any]:
    """A contactTag."""
    created = wall_clock(row.created)
    return {
        "contact": str(row.contact),
        "tag": str(row.tag),
        "cdate": with_offset(row.created),
        "created_timestamp": created,
        "updated_timestamp": created,
        "created_by": None,
        "updated_by": None,
        "links": links(tenant, "contactTags", row.id, "tag", "contact"),
        "id": str(row.id),
    }


def membership_row(tenant: Tenant, row: ContactList) -> dict[str, Any]:
    """A contactList."""
    return {
        "contact": str(row.contact),
        "list": str(row.list),
        "form": None if row.form is None else str(row.form),
        "seriesid": "0",
        "sdate": with_offset_or_null(row.subscribed),
        "udate": with_offset_or_null(row.unsubscribed),
        "status": str(row.status),
        "responder": "1",
        "sync": "0",
        "unsubreason": row.reason,
        "campaign": None,
        "message": None,
        "first_name": row.first,
        "last_name": row.last,
        "ip4Sub": "0",
        "sourceid": row.source,
        "autosyncLog": None,
        "ip4_last": "0",
        "ip4Unsub": "0",
        "created_timestamp": wall_clock(row.created),
        "updated_timestamp": wall_clock(row.updated),
        "created_by": row.by,
        "updated_by": row.by,
        "unsubscribeAutomation": None,
        "channel": "email",
        "links": links(
            tenant,
            "contactLists",
            row.id,
            "automation",
            "list",
            "contact",
            "form",
            "autosyncLog",
            "campaign",
            "unsubscribeAutomation",
            "message",
        ),
        "id": str(row.id),
        "automation": None,
    }
