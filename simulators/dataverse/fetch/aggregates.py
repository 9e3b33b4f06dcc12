"""`<fetch aggregate="true">`: groups, counts, sums, over joined tables too, of at most 50,000 lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

from simulators.dataverse.conditions import column_named
from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.fetch.joins import Line, Source, invalid
from simulators.dataverse.odata.apply import LIMIT, Group, Measure, show_summary, summarise
from simulators.dataverse.schema import NUMBERS, Column, Kind
from simulators.dataverse.store import Value, fold

_METHODS = {"sum": "sum", "avg": "average", "min": "min", "max": "max", "count": "count", "countcolumn": "countcolumn"}
_PARTS: dict[str, Callable[[datetime], int]] = {
    "day": lambda moment: moment.day,
    # As SQL Server counts: a week begins on Sunday, the first on 1 January (aggregate-data page: 27 August 2023 is 35).
    "week": lambda moment: (moment.timetuple().tm_yday - 1 + moment.replace(month=1, day=1).isoweekday() % 7) // 7 + 1,
    "month": lambda moment: moment.month,
    "quarter": lambda moment: (moment.month + 2) // 3,
    "year": lambda moment: moment.year,
}


def aggregate_lines(context: Context, fetch: ET.Element, sources: list[Source], lines: list[Line]) -> list[Any]:
    """Return the rows of an aggregate query, ordered as asked.

    Raises:
        DataverseError: 400 for an attribute without alias, an unknown function, an order that is no alias, or more
            lines than the limit; 501 for fiscal periods.
    """
    groups: list[Group[Line]] = []
    measures: list[Measure[Line]] = []
    for source in sources:
        for attribute in source.element.findall("attribute"):
            if attribute.get("groupby") == "true":
                groups.append(_group(source, attribute))
            else:
                measures.append(_measure(source, attribute))
    if len(lines) > _limit(fetch):
        raise error("AggregateQueryRecordLimitExceeded")
    summary = summarise(lines, groups, measures)
    # The documents show a sum over nothing but nulls as 0, unlike an average.
    sums = [measure.method == "sum" for measure in measures]
    summary = [(key, [0 if v is None and s else v for v, s in zip(made, sums, strict=True)]) for key, made in summary]
    return _ordered(sources, [*groups, *measures], [show_summary(context, groups, measures, each) for each in summary])


def _limit(fetch: ET.Element) -> int:
    text = fetch.get("aggregatelimit", "")
    return min(LIMIT, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else LIMIT


def _named(source: Source, attribute: ET.Element) -> tuple[str, Column]:
    alias = attribute.get("alias", "")
    if not alias:
        raise error("InvalidArgument", message="Required attribute 'alias' is missing from an aggregate attribute.")
    return alias, column_named(source.table, attribute.get("name", ""))


def _group(source: Source, attribute: ET.Element) -> Group[Line]:
    alias, column = _named(source, attribute)
    get = source.get(column.name)
    if column.kind is not Kind.DATETIME:
        return Group(alias, column, get)
    part = attribute.get("dategrouping", "")
    if part.startswith("fiscal-"):
        raise error("NotImplemented", what=f"grouping by {part[:30]}")
    if part not in _PARTS:
        raise error("InvalidArgument", message=f"dategrouping '{part[:30]}' is not valid for '{column.name}'.")
    number = _PARTS[part]

    def read(line: Line) -> Value:
        value = get(line)
        return number(datetime.fromisoformat(value)) if isinstance(value, str) else None

    return Group(alias, replace(column, kind=Kind.INTEGER), read)


def _measure(source: Source, attribute: ET.Element) -> Measure[Line]:
    alias, column = _named(source, attribute)
    method = _METHODS.get(attribute.get("aggregate", ""))
    if method is None:
        raise invalid()
    if method == "count":
        return Measure(alias, method)
    if method in ("sum", "average") and column.kind not in NUMBERS:
        raise error("InvalidArgument", message=f"The attribute '{column.name}' cannot be aggregated with '{method}'.")
    if method == "countcolumn" and attribute.get("distinct") == "true":
        method = "countdistinct"
    return Measure(alias, method, column, source.get(column.name))


def _ordered(sources: list[Source], made: list[Group[Line] | Measure[Line]], shown: list[Any]) -> list[Any]:
    names = {each.name if isinstance(each, Group) else each.alias for each in made}
    orders = [order for source in sources for order in source.element.findall("order")]
    for order in reversed(orders):
        alias = order.get("alias", "")
        if alias not in names:
            raise error("InvalidArgument", message="An aggregate query is ordered by aliases of its attributes only.")
        shown.sort(key=partial(_place, alias), reverse=order.get("descending") == "true")
    return shown


def _place(alias: str, row: dict[str, Any]) -> tuple[int, Any]:
    folded = fold(row.get(alias))
    return (0, 0) if folded is None else (1, folded)
