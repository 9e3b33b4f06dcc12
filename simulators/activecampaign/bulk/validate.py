"""Checking an import before it is queued: one bad contact refuses the whole batch. Source: activecampaign.md 2.12."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.errors import ApiError, bulk_refused
from simulators.activecampaign.values import as_id

MAX_CONTACTS = 250
MAX_BYTES = 399_999
_NOT_VALID = (
    "JSON payload did not pass validation. Please fix failure Reasons and retry. "
    "The import was not queued for processing."
)
_TEXTS = ("first_name", "last_name", "phone", "customer_acct_name")


def too_many(most: int, *, single: bool) -> ApiError:
    """Rate limiting of imports is HTTP 400."""
    kind = "single-contact imports" if single else "imports"
    reason = (
        f"Up to {most} {kind} may be requested per minute. "
        "Please batch contacts into larger requests, or retry this request in a minute."
    )
    return bulk_refused("Rate limit exceeded.", [reason])


def check_batch(body: Any, size: int) -> list[dict[str, Any]]:
    """The contacts of an import. Raises 400 with reasons: objects for contacts, sentences for the rest."""
    if size > MAX_BYTES:
        raise bulk_refused(_NOT_VALID, [f"The request may be at most {MAX_BYTES} bytes."])
    contacts = body.get("contacts") if isinstance(body, dict) else None
    if not isinstance(contacts, list) or not contacts:
        raise bulk_refused(_NOT_VALID, ["'contacts' is a required field."])
    if len(contacts) > MAX_CONTACTS:
        raise bulk_refused(_NOT_VALID, [f"Up to {MAX_CONTACTS} contacts may be included in a single request."])
    reasons = [
        {"contact": index, "failureReason": f"Field '{field}' incorrect format"}
        for index, contact in enumerate(contacts)
        for field in _wrong_fields(contact)
    ]
    if reasons:
        raise bulk_refused(_NOT_VALID, reasons)
    check_callback(body.get("callback"))
    return contacts


def _wrong_fields(contact: Any) -> list[str]:
    if not isinstance(contact, dict):
        return ["contact"]
    email = contact.get("email")
    wrong = [] if isinstance(email, str) and "@" in email.strip("@") and not _blank_inside(email) else ["email"]
    wrong += [name for name in _TEXTS if not isinstance(contact.get(name, ""), str | int | float | None)]
    tags = contact.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        wrong.append("tags")
    if not _objects_with_id(contact.get("fields", []), "id"):
        wrong.append("fields")
    wrong += [name for name in ("subscribe", "unsubscribe") if not _objects_with_id(contact.get(name, []), "listid")]
    return wrong


def _blank_inside(text: str) -> bool:
    return any(character.isspace() for character in text.strip())


def _objects_with_id(value: Any, key: str) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and as_id(each.get(key)) for each in value)


def check_callback(callback: Any) -> None:
    """Raises 400 for a callback without an address or with another method than GET or POST."""
    if callback is None or callback == []:
        return
    if not isinstance(callback, dict) or not isinstance(callback.get("url"), str) or not callback["url"]:
        raise bulk_refused(_NOT_VALID, ["'callback.url' is a required field."])
    if callback.get("requestType") not in {"GET", "POST"}:
        raise bulk_refused(_NOT_VALID, ["'callback.requestType' must be GET or POST."])
