"""/fieldValues. Source: activecampaign.md 2.8."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.call import Call, deleted, echo, ok
from simulators.activecampaign.contacts.model import Contact, FieldValue
from simulators.activecampaign.contacts.rows import value_row, written_row
from simulators.activecampaign.contacts.service import touch_contact
from simulators.activecampaign.custom_values import drop_value, fill_defaults, fit_or_refuse, put_value
from simulators.activecampaign.errors import FORBIDDEN, invalid, missing, no_result
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.values import as_flag, as_id
from simulators.frame.http import Response


def value_of(call: Call) -> tuple[FieldValue, Contact]:
    """The value of the path and its contact. Raises 403, as this resource does for what is not there."""
    row = call.tenant.values.get(call.id())
    contact = call.tenant.contacts.get(row.contact) if row else None
    if row is None or contact is None:
        raise no_result("FieldValue", call.argument(), status=FORBIDDEN)
    return row, contact


@routes.get("/fieldValues")
def list_values(call: Call) -> Response:
    """All values, or those of one field (`filters[fieldid]`), text (`filters[val]`), contact (`filters[contactid]`)."""
    wanted = (call.filter("fieldid"), call.filter("val"), call.filter("contactid"))
    rows = _select(call.tenant, wanted)
    return call.listing("fieldValues", rows, lambda row: value_row(call.tenant, row))


def _select(tenant: Tenant, wanted: tuple[str | None, ...]) -> list[FieldValue]:
    """Filter, remembering the last answer while values do not change: a walk asks page after page."""
    field_id, text, contact_id = wanted
    if contact_id is not None:
        contact = tenant.contacts.get(as_id(contact_id))
        rows = list((contact.values or {}).values()) if contact else []
    else:
        known = tenant.value_listing
        if known and known[:2] == (tenant.values_version, wanted):
            return known[2]
        rows = tenant.values.values()
    if field_id is not None:
        field = as_id(field_id)
        rows = [row for row in rows if row.field == field]
    if text is not None:
        rows = [row for row in rows if row.value == text]
    if contact_id is None:
        tenant.value_listing = (tenant.values_version, wanted, rows)
    return rows


@routes.post("/fieldValues")
def post_value(call: Call) -> Response:
    """Sets a value: creates it, or changes the one that is there. Moves the contact's udate."""
    sent, tenant = call.body("fieldValue"), call.tenant
    for key in ("contact", "field"):
        if sent.get(key) in (None, ""):
            raise missing(f"The {key} attribute was not provided", key)
    contact = tenant.contacts.get(as_id(sent["contact"]))
    field = tenant.fields.get(as_id(sent["field"]))
    if contact is None or field is None:
        pointer = "contact" if contact is None else "field"
        raise invalid(f"The related {pointer} does not exist.", code="related_missing", pointer=pointer)
    text = fit_or_refuse(tenant, field, sent.get("value"))
    row, change = put_value(tenant, contact, field, text)
    changed: dict[str, list[Any]] = {f"fields[{field['id']}]": change}
    whole = call.json()
    if as_flag(whole.get("useDefaults", sent.get("useDefaults", False))) == "1":
        changed |= fill_defaults(tenant, contact)
    touch_contact(tenant, call.actor, contact, changed)
    return _answer(call, row, contact, sent)


@routes.get("/fieldValues/{id}")
def get_value(call: Call) -> Response:
    """One value."""
    return ok(fieldValue=value_row(call.tenant, value_of(call)[0]))


@routes.put("/fieldValues/{id}")
def put_field_value(call: Call) -> Response:
    """Changes a value; only `value` need be sent."""
    (row, contact), sent, tenant = value_of(call), call.body("fieldValue"), call.tenant
    field = tenant.fields.get(row.field)
    if field is None:
        raise no_result("FieldValue", call.argument(), status=FORBIDDEN)
    if "value" not in sent:
        raise missing("The value attribute was not provided", "value")
    text = fit_or_refuse(tenant, field, sent["value"])
    _, change = put_value(tenant, contact, field, text)
    touch_contact(tenant, call.actor, contact, {f"fields[{field['id']}]": change})
    return _answer(call, row, contact, sent)


@routes.delete("/fieldValues/{id}")
def delete_value(call: Call) -> Response:
    """Removes a value."""
    row, contact = value_of(call)
    drop_value(call.tenant, call.actor, contact, row)
    return deleted()


def _answer(call: Call, row: FieldValue, contact: Contact, sent: dict[str, Any]) -> Response:
    view = echo(value_row(call.tenant, row), sent, "contact", "field")
    view["owner"] = view["contact"]
    return ok(contacts=[written_row(call.tenant, contact)], fieldValue=view)
