"""``GET`` below ``EntityDefinitions``, ``RelationshipDefinitions`` and ``GlobalOptionSetDefinitions``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.metadata import shapes
from simulators.dataverse.metadata.labels import CRM
from simulators.dataverse.metadata.options import Query, apply_query, read_query, shape_item
from simulators.dataverse.metadata.refusals import not_found
from simulators.dataverse.metadata.views import COLLECTIONS, Metadata
from simulators.dataverse.odata.path import NAMESPACE, ResourcePath, Segment, unquote
from simulators.dataverse.schema import Table
from simulators.frame import Response, json_response

type Json = dict[str, Any]
VERSION_ANNOTATION = "Microsoft.Dynamics.CRM.globalmetadataversion"


def read_entities(context: Context, path: ResourcePath) -> Response:
    """Answer ``GET EntityDefinitions...``."""
    metadata = Metadata(context.service)
    query = read_query(context.request.query)
    first, *rest = path.segments
    if first.arguments is None:
        if rest:
            raise error("SegmentNotFound", segment=rest[0].name)
        return many(context, "EntityDefinitions", metadata.entities(query), query)
    table = metadata.table(first)
    if not rest:
        return one(context, "EntityDefinitions", metadata.entity(table, query), query)
    return _read_below(context, metadata, table, rest, query)


def _read_below(context: Context, metadata: Metadata, table: Table, rest: Sequence[Segment], query: Query) -> Response:
    name = rest[0].name
    root = f"EntityDefinitions('{table.name}')/{name}"
    if name == "Attributes":
        return _read_attributes(context, metadata, table, rest, query)
    if name in COLLECTIONS:
        return _read_collection(context, metadata, table, rest, query)
    shape = shapes.entity(table)
    if name not in shape or len(rest) > 1:
        raise error("SegmentNotFound", segment=rest[-1].name)
    return json_response(200, {"@odata.context": context.url(f"$metadata#{root}"), "value": shape[name]}, HEADERS)


def _read_collection(
    context: Context, metadata: Metadata, table: Table, rest: Sequence[Segment], query: Query
) -> Response:
    first, *more = rest
    root = f"EntityDefinitions('{table.name}')/{first.name}"
    if first.arguments is None and not more:
        return many(context, root, metadata.collection(table, first.name, query), query)
    if first.arguments is None or more:
        raise error("SegmentNotFound", segment=rest[-1].name)
    name, wanted = wanted_key(first)
    for item in metadata.collection(table, first.name, Query()):
        if str(item.get(name)).lower() == wanted.lower():
            return one(context, root, shape_item(item, query, COLLECTIONS[first.name], {}), query)
    raise not_found(f"{first.name} '{wanted}' of entity '{table.name}'")


def _read_attributes(
    context: Context, metadata: Metadata, table: Table, rest: Sequence[Segment], query: Query
) -> Response:
    first, *more = rest
    cast = _cast(more[0]) if more else ""
    root = f"EntityDefinitions('{table.name}')/Attributes" + (f"/{CRM}{cast}" if cast else "")
    tail = more[1:] if cast else more
    if first.arguments is None:
        if tail:
            raise error("SegmentNotFound", segment=tail[0].name)
        return many(context, root, metadata.collection(table, "Attributes", query, cast), query)
    column = metadata.column(table, first)
    if len(tail) > 1:
        raise error("SegmentNotFound", segment=tail[1].name)
    if not tail:
        return one(context, root, metadata.attribute(table, column, query, cast), query)
    name = tail[0].name
    below = Query(expand={name: query}) if name in metadata.expanders(table, cast) else Query()
    return _read_tail(context, metadata.attribute(table, column, below, cast), f"{root}({column.name})", name, query)


def _read_tail(context: Context, attribute: Json, root: str, name: str, query: Query) -> Response:
    """One property of a column, or an option set that was expanded below it."""
    if name not in attribute:
        raise error("SegmentNotFound", segment=name)
    value = attribute[name]
    if name in {"OptionSet", "GlobalOptionSet"}:
        return one(context, f"{root}/{name}", value, query) if isinstance(value, dict) else Response(204, list(HEADERS))
    url = context.url(f"$metadata#{root}/{name}")
    return json_response(200, {"@odata.context": url, "value": value}, HEADERS)


def read_relationships(context: Context, path: ResourcePath) -> Response:
    """Answer ``GET RelationshipDefinitions...``."""
    metadata = Metadata(context.service)
    query = read_query(context.request.query)
    items = [{"@odata.type": f"#{CRM}OneToManyRelationshipMetadata"} | i for i in metadata.relationships()]
    first, *rest = path.segments
    if rest and _cast(rest[0]) not in {"OneToManyRelationshipMetadata", "ManyToManyRelationshipMetadata"}:
        raise error("SegmentNotFound", segment=rest[0].name)
    if first.arguments is not None:
        name, wanted = wanted_key(first)
        for item in items:
            if str(item.get(name)).lower() == wanted.lower():
                return one(context, path.text, shape_item(item, query, "RelationshipMetadataBase", {}), query)
        raise not_found(f"relationship '{wanted}'")
    if rest and rest[0].name.endswith("ManyToManyRelationshipMetadata"):
        items = []
    shaped = apply_query(items, query, "RelationshipMetadataBase", {}, plain_enums=metadata.plain_enums)
    return many(context, path.text, shaped, query)


def read_option_sets(context: Context, path: ResourcePath) -> Response:
    """Answer ``GET GlobalOptionSetDefinitions...``."""
    metadata = Metadata(context.service)
    query = read_query(context.request.query)
    items = [metadata.global_set(name) for name in metadata.global_sets]
    first, *rest = path.segments
    if rest and _cast(rest[0]) != "OptionSetMetadata":
        raise error("SegmentNotFound", segment=rest[0].name)
    if first.arguments is None:
        # The service refuses a filter here; a client picks from the whole list.
        if query.filter:
            raise error("QueryNotSupported", option="$filter")
        return many(context, path.text, [shape_item(item, query, "OptionSetMetadata", {}) for item in items], query)
    name, wanted = wanted_key(first)
    for item in items:
        if str(item.get(name)).lower() == wanted.lower():
            return one(context, path.text, shape_item(item, query, "OptionSetMetadata", {}), query)
    raise not_found(f"option set '{wanted}'")


def wanted_key(segment: Segment) -> tuple[str, str]:
    """The property and value a key asks for: a lone guid is the `MetadataId`."""
    arguments = segment.arguments or {}
    if len(arguments) != 1:
        raise error("InvalidKey", table="MetadataBase")
    ((name, literal),) = arguments.items()
    text = unquote(literal)
    if not name:
        return ("MetadataId" if text is None else "SchemaName"), (literal if text is None else text)
    return name, literal if text is None else text


def _cast(segment: Segment) -> str:
    return segment.name.removeprefix(NAMESPACE) if segment.name.startswith(NAMESPACE) else ""


HEADERS = (("Content-Type", "application/json; odata.metadata=minimal"), ("OData-Version", "4.0"))


def many(context: Context, root: str, items: list[Json], query: Query) -> Response:
    """A collection answer; the metadata version is added when annotations were asked for."""
    body: Json = {"@odata.context": _context_url(context, root, query)}
    if context.annotate(VERSION_ANNOTATION):
        body[f"@{VERSION_ANNOTATION}"] = str(context.schema.version)
    if query.count:
        body["@odata.count"] = len(items)
    return json_response(200, body | {"value": items}, HEADERS)


def one(context: Context, root: str, item: Json, query: Query) -> Response:
    """A single-thing answer."""
    return json_response(200, {"@odata.context": f"{_context_url(context, root, query)}/$entity"} | item, HEADERS)


def _context_url(context: Context, root: str, query: Query) -> str:
    select = f"({','.join((*query.select, *query.expand))})" if query.select else ""
    return context.url(f"$metadata#{root}{select}")
