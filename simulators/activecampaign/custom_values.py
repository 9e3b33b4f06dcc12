"""Values of contacts' custom fields: what fits a field, and writing it. Source: activecampaign.md 2.8."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.contacts.model import Contact, FieldValue
from simulators.activecampaign.errors import invalid
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import NO_DATE, NO_DATETIME, is_date, parse_instant, with_offset
from simulators.activecampaign.values import as_id, as_objects, as_text

SINGLE_CHOICE = frozenset({"dropdown", "radio"})
MULTIPLE_CHOICE = frozenset({"listbox", "checkbox"})
TYPES = (
    frozenset({"text", "textarea", "hidden", "date", "datetime", "number", "NULL"}) | SINGLE_CHOICE | MULTIPLE_CHOICE
)


class UnfitValueError(ValueError):
    """A value that does not fit its field; the text says why."""


def split_choices(text: str) -> list[str]:
    """The members of `||a||b||` or `a||b`."""
    return [part for part in text.split("||") if part]


def join_choices(parts: list[str]) -> str:
    """`||a||b||`; one choice is wrapped too, none is empty."""
    return f"||{'||'.join(parts)}||" if parts else ""


def fit(tenant: Tenant, field: Row, text: str) -> str:
    """The value as it is stored. Raises UnfitValueError."""
    if not text:
        return ""
    kind = field["type"]
    if kind in MULTIPLE_CHOICE:
        parts = split_choices(text)
        for part in parts:
            _choice(tenant, field, part)
        return join_choices(parts)
    if kind in SINGLE_CHOICE:
        return _choice(tenant, field, text)
    if kind == "date":
        if not is_date(text):
            raise UnfitValueError("The date must be written YYYY-MM-DD.")
        return text
    if kind == "datetime":
        return _datetime(tenant, text)
    if kind == "number":
        return _number(text)
    return text


def _choice(tenant: Tenant, field: Row, text: str) -> str:
    if not any(option["value"] == text for option in tenant.field_options.where("field", field["id"])):
        raise UnfitValueError("The value is not one of the options of the field.")
    return text


def _datetime(tenant: Tenant, text: str) -> str:
    if text in {NO_DATE, NO_DATETIME}:
        return text
    instant = parse_instant(text)
    if instant is None:
        raise UnfitValueError("The date and time must be written in ISO 8601.")
    return text if tenant.switches.word("datetime_returned_as") == "sent" else with_offset(int(instant))


def _number(text: str) -> str:
    try:
        finite = abs(float(text)) < float("inf")
    except ValueError:
        finite = False
    if not finite:
        raise UnfitValueError("The value is not a number.")
    return text


def fit_or_refuse(tenant: Tenant, field: Row, raw: Any) -> str:
    """A value from a REST body as it is stored. Raises 422 where the switch `bad_field_value` says refuse."""
    text = as_text(raw, "value")
    try:
        return fit(tenant, field, text)
    except UnfitValueError as error:
        if tenant.switches.word("bad_field_value") == "store":
            return text
        raise invalid(str(error), code="field_invalid", pointer="value", detail=f"field {field['id']}") from error


def read_values(tenant: Tenant, raw: Any) -> list[tuple[Row, str]]:
    """`fieldValues: [{field, value}]` of a contact body, checked. Raises 422 for an unknown field or a bad value."""
    found: list[tuple[Row, str]] = []
    for item in as_objects(raw):
        field = tenant.fields.get(as_id(item.get("field")))
        if field is None:
            raise invalid("The field does not exist.", code="related_missing", pointer="fieldValues")
        found.append((field, fit_or_refuse(tenant, field, item.get("value"))))
    return found


def put_value(tenant: Tenant, contact: Contact, field: Row, text: str) -> tuple[FieldValue, list[Any]]:
    """Create or change a value. Returns its row and `[old, new]`; old is None where there was none."""
    if contact.values is None:
        contact.values = {}
    tenant.values_version += 1
    row = contact.values.get(field["id"])
    if row is None:
        row = FieldValue(tenant.values.next_id(), contact.id, field["id"], text, tenant.now())
        tenant.values.put(row.id, row)
        contact.values[field["id"]] = row
        return row, [None, text]
    old, row.value, row.updated = row.value, text, tenant.now()
    return row, [old, text]


def drop_value(tenant: Tenant, actor: Actor, contact: Contact, row: FieldValue) -> None:
    """Remove a value."""
    tenant.values_version += 1
    tenant.values.delete(row.id)
    if contact.values is not None:
        contact.values.pop(row.field, None)
    tenant.log(actor, "update", "contact", contact.id, {f"fields[{row.field}]": [row.value, None]})
    tenant.bump(contact, actor)


def fill_defaults(tenant: Tenant, contact: Contact) -> dict[str, list[Any]]:
    """`useDefaults`: required fields without a value take their default."""
    changed: dict[str, list[Any]] = {}
    for field in tenant.fields:
        there = contact.values is not None and field["id"] in contact.values
        if field["isrequired"] == "1" and field["defval"] and not there:
            _, changed[f"fields[{field['id']}]"] = put_value(tenant, contact, field, field["defval"])
    return changed
