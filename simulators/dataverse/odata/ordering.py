"""`$orderby`: nulls first, text without case, lookups by the name they show, the key last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from simulators.dataverse.odata.options import Order
from simulators.dataverse.odata.scope import Scope
from simulators.dataverse.store import Ref, Row, Value, fold

type Part = tuple[int, str | float | bool]
type Key = Callable[[Row], Part]


def sort_rows(scope: Scope, orderby: Sequence[Order], rows: Iterable[Row]) -> list[Row]:
    """Return the rows in order; rows that are equal in it stand by key."""
    primary_id = scope.table.primary_id
    found = sorted(rows, key=lambda row: str(row[primary_id]))
    for order in reversed(orderby):
        found.sort(key=order_key(scope, order), reverse=order.descending)
    return found


def order_key(scope: Scope, order: Order) -> Key:
    """Return the function that gives a row's place in one order item.

    Raises:
        DataverseError: 400 for a path that is no property.
    """
    column, get = scope.column(order.path)
    if not column.is_lookup:
        return lambda row: _part(get(row))
    store, schema = scope.context.store, scope.context.schema

    def name_of(row: Row) -> Part:
        reference = get(row)
        if not isinstance(reference, Ref):
            return (0, "")
        related = store[reference.table].get(reference.id)
        return _part(related.get(schema[reference.table].primary_name) if related else None)

    return name_of


def _part(value: Value) -> Part:
    folded = fold(value)
    return (0, "") if folded is None or isinstance(folded, Ref) else (1, folded)
