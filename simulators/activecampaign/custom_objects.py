"""/customObjects: schemas, and records upserted by their external id. Source: activecampaign.md 2.10."""

from __future__ import annotations

import re
from typing import Any

from simulators.activecampaign.call import Call, accepted, created, ok
from simulators.activecampaign.errors import UNPROCESSABLE, ApiError, refused
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import is_date, parse_instant, utc_nanoseconds
from simulators.activecampaign.values import as_id, as_int, as_objects
from simulators.frame.http import Response, json_response

TYPES = frozenset({"text", "textarea", "number", "date", "datetime", "dropdown", "multiselect", "currency"})
NAMESPACES = {"contacts": "contacts", "accounts": "accounts", "deals": "deals"}
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BY_RELATION = re.compile(r"relationships\.(.+)")


def _bad_value(name: str, detail: str) -> ApiError:
    source = {"type": "pointer", "value": f"/data/attributes/{name}"}
    error = {"title": f'Invalid value for field "{name}"', "detail": detail, "source": source}
    return ApiError(UNPROCESSABLE, {"errors": [error]})


def schema_row(schema: Row) -> dict[str, Any]:
    """A schema."""
    return {
        "id": schema["id"],
        "slug": schema["slug"],
        "visibility": "private",
        "labels": schema["labels"],
        "description": schema["description"],
        "createdTimestamp": utc_nanoseconds(schema["created"]),
        "updatedTimestamp": utc_nanoseconds(schema["updated"]),
        "fields": schema["fields"],
        "icons": {"default": ""},
        "relationships": schema["relationships"],
    }


def record_row(record: Row) -> dict[str, Any]:
    """A record; ids of related records are text here."""
    return {
        "id": record["id"],
        "externalId": record["externalId"],
        "schemaId": record["schemaId"],
        "fields": [{"id": key, "value": value} for key, value in record["fields"].items()],
        "relationships": {key: [str(each) for each in ids] for key, ids in record["relationships"].items()},
        "createdTimestamp": utc_nanoseconds(record["created"]),
        "updatedTimestamp": utc_nanoseconds(record["updated"]),
    }


def create_schema(tenant: Tenant, sent: dict[str, Any]) -> Row:
    """A new schema. Raises 400 for a bad slug, field or relationship, 422 for a used slug."""
    slug = sent.get("slug")
    if not isinstance(slug, str) or not _ID.fullmatch(slug):
        raise refused(400, "Bad Request", "slug must be lower-case words joined by hyphens")
    if any(schema["slug"] == slug for schema in tenant.schemas.values()):
        raise refused(422, "Unprocessable Entity", f"a schema with the slug {slug} exists")
    now = tenant.now()
    schema: Row = {
        "id": tenant.uuid(),
        "slug": slug,
        "labels": sent.get("labels") if isinstance(sent.get("labels"), dict) else {"singular": slug, "plural": slug},
        "description": sent.get("description") if isinstance(sent.get("description"), str) else "",
        "fields": [_field(tenant, item) for item in as_objects(sent.get("fields"))],
        "relationships": [_relationship(item) for item in as_objects(sent.get("relationships"))],
        "created": now,
        "updated": now,
    }
    tenant.schemas[schema["id"]] = schema
    tenant.records[schema["id"]] = {}
    return schema


def _field(tenant: Tenant, item: dict[str, Any]) -> Row:
    if not isinstance(item.get("id"), str) or not _ID.fullmatch(item["id"]) or item.get("type") not in TYPES:
        raise refused(400, "Bad Request", "a field needs an id of lower-case words and a known type")
    field: Row = {
        "id": item["id"],
        "labels": item.get("labels") or {"singular": item["id"], "plural": item["id"]},
        "type": item["type"],
        "required": bool(item.get("required", item.get("isRequired", False))),
        "inherited": False,
    }
    if item["type"] == "number":
        field["scale"] = as_int(item.get("scale"), 0)
    if item["type"] in {"dropdown", "multiselect"}:
        texts = [each["value"] if isinstance(each, dict) else each for each in item.get("options") or []]
        field["options"] = [{"id": tenant.uuid(), "value": str(text)} for text in texts]
    return field


def _relationship(item: dict[str, Any]) -> Row:
    if not isinstance(item.get("id"), str) or item.get("namespace") not in NAMESPACES:
        raise refused(400, "Bad Request", "a relationship needs an id and a namespace: contacts, accounts or deals")
    return {
        "id": item["id"],
        "labels": item.get("labels") or {"singular": item["id"], "plural": item["id"]},
        "description": item.get("description") or "",
        "namespace": item["namespace"],
        "hasMany": bool(item.get("hasMany", False)),
        "inherited": False,
    }


def schema_of(call: Call) -> Row:
    """The schema of the path. Raises 404 (e)."""
    schema = call.tenant.schemas.get(call.argument())
    if schema is None:
        raise ApiError(404, {"message": "Not Found"})
    return schema


def _page(call: Call, name: str, rows: list[dict[str, Any]]) -> Response:
    offset, limit = call.offset(), call.limit()
    page = rows[offset : offset + limit]
    meta = {"total": len(rows), "count": len(page), "limit": limit, "offset": offset}
    return ok(**{name: page}, meta=meta)


@routes.get("/customObjects/schemas")
def list_schemas(call: Call) -> Response:
    """All schemas."""
    return _page(call, "schemas", [schema_row(schema) for schema in call.tenant.schemas.values()])


@routes.post("/customObjects/schemas")
def post_schema(call: Call) -> Response:
    """201."""
    schema = create_schema(call.tenant, call.body("schema"))
    call.tenant.log(call.actor, "create", "schema", schema["id"], {"slug": [None, schema["slug"]]})
    return created(schema=schema_row(schema))


@routes.get("/customObjects/schemas/{id}")
def get_schema(call: Call) -> Response:
    """One schema."""
    return ok(schema=schema_row(schema_of(call)))


@routes.put("/customObjects/schemas/{id}")
def put_schema(call: Call) -> Response:
    """Changes labels and description, adds fields; what a field is stays."""
    schema, sent = schema_of(call), call.body("schema")
    if isinstance(sent.get("labels"), dict):
        schema["labels"] = sent["labels"]
    if isinstance(sent.get("description"), str):
        schema["description"] = sent["description"]
    known = {field["id"] for field in schema["fields"]}
    schema["fields"] += [
        _field(call.tenant, item) for item in as_objects(sent.get("fields")) if item.get("id") not in known
    ]
    schema["updated"] = call.now
    call.tenant.log(call.actor, "update", "schema", schema["id"], {})
    return ok(schema=schema_row(schema))


@routes.delete("/customObjects/schemas/{id}")
def delete_schema(call: Call) -> Response:
    """Accepted; the records go with it."""
    schema = schema_of(call)
    del call.tenant.schemas[schema["id"]]
    call.tenant.records.pop(schema["id"], None)
    call.tenant.log(call.actor, "delete", "schema", schema["id"], {"slug": [schema["slug"], None]})
    return accepted()


@routes.get("/customObjects/records/{schema}")
def list_records(call: Call) -> Response:
    """Records of a schema, of one related record by `filters[relationships.NAME][eq]`."""
    rows = list(call.tenant.records[schema_of(call)["id"]].values())
    for (name, operator), text in call.filters().items():
        if (match := _BY_RELATION.fullmatch(name)) and operator in {"", "eq"}:
            rows = [row for row in rows if as_id(text) in row["relationships"].get(match[1], [])]
    return _page(call, "records", [record_row(row) for row in rows])


@routes.post("/customObjects/records/{schema}")
def post_record(call: Call) -> Response:
    """Creates, or updates the record with that id or external id: fields not sent are left alone."""
    schema, sent, tenant = schema_of(call), call.body("record"), call.tenant
    records = tenant.records[schema["id"]]
    external = sent.get("externalId")
    record_id = sent.get("id")
    if external is not None and not isinstance(external, str | int):
        raise refused(400, "Bad Request")
    known = next((row for row in records.values() if external is not None and row["externalId"] == str(external)), None)
    if known is None and isinstance(record_id, str):
        known = records.get(record_id)
    fields = _read_fields(schema, sent.get("fields"), new=known is None)
    relationships = _read_relationships(tenant, schema, sent.get("relationships"))
    if known is None:
        return _insert(call, schema, sent, fields, relationships)
    changed = {key: [known["fields"].get(key), value] for key, value in fields.items()}
    changed = {key: pair for key, pair in changed.items() if pair[0] != pair[1]}
    known["fields"] |= fields
    known["relationships"] |= relationships
    known["updated"] = call.now
    tenant.log(call.actor, "update", f"record:{schema['slug']}", known["id"], changed)
    return json_response(200, {"record": record_row(known)})


def _insert(
    call: Call, schema: Row, sent: dict[str, Any], fields: dict[str, Any], relationships: dict[str, list[int]]
) -> Response:
    external = sent.get("externalId")
    record_id = sent["id"] if isinstance(sent.get("id"), str) and sent["id"] else call.tenant.uuid()
    record: Row = {
        "id": record_id,
        "externalId": None if external is None else str(external),
        "schemaId": schema["id"],
        "fields": fields,
        "relationships": relationships,
        "created": call.now,
        "updated": call.now,
    }
    call.tenant.records[schema["id"]][record_id] = record
    changed = {key: [None, value] for key, value in {"externalId": record["externalId"], **fields}.items()}
    call.tenant.log(call.actor, "create", f"record:{schema['slug']}", record_id, changed)
    return created(record=record_row(record))


def _read_fields(schema: Row, raw: Any, *, new: bool) -> dict[str, Any]:
    known = {field["id"]: field for field in schema["fields"]}
    found: dict[str, Any] = {}
    for item in as_objects(raw):
        name = item.get("id")
        if not isinstance(name, str) or name not in known:
            raise _bad_value(str(name), f"{name} is not defined in the schema.")
        found[name] = _fit(known[name], item.get("value"))
    lacking = [name for name, field in known.items() if new and field["required"] and found.get(name) is None]
    if lacking:
        raise _bad_value(lacking[0], f"{lacking[0]} is required.")
    return found


def _fit(field: Row, value: Any) -> Any:
    if value is None:
        return None
    kind, name = field["type"], field["id"]
    options = {option["value"] for option in field.get("options", ())}
    fits = {
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "currency": isinstance(value, dict | int | float) and not isinstance(value, bool),
        "date": isinstance(value, str) and is_date(value[:10]),
        "datetime": isinstance(value, str) and parse_instant(value) is not None,
        "dropdown": isinstance(value, str) and value in options,
        "multiselect": isinstance(value, list) and all(isinstance(each, str) and each in options for each in value),
    }.get(kind, isinstance(value, str))
    if not fits:
        raise _bad_value(name, f"{name} cannot accept a value that is not defined in the schema.")
    return value


def _read_relationships(tenant: Tenant, schema: Row, raw: Any) -> dict[str, list[int]]:
    known = {each["id"]: each for each in schema["relationships"]}
    found: dict[str, list[int]] = {}
    for name, ids in raw.items() if isinstance(raw, dict) else ():
        if name not in known or not isinstance(ids, list):
            raise _bad_value(str(name), f"{name} is not defined in the schema.")
        numbers = [as_id(each) for each in ids]
        whole = [each for each in numbers if each is not None and _related(tenant, known[name]["namespace"], each)]
        if len(whole) != len(numbers) or (len(whole) > 1 and not known[name]["hasMany"]):
            raise _bad_value(name, f"{name} cannot accept these related records.")
        found[name] = whole
    return found


def _related(tenant: Tenant, namespace: str, row_id: int) -> bool:
    if namespace == "contacts":
        return tenant.contacts.get(row_id) is not None
    return row_id in getattr(tenant, NAMESPACES[namespace])


def _record_of(call: Call, *, external: bool) -> Row:
    schema = schema_of(call)
    records, wanted = call.tenant.records[schema["id"]], call.argument(1)
    if external:
        record = next((row for row in records.values() if row["externalId"] == wanted), None)
    else:
        record = records.get(wanted)
    if record is None:
        raise ApiError(404, {"message": "Not Found"})
    return record


@routes.get("/customObjects/records/{schema}/{record}")
def get_record(call: Call) -> Response:
    """By id."""
    return ok(record=record_row(_record_of(call, external=False)))


@routes.get("/customObjects/records/{schema}/external/{external}")
def get_by_external_id(call: Call) -> Response:
    """By external id."""
    return ok(record=record_row(_record_of(call, external=True)))


def _delete(call: Call, record: Row) -> Response:
    tenant, schema = call.tenant, schema_of(call)
    actor = call.actor

    def effect() -> None:
        with tenant.lock:
            if tenant.records.get(schema["id"], {}).pop(record["id"], None) is not None:
                tenant.log(actor, "delete", f"record:{schema['slug']}", record["id"], {})

    delay = tenant.switches.number("record_delete_seconds")
    if delay > 0:
        tenant.agenda.after(delay, effect)
    else:
        effect()
    return accepted()


@routes.delete("/customObjects/records/{schema}/{record}")
def delete_record(call: Call) -> Response:
    """202 without a body; done at once or later."""
    return _delete(call, _record_of(call, external=False))


@routes.delete("/customObjects/records/{schema}/external/{external}")
def delete_by_external_id(call: Call) -> Response:
    """The same by external id."""
    return _delete(call, _record_of(call, external=True))
