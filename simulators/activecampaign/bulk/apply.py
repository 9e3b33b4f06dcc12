"""What becomes of one contact of an import. Source: activecampaign.md 2.12."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.accounts import account_by_name, associate, create_account
from simulators.activecampaign.actors import Actor
from simulators.activecampaign.contacts.model import Contact
from simulators.activecampaign.contacts.service import new_contact, touch_contact, valid_email
from simulators.activecampaign.custom_values import UnfitValueError, fit, put_value
from simulators.activecampaign.subscribing import has_unsubscribed, set_status
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tagging import apply_tag, create_tag, tag_by_name
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.values import as_id, as_text

_NAMES = {"first_name": ("firstName", "first"), "last_name": ("lastName", "last"), "phone": ("phone", "phone")}


class RowFailedError(ValueError):
    """This contact is not imported; the text is the error message of the detailed results."""


def excluded(tenant: Tenant, email: str) -> bool:
    """Whether the exclusion list names the address, or its domain as `*@example.com`."""
    wanted = email.lower()
    return any(
        wanted == rule.lower() or (rule.startswith("*@") and wanted.endswith(rule[1:].lower()))
        for rule in tenant.exclusions
    )


def import_contact(tenant: Tenant, actor: Actor, item: dict[str, Any], *, automations: bool) -> Contact:
    """Create or update one contact. Raises RowFailedError; then nothing of the row was applied."""
    email = item["email"].strip()
    contact = tenant.contacts.by_email(email)
    _check(tenant, item, email, contact)
    values = _values(tenant, item.get("fields") or [])
    changed: dict[str, list[Any]] = {}
    op = "create" if contact is None else "update"
    if contact is None:
        stored = email.lower() if tenant.switches.word("email_stored_as") == "lower" else email
        contact = new_contact(tenant, stored, "", "", "")
        changed["email"] = [None, stored]
    changed |= _set_names(tenant, contact, item)
    for field, text in values:
        _, changed[f"fields[{field['id']}]"] = put_value(tenant, contact, field, text)
    if op == "create":
        tenant.log(actor, "create", "contact", contact.id, changed)
    else:
        touch_contact(tenant, actor, contact, changed)
    _set_relations(tenant, actor, contact, item, automations=automations)
    return contact


def _check(tenant: Tenant, item: dict[str, Any], email: str, contact: Contact | None) -> None:
    if not valid_email(tenant, email) or "'" in email:
        raise RowFailedError("Email address is invalid.")
    if excluded(tenant, email):
        raise RowFailedError("Email address is on the exclusion list.")
    if contact is not None and contact.extra is not None and contact.extra.hard:
        raise RowFailedError("Email address is on the bounced list.")
    for each in item.get("subscribe") or []:
        list_id = as_id(each["listid"])
        if contact is not None and list_id is not None and has_unsubscribed(contact, list_id):
            raise RowFailedError("The contact has unsubscribed from this list.")
    most = int(tenant.switches.number("plan_contact_limit"))
    if contact is None and most and len(tenant.contacts) >= most:
        raise RowFailedError("The account's contact limit has been reached.")


def _values(tenant: Tenant, sent: list[dict[str, Any]]) -> list[tuple[Row, str]]:
    """Field values as they are stored; unknown fields are passed over."""
    found: list[tuple[Row, str]] = []
    rule = tenant.switches.word("bulk_bad_field_value")
    wipes = tenant.switches.word("bulk_empty_value") == "wipes"
    for item in sent:
        field = tenant.fields.get(as_id(item.get("id")))
        raw = item.get("value")
        if field is None or isinstance(raw, list | dict):
            continue
        text = as_text(raw, "value")
        if not text and not wipes:
            continue
        try:
            found.append((field, fit(tenant, field, text)))
        except UnfitValueError as error:
            if rule == "fails_row":
                raise RowFailedError(f"Field {field['id']}: {error}") from error
            if rule == "stored":
                found.append((field, text))
    return found


def _set_names(tenant: Tenant, contact: Contact, item: dict[str, Any]) -> dict[str, list[Any]]:
    changed: dict[str, list[Any]] = {}
    wipes = tenant.switches.word("bulk_empty_value") == "wipes"
    for key, (name, slot) in _NAMES.items():
        if key not in item:
            continue
        text, old = as_text(item[key], key), getattr(contact, slot)
        if text != old and (text or wipes):
            changed[name] = [old, text]
            setattr(contact, slot, text)
    return changed


def _set_relations(tenant: Tenant, actor: Actor, contact: Contact, item: dict[str, Any], *, automations: bool) -> None:
    for name in item.get("tags") or []:
        if name.strip():
            tag = tag_by_name(tenant, name) or create_tag(tenant, actor, name)
            apply_tag(tenant, actor, contact, tag, automations=automations)
    for key, status in (("subscribe", 1), ("unsubscribe", 2)):
        for each in item.get(key) or []:
            target = tenant.lists.get(as_id(each["listid"]))
            if target is not None:
                set_status(tenant, actor, contact, target, status, automations=automations)
    if name := as_text(item.get("customer_acct_name"), "customer_acct_name").strip():
        _set_account(tenant, actor, contact, name)


def _set_account(tenant: Tenant, actor: Actor, contact: Contact, name: str) -> None:
    """The account by name, created if missing; a contact has one account only."""
    account = account_by_name(tenant, name) or create_account(tenant, actor, name)
    link = tenant.account_contacts.get(contact.account)
    if link is None:
        associate(tenant, actor, contact, account, "")
    elif link["account"] != account["id"] and tenant.switches.word("bulk_account_conflict") == "replace":
        tenant.log(actor, "update", "accountContact", link["id"], {"account": [link["account"], account["id"]]})
        link.update(account=account["id"], updated=tenant.now())
        tenant.contacts.touch(contact)
