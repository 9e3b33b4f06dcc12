"""The `Criteria` of a QueryExpression, as ``BulkDelete`` sends it: a test of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Ref, Row, fold
from simulators.dataverse.values import value_of

type Test = Callable[[Row], bool]
_MAX_DEPTH = 20


def read_criteria(table: Table, criteria: object, depth: int = 0) -> Test:
    """Return the test a FilterExpression describes; None lets every row pass.

    Raises:
        DataverseError: 400 for an unknown column, an operator this simulator has not, or a filter of another form.
    """
    if criteria is None:
        return lambda row: True
    if not isinstance(criteria, Mapping) or depth > _MAX_DEPTH:
        raise _bad("Criteria must be a FilterExpression.")
    conditions, filters = criteria.get("Conditions") or [], criteria.get("Filters") or []
    if not isinstance(conditions, list) or not isinstance(filters, list):
        raise _bad("Conditions and Filters must be collections.")
    tests = [_condition(table, each) for each in conditions]
    tests += [read_criteria(table, each, depth + 1) for each in filters]
    if str(criteria.get("FilterOperator", "And")).lower() == "or" and tests:
        return lambda row: any(test(row) for test in tests)
    return lambda row: all(test(row) for test in tests)


def _condition(table: Table, condition: object) -> Test:
    if not isinstance(condition, Mapping):
        raise _bad("A condition must be a ConditionExpression.")
    name = str(condition.get("AttributeName"))
    column = table.columns.get(name)
    if column is None:
        raise DataverseError(
            400,
            "0x80041103",
            f"'{table.name}' entity doesn't contain attribute with Name = '{name[:100]}' and NameMapping = 'Logical'.",
            name="QueryBuilderNoAttribute",
        )
    make = _OPERATORS.get(str(condition.get("Operator")))
    if make is None:
        raise _bad(f"The operator '{str(condition.get('Operator'))[:100]}' is not supported in a bulk deletion.")
    test = make(_values(condition.get("Values")))
    return lambda row: test(_plain(value_of(row, column)))


def _values(raw: object) -> list[Any]:
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise _bad("The Values of a condition must be a collection.")
    return [_plain(each.get("Value") if isinstance(each, Mapping) else each) for each in raw]


def _plain(value: Any) -> Any:
    value = fold(value) if isinstance(value, str | Ref) else value
    return value.lower() if isinstance(value, str) else value


def _first(values: list[Any]) -> Any:
    if not values:
        raise _bad("The operator needs a value.")
    return values[0]


def _like(pattern: object) -> Callable[[Any], bool]:
    text = str(pattern)
    start, end, middle = text.startswith("%"), text.endswith("%"), text.strip("%")

    def test(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if start and end:
            return middle in value
        if start:
            return value.endswith(middle)
        return value.startswith(middle) if end else value == middle

    return test


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[list[Any]], Callable[[Any], bool]]:
    def make(values: list[Any]) -> Callable[[Any], bool]:
        wanted = _first(values)
        return lambda value: (
            value is not None and isinstance(value, str) == isinstance(wanted, str) and compare(value, wanted)
        )

    return make


def _equal(values: list[Any]) -> Callable[[Any], bool]:
    wanted = _first(values)
    return lambda value: value == wanted


def _unequal(values: list[Any]) -> Callable[[Any], bool]:
    wanted = _first(values)
    return lambda value: value != wanted


_OPERATORS: dict[str, Callable[[list[Any]], Callable[[Any], bool]]] = {
    "Equal": _equal,
    "NotEqual": _unequal,
    "In": lambda values: lambda value: value in values,
    "NotIn": lambda values: lambda value: value is not None and value not in values,
    "Null": lambda values: lambda value: value is None,
    "NotNull": lambda values: lambda value: value is not None,
    "Like": lambda values: _like(_first(values)),
    "BeginsWith": lambda values: _like(f"{_first(values)}%"),
    "EndsWith": lambda values: _like(f"%{_first(values)}"),
    "Contains": lambda values: _like(f"%{_first(values)}%"),
    "GreaterThan": _ordered(lambda value, wanted: value > wanted),
    "GreaterEqual": _ordered(lambda value, wanted: value >= wanted),
    "LessThan": _ordered(lambda value, wanted: value < wanted),
    "LessEqual": _ordered(lambda value, wanted: value <= wanted),
    "OnOrAfter": _ordered(lambda value, wanted: value[:10] >= wanted[:10]),
    "OnOrBefore": _ordered(lambda value, wanted: value[:10] <= wanted[:10]),
}


def _bad(message: str) -> DataverseError:
    return error("InvalidArgument", message=message)
