"""Conditions of FetchXML and SQL queries, whose values are texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from simulators.dataverse.errors import error
from simulators.dataverse.odata.evaluator import OPERATORS
from simulators.dataverse.odata.functions import convert
from simulators.dataverse.odata.like import like
from simulators.dataverse.odata.scope import Scope, Test, property_column
from simulators.dataverse.odata.windows import counted_span, dated_span, fixed_span
from simulators.dataverse.schema import Column, Kind, Table
from simulators.dataverse.store import Row, Value, fold

_ORDERED = frozenset(("gt", "ge", "lt", "le"))
_LIKE = {"like": "{}", "begins-with": "{}%", "ends-with": "%{}"}


def column_named(table: Table, name: str) -> Column:
    """Return the column of a logical name (or its JSON name).

    Raises:
        DataverseError: 400.
    """
    column = table.columns.get(name)
    return column if column is not None else property_column(table, name)


def reader(scope: Scope, column: Column) -> Callable[[Row], Value]:
    """Return how a column is read from a row: null where column security hides it from the caller."""
    scope.used.add(column.name)
    name, default = column.name, column.default
    if name in scope.context.service.hooks.security.hidden_columns(scope.context, scope.table):
        return lambda row: None
    return lambda row: row.get(name, default)


def condition(scope: Scope, column: Column, op: str, values: list[str]) -> Test:
    """Return the test of one condition, by its FetchXML operator.

    Raises:
        DataverseError: 400 for an operator or value that does not fit.
    """
    get = reader(scope, column)
    if op in ("null", "not-null"):
        return lambda row: (get(row) is None) is (op == "null")
    if op in ("eq-userid", "ne-userid"):
        values, op = [scope.context.caller.user_id], op[:2]
    if op.startswith("not-") and op != "not-null":
        inner = condition(scope, column, op.removeprefix("not-"), values)
        return lambda row: not inner(row)
    if op in _LIKE:
        pattern = like(_LIKE[op].format(_single(op, values)))
        return lambda row: bool(pattern.fullmatch(value)) if isinstance(value := get(row), str) else None
    span = _span(scope, op, values)
    if span is not None:
        low, high = span
        return lambda row: low <= value < high if isinstance(value := get(row), str) else None
    return _compare(scope, column, get, op, values)


def _compare(scope: Scope, column: Column, get: Callable[[Row], Value], op: str, values: list[str]) -> Test:
    wanted = [convert(column, value) for value in values]
    if op == "in":
        return lambda row: None if (value := fold(get(row))) is None else value in wanted
    if op == "between" and len(wanted) == 2:
        low, high = wanted
        return lambda row: None if (value := fold(get(row))) is None else bool(low <= value <= high)  # type: ignore[operator]
    if op in ("contain-values",) and column.kind is Kind.MULTISELECT:
        return lambda row: None if (value := get(row)) is None else not set(values).isdisjoint(str(value).split(","))
    single = convert(column, _single(op, values))
    if op in ("eq", "ne", "neq"):
        unknown = op != "eq" and scope.context.switches.on("ne_includes_null")
        return lambda row: (unknown or None) if (value := fold(get(row))) is None else (value == single) is (op == "eq")
    if op in _ORDERED:
        compare = OPERATORS[op]
        return lambda row: None if (value := fold(get(row))) is None else compare(value, single)
    raise error("InvalidArgument", message=f"The condition operator '{op}' is not valid for '{column.name}'.")


def _single(op: str, values: list[str]) -> str:
    if len(values) != 1:
        raise error("InvalidArgument", message=f"The ConditionOperator.{op} requires 1 value/s, not {len(values)}.")
    return values[0]


def _span(scope: Scope, op: str, values: list[str]) -> tuple[str, str] | None:
    """`last-x-days` and its kin go by the same spans as the OData functions."""
    name = "".join(part.capitalize() for part in op.split("-")).replace("Seven", "7")
    now = scope.context.service.clock.now()
    span = fixed_span(name, now)
    if span is None and len(values) == 1:
        if values[0].isdigit() and int(values[0]) < 100_000:
            span = counted_span(name.replace("OlderthanX", "OlderThanX"), now, int(values[0]))
        elif name in ("On", "OnOrAfter", "OnOrBefore"):
            span = dated_span(name, _day(values[0]))
    if span is None:
        return None
    low, high = span
    return (_text(low, "") if low else ""), (_text(high, "~") if high else "~")


def _day(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise error("InvalidArgument", message=f"The value '{text[:100]}' is not a date.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(moment: datetime, otherwise: str) -> str:
    try:
        return (moment + timedelta(0)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return otherwise
