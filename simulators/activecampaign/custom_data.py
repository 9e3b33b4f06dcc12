"""Custom fields of accounts and deals: definitions ("meta") and values ("data"). Source: activecampaign.md 2.9, 2.10.

Both kinds work alike and differ only in names, so this module makes the routes for either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.call import Call, deleted, ok
from simulators.activecampaign.contacts.rows import links
from simulators.activecampaign.custom_values import split_choices
from simulators.activecampaign.errors import UNPROCESSABLE, ApiError, invalid, refused
from simulators.activecampaign.plan import needs_crm
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Records, Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import is_date, parse_instant, utc_wall_clock
from simulators.activecampaign.values import as_id, as_int, as_objects, as_text
from simulators.frame.http import Response

TYPES = frozenset(
    {
        "text",
        "textarea",
        "date",
        "datetime",
        "dropdown",
        "multiselect",
        "radio",
        "checkbox",
        "hidden",
        "currency",
        "number",
    }
)
MULTIPLE = frozenset({"multiselect", "checkbox"})
CHOICES = MULTIPLE | {"dropdown", "radio"}
_META_PAGE = 100


@dataclass(frozen=True, slots=True)
class Family:
    """Names of one kind of custom fields. `owners` are the ways a value names its record, the first one in answers."""

    name: str
    owners: tuple[str, ...]
    owner_table: str
    meta_table: str
    data_table: str
    filter_name: str

    @property
    def meta(self) -> str:
        """`accountCustomFieldMeta`."""
        return f"{self.name}CustomFieldMeta"

    @property
    def data(self) -> str:
        """`accountCustomFieldData`."""
        return f"{self.name}CustomFieldData"

    def metas(self, tenant: Tenant) -> Records:
        """Definitions."""
        table: Records = getattr(tenant, self.meta_table)
        return table

    def values(self, tenant: Tenant) -> Records:
        """Values."""
        table: Records = getattr(tenant, self.data_table)
        return table

    def records(self, tenant: Tenant) -> Records:
        """Accounts or deals."""
        table: Records = getattr(tenant, self.owner_table)
        return table


ACCOUNT = Family(
    "account", ("accountId", "customerAccountId"), "accounts", "account_meta", "account_data", "customerAccountId"
)
DEAL = Family("deal", ("dealId",), "deals", "deal_meta", "deal_data", "dealId")


def meta_row(tenant: Tenant, family: Family, meta: Row) -> dict[str, Any]:
    """A definition."""
    return {
        "id": str(meta["id"]),
        "fieldLabel": meta["label"],
        "fieldType": meta["type"],
        "fieldOptions": meta["options"] or None,
        "fieldDefault": meta["default"],
        "fieldDefaultCurrency": meta["currency"],
        "isFormVisible": meta["visible"],
        "isRequired": 0,
        "displayOrder": meta["order"],
        "personalization": meta["label"].upper().replace(" ", "_"),
        "knownFieldId": None,
        "hideFieldFlag": 0,
        "createdTimestamp": utc_wall_clock(meta["created"]),
        "updatedTimestamp": utc_wall_clock(meta["updated"]),
        "links": links(tenant, family.meta, meta["id"], family.data),
    }


def data_row(tenant: Tenant, family: Family, row: Row) -> dict[str, Any]:
    """A value; lists of choices are JSON arrays here."""
    view = {
        "id": str(row["id"]),
        f"{family.name}CustomFieldMetumId": row["field"],
        family.owners[0]: row["owner"],
        "customFieldId": row["field"],
        "createdTimestamp": utc_wall_clock(row["created"]),
        "updatedTimestamp": utc_wall_clock(row["updated"]),
        "fieldValue": row["value"],
    }
    if row["currency"]:
        view["fieldCurrency"] = row["currency"]
    view["links"] = links(tenant, family.data, row["id"], family.name, f"{family.name}CustomFieldMetum")
    return view


def rows_of(tenant: Tenant, family: Family, owner: int) -> list[Row]:
    """All values of one account or deal."""
    return list(tenant.data_rows.get((family.name, owner), {}).values())


def remove_row(tenant: Tenant, family: Family, row: Row) -> None:
    """Remove one value."""
    family.values(tenant).delete(row["id"])
    tenant.data_rows.get((family.name, row["owner"]), {}).pop(row["field"], None)


def inline_fields(tenant: Tenant, family: Family, owner: int) -> list[dict[str, Any]]:
    """`fields` of an account or deal in the answer to a write."""
    found = []
    for row in rows_of(tenant, family, owner):
        item = {"customFieldId": row["field"], "fieldValue": row["value"]}
        if row["currency"]:
            item["fieldCurrency"] = row["currency"]
        found.append({**item, family.owners[0]: str(owner)})
    return found


def create_meta(tenant: Tenant, actor: Actor, family: Family, sent: dict[str, Any]) -> Row:
    """A new definition. Raises 422."""
    label, kind = as_text(sent.get("fieldLabel"), "fieldLabel").strip(), as_text(sent.get("fieldType"), "fieldType")
    for name, value in (("label", label), ("type", kind)):
        if not value:
            title = f"The field {name} field is required."
            raise ApiError(UNPROCESSABLE, {"errors": [{"title": title, "detail": "", "code": 422}]})
    if kind not in TYPES:
        raise invalid("The field type is not valid.", code="field_invalid", pointer="fieldType")
    options = sent.get("fieldOptions")
    now = tenant.now()
    meta = family.metas(tenant).add(
        {
            "label": label,
            "type": kind,
            "options": [as_text(each, "fieldOptions") for each in options] if isinstance(options, list) else [],
            "default": sent.get("fieldDefault"),
            "currency": sent.get("fieldDefaultCurrency"),
            "visible": as_int(sent.get("isFormVisible"), 1),
            "order": as_int(sent.get("displayOrder"), len(family.metas(tenant)) + 1),
            "created": now,
            "updated": now,
        }
    )
    tenant.log(actor, "create", family.meta, meta["id"], {"fieldLabel": [None, label]})
    return meta


def fit_data(meta: Row, raw: Any) -> Any:
    """A value as it is stored. Raises 422 for one that does not fit."""
    kind = meta["type"]
    if raw in (None, ""):
        return [] if kind in MULTIPLE else ""
    if kind in MULTIPLE:
        parts = raw if isinstance(raw, list) else split_choices(as_text(raw, "fieldValue"))
        return [_choice(meta, as_text(part, "fieldValue")) for part in parts]
    text = as_text(raw, "fieldValue")
    if kind in CHOICES:
        return _choice(meta, text.strip("|"))
    if kind in {"number", "currency"}:
        return _amount(text, whole=kind == "currency")
    if (kind == "date" and not is_date(text[:10])) or (kind == "datetime" and parse_instant(text) is None):
        raise invalid("The date is not valid.", code="field_invalid", pointer="fieldValue")
    return text


def _choice(meta: Row, text: str) -> str:
    if text not in meta["options"]:
        raise invalid("The value is not one of the options of the field.", code="field_invalid", pointer="fieldValue")
    return text


def _amount(text: str, *, whole: bool) -> Any:
    """Numbers stay as sent; currency is whole minor units (9999 is 99.99)."""
    try:
        number = float(text)
        if not whole:
            return text
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise invalid("The value is not a valid number.", code="field_invalid", pointer="fieldValue")


def put_data(tenant: Tenant, actor: Actor, family: Family, owner: int, sent: dict[str, Any]) -> Row:
    """Create or change the value `sent` names. Raises 422."""
    meta = family.metas(tenant).get(as_id(sent.get("customFieldId")))
    if meta is None:
        raise invalid("The custom field does not exist.", code="related_missing", pointer="customFieldId")
    value = fit_data(meta, sent.get("fieldValue"))
    currency = as_text(sent.get("fieldCurrency"), "fieldCurrency") or meta["currency"]
    currency = currency if meta["type"] == "currency" else None
    now = tenant.now()
    known = tenant.data_rows.setdefault((family.name, owner), {})
    row = known.get(meta["id"])
    old = row["value"] if row else None
    if row is None:
        row = known[meta["id"]] = family.values(tenant).add({"owner": owner, "field": meta["id"], "created": now})
    row.update(value=value, currency=currency, updated=now)
    if old != value:
        tenant.log(actor, "update", family.name, owner, {f"fields[{meta['id']}]": [old, value]})
    return row


def check_data(tenant: Tenant, family: Family, raw: Any) -> list[dict[str, Any]]:
    """`fields` of an account or deal body, checked before anything is written. Raises 422."""
    sent = as_objects(raw)
    for item in sent:
        meta = family.metas(tenant).get(as_id(item.get("customFieldId")))
        if meta is None:
            raise invalid("The custom field does not exist.", code="related_missing", pointer="customFieldId")
        fit_data(meta, item.get("fieldValue"))
    return sent


def drop_data(tenant: Tenant, family: Family, owner: int) -> None:
    """Remove all values of a record that goes."""
    for row in rows_of(tenant, family, owner):
        remove_row(tenant, family, row)


def _owner(call: Call, family: Family, sent: dict[str, Any]) -> int:
    """The record a value names; the documents mix `accountId` and `customerAccountId`. Raises 422."""
    owner = next((as_id(sent[name]) for name in family.owners if name in sent), None)
    if owner is None or owner not in family.records(call.tenant):
        raise invalid("The related record does not exist.", code="related_missing", pointer=family.owners[-1])
    return owner


def _touch_owner(call: Call, family: Family, owner: int) -> None:
    record = family.records(call.tenant).get(owner)
    if record is not None:
        record["updated"] = call.now


def found(call: Call, table: Records) -> Row:
    """The row of the path. Raises 404 (c)."""
    needs_crm(call)
    row = table.get(call.id())
    if row is None:
        raise refused(404, "Not Found")
    return row


def mount(family: Family) -> None:
    """Register the routes of one family."""
    _mount_meta(family)
    _mount_data(family)
    _mount_bulk(family)


def _mount_meta(family: Family) -> None:
    metum = f"{family.meta[:-1]}um"

    @routes.get(f"/{family.meta}")
    def list_meta(call: Call) -> Response:
        needs_crm(call)
        rows = family.metas(call.tenant).values()
        return call.listing(family.meta, rows, lambda row: meta_row(call.tenant, family, row), default_limit=_META_PAGE)

    @routes.post(f"/{family.meta}")
    def post_meta(call: Call) -> Response:
        needs_crm(call)
        meta = create_meta(call.tenant, call.actor, family, call.body(metum))
        return ok(**{metum: meta_row(call.tenant, family, meta)})

    @routes.get(f"/{family.meta}/{{id}}")
    def get_meta(call: Call) -> Response:
        return ok(**{metum: meta_row(call.tenant, family, found(call, family.metas(call.tenant)))})

    @routes.put(f"/{family.meta}/{{id}}")
    def put_meta(call: Call) -> Response:
        meta, sent = found(call, family.metas(call.tenant)), call.body(metum)
        if "fieldLabel" in sent:
            meta["label"] = as_text(sent["fieldLabel"], "fieldLabel")
        if isinstance(sent.get("fieldOptions"), list):
            meta["options"] = [as_text(each, "fieldOptions") for each in sent["fieldOptions"]]
        meta["updated"] = call.now
        call.tenant.log(call.actor, "update", family.meta, meta["id"], {})
        return ok(**{metum: meta_row(call.tenant, family, meta)})

    @routes.delete(f"/{family.meta}/{{id}}")
    def delete_meta(call: Call) -> Response:
        meta, tenant = found(call, family.metas(call.tenant)), call.tenant
        for row in family.values(tenant).where("field", meta["id"]):
            remove_row(tenant, family, row)
        family.metas(tenant).delete(meta["id"])
        tenant.log(call.actor, "delete", family.meta, meta["id"], {})
        return ok(message=f"{family.meta[0].upper()}{family.meta[1:]} deleted.")


def _mount_data(family: Family) -> None:
    datum = f"{family.data[:-1]}um"

    @routes.get(f"/{family.data}")
    def list_data(call: Call) -> Response:
        needs_crm(call)
        rows = family.values(call.tenant).values()
        if (wanted := call.filter(family.filter_name)) is not None:
            rows = [row for row in rows if row["owner"] == as_id(wanted)]
        return call.listing(family.data, rows, lambda row: data_row(call.tenant, family, row), total=int)

    @routes.post(f"/{family.data}")
    def post_data(call: Call) -> Response:
        needs_crm(call)
        sent = call.body(datum)
        owner = _owner(call, family, sent)
        row = put_data(call.tenant, call.actor, family, owner, sent)
        _touch_owner(call, family, owner)
        return ok(**{datum: data_row(call.tenant, family, row)})

    @routes.get(f"/{family.data}/{{id}}")
    def get_data(call: Call) -> Response:
        return ok(**{datum: data_row(call.tenant, family, found(call, family.values(call.tenant)))})

    @routes.put(f"/{family.data}/{{id}}")
    def put_datum(call: Call) -> Response:
        row, sent = found(call, family.values(call.tenant)), call.body(datum)
        changed = put_data(call.tenant, call.actor, family, row["owner"], {**sent, "customFieldId": row["field"]})
        _touch_owner(call, family, row["owner"])
        return ok(**{datum: data_row(call.tenant, family, changed)})

    @routes.delete(f"/{family.data}/{{id}}")
    def delete_data(call: Call) -> Response:
        row = found(call, family.values(call.tenant))
        remove_row(call.tenant, family, row)
        call.tenant.log(
            call.actor, "update", family.name, row["owner"], {f"fields[{row['field']}]": [row["value"], None]}
        )
        return deleted()

    @routes.get(f"/{family.owner_table}/{{id}}/{family.data}")
    def data_of_record(call: Call) -> Response:
        owner = found(call, family.records(call.tenant))
        rows = rows_of(call.tenant, family, owner["id"])
        return call.listing(family.data, rows, lambda row: data_row(call.tenant, family, row), total=int)


def _mount_bulk(family: Family) -> None:
    def several(call: Call) -> int:
        needs_crm(call)
        whole = call.json()
        sent = as_objects(whole)
        if not isinstance(whole, list) or len(sent) != len(whole) or not sent:
            raise refused(422, "Unprocessable Entity", "send a list of field values")
        for item in sent:
            _owner(call, family, item)
        check_data(call.tenant, family, sent)
        for item in sent:
            owner = _owner(call, family, item)
            put_data(call.tenant, call.actor, family, owner, item)
            _touch_owner(call, family, owner)
        return len(sent)

    @routes.post(f"/{family.data}/bulkCreate")
    def bulk_create(call: Call) -> Response:
        several(call)
        return ok(message="the bulk insert was successful")

    @routes.on(f"/{family.data}/bulkUpdate", method="PUT")
    def bulk_update(call: Call) -> Response:
        several(call)
        return ok(message="the bulk update was successful")


mount(ACCOUNT)
mount(DEAL)
