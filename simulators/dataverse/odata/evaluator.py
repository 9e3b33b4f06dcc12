"""A filter's tree made into a test of rows.

A test gives True, False or None (unknown), as SQL does; only True keeps a row. Text is compared without case; the
string functions compare as SQL `LIKE`. Types must fit, with the OData library's texts where they do not.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from simulators.dataverse.context import iso
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.ast import (
    Both,
    Call,
    Compare,
    Comparison,
    Constant,
    Lambda,
    Negation,
    Node,
    Path,
    QueryFunction,
)
from simulators.dataverse.odata.functions import query_function
from simulators.dataverse.odata.like import is_plain, like
from simulators.dataverse.odata.scope import Getter, Scope, Test, related_rows
from simulators.dataverse.schema import CHOICES, NUMBERS, TEXTS, Column, Kind
from simulators.dataverse.store import Row, Value, fold
from simulators.dataverse.values import edm_type

KIND_NAMES: dict[str, str] = {
    "eq": "Equal",
    "ne": "NotEqual",
    "gt": "GreaterThan",
    "ge": "GreaterThanOrEqual",
    "lt": "LessThan",
    "le": "LessThanOrEqual",
}
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
# A literal between two seconds: reaching it is passing the second before, staying below it is not passing that.
_BETWEEN: dict[str, Comparison] = {"ge": "gt", "lt": "le"}
_FLIPPED: dict[str, Comparison] = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}


def compile_filter(scope: Scope, node: Node) -> Test:
    """Return the test that a filter stands for.

    Raises:
        DataverseError: 400 for unknown names, unfit types, functions the service does not know.
    """
    node = scope.settle(node)
    match node:
        case Both():
            return _both(node.op, compile_filter(scope, node.left), compile_filter(scope, node.right))
        case Negation():
            return _negation(scope, node)
        case Compare():
            return _compare(scope, node)
        case Call():
            return _call(scope, node)
        case QueryFunction():
            return query_function(scope, node)
        case Lambda():
            return _lambda(scope, node)
        case Constant(kind="boolean"):
            kept = bool(node.value)
            return lambda row: kept
        case Path():
            return _bare_property(scope, node)
        case _:
            raise _not_boolean()


def _both(op: str, left: Test, right: Test) -> Test:
    if op == "and":
        return lambda row: _and(left(row), right, row)
    return lambda row: _or(left(row), right, row)


def _and(left: bool | None, right: Test, row: Row) -> bool | None:  # noqa: FBT001 - three-valued logic
    if left is False:
        return False
    other = right(row)
    if other is False:
        return False
    return None if left is None or other is None else True


def _or(left: bool | None, right: Test, row: Row) -> bool | None:  # noqa: FBT001 - three-valued logic
    if left:
        return True
    other = right(row)
    if other:
        return True
    return None if left is None or other is None else False


def _negation(scope: Scope, node: Negation) -> Test:
    inner = compile_filter(scope, node.operand)
    operand = scope.settle(node.operand)
    unknown = True if isinstance(operand, Call) and scope.context.switches.on("ne_includes_null") else None

    def test(row: Row) -> bool | None:
        result = inner(row)
        return unknown if result is None else not result

    return test


def _bare_property(scope: Scope, path: Path) -> Test:
    column, get = scope.column(path)
    if column.kind is not Kind.BOOLEAN:
        raise _not_boolean()
    return lambda row: None if (value := get(row)) is None else bool(value)


def _not_boolean() -> DataverseError:
    message = "The $filter expression must evaluate to a single boolean value."
    return error("SyntaxError", message=message)


def _compare(scope: Scope, node: Compare) -> Test:
    left, right = scope.settle(node.left), scope.settle(node.right)
    if isinstance(left, Constant) and isinstance(right, Path):
        return _compare_column(scope, _FLIPPED[node.op], right, left)
    if isinstance(left, Path) and isinstance(right, Constant):
        return _compare_column(scope, node.op, left, right)
    if isinstance(left, Path) and isinstance(right, Path):
        return _compare_columns(scope, node.op, left, right)
    if isinstance(left, Constant) and isinstance(right, Constant):
        return _compare_constants(node.op, left, right)
    return _compare_test(scope, node, left, right)


def _compare_test(scope: Scope, node: Compare, left: Node, right: Node) -> Test:
    """`contains(x,'y') eq true`: the only further form the service takes."""
    if isinstance(left, Constant):
        left, right = right, left
    if not (isinstance(right, Constant) and right.kind == "boolean" and node.op in ("eq", "ne")):
        raise error("SyntaxError", message="The comparison is not supported: compare a property with a literal.")
    wanted = bool(right.value) == (node.op == "eq")
    inner = compile_filter(scope, left)
    return inner if wanted else compile_filter(scope, Negation(left))


def _compare_constants(op: Comparison, left: Constant, right: Constant) -> Test:
    if left.edm != right.edm:
        raise _unfit(op, left.edm, right.edm)
    try:
        kept = OPERATORS[op](fold(left.value), fold(right.value))
    except TypeError:
        kept = False
    return lambda row: kept


def _compare_columns(scope: Scope, op: Comparison, left: Path, right: Path) -> Test:
    """Columns of the same row; their types must match (dataverse.md 1.3)."""
    first, get_first = scope.column(left)
    second, get_second = scope.column(right)
    if edm_type(first) != edm_type(second):
        raise _unfit(op, edm_type(first), edm_type(second))
    compare = OPERATORS[op]

    def test(row: Row) -> bool | None:
        a, b = fold(get_first(row)), fold(get_second(row))
        return None if a is None or b is None else compare(a, b)

    return test


def _compare_column(scope: Scope, op: Comparison, path: Path, constant: Constant) -> Test:
    column, get = scope.column(path)
    if constant.kind == "null":
        return _compare_null(op, get)
    wanted = stored_form(scope, op, column, constant)
    if column.kind is Kind.DATETIME and not column.date_only and isinstance(wanted, str):
        return _compare_moment(scope, op, get, wanted)
    return _compare_value(scope, op, get, wanted)


def _compare_value(scope: Scope, op: Comparison, get: Getter, wanted: Any) -> Test:
    compare = OPERATORS[op]
    unknown = True if op == "ne" and scope.context.switches.on("ne_includes_null") else None

    def test(row: Row) -> bool | None:
        value = fold(get(row))
        return unknown if value is None else compare(value, wanted)

    return test


def _compare_null(op: Comparison, get: Getter) -> Test:
    if op == "eq":
        return lambda row: get(row) is None
    if op == "ne":
        return lambda row: get(row) is not None
    return lambda row: None


def _compare_moment(scope: Scope, op: Comparison, get: Getter, literal: str) -> Test:
    """Stored moments have whole seconds and one form, so that they compare as text; a literal may lie between two."""
    moment = datetime.fromisoformat(literal.upper())  # literals come folded
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment.microsecond:
        if op == "eq":
            return lambda row: None if get(row) is None else False
        op = _BETWEEN.get(op, op)
    return _compare_value(scope, op, get, fold(iso(moment)))


def stored_form(scope: Scope, op: Comparison, column: Column, constant: Constant) -> Value:
    """Return a literal as the column stores it, folded.

    Raises:
        DataverseError: 400 for a literal of another type.
    """
    kind, value = column.kind, constant.value
    fits = (
        (constant.kind == "string" and (kind in TEXTS or kind is Kind.MULTISELECT))
        or (constant.kind == "number" and (kind in NUMBERS or kind in CHOICES))
        or (constant.kind == "boolean" and kind is Kind.BOOLEAN)
        or (constant.kind == "guid" and (column.is_lookup or kind is Kind.UNIQUEIDENTIFIER))
        or (constant.kind == "date" and kind is Kind.DATETIME)
        or (constant.kind == "moment" and kind is Kind.DATETIME and not column.date_only)
    )
    if fits:
        return fold(value)
    quoted = constant.kind == "string" and edm_type(column) == "Edm.Guid"
    if quoted and scope.context.switches.on("quoted_guids"):
        return fold(value)
    raise _unfit(op, edm_type(column), constant.edm)


def _unfit(op: str, left: str, right: str) -> DataverseError:
    message = (
        f"A binary operator with incompatible types was detected. Found operand types '{left}' and '{right}' for "
        f"operator kind '{KIND_NAMES[op]}'."
    )
    return error("SyntaxError", message=message)


_STRING_CALLS = frozenset(("contains", "startswith", "endswith"))


def _call(scope: Scope, node: Call) -> Test:
    if node.name not in _STRING_CALLS:
        message = f"An unknown function with name '{node.name}' was found. This may also be a function import or a key "
        message += "lookup on a navigation property, which is not allowed."
        raise error("SyntaxError", message=message)
    arguments = [scope.settle(argument) for argument in node.arguments]
    if len(arguments) != 2 or not isinstance(arguments[0], Path) or not isinstance(arguments[1], Constant):
        raise _no_signature(node.name)
    column, get = scope.column(arguments[0])
    text = arguments[1].value
    if column.kind not in TEXTS or not isinstance(text, str) or arguments[1].kind != "string":
        raise _no_signature(node.name)
    _check_wildcards(scope, text)
    return _string_test(node.name, get, text)


def _check_wildcards(scope: Scope, text: str) -> None:
    if text.startswith("%") and scope.context.switches.word("leading_wildcards") == "refuse":
        raise error("LeadingWildcard")


def _string_test(name: str, get: Getter, text: str) -> Test:
    if is_plain(text):
        folded = text.casefold()
        plain: dict[str, Callable[[str], bool]] = {
            "contains": lambda value: folded in value,
            "startswith": lambda value: value.startswith(folded),
            "endswith": lambda value: value.endswith(folded),
        }
        check = plain[name]
        return lambda row: check(value.casefold()) if isinstance(value := get(row), str) else None
    before = "%" if name in ("contains", "endswith") else ""
    after = "%" if name in ("contains", "startswith") else ""
    pattern = like(f"{before}{text}{after}")
    return lambda row: bool(pattern.fullmatch(value)) if isinstance(value := get(row), str) else None


def _no_signature(name: str) -> DataverseError:
    message = f"No function signature for the function with name '{name}' matches the specified arguments. "
    message += f"The function signatures considered are: {name}(Edm.String Nullable=true, Edm.String Nullable=true)."
    return error("SyntaxError", message=message)


def _lambda(scope: Scope, node: Lambda) -> Test:
    names = node.path.names[1:] if scope.variable and node.path.names[0] == scope.variable else node.path.names
    if len(names) != 1:
        message = "A collection-valued navigation property nested in a lookup navigation property isn't supported."
        raise error("SyntaxError", message=message)
    table = scope.table
    navigation = table.navigation.get(names[0])
    if navigation is None:
        raise error("UnknownProperty", name=names[0], table=table.name)
    if not navigation.collection:
        raise error("SyntaxError", message=f"'{node.op}' can be used on a collection only.")
    child = scope.context.schema[navigation.table]
    if node.body is None:
        return lambda row: bool(related_rows(scope.context, navigation, table, row))
    inner = compile_filter(scope.inside(child, node.variable), node.body)
    if node.op == "any":
        return lambda row: any(inner(each) for each in related_rows(scope.context, navigation, table, row))
    return lambda row: all(inner(each) for each in related_rows(scope.context, navigation, table, row))
