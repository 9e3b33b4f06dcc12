"""Which rows a query must look at: an indexed column's, where the filter pins one, else the table in key order."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.dataverse.odata.ast import Both, Compare, Constant, Node, Path, QueryFunction
from simulators.dataverse.odata.functions import convert, read_array
from simulators.dataverse.odata.scope import Scope
from simulators.dataverse.schema import TEXTS, Column, Kind
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.values import parse_moment


def candidates(scope: Scope, node: Node | None) -> list[Row] | None:
    """Return the rows (by key) among which all matches lie, or None when only a walk over the table finds them.

    The filter itself still has to be applied.
    """
    if node is None or scope.variable:
        return None
    for part in _conjuncts(scope, scope.settle(node)):
        found = _pinned(scope, part)
        if found is not None:
            column, values = found
            return _lookup(scope, column, values)
    return None


def floor(scope: Scope, node: Node | None) -> tuple[str, str] | None:
    """Return a date column and the value that the filter wants rows to reach, None when it says nothing of the kind."""
    if node is None or scope.variable:
        return None
    for part in _conjuncts(scope, scope.settle(node)):
        if isinstance(part, Compare) and part.op in ("ge", "gt"):
            left, right = scope.settle(part.left), scope.settle(part.right)
            dated = isinstance(right, Constant) and right.kind in ("moment", "date")
            if isinstance(left, Path) and len(left.names) == 1 and dated and isinstance(right, Constant):
                moment = parse_moment(str(right.value))
                if moment is not None:
                    return left.names[0], moment
    return None


def _lookup(scope: Scope, column: Column, values: list[Value]) -> list[Row]:
    rows = scope.context.store[scope.table.name]
    primary_id = scope.table.primary_id
    if column.name == primary_id:
        found = {str(value): row for value in values if (row := rows.get(str(value))) is not None}
    else:
        found = {str(row[primary_id]): row for value in values for row in rows.find(column.name, value)}
    return [found[row_id] for row_id in sorted(found)]


def _conjuncts(scope: Scope, node: Node) -> Iterator[Node]:
    if isinstance(node, Both) and node.op == "and":
        yield from _conjuncts(scope, scope.settle(node.left))
        yield from _conjuncts(scope, scope.settle(node.right))
    else:
        yield node


def _pinned(scope: Scope, node: Node) -> tuple[Column, list[Value]] | None:
    if isinstance(node, Compare) and node.op == "eq":
        left, right = scope.settle(node.left), scope.settle(node.right)
        if isinstance(left, Constant) and isinstance(right, Path):
            left, right = right, left
        if isinstance(left, Path) and isinstance(right, Constant) and isinstance(right.value, str):
            column = _indexable(scope, left)
            return (column, [_stored(column, right.value)]) if column is not None else None
    if isinstance(node, QueryFunction) and node.name == "In":
        return _pinned_set(scope, node)
    return None


def _pinned_set(scope: Scope, node: QueryFunction) -> tuple[Column, list[Value]] | None:
    name = scope.settle(node.arguments.get("PropertyName", Constant("null", None)))
    values = scope.settle(node.arguments.get("PropertyValues", Constant("null", None)))
    if not isinstance(name, Constant) or not isinstance(values, Constant) or not isinstance(values.value, str):
        return None
    column = scope.table.by_wire_name.get(str(name.value)) or scope.table.columns.get(str(name.value))
    if column is None or not _worth_it(column):
        return None
    texts = read_array(values.value)
    return column, [_stored(column, str(convert(column, text))) for text in texts]


def _indexable(scope: Scope, path: Path) -> Column | None:
    if len(path.names) != 1:
        return None
    column = scope.table.by_wire_name.get(path.names[0])
    return column if column is not None and _worth_it(column) else None


def _worth_it(column: Column) -> bool:
    return column.kind in TEXTS or column.is_lookup or column.kind is Kind.UNIQUEIDENTIFIER


def _stored(column: Column, text: str) -> Value:
    return Ref("", text.lower()) if column.is_lookup else text
