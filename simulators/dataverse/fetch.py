"""`GET contacts?fetchXml=...`: entity, attributes, filters, order, top, paging by cookie or by number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from simulators.dataverse.collection import Selection
from simulators.dataverse.conditions import column_named, condition
from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.ast import Path
from simulators.dataverse.odata.options import Order, QueryOptions
from simulators.dataverse.odata.ordering import sort_rows
from simulators.dataverse.odata.paging import MAX_PAGE, Cookie, fetch_cookie
from simulators.dataverse.odata.projection import context_fragment, project
from simulators.dataverse.odata.scope import Scope, Test
from simulators.dataverse.replies import EXCEEDED, TOTAL, applied, json_reply, metadata_url
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Row
from simulators.frame import Response

_PAGING = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
_MORE = "Microsoft.Dynamics.CRM.morerecords"
_LAST = re.compile(r'last="\{([0-9A-Fa-f-]{36})\}"')
_MAX_XML = 100_000


def run(context: Context, table: Table, options: QueryOptions) -> Response:
    """Answer a FetchXML query.

    Raises:
        DataverseError: 400 for XML that is none, another entity, unknown attributes; 501 for joins and aggregates.
    """
    fetch, entity = _read(options.custom("fetchXml") or "", table)
    names = tuple(column_named(table, each.get("name", "")).wire_name for each in entity.findall("attribute"))
    shown = replace(options, select=names or None, expand=())
    projection = project(context, table, shown)
    size, number = _size(fetch), _number(fetch, "page", 1)
    rows = _rows(context, table, options, entity)
    start = _start(fetch, table, rows, number, size)
    page = rows[start : start + size]
    more = len(rows) > start + size and fetch.get("top") is None
    show = projection.renderer()
    body: dict[str, object] = {"@odata.context": metadata_url(context, context_fragment(table, shown))}
    if more and context.annotate(_PAGING):
        cookie = Cookie(number + 1, str(page[-1][table.primary_id]))
        body[f"@{_PAGING}"] = fetch_cookie(table.primary_id, cookie, str(page[0][table.primary_id]))
    if context.annotate(_MORE):
        body[f"@{_MORE}"] = more
    if fetch.get("returntotalrecordcount") == "true":
        body |= {f"@{TOTAL}": min(len(rows), MAX_PAGE), f"@{EXCEEDED}": len(rows) > MAX_PAGE}
    body["value"] = [show(row) for row in page]
    return json_reply(context, body, headers=applied(context, "annotations"))


def _read(text: str, table: Table) -> tuple[ET.Element, ET.Element]:
    if len(text) > _MAX_XML or "<!" in text:
        raise _invalid()
    try:
        fetch = ET.fromstring(text)  # noqa: S314 - no document type is let through, so no entity can grow
    except ET.ParseError:
        raise _invalid() from None
    entity = fetch.find("entity")
    if fetch.tag != "fetch" or entity is None:
        raise _invalid()
    if entity.get("name") != table.name:
        message = f"Entity Name specified in FetchXml does not match the entity set '{table.entity_set}'."
        raise error("InvalidArgument", message=message)
    if fetch.get("aggregate") == "true" or entity.find("link-entity") is not None:
        raise error("NotImplemented", what="FetchXML with joins or aggregates")
    return fetch, entity


def _invalid() -> DataverseError:
    return error("InvalidXml")


def _number(element: ET.Element, name: str, otherwise: int) -> int:
    text = element.get(name, str(otherwise))
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= 1_000_000:
        raise error("InvalidArgument", message=f"The attribute '{name}' of fetch must be a positive whole number.")
    return int(text)


def _size(fetch: ET.Element) -> int:
    if fetch.get("top") is not None:
        return min(_number(fetch, "top", MAX_PAGE), MAX_PAGE)
    return min(_number(fetch, "count", MAX_PAGE), MAX_PAGE)


def _rows(context: Context, table: Table, options: QueryOptions, entity: ET.Element) -> list[Row]:
    scope = Scope(context, table)
    tests = [_filter(scope, each) for each in entity.findall("filter")]
    walk: Iterator[Row] = Selection(context, table, replace(options, filter=None)).walk()
    found = [row for row in walk if all(test(row) is True for test in tests)]
    orders = [
        Order(Path((column_named(table, each.get("attribute", "")).wire_name,)), each.get("descending") == "true")
        for each in entity.findall("order")
    ]
    return sort_rows(scope, orders, found) if orders else found


def _filter(scope: Scope, element: ET.Element) -> Test:
    tests = []
    for each in islice(element, 500):
        if each.tag == "filter":
            tests.append(_filter(scope, each))
        elif each.tag == "condition":
            values = [value.text or "" for value in each.findall("value")]
            if each.get("value") is not None:
                values = [each.get("value", "")]
            column = column_named(scope.table, each.get("attribute", ""))
            tests.append(condition(scope, column, each.get("operator", ""), values))
        else:
            raise _invalid()
    if element.get("type", "and") == "or":
        return lambda row: any(test(row) is True for test in tests)
    return lambda row: all(test(row) is True for test in tests)


def _start(fetch: ET.Element, table: Table, rows: list[Row], number: int, size: int) -> int:
    """Return where the page begins: after the cookie's row, else by page number."""
    cookie = _LAST.search(unquote(unquote(fetch.get("paging-cookie", ""))))
    if cookie is not None:
        last = cookie[1].lower()
        for at, row in enumerate(rows):
            if row[table.primary_id] == last:
                return at + 1
    return (number - 1) * size
