"""The `Microsoft.Dynamics.CRM.*` query functions of a filter."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from simulators.dataverse.context import iso
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.ast import Constant, Path, QueryFunction
from simulators.dataverse.odata.path import GUID
from simulators.dataverse.odata.scope import Getter, Scope, Test
from simulators.dataverse.odata.windows import Span, counted_span, dated_span, fixed_span, midnight
from simulators.dataverse.schema import CHOICES, NUMBERS, Column, Kind
from simulators.dataverse.store import Ref, Value, fold
from simulators.dataverse.values import parse_date, parse_moment

_SINGLE_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")


def query_function(scope: Scope, node: QueryFunction) -> Test:
    """Return the test that a query function stands for.

    Raises:
        DataverseError: 400 for an unknown function, property or value; 501 for one this simulator leaves out.
    """
    build = _FUNCTIONS.get(node.name)
    column, get = _property(scope, node)
    if build is not None:
        return build(scope, node, column, get)
    span = fixed_span(node.name, scope.context.service.clock.now())
    if span is None and "PropertyValue" in node.arguments:
        span = _valued_span(scope, node)
    if span is not None:
        return _within(column, get, span)
    if node.name in _LEFT_OUT:
        raise error("NotImplemented", what=node.name)
    message = f"Resource not found for the segment 'Microsoft.Dynamics.CRM.{node.name}'."
    raise error("SyntaxError", message=message)


def _property(scope: Scope, node: QueryFunction) -> tuple[Column, Getter]:
    name = _argument(scope, node, "PropertyName")
    if not isinstance(name, str) or not name:
        raise error("SyntaxError", message=f"The function {node.name} needs a PropertyName.")
    names = tuple(name.split("/"))
    if scope.variable and names[0] != scope.variable:
        names = (scope.variable, *names)
    try:
        return scope.column(Path(names))
    except DataverseError:
        table = scope.table
        column = table.columns.get(names[-1])
        if len(names) > 1 + bool(scope.variable) or column is None:
            raise
        return scope.column(Path((*names[:-1], column.wire_name)))


def _argument(scope: Scope, node: QueryFunction, name: str) -> str | float | bool | None:
    value = scope.settle(node.arguments.get(name, Constant("null", None)))
    if not isinstance(value, Constant):
        raise error("SyntaxError", message=f"The argument {name} of {node.name} must be a literal.")
    return value.value


def _values(scope: Scope, node: QueryFunction) -> list[str]:
    text = _argument(scope, node, "PropertyValues")
    if not isinstance(text, str):
        raise error("SyntaxError", message=f"The function {node.name} needs PropertyValues.")
    return read_array(text)


def read_array(text: str) -> list[str]:
    """Read `["a","b"]` or `['a','b']` as texts.

    Raises:
        DataverseError: 400, worded as the service does for a quote in the wrong place.
    """
    try:
        parsed = json.loads(text)
    except ValueError:
        converted = _SINGLE_QUOTED.sub(lambda match: json.dumps(match[1]), text)
        try:
            parsed = json.loads(converted)
        except ValueError:
            message = (
                "Invalid JSON. A comma character ',' was expected in scope 'Array'. Every two elements in an array and "
                "properties of an object must be separated by commas."
            )
            raise error("SyntaxError", message=message) from None
    if not isinstance(parsed, list):
        raise error("SyntaxError", message="Invalid JSON. An array was expected.")
    return [str(each) for each in parsed]


def convert(column: Column, text: str) -> Value:
    """Return a text argument as the column stores it, folded.

    Raises:
        DataverseError: 400 for a text that is no such value.
    """
    try:
        value = _converted(column, text)
    except ValueError:
        value = None
    if value is None:
        message = f"The value '{text[:100]}' is not valid for the property '{column.name}'."
        raise error("InvalidArgument", message=message)
    return value


def _converted(column: Column, text: str) -> Value:
    kind = column.kind
    if column.is_lookup or kind is Kind.UNIQUEIDENTIFIER:
        bare = text.strip("{}").lower()
        return bare if GUID.fullmatch(bare) else None
    if kind in CHOICES or kind in (Kind.INTEGER, Kind.BIGINT):
        return int(text)
    if kind in NUMBERS:
        return float(text)
    if kind is Kind.BOOLEAN:
        return text.lower() in ("1", "true")
    if kind is Kind.DATETIME:
        return fold(parse_date(text[:10]) if column.date_only else parse_moment(text))
    return text.casefold()


def _in(scope: Scope, node: QueryFunction, column: Column, get: Getter) -> Test:
    wanted = frozenset(convert(column, text) for text in _values(scope, node))
    return lambda row: None if (value := fold(get(row))) is None else value in wanted


def _not_in(scope: Scope, node: QueryFunction, column: Column, get: Getter) -> Test:
    inner = _in(scope, node, column, get)
    return _opposite(inner)


def _between(scope: Scope, node: QueryFunction, column: Column, get: Getter) -> Test:
    values = [convert(column, text) for text in _values(scope, node)]
    if len(values) != 2:
        raise error("SyntaxError", message=f"The function {node.name} needs two PropertyValues.")
    low, high = values

    def test(row: object) -> bool | None:
        value = fold(get(row))  # type: ignore[arg-type]
        return None if value is None else low <= value <= high  # type: ignore[operator]

    return test


def _not_between(scope: Scope, node: QueryFunction, column: Column, get: Getter) -> Test:
    return _opposite(_between(scope, node, column, get))


def _opposite(inner: Test) -> Test:
    return lambda row: None if (result := inner(row)) is None else not result


def _contain_values(scope: Scope, node: QueryFunction, column: Column, get: Getter) -> Test:
    del column
    wanted = frozenset(_values(scope, node))
    return lambda row: None if (value := get(row)) is None else not wanted.isdisjoint(str(value).split(","))


def _contain_none(scope: Scope, node: QueryFunction, column: Column, get: Getter) -> Test:
    inner = _contain_values(scope, node, column, get)
    return lambda row: not inner(row)


def _ids(find: Callable[[Scope], frozenset[str]], *, wanted: bool) -> Callable[..., Test]:
    def build(scope: Scope, node: QueryFunction, column: Column, get: Getter) -> Test:
        del node, column
        ids = find(scope)
        return lambda row: None if (value := fold(get(row))) is None else (value in ids) is wanted

    return build


def _user(scope: Scope) -> frozenset[str]:
    return frozenset((scope.context.caller.user_id,))


def _unit(scope: Scope) -> frozenset[str]:
    user = scope.context.store["systemuser"].get(scope.context.caller.user_id)
    unit = user.get("businessunitid") if user else None
    return frozenset((unit.id,)) if isinstance(unit, Ref) else frozenset()


def _teams(scope: Scope) -> frozenset[str]:
    links = scope.context.store["teammembership"].find("systemuserid", scope.context.caller.user_id)
    return frozenset(str(link["teamid"]) for link in links)


def _user_or_teams(scope: Scope) -> frozenset[str]:
    return _user(scope) | _teams(scope)


def _valued_span(scope: Scope, node: QueryFunction) -> Span | None:
    value = _argument(scope, node, "PropertyValue")
    now = scope.context.service.clock.now()
    if node.name in ("On", "OnOrAfter", "OnOrBefore"):
        text = parse_moment(str(value))
        if text is None:
            message = f"The value '{str(value)[:100]}' of {node.name} is not a date."
            raise error("InvalidArgument", message=message)
        return dated_span(node.name, datetime.fromisoformat(text))
    count = int(value) if isinstance(value, (int, str)) and str(value).isdigit() else 0
    if not 0 < count <= 100_000:
        message = f"The value of {node.name} must be a positive whole number."
        raise error("InvalidArgument", message=message)
    try:
        return counted_span(node.name, now, count)
    except (OverflowError, ValueError):
        return (datetime(1753, 1, 1, tzinfo=UTC), now + timedelta(seconds=1))


def _within(column: Column, get: Getter, span: Span) -> Test:
    if column.kind is not Kind.DATETIME:
        raise error("InvalidArgument", message=f"The property '{column.name}' is not a date.")
    start, end = span
    if column.date_only and end is not None and end != midnight(end):
        end = midnight(end) + timedelta(days=1)
    cut = 10 if column.date_only else 20
    low = iso(start)[:cut] if start else ""
    high = iso(end)[:cut] if end else "~"
    return lambda row: low <= value < high if isinstance(value := get(row), str) else None


_FUNCTIONS: dict[str, Callable[[Scope, QueryFunction, Column, Getter], Test]] = {
    "In": _in,
    "NotIn": _not_in,
    "Between": _between,
    "NotBetween": _not_between,
    "ContainValues": _contain_values,
    "DoesNotContainValues": _contain_none,
    "EqualUserId": _ids(_user, wanted=True),
    "NotEqualUserId": _ids(_user, wanted=False),
    "EqualBusinessId": _ids(_unit, wanted=True),
    "NotEqualBusinessId": _ids(_unit, wanted=False),
    "EqualUserTeams": _ids(_teams, wanted=True),
    "EqualUserOrUserTeams": _ids(_user_or_teams, wanted=True),
}
_LEFT_OUT = frozenset(
    (
        "Above",
        "AboveOrEqual",
        "Contains",
        "EqualUserLanguage",
        "EqualUserOrUserHierarchy",
        "EqualUserOrUserHierarchyAndTeams",
        "InFiscalPeriod",
        "InFiscalPeriodAndYear",
        "InFiscalYear",
        "InOrAfterFiscalPeriodAndYear",
        "InOrBeforeFiscalPeriodAndYear",
        "LastXFiscalPeriods",
        "LastXFiscalYears",
        "NextXFiscalPeriods",
        "NextXFiscalYears",
        "NotUnder",
        "Under",
        "UnderOrEqual",
    )
)
