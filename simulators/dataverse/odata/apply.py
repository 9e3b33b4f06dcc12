"""`$apply`: `filter(...)`, `groupby((a,b),aggregate(...))`, `aggregate(...)`, at most 50,000 rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulators.dataverse.collection import Selection
from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.ast import Both, Node, Path
from simulators.dataverse.odata.options import QueryOptions, split
from simulators.dataverse.odata.parser import parse_expression
from simulators.dataverse.odata.projection import FORMATTED, Names
from simulators.dataverse.odata.scope import Scope
from simulators.dataverse.schema import NUMBERS, Column, Kind, Table
from simulators.dataverse.store import Ref, Row, Value, fold
from simulators.dataverse.values import format_value

LIMIT = 50_000
_MEASURE = re.compile(r"\s*([\w/]+)\s+with\s+(\w+)\s+as\s+(\w+)\s*")
_COUNT = re.compile(r"\s*\$count\s+as\s+(\w+)\s*")
_METHODS = frozenset(("sum", "average", "min", "max", "countdistinct"))


@dataclass(frozen=True, slots=True)
class Measure[R]:
    """One aggregate: `method` over a column, or the row count without one."""

    alias: str
    method: str
    column: Column | None = None
    get: Callable[[R], Value] | None = None


@dataclass(frozen=True, slots=True)
class Group[R]:
    """One column to group by, under the name its values are shown with."""

    name: str
    column: Column
    get: Callable[[R], Value]


def aggregate(context: Context, table: Table, options: QueryOptions) -> list[dict[str, Any]]:
    """Return the rows that `$apply` makes.

    Raises:
        DataverseError: 400 for what cannot be read or is not supported, or more than 50,000 rows.
    """
    if options.orderby:
        raise error("SyntaxError", message="The query node SingleValueOpenPropertyAccess is not supported")
    condition, groups, measures = _read(context, table, options.apply or "")
    narrowed = replace(options, filter=_joined(options.filter, condition))
    rows = list(Selection(context, table, narrowed).walk())
    if len(rows) > LIMIT:
        raise error("AggregateQueryRecordLimitExceeded")
    result = summarise(rows, groups, measures)
    if options.top is not None:
        result = result[: options.top]
    return [show_summary(context, groups, measures, line) for line in result]


def _joined(first: Node | None, second: Node | None) -> Node | None:
    return Both("and", first, second) if first is not None and second is not None else first or second


def _read(context: Context, table: Table, text: str) -> tuple[Node | None, list[Group[Row]], list[Measure[Row]]]:
    scope = Scope(context, table)
    condition: Node | None = None
    groups: list[Group[Row]] = []
    measures: list[Measure[Row]] = []
    for step in split(text, "/"):
        name, _, rest = step.strip().partition("(")
        inside = rest.removesuffix(")")
        if not rest.endswith(")"):
            raise _unreadable(text)
        if name == "filter":
            condition = _joined(condition, parse_expression(inside))
        elif name == "aggregate":
            measures = [_measure(scope, part) for part in split(inside, ",")]
        elif name == "groupby":
            groups, measures = _grouping(scope, inside)
        else:
            raise _unreadable(text)
    return condition, groups, measures


def _grouping(scope: Scope, text: str) -> tuple[list[Group[Row]], list[Measure[Row]]]:
    parts = [part.strip() for part in split(text, ",")]
    if not parts[0].startswith("(") or not parts[0].endswith(")") or len(parts) > 2:
        raise _unreadable(text)
    groups = [_group(scope, name.strip()) for name in parts[0][1:-1].split(",")]
    if len(parts) == 1:
        return groups, []
    if not parts[1].startswith("aggregate(") or not parts[1].endswith(")"):
        raise _unreadable(text)
    inside = parts[1].removeprefix("aggregate(").removesuffix(")")
    return groups, [_measure(scope, part) for part in split(inside, ",")]


def _group(scope: Scope, name: str) -> Group[Row]:
    column, get = scope.column(Path(tuple(name.split("/"))))
    if column.kind is Kind.DATETIME:
        raise error("SyntaxError", message="groupby with datetime values is not supported.")
    if "/" not in name:
        return Group(name, column, get)
    table = scope.table
    for step in name.split("/")[:-1]:
        table = scope.context.schema[table.navigation[step].table]
    return Group(f"{table.name}_{column.name}", column, get)


def _measure(scope: Scope, text: str) -> Measure[Row]:
    counted = _COUNT.fullmatch(text)
    if counted:
        return Measure(counted[1], "count")
    found = _MEASURE.fullmatch(text)
    if found is None or found[2] not in _METHODS:
        raise _unreadable(text)
    column, get = scope.column(Path(tuple(found[1].split("/"))))
    if found[2] in ("sum", "average") and column.kind not in NUMBERS:
        raise error("SyntaxError", message=f"The property '{found[1]}' cannot be aggregated with '{found[2]}'.")
    return Measure(found[3], found[2], column, get)


def _unreadable(text: str) -> DataverseError:
    return error("SyntaxError", message=f"Invalid or unsupported expression in $apply: '{text[:200]}'.")


def summarise[R](
    rows: Iterable[R], groups: Sequence[Group[R]], measures: Sequence[Measure[R]]
) -> list[tuple[tuple[Value, ...], list[Value]]]:
    """Return the group values with their aggregates, in order of the group values (nulls first)."""
    buckets: dict[tuple[Value, ...], tuple[tuple[Value, ...], list[R]]] = {}
    for row in rows:
        values = tuple(group.get(row) for group in groups)
        key = tuple(fold(value) for value in values)
        buckets.setdefault(key, (values, []))[1].append(row)
    if not groups and not buckets:
        buckets[()] = ((), [])
    ordered = sorted(buckets, key=lambda key: [(each is not None, str(type(each)), each or 0) for each in key])
    return [(buckets[key][0], [_value(measure, buckets[key][1]) for measure in measures]) for key in ordered]


def _value[R](measure: Measure[R], rows: list[R]) -> Value:
    if measure.get is None:
        return len(rows)
    found: list[Any] = [value for row in rows if (value := measure.get(row)) is not None]
    if measure.method == "countdistinct":
        return len({fold(value) for value in found})
    if measure.method == "countcolumn":
        return len(found)
    if not found:
        return None
    methods: dict[str, Callable[[list[Any]], Any]] = {
        "sum": sum,
        "average": lambda values: sum(values) / len(values),
        "min": min,
        "max": max,
    }
    result: Value = methods[measure.method](found)
    return round(result, 10) if isinstance(result, float) else result


def show_summary[R](
    context: Context, groups: list[Group[R]], measures: list[Measure[R]], line: tuple[tuple[Value, ...], list[Value]]
) -> dict[str, Any]:
    """Return one line of `summarise` as JSON; groups without a value are left out."""
    shown: dict[str, Any] = {}
    names, formatted = Names(context), context.annotate(FORMATTED)
    for group, value in zip(groups, line[0], strict=True):
        if value is None:
            continue
        text = names.of(value) if isinstance(value, Ref) else format_value(group.column, value)
        if formatted and text is not None:
            shown[f"{group.name}@{FORMATTED}"] = text
        shown[group.name] = value.id if isinstance(value, Ref) else value
    for measure, value in zip(measures, line[1], strict=True):
        if formatted and value is not None:
            column = measure.column if not measure.method.startswith("count") else None
            text = format_value(column, value) if column is not None else f"{value:,}"
            if text is not None:
                shown[f"{measure.alias}@{FORMATTED}"] = text
        shown[measure.alias] = value
    return shown
