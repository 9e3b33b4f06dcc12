"""The one interface of all records beside leads. Source: marketo.md 2.6."""

from __future__ import annotations

from typing import Any

from simulators.frame.http import Response
from simulators.marketo.call import BATCH, Call, as_id, skipped
from simulators.marketo.errors import CallError, RecordError, missing
from simulators.marketo.leads.query import after_token, page_token
from simulators.marketo.leads.store import folded
from simulators.marketo.objects import writing
from simulators.marketo.objects.kinds import ObjectKind, Row
from simulators.marketo.routes import routes

ACTIONS = ("createOrUpdate", "createOnly", "updateOnly")
WAYS = ("dedupeFields", "idField")
_PATHS = {
    "companies": "/rest/v1/companies",
    "salespersons": "/rest/v1/salespersons",
    "opportunities": "/rest/v1/opportunities",
    "roles": "/rest/v1/opportunities/roles",
}


def describe(call: Call, kind: ObjectKind) -> Response:
    """Fields, keys and what it is found by."""
    _reads(call, kind)
    return call.ok([description(kind)])


def description(kind: ObjectKind, other_end: str = "object") -> dict[str, Any]:
    """As the describe calls have it. Lists of custom objects call the other end of a link `relatedTo`."""
    found = [list(kind.keys)] if len(kind.keys) > 1 else []
    row: dict[str, Any] = {
        "name": kind.title if not kind.custom else kind.name,
        "displayName": kind.title,
        "description": f"{kind.title} object",
        "createdAt": kind.created,
        "updatedAt": kind.created,
        "idField": kind.id_field,
        "dedupeFields": list(kind.keys),
        "searchableFields": [*found, *([name] for name in kind.searchable)],
    }
    if kind.custom:
        row["relationships"] = [
            {"field": name, "type": "parent", other_end: _related(where)} for name, (where, _) in kind.links.items()
        ]
    return {**row, "fields": [spec.described() for spec in kind.fields.values()]}


def _related(where: str) -> dict[str, str]:
    what, _, key = where.partition(":")
    if what == "companies":
        return {"name": "Company", "field": "externalCompanyId"}
    name, _, its_field = key.partition(":") if what == "custom" else ("Lead", "", key)
    return {"name": name, "field": its_field}


def _reads(call: Call, kind: ObjectKind) -> None:
    """Under native sync roles cannot be read; the rest can, or cannot (switch). Raises CallError 1018."""
    if not writing.locked(call.tenant, kind) or kind.custom:
        return
    if kind.name == "roles" or call.tenant.switches.word("native_reads") == "refused":
        raise CallError("1018", "CRM Enabled")


def query(call: Call, kind: ObjectKind) -> Response:
    """Rows by the values of one field, or by compound keys in a JSON body. Raises CallError 1002, 1003 and 1006."""
    _reads(call, kind)
    names = _asked(call, kind)
    found = _found(call, kind, call.required("filterType"))
    size, after = call.batch_size(), after_token(call.text("nextPageToken"))
    page = found[after : after + size]
    more = after + size < len(found)
    token = {"nextPageToken": page_token(after + size), "moreResult": True} if more else {}
    rows = [{"seq": number, **_view(kind, row, names)} for number, row in enumerate(page)]
    return call.ok(rows, **token)


def _asked(call: Call, kind: ObjectKind) -> list[str]:
    names = call.values("fields")
    names = ["marketoGUID" if name == "marketoGuid" else name for name in names]
    for name in names:
        if name not in kind.fields:
            raise CallError("1006", f"Field '{name[:100]}' not found")
    usual = [*kind.keys, "updatedAt", "createdAt"]
    if kind.name == "salespersons" and not names:
        usual = list(kind.fields)
    return list(dict.fromkeys([kind.id_field, *(names or usual)]))


def _view(kind: ObjectKind, row: Row, names: list[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := kind.value(row, name)) is not None}


def _found(call: Call, kind: ObjectKind, name: str) -> list[Row]:
    if name == "dedupeFields" and len(kind.keys) > 1:
        rows = [row if isinstance(row, dict) else {} for row in call.input()]
        if any(row.get(key) in (None, "") for row in rows for key in kind.keys):
            raise CallError("1003", f"Invalid data: input names {', '.join(kind.keys)}")
        return _known(kind.by_key(tuple(row[key] for key in kind.keys)) for row in rows)
    name = kind.id_field if name == "idField" else kind.keys[0] if name == "dedupeFields" else name
    if name not in kind.searchable:
        raise CallError("1003", f"Invalid filterType '{name[:100]}'")
    values = call.values("filterValues") or _values_of_input(call, name)
    if not values:
        raise missing("filterValues")
    if len(values) > BATCH:
        raise CallError("1003", f"Invalid data: at most {BATCH} filterValues")
    if name == kind.id_field:
        return _known(kind.rows.get(as_id(each) if kind.id_field == "id" else each) for each in dict.fromkeys(values))
    if kind.keys == (name,):
        return _known(kind.by_key((each,)) for each in values)
    wanted = {folded(each) for each in values}
    return [row for row in kind.rows.values() if folded(kind.value(row, name)) in wanted]


def _values_of_input(call: Call, name: str) -> list[str]:
    """A simple key may be asked the way compound ones are: a JSON body with an object for each value."""
    rows = call.json().get("input") if call.request.method == "POST" and not call.text("filterValues") else None
    return [str(row[name]) for row in rows if isinstance(row, dict) and name in row] if isinstance(rows, list) else []


def _known(rows: Any) -> list[Row]:
    """Rows that are there, each once."""
    return list({row["id"]: row for row in rows if row is not None}.values())


def sync(call: Call, kind: ObjectKind) -> Response:
    """Create or update up to 300 rows. One key twice in a call is 1036."""
    action = call.word("action", "createOrUpdate", ACTIONS)
    by_id = call.word("dedupeBy", "dedupeFields", WAYS) == "idField"
    if by_id and action == "createOnly":
        raise CallError("1003", "Invalid data: idField cannot be used with createOnly")
    seen: set[Any] = set()
    results = []
    for number, sent in enumerate(call.input()):
        key = folded(sent.get(kind.id_field)) if by_id else kind.key_of(sent)
        if key in seen:
            results.append(skipped(RecordError("1036", "Duplicate object found in input"), seq=number))
            continue
        seen.add(key)
        try:
            row, status = writing.sync_one(call.tenant, call.actor, kind, sent, action=action, by_id=by_id)
            results.append({"seq": number, kind.id_field: row["id"], "status": status})
        except RecordError as error:
            results.append(skipped(error, seq=number))
    return call.ok(results)


def delete(call: Call, kind: ObjectKind) -> Response:
    """Delete up to 300 rows by key or id."""
    by_id = call.word("deleteBy", "dedupeFields", WAYS) == "idField"
    results = []
    for number, sent in enumerate(call.input()):
        try:
            row = writing.delete_one(call.tenant, call.actor, kind, sent, by_id=by_id)
            results.append({"seq": number, kind.id_field: row["id"], "status": "deleted"})
        except RecordError as error:
            results.append(skipped(error, seq=number))
    return call.ok(results)


def custom_kind(call: Call) -> ObjectKind:
    """The custom object of the path. Raises CallError 1013."""
    name = call.arguments[0]
    found = next((kind for key, kind in call.tenant.custom.items() if key.lower() == name.lower()), None)
    if found is None or found.state == "draft":
        raise CallError("1013", f"Object '{name[:100]}' not found")
    return found


def _register(name: str, path: str) -> None:
    def kind(call: Call) -> ObjectKind:
        return call.tenant.kinds[name] if name else custom_kind(call)

    routes.on("GET", f"{path}/describe.json")(lambda call: describe(call, kind(call)))
    routes.on("GET", f"{path}.json")(lambda call: query(call, kind(call)))
    routes.on("POST", f"{path}.json")(lambda call: sync(call, kind(call)))
    routes.on("POST", f"{path}/delete.json")(lambda call: delete(call, kind(call)))


for _name, _path in _PATHS.items():
    _register(_name, _path)
_register("", "/rest/v1/customobjects/{name}")


@routes.on("GET", "/rest/v1/customobjects.json")
def custom_objects(call: Call) -> Response:
    """All approved custom objects, without their fields."""
    kinds = [kind for kind in call.tenant.custom.values() if kind.state != "draft"]
    shown = [description(kind, "relatedTo") for kind in kinds]
    return call.ok([{key: value for key, value in each.items() if key != "fields"} for each in shown])
