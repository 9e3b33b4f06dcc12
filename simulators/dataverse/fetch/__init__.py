"""`GET contacts?fetchXml=...`: attributes, joins, filters, order, top, aggregates, paging by cookie or by number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from simulators.dataverse.conditions import column_named
from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.fetch.aggregates import aggregate_lines
from simulators.dataverse.fetch.joins import Line, Source, invalid, joined_lines, named_source, sources_of
from simulators.dataverse.odata.ast import Path
from simulators.dataverse.odata.options import Order, QueryOptions
from simulators.dataverse.odata.ordering import order_key
from simulators.dataverse.odata.paging import MAX_PAGE, Cookie, fetch_cookie
from simulators.dataverse.odata.projection import FORMATTED, LOGICAL_NAME, Projection, context_fragment, project
from simulators.dataverse.replies import EXCEEDED, TOTAL, applied, json_reply, metadata_url
from simulators.dataverse.schema import Column, Table
from simulators.dataverse.store import Ref, Value
from simulators.dataverse.values import format_value
from simulators.frame import Response

_PAGING = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
_MORE = "Microsoft.Dynamics.CRM.morerecords"
_LAST = re.compile(r'last="\{([0-9A-Fa-f-]{36})\}"')
_MAX_XML = 100_000

type Extra = tuple[str, Column, Callable[[Line], Value]]


def run(context: Context, table: Table, options: QueryOptions) -> Response:
    """Answer a FetchXML query.

    Raises:
        DataverseError: 400 for XML that is none, another entity, unknown attributes; 501 for what is not modelled.
    """
    fetch, entity = _read(options.custom("fetchXml") or "", table)
    size, number = _size(fetch), _number(fetch, "page", 1)
    sources = sources_of(context, table, entity)
    if fetch.get("aggregate") == "true":
        found = aggregate_lines(context, fetch, sources, joined_lines(context, options, sources))
        start = (number - 1) * size
        return _reply(context, table, {"value": found[start : start + size]}, context_fragment(table, QueryOptions()))
    plain = [each for each in entity.findall("attribute") if not each.get("alias")]
    names = tuple(column_named(table, each.get("name", "")).wire_name for each in plain)
    if not names and entity.find("attribute") is not None:
        names = (table.primary_id,)
    shown = replace(options, select=names or None, expand=())
    projection, extras = project(context, table, shown), _extras(sources)
    lines = _sorted(sources, joined_lines(context, options, sources))
    if fetch.get("distinct") == "true":
        lines = _distinct(lines, extras)
    start = _start(fetch, sources, lines, number, size)
    page = lines[start : start + size]
    more = len(lines) > start + size and fetch.get("top") is None
    body = _paging(context, table, page, number if more else 0)
    if fetch.get("returntotalrecordcount") == "true":
        body |= {f"@{TOTAL}": min(len(lines), MAX_PAGE), f"@{EXCEEDED}": len(lines) > MAX_PAGE}
    body["value"] = _shown(projection, extras, page)
    return _reply(context, table, body, context_fragment(table, shown))


def _reply(context: Context, table: Table, body: dict[str, Any], fragment: str) -> Response:
    head = {"@odata.context": metadata_url(context, fragment or table.entity_set)}
    return json_reply(context, head | body, headers=applied(context, "annotations"))


def _paging(context: Context, table: Table, page: list[Line], number: int) -> dict[str, Any]:
    """The annotations that lead on from page `number`; 0 for the last one."""
    body: dict[str, Any] = {}
    ends = [str(row[table.primary_id]) for line in (page[:1] + page[-1:]) if (row := line[0]) is not None]
    if number and ends and context.annotate(_PAGING):
        body[f"@{_PAGING}"] = fetch_cookie(table.primary_id, Cookie(number + 1, ends[-1]), ends[0])
    if context.annotate(_MORE):
        body[f"@{_MORE}"] = bool(number)
    return body


def _read(text: str, table: Table) -> tuple[ET.Element, ET.Element]:
    if len(text) > _MAX_XML or "<!" in text:
        raise invalid()
    try:
        fetch = ET.fromstring(text)  # noqa: S314 - no document type is let through, so no entity can grow
    except ET.ParseError:
        raise invalid() from None
    entity = fetch.find("entity")
    if fetch.tag != "fetch" or entity is None:
        raise invalid()
    if entity.get("name") != table.name:
        message = f"Entity Name specified in FetchXml does not match the entity set '{table.entity_set}'."
        raise error("InvalidArgument", message=message)
    return fetch, entity


def _number(element: ET.Element, name: str, otherwise: int) -> int:
    text = element.get(name, str(otherwise))
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= 1_000_000:
        raise error("InvalidArgument", message=f"The attribute '{name}' of fetch must be a positive whole number.")
    return int(text)


def _size(fetch: ET.Element) -> int:
    name = "top" if fetch.get("top") is not None else "count"
    return min(_number(fetch, name, MAX_PAGE), MAX_PAGE)


def _extras(sources: list[Source]) -> list[Extra]:
    """The columns of joined tables, as `alias.column`, and those with an alias of their own."""
    found: list[Extra] = []
    for source in sources:
        for attribute in source.element.findall("attribute"):
            alias = attribute.get("alias")
            if source.alias or alias:
                column = column_named(source.table, attribute.get("name", ""))
                found.append((alias or f"{source.alias}.{column.name}", column, source.get(column.name)))
        if source.alias and source.element.find("all-attributes") is not None:
            readable = [column for column in source.table.columns.values() if column.read]
            found += [(f"{source.alias}.{column.name}", column, source.get(column.name)) for column in readable]
    return found


def _shown(projection: Projection, extras: list[Extra], page: list[Line]) -> list[dict[str, Any]]:
    context, show = projection.context, projection.renderer()
    formatted, named = context.annotate(FORMATTED), context.annotate(LOGICAL_NAME)
    found = []
    for line in page:
        row = line[0]
        shown: dict[str, Any] = show(row) if row is not None else {}
        for name, column, get in extras:
            value = get(line)
            if value is None:
                continue
            text = projection.names.of(value) if isinstance(value, Ref) else format_value(column, value)
            if formatted and text is not None:
                shown[f"{name}@{FORMATTED}"] = text
            if named and isinstance(value, Ref):
                shown[f"{name}@{LOGICAL_NAME}"] = value.table
            shown[name] = value.id if isinstance(value, Ref) else value
        found.append(shown)
    return found


def _sorted(sources: list[Source], lines: list[Line]) -> list[Line]:
    """Lines in the order asked for: the entity's orders first, then those of its joins; equal ones by keys."""
    keys = [source.table.primary_id for source in sources]
    if len(sources) > 1:
        lines.sort(key=lambda line: [str(row[key]) if row else "" for row, key in zip(line, keys, strict=True)])
    orders = [(source, order) for source in sources for order in source.element.findall("order")]
    for own, element in reversed(orders):
        source = named_source(sources, element.get("entityname", ""), own)
        column, descending = column_named(source.table, element.get("attribute", "")), element.get("descending")
        place, key = source.place, order_key(source.scope, Order(Path((column.wire_name,))))

        def order(line: Line, place: int = place, key: Any = key) -> Any:
            row = line[place]
            return (0, "") if row is None else key(row)

        lines.sort(key=order, reverse=descending == "true")
    return lines


def _distinct(lines: list[Line], extras: list[Extra]) -> list[Line]:
    kept: dict[tuple[object, ...], Line] = {}
    for line in lines:
        kept.setdefault((id(line[0]), *(get(line) for _, _, get in extras)), line)
    return list(kept.values())


def _start(fetch: ET.Element, sources: list[Source], lines: list[Line], number: int, size: int) -> int:
    """Return where the page begins: after the cookie's row, else (and always with joins) by page number."""
    cookie = _LAST.search(unquote(unquote(fetch.get("paging-cookie", ""))))
    if cookie is not None and len(sources) == 1:
        last, key = cookie[1].lower(), sources[0].table.primary_id
        for at, line in enumerate(lines):
            if line[0] is not None and line[0][key] == last:
                return at + 1
    return (number - 1) * size
