"""`GET` on data: collections with paging, single rows, properties, navigation."""

from __future__ import annotations

from simulators.dataverse import changes, fetch, sql
from simulators.dataverse.addressing import address
from simulators.dataverse.collection import Selection, read_page
from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.odata.apply import aggregate
from simulators.dataverse.odata.options import QueryOptions, parse_options
from simulators.dataverse.odata.paging import write_cookie
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.odata.projection import context_fragment, project
from simulators.dataverse.odata.scope import related_rows
from simulators.dataverse.registry import Shape
from simulators.dataverse.replies import (
    applied,
    collection_annotations,
    json_reply,
    metadata_url,
    no_content,
    text_reply,
)
from simulators.dataverse.schema import Navigation, Table
from simulators.dataverse.service import DataverseSystem
from simulators.dataverse.store import Ref, Row
from simulators.dataverse.values import value_of
from simulators.frame import Response


def install(service: DataverseSystem) -> None:
    """Register the handlers."""
    shape = service.operations.shape
    shape(Shape.COLLECTION, "GET", get_collection)
    shape(Shape.COUNT, "GET", get_count)
    shape(Shape.ROW, "GET", get_row)
    shape(Shape.PROPERTY, "GET", get_property)
    shape(Shape.VALUE, "GET", get_property)
    shape(Shape.NAVIGATION, "GET", get_navigation)
    shape(Shape.REF, "GET", get_reference)


def get_collection(context: Context, path: ResourcePath) -> Response:
    """Answer `GET contacts?...`."""
    table = context.schema.sets[path.first.name]
    options = parse_options(context.request.query)
    security = context.service.hooks.security
    security.require(context, "Read", table)
    if options.custom("fetchXml") is not None:
        return fetch.run(context, table, options)
    if options.custom("sql") is not None:
        return sql.run(context, table, options)
    if options.deltatoken is not None or context.prefer.track_changes or changes.is_tracked(options):
        return changes.get_changes(context, table, options)
    if options.apply is not None:
        rows = aggregate(context, table, options)
        return _listing(context, table.entity_set, rows, ("annotations",))
    return send_page(context, table, options, table.entity_set)


def send_page(
    context: Context, table: Table, options: QueryOptions, url: str, rows: list[Row] | None = None
) -> Response:
    """Answer with one page of a collection that lives at `url`; `rows` narrows it to these."""
    projection = project(context, table, options)
    page = read_page(Selection(context, table, options, rows, projection.wanted))
    show = projection.renderer()
    body: dict[str, object] = {"@odata.context": metadata_url(context, context_fragment(table, options))}
    if options.count:
        body["@odata.count"] = page.count
    body |= collection_annotations(context, page.count, exceeded=page.exceeded)
    body["value"] = [show(row) for row in page.rows]
    if page.cookie is not None:
        token = write_cookie(table.primary_id, page.cookie, str(page.rows[0][table.primary_id]))
        query = options.without("$skiptoken")
        body["@odata.nextLink"] = context.url(f"{url}?{query + '&' if query else ''}$skiptoken={token}")
    return json_reply(context, body, headers=applied(context, "maxpagesize", "annotations"))


def _listing(context: Context, fragment: str, rows: list[dict[str, object]], names: tuple[str, ...]) -> Response:
    body = {"@odata.context": metadata_url(context, fragment), "value": rows}
    return json_reply(context, body, headers=applied(context, *names))


def get_count(context: Context, path: ResourcePath) -> Response:
    """Answer `GET contacts/$count`: a number, at most 5,000."""
    table = context.schema.sets[path.first.name]
    options = parse_options(context.request.query)
    context.service.hooks.security.require(context, "Read", table)
    if options.deltatoken is not None:
        return text_reply(str(changes.count_changes(context, table, options.deltatoken)))
    return text_reply(str(Selection(context, table, options).count()[0]))


def get_row(context: Context, path: ResourcePath) -> Response:
    """Answer `GET contacts(id)`; 304 when `If-None-Match` names the present version (dataverse.md 1.6)."""
    found = address(context, path.first)
    row = found.get(context)
    context.service.hooks.security.require(context, "Read", found.table, row)
    options = parse_options(context.request.query)
    return show_row(context, found.table, row, options)


def show_row(context: Context, table: Table, row: Row, options: QueryOptions) -> Response:
    """Answer with one row."""
    etag = f'W/"{row["versionnumber"]}"'
    known = context.header("if-none-match").strip()
    if known.startswith(("W/", '"')):
        if not table.concurrency:
            raise error("OptimisticConcurrencyNotEnabled", table=table.name)
        if known == etag and not options.expand and not context.prefer.annotations:
            return Response(304, [("OData-Version", "4.0"), ("ETag", etag)])
    shown = project(context, table, options).renderer()(row)
    fragment = context_fragment(table, options)
    body = {"@odata.context": metadata_url(context, f"{fragment}/$entity")} | shown
    return json_reply(context, body, headers=[("ETag", etag), *applied(context, "annotations")])


def get_property(context: Context, path: ResourcePath) -> Response:
    """Answer `GET contacts(id)/fullname` and `.../$value`; 204 for null."""
    found = address(context, path.first)
    row = found.get(context)
    security = context.service.hooks.security
    security.require(context, "Read", found.table, row)
    name = path.segments[1].name
    column = found.table.by_wire_name[name]
    value = value_of(row, column)
    if value is None or column.name in security.hidden_columns(context, found.table) or not column.read:
        return no_content()
    plain = value.id if isinstance(value, Ref) else value
    if path.last.name == "$value":
        return text_reply(str(plain).lower() if isinstance(plain, bool) else str(plain))
    fragment = f"{found.table.entity_set}({row[found.table.primary_id]})/{name}"
    return json_reply(context, {"@odata.context": metadata_url(context, fragment), "value": plain})


def get_navigation(context: Context, path: ResourcePath) -> Response:
    """Answer `GET accounts(id)/primarycontactid` and `GET accounts(id)/contact_customer_accounts?...`."""
    found = address(context, path.first)
    row = found.get(context)
    context.service.hooks.security.require(context, "Read", found.table, row)
    navigation = found.table.navigation[path.segments[1].name]
    options = parse_options(context.request.query)
    if not navigation.collection:
        if path.last.name == "$count":
            raise error("SegmentNotFound", segment="$count")
        return _related_row(context, found.table, row, navigation, options)
    child = context.schema[navigation.table]
    context.service.hooks.security.require(context, "Read", child)
    rows = related_rows(context, navigation, found.table, row)
    if path.last.name == "$count":
        return text_reply(str(Selection(context, child, options, rows).count()[0]))
    url = f"{found.table.entity_set}({row[found.table.primary_id]})/{navigation.name}"
    return send_page(context, child, options, url, rows)


def _related_row(context: Context, table: Table, row: Row, navigation: Navigation, options: QueryOptions) -> Response:
    reference = row.get(navigation.column)
    if not isinstance(reference, Ref) or not _leads_there(table, navigation, reference):
        return no_content()
    child = context.schema[reference.table]
    related = context.store[reference.table].get(reference.id)
    if related is None:
        return no_content()
    context.service.hooks.security.require(context, "Read", child, related)
    return show_row(context, child, related, options)


def _leads_there(table: Table, navigation: Navigation, reference: Ref) -> bool:
    return table.columns[navigation.column].targets.get(reference.table) == navigation.name


def get_reference(context: Context, path: ResourcePath) -> Response:
    """Answer `GET accounts(id)/primarycontactid/$ref`: the URL of the related row, or of all related rows."""
    found = address(context, path.first)
    row = found.get(context)
    context.service.hooks.security.require(context, "Read", found.table, row)
    navigation = found.table.navigation[path.segments[1].name]
    if navigation.collection:
        child = context.schema[navigation.table]
        rows = related_rows(context, navigation, found.table, row)
        links = [{"@odata.id": context.url(f"{child.entity_set}({each[child.primary_id]})")} for each in rows]
        return json_reply(context, {"@odata.context": metadata_url(context, "Collection($ref)"), "value": links})
    reference = row.get(navigation.column)
    if not isinstance(reference, Ref) or not _leads_there(found.table, navigation, reference):
        return no_content()
    target = context.schema[reference.table].entity_set
    body = {"@odata.context": metadata_url(context, "$ref"), "@odata.id": context.url(f"{target}({reference.id})")}
    return json_reply(context, body)
