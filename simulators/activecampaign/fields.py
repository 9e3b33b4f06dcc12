"""/fields, /fieldOption(s), /fieldRels. Source: activecampaign.md 2.8."""

from __future__ import annotations

import re
from typing import Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.call import Call, created, deleted, echo, ok
from simulators.activecampaign.contacts.rows import links
from simulators.activecampaign.custom_values import MULTIPLE_CHOICE, SINGLE_CHOICE, TYPES
from simulators.activecampaign.errors import in_words, invalid, no_result
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import with_offset
from simulators.activecampaign.values import as_flag, as_id, as_int, as_objects, as_text
from simulators.frame.http import Response, json_response

_FIELD_PAGE = 100


def perstag_of(title: str) -> str:
    """Upper-snake of the title: `Preferred Language` gives `PREFERRED_LANGUAGE`."""
    return re.sub(r"[^A-Z0-9]+", "_", title.upper()).strip("_")


def field_row(tenant: Tenant, field: Row) -> dict[str, Any]:
    """A field with the ids of its options and relations."""
    return {
        "title": field["title"],
        "descript": field["descript"] or None,
        "type": field["type"],
        "isrequired": field["isrequired"],
        "perstag": field["perstag"],
        "defval": field["defval"] or None,
        "show_in_list": "0",
        "rows": "0",
        "cols": "0",
        "visible": field["visible"],
        "service": "",
        "ordernum": str(field["ordernum"]),
        "cdate": with_offset(field["created"]),
        "udate": with_offset(field["updated"]),
        "options": [str(option["id"]) for option in tenant.field_options.where("field", field["id"])],
        "relations": [str(rel["id"]) for rel in tenant.field_rels.where("field", field["id"])],
        "links": links(tenant, "fields", field["id"], "options", "relations"),
        "id": str(field["id"]),
    }


def option_row(tenant: Tenant, option: Row) -> dict[str, Any]:
    """An option of a choice field."""
    return {
        "field": str(option["field"]),
        "orderid": str(option["orderid"]),
        "value": option["value"],
        "label": option["label"],
        "isdefault": option["isdefault"],
        "cdate": None,
        "udate": None,
        "links": links(tenant, "fieldOptions", option["id"], "field"),
        "id": str(option["id"]),
    }


def rel_row(tenant: Tenant, rel: Row) -> dict[str, Any]:
    """On which list a field shows; relid 0 is all lists."""
    return {
        "field": str(rel["field"]),
        "relid": str(rel["relid"]),
        "dorder": "0",
        "cdate": None,
        "links": links(tenant, "fieldRels", rel["id"], "field"),
        "id": str(rel["id"]),
    }


def create_field(tenant: Tenant, actor: Actor, sent: dict[str, Any]) -> Row:
    """A new field. Raises 422 for a missing or used title, a used perstag, an unknown type."""
    title = as_text(sent.get("title"), "title").strip()
    if not title:
        raise invalid("The field title was not provided.", code="field_missing")
    kind = "NULL" if sent.get("type", "") is None else as_text(sent.get("type"), "type")
    if kind not in TYPES:
        raise invalid("The field type is not valid.", code="field_invalid", pointer="type")
    perstag = perstag_of(as_text(sent.get("perstag"), "perstag") or title)
    _check_unique(tenant, title, perstag)
    now = tenant.now()
    field = tenant.fields.add(
        {
            "title": title,
            "descript": as_text(sent.get("descript"), "descript"),
            "type": kind,
            "isrequired": as_flag(sent.get("isrequired", 0)),
            "perstag": perstag,
            "defval": as_text(sent.get("defval"), "defval"),
            "visible": as_flag(sent.get("visible", 1)),
            "ordernum": as_int(sent.get("ordernum"), len(tenant.fields) + 1),
            "created": now,
            "updated": now,
        }
    )
    tenant.log(actor, "create", "field", field["id"], {"title": [None, title], "type": [None, kind]})
    return field


def _check_unique(tenant: Tenant, title: str, perstag: str, own: Row | None = None) -> None:
    for field in tenant.fields:
        if field is own:
            continue
        if field["title"].lower() == title.lower():
            detail = f"There is already a field named '{title}' -- choose another name"
            raise invalid("There is already a field with this title", code="duplicate", detail=detail)
        if field["perstag"] == perstag:
            detail = f"There is already a personalization tag named '{perstag}' -- choose another name"
            raise invalid("There is already a field with this personalization tag", code="field_invalid", detail=detail)


def create_option(tenant: Tenant, actor: Actor, field: Row, sent: dict[str, Any]) -> Row:
    """A new option at the end of its field's options."""
    count = len(tenant.field_options.where("field", field["id"]))
    value = as_text(sent.get("value"), "value")
    option = tenant.field_options.add(
        {
            "field": field["id"],
            "orderid": as_int(sent.get("orderid"), count + 1),
            "value": value,
            "label": as_text(sent.get("label"), "label") or value,
            "isdefault": as_flag(sent.get("isdefault", 0)),
        }
    )
    tenant.log(actor, "create", "fieldOption", option["id"], {"field": [None, field["id"]], "value": [None, value]})
    return option


def field_of(call: Call) -> Row:
    """The field of the path. Raises 404."""
    field = call.tenant.fields.get(call.id())
    if field is None:
        raise no_result("Field", call.argument())
    return field


@routes.get("/fields")
def list_fields(call: Call) -> Response:
    """Fields with the options and relations of the page beside them; 100 a page by default."""
    tenant = call.tenant
    perstag = call.filter("perstag")
    fields = [field for field in tenant.fields if perstag is None or field["perstag"] == perstag.upper()]
    offset, limit = call.offset(), call.limit(_FIELD_PAGE)
    page = {field["id"] for field in fields[offset : offset + limit]}
    side = {
        "fieldOptions": [option_row(tenant, row) for row in tenant.field_options if row["field"] in page],
        "fieldRels": [rel_row(tenant, row) for row in tenant.field_rels if row["field"] in page],
    }
    return call.listing("fields", fields, lambda field: field_row(tenant, field), default_limit=_FIELD_PAGE, side=side)


@routes.post("/fields")
def post_field(call: Call) -> Response:
    """201 with the field; by switch with the list the document's example shows."""
    sent = call.body("field")
    field = create_field(call.tenant, call.actor, sent)
    if call.tenant.switches.word("field_create_shape") == "fields":
        rows = [field_row(call.tenant, each) for each in call.tenant.fields]
        return created(fieldOptions=[], fieldRels=[], fields=rows, meta={"total": str(len(rows))})
    whole = field_row(call.tenant, field)
    keys = ("title", "type", "cdate", "udate", "perstag", "links", "id")
    short = {key: whole[key] for key in keys} | {"ordernum": field["ordernum"], "created_by": call.actor.user}
    return created(field=echo(short | {"updated_by": call.actor.user}, sent, "ordernum"))


@routes.get("/fields/{id}")
def get_field(call: Call) -> Response:
    """A field with options and relations beside it."""
    field, tenant = field_of(call), call.tenant
    return ok(
        fieldOptions=[option_row(tenant, row) for row in tenant.field_options.where("field", field["id"])],
        fieldRels=[rel_row(tenant, row) for row in tenant.field_rels.where("field", field["id"])],
        field=field_row(tenant, field),
    )


@routes.put("/fields/{id}")
def put_field(call: Call) -> Response:
    """A partial update; the type stays what it was."""
    field, sent, tenant = field_of(call), call.body("field"), call.tenant
    title = as_text(sent["title"], "title").strip() if "title" in sent else field["title"]
    perstag = perstag_of(as_text(sent["perstag"], "perstag")) if sent.get("perstag") else field["perstag"]
    _check_unique(tenant, title, perstag, own=field)
    new = {"title": title, "perstag": perstag}
    new |= {key: as_text(sent[key], key) for key in ("descript", "defval") if key in sent}
    new |= {key: as_flag(sent[key]) for key in ("isrequired", "visible") if key in sent}
    changed = {key: [field[key], value] for key, value in new.items() if field[key] != value}
    field.update(new, updated=call.now)
    tenant.log(call.actor, "update", "field", field["id"], changed)
    return ok(field=field_row(tenant, field))


@routes.delete("/fields/{id}")
def delete_field(call: Call) -> Response:
    """Removes the field with its options, relations and all values."""
    drop_field(call.tenant, call.actor, field_of(call))
    return deleted()


def drop_field(tenant: Tenant, actor: Actor, field: Row) -> None:
    """Remove a field and what belongs to it."""
    for value in [value for value in tenant.values if value.field == field["id"]]:
        tenant.values.delete(value.id)
        contact = tenant.contacts.get(value.contact)
        if contact is not None and contact.values:
            contact.values.pop(field["id"], None)
    tenant.values_version += 1
    for table in (tenant.field_options, tenant.field_rels):
        for row in table.where("field", field["id"]):
            table.delete(row["id"])
    tenant.fields.delete(field["id"])
    tenant.log(actor, "delete", "field", field["id"], {"title": [field["title"], None]})


@routes.get("/fields/{id}/options")
def field_options(call: Call) -> Response:
    """The options of one field."""
    rows = call.tenant.field_options.where("field", field_of(call)["id"])
    return call.listing("fieldOptions", rows, lambda row: option_row(call.tenant, row), default_limit=_FIELD_PAGE)


@routes.get("/fields/{id}/relations")
def field_relations(call: Call) -> Response:
    """The lists a field shows on."""
    rows = call.tenant.field_rels.where("field", field_of(call)["id"])
    return call.listing("fieldRels", rows, lambda row: rel_row(call.tenant, row))


@routes.post("/fieldOption/bulk", "/fieldOptions/bulk")
def post_options(call: Call) -> Response:
    """Several options at once; all or none. Errors are one sentence."""
    whole = call.json()
    sent = as_objects(whole.get("fieldOptions")) if isinstance(whole, dict) else []
    if not sent:
        raise in_words("fieldOptions is required")
    found: list[tuple[Row, dict[str, Any]]] = []
    for item in sent:
        field = call.tenant.fields.get(as_id(item.get("field")))
        if field is None or field["type"] not in SINGLE_CHOICE | MULTIPLE_CHOICE:
            raise in_words("The field does not exist or takes no options")
        if item.get("value") in (None, ""):
            raise in_words("value is required")
        found.append((field, item))
    rows = [create_option(call.tenant, call.actor, field, item) for field, item in found]
    return created(fieldOptions=[option_row(call.tenant, row) for row in rows])


@routes.get("/fieldOptions/{id}")
def get_option(call: Call) -> Response:
    """One option."""
    option = call.tenant.field_options.get(call.id())
    if option is None:
        raise no_result("FieldOption", call.argument())
    return ok(fieldOption=option_row(call.tenant, option))


@routes.post("/fieldRels")
def post_rel(call: Call) -> Response:
    """Shows a field on a list, or on all with relid 0; without it the field is invisible in the pages."""
    sent, tenant = call.body("fieldRel"), call.tenant
    field = tenant.fields.get(as_id(sent.get("field")))
    if field is None:
        raise invalid("The related field does not exist.", code="related_missing", pointer="field")
    relid = as_int(sent.get("relid"), 0)
    rel = next((row for row in tenant.field_rels.where("field", field["id"]) if row["relid"] == relid), None)
    if rel is None:
        rel = tenant.field_rels.add({"field": field["id"], "relid": relid})
        tenant.log(call.actor, "create", "fieldRel", rel["id"], {"field": [None, field["id"]], "relid": [None, relid]})
    return json_response(201, {"fieldRel": echo(rel_row(tenant, rel), sent, "field", "relid")})


@routes.delete("/fieldRels/{id}")
def delete_rel(call: Call) -> Response:
    """Hides a field again."""
    rel = call.tenant.field_rels.get(call.id())
    if rel is None:
        raise no_result("FieldRel", call.argument())
    call.tenant.field_rels.delete(rel["id"])
    call.tenant.log(call.actor, "delete", "fieldRel", rel["id"], {"field": [rel["field"], None]})
    return deleted()
