"""Creating, changing and deleting single rows over HTTP (dataverse.md 1.5, 1.6)."""

from __future__ import annotations

from dataclasses import replace

from simulators.dataverse import duplicates
from simulators.dataverse.addressing import Address, address, resolve
from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.odata.options import QueryOptions, parse_options
from simulators.dataverse.odata.path import GUID, ResourcePath
from simulators.dataverse.odata.projection import context_fragment, project
from simulators.dataverse.payload import Payload, read_body, read_payload
from simulators.dataverse.registry import Shape
from simulators.dataverse.replies import applied, json_reply, metadata_url, no_content
from simulators.dataverse.schema import Column, Navigation, Table
from simulators.dataverse.service import DataverseSystem
from simulators.dataverse.store import Ref, Row
from simulators.dataverse.values import TypeMismatchError, payload_error, read_value
from simulators.dataverse.writing import associate, create_row, delete_row, dissociate, set_link, update_row
from simulators.frame import Response


def install(service: DataverseSystem) -> None:
    """Register the handlers."""
    shape = service.operations.shape
    shape(Shape.COLLECTION, "POST", post_row)
    shape(Shape.ROW, "PATCH", patch_row)
    shape(Shape.ROW, "DELETE", remove_row)
    shape(Shape.PROPERTY, "PUT", put_property)
    shape(Shape.PROPERTY, "DELETE", delete_property)
    shape(Shape.NAVIGATION, "POST", post_related)
    shape(Shape.REF, "POST", add_reference)
    shape(Shape.REF, "PUT", put_reference)
    shape(Shape.REF, "DELETE", delete_reference)


def post_row(context: Context, path: ResourcePath) -> Response:
    """Answer `POST contacts`: 204 with the new URL, or 201 with the row and without it."""
    table = context.schema.sets[path.first.name]
    options = _options(context, expand=True)
    payload = read_payload(context, table, read_body(context, table), "create")
    duplicates.check(context, table, payload.values, None)
    row = create_row(context, table, payload)
    return _written(context, table, row, options, status=201)


def post_related(context: Context, path: ResourcePath) -> Response:
    """Answer `POST accounts(id)/contact_customer_accounts`: a new row that belongs to the first."""
    found = address(context, path.first)
    parent = found.get(context)
    navigation = _collection(context, found.table, path.segments[1].name)
    child = context.schema[navigation.table]
    payload = read_payload(context, child, read_body(context, child), "create")
    parent_id = str(parent[found.table.primary_id])
    if not navigation.intersect:
        payload.values[navigation.column] = Ref(found.table.name, parent_id)
    row = create_row(context, child, payload)
    if navigation.intersect:
        associate(context, found.table, parent_id, navigation.name, Ref(child.name, str(row[child.primary_id])))
    return _written(context, child, row, _options(context, expand=True), status=201)


def patch_row(context: Context, path: ResourcePath) -> Response:
    """Answer `PATCH contacts(id)`: an upsert, narrowed by `If-Match` and `If-None-Match`."""
    found = address(context, path.first)
    options = _options(context)
    body = read_body(context, found.table)
    row = found.find(context)
    match, none_match = _condition(context, "if-match"), _condition(context, "if-none-match")
    if row is None:
        if match is not None:
            raise found.missing()
        return _insert(context, found, read_payload(context, found.table, body, "create"), options)
    if none_match == "*":
        raise error("DuplicateRecord")
    check_version(context, found.table, row, match)
    payload = read_payload(context, found.table, body, "update")
    _forget_keys(found, payload)
    duplicates.check(context, found.table, payload.values, row)
    after = update_row(context, found.table, row, payload)
    return _written(context, found.table, after, options, status=200, echo=found)


def _insert(context: Context, found: Address, payload: Payload, options: QueryOptions) -> Response:
    """Create what an upsert did not find: the key comes from the URL, unless the body has its own (1.5)."""
    found.fill(payload.values)
    duplicates.check(context, found.table, payload.values, None)
    row = create_row(context, found.table, payload)
    return _written(context, found.table, row, options, status=201, echo=found)


def _forget_keys(found: Address, payload: Payload) -> None:
    """Values of the key's own columns in the body are dropped when the row exists (1.5)."""
    for name in found.key.columns if found.key else ():
        payload.values.pop(name, None)


def _condition(context: Context, header: str) -> str | None:
    """Return a conditional header; the literal `null` is no condition (dataverse.md 1.2)."""
    value = context.header(header).strip()
    return None if value in ("", "null") else value


def check_version(context: Context, table: Table, row: Row, match: str | None) -> None:
    """Refuse a change of another version than `If-Match` names.

    Raises:
        DataverseError: 412, or 400 where the table has no optimistic concurrency.
    """
    del context
    if match is None or match == "*":
        return
    if not table.concurrency:
        raise error("OptimisticConcurrencyNotEnabled", table=table.name)
    wanted = match.removeprefix("W/").strip('"')
    if not wanted.isascii() or not wanted.isdigit():
        raise error("ConcurrencyVersionNotProvided")
    if int(wanted[:19]) != row["versionnumber"]:
        raise error("ConcurrencyVersionMismatch")


def remove_row(context: Context, path: ResourcePath) -> Response:
    """Answer `DELETE contacts(id)`."""
    found = address(context, path.first)
    row = found.get(context)
    check_version(context, found.table, row, _condition(context, "if-match"))
    delete_row(context, found.table, row)
    return no_content()


def put_property(context: Context, path: ResourcePath) -> Response:
    """Answer `PUT contacts(id)/firstname {"value": ...}`: 204 without `OData-EntityId`."""
    table, row, column = _property(context, path)
    body = read_body(context, table)
    if "value" not in body:
        raise payload_error(table, "Microsoft.OData.ODataException: The property 'value' was not found in the payload.")
    if column.is_lookup:
        raise error("MethodNotAllowed", method="PUT")
    try:
        value = read_value(table, column, body["value"])
    except TypeMismatchError as mismatch:
        raise payload_error(table, f"Microsoft.OData.ODataException: {mismatch}") from None
    update_row(context, table, row, Payload(values={column.name: value} if column.update else {}))
    return no_content()


def delete_property(context: Context, path: ResourcePath) -> Response:
    """Answer `DELETE contacts(id)/description`: the property becomes null."""
    table, row, column = _property(context, path)
    if column.required == "SystemRequired" or column.name == table.primary_id:
        raise error("RequiredFieldMissing", column=column.name)
    update_row(context, table, row, Payload(values={column.name: None} if column.update else {}))
    return no_content()


def _property(context: Context, path: ResourcePath) -> tuple[Table, Row, Column]:
    found = address(context, path.first)
    row = found.get(context)
    check_version(context, found.table, row, _condition(context, "if-match"))
    return found.table, row, found.table.by_wire_name[path.segments[1].name]


def add_reference(context: Context, path: ResourcePath) -> Response:
    """Answer `POST accounts(id)/contact_customer_accounts/$ref {"@odata.id": ...}`."""
    found = address(context, path.first)
    row = found.get(context)
    navigation = _collection(context, found.table, path.segments[1].name)
    target = resolve(context, _reference(context, found.table), frozenset((navigation.table,)))
    associate(context, found.table, str(row[found.table.primary_id]), navigation.name, target)
    return no_content()


def put_reference(context: Context, path: ResourcePath) -> Response:
    """Answer `PUT contacts(id)/parentcustomerid_account/$ref {"@odata.id": ...}`."""
    found = address(context, path.first)
    row = found.get(context)
    navigation = found.table.navigation[path.segments[1].name]
    if navigation.collection:
        raise error("MethodNotAllowed", method="PUT")
    targets = found.table.columns[navigation.column].targets
    allowed = frozenset(table for table, name in targets.items() if name == navigation.name)
    set_link(context, found.table, row, navigation.column, resolve(context, _reference(context, found.table), allowed))
    return no_content()


def delete_reference(context: Context, path: ResourcePath) -> Response:
    """Answer `DELETE .../$ref`: of a lookup, of `collection(id)/$ref`, or of `collection/$ref?$id=url`."""
    found = address(context, path.first)
    row = found.get(context)
    segment = path.segments[1]
    navigation = found.table.navigation[segment.name]
    if not navigation.collection:
        held = row.get(navigation.column)
        targets = found.table.columns[navigation.column].targets
        if isinstance(held, Ref) and targets.get(held.table) == navigation.name:
            set_link(context, found.table, row, navigation.column, None)
        return no_content()
    target_id = segment.guid
    if target_id is None:
        named = context.request.first("$id")
        target_id = resolve(context, named).id if named else ""
    if not GUID.fullmatch(target_id):
        raise error("BadRequest", message="A reference to the related record is needed: collection(id)/$ref.")
    dissociate(context, found.table, str(row[found.table.primary_id]), navigation.name, target_id)
    return no_content()


def _collection(context: Context, table: Table, name: str) -> Navigation:
    navigation = table.navigation[name]
    if not navigation.collection:
        raise error("MethodNotAllowed", method=context.request.method)
    return navigation


def _reference(context: Context, table: Table) -> str:
    value = read_body(context, table).get("@odata.id")
    if not isinstance(value, str):
        raise error("BadRequest", message="The body must hold the property '@odata.id' with the URL of a record.")
    return value


def _options(context: Context, *, expand: bool = False) -> QueryOptions:
    """Read the query string of a write, which shapes the representation. `$expand` counts on POST (create page) and is
    ignored on PATCH (1.5)."""
    if expand:
        return parse_options(context.request.query)
    pairs = [pair for pair in context.request.query if pair[0] != "$expand"]
    return replace(parse_options(pairs), expand=())


def _written(
    context: Context, table: Table, row: Row, options: QueryOptions, *, status: int, echo: Address | None = None
) -> Response:
    """Answer a create (201) or update (200): with the row when asked for, else 204 with its URL.

    An upsert by alternate key echoes the key, not the id (dataverse.md 1.5).
    """
    row_id = row[table.primary_id]
    named = echo.text if echo is not None and echo.key is not None else row_id
    context.made = f"{table.entity_set}({row_id})"
    if not context.prefer.representation:
        return no_content([("OData-EntityId", context.url(f"{table.entity_set}({named})"))])
    shown = project(context, table, options).renderer()(row)
    fragment = context_fragment(table, options)
    body = {"@odata.context": metadata_url(context, f"{fragment}/$entity")} | shown
    headers = [("ETag", f'W/"{row["versionnumber"]}"'), *applied(context, "return", "annotations")]
    return json_reply(context, body, status=status, headers=headers)
