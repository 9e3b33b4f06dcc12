"""One page of a collection: filter, order, cookie, count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from simulators.dataverse.context import Context
from simulators.dataverse.odata.evaluator import compile_filter
from simulators.dataverse.odata.options import QueryOptions
from simulators.dataverse.odata.ordering import Part, order_key, sort_rows
from simulators.dataverse.odata.paging import MAX_PAGE, Cookie, read_cookie
from simulators.dataverse.odata.planner import candidates, floor
from simulators.dataverse.odata.scope import Scope
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Row

COUNT_LIMIT = 5_000
_OWNERSHIP = frozenset(("ownerid", "owninguser", "owningteam", "owningbusinessunit"))
_KEEP_SORTED = 4


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page.

    Attributes:
        cookie: where the next page begins, None on the last one.
        count: rows that match, at most 5,000; `exceeded` says that there are more (dataverse.md 1.3).
    """

    rows: list[Row]
    cookie: Cookie | None = None
    count: int | None = None
    exceeded: bool = False


@dataclass
class Selection:
    """The rows of a table that a filter and the caller's rights leave."""

    context: Context
    table: Table
    options: QueryOptions
    rows: list[Row] | None = None
    wanted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.scope = Scope(self.context, self.table, self.options.aliases)
        node = self.options.filter
        test = compile_filter(self.scope, node) if node is not None else None
        visible = self.context.service.hooks.security.row_filter(self.context, self.table)
        self._keep = _join(visible, (lambda row: test(row) is True) if test else None)
        self._floor = floor(self.scope, node)
        self._narrow = self.rows if self.rows is not None else candidates(self.scope, node)

    def walk(self, after: str | None = None) -> Iterator[Row]:
        """Yield the rows in key order, those beyond the key `after` only."""
        keep = self._keep
        source: Iterable[Row]
        if self._narrow is None:
            columns = self.wanted | self.scope.used | _OWNERSHIP if self.wanted else None
            source = self.context.store[self.table.name].rows(after, columns, self._floor)
        else:
            primary_id = self.table.primary_id
            source = self._narrow if after is None else [row for row in self._narrow if str(row[primary_id]) > after]
        return iter(source) if keep is None else filter(keep, source)

    def count(self) -> tuple[int, bool]:
        """Return how many rows there are, at most 5,000, and whether there are more."""
        if self._keep is None and self._narrow is None:
            total = len(self.context.store[self.table.name])
        else:
            total = sum(1 for _ in islice(self.walk(), COUNT_LIMIT + 1))
        return min(total, COUNT_LIMIT), total > COUNT_LIMIT


def _join(first: Callable[[Row], bool] | None, second: Callable[[Row], bool] | None) -> Callable[[Row], bool] | None:
    if first is None or second is None:
        return first or second
    return lambda row: first(row) and second(row)


def read_page(selection: Selection) -> Page:
    """Return the page that options, `Prefer` and cookie ask for. With `odata.maxpagesize`, `$top` is ignored.

    Raises:
        DataverseError: 400 for an unreadable cookie or order.
    """
    options, preferred = selection.options, selection.context.prefer.max_page_size
    cookie = read_cookie(options.skiptoken) if options.skiptoken is not None else None
    top = options.top if preferred is None else None
    size = min(preferred or MAX_PAGE, MAX_PAGE) if top is None else min(top, MAX_PAGE)
    keys = [order_key(selection.scope, order) for order in options.orderby]
    rows = _ordered(selection, cookie) if keys else selection.walk(cookie.last if cookie else None)
    found = list(islice(rows, size + 1))
    count, exceeded = selection.count() if options.count else (None, False)
    if len(found) <= size or top is not None:
        return Page(found[:size], None, count, exceeded)
    kept = found[:size]
    following = Cookie(
        page=(cookie.page if cookie else 1) + 1,
        last=str(kept[-1][selection.table.primary_id]),
        order=tuple(key(kept[-1]) for key in keys),
    )
    return Page(kept, following, count, exceeded)


def _ordered(selection: Selection, cookie: Cookie | None) -> Iterator[Row]:
    """Yield rows in the order asked for, from where the cookie stands.

    The sorted ids are kept until something is written, so that a walk over many pages sorts once.
    """
    context, options = selection.context, selection.options
    cache: dict[tuple[object, ...], tuple[int, list[str]]] = context.service.extra.setdefault("sorted", {})
    token = (selection.table.name, context.caller.user_id, options.without("$skiptoken", "$select", "$expand"))
    version, ids = cache.get(token, (0, []))
    if version != context.store.version or selection.rows is not None:
        ids = [
            str(row[selection.table.primary_id])
            for row in sort_rows(selection.scope, options.orderby, selection.walk())
        ]
        if selection.rows is None:
            while len(cache) >= _KEEP_SORTED:
                cache.pop(next(iter(cache)))
            cache[token] = (context.store.version, ids)
    start = _position(selection, ids, cookie) if cookie else 0
    rows = context.store[selection.table.name]
    return (row for row_id in islice(ids, start, None) if (row := rows.get(row_id)) is not None)


def _position(selection: Selection, ids: list[str], cookie: Cookie) -> int:
    """Return the place after the cookie's row, or where that row stood if it has gone or moved."""
    rows = selection.context.store[selection.table.name]
    orders = selection.options.orderby
    keys = [order_key(selection.scope, order) for order in orders]
    wanted = [_part(each) for each in cookie.order]
    row = rows.get(cookie.last)
    if row is not None and [key(row) for key in keys] == wanted:
        try:
            return ids.index(cookie.last) + 1
        except ValueError:
            pass
    descending = [order.descending for order in orders]
    for at, row_id in enumerate(ids):
        row = rows.get(row_id)
        if row is not None and _beyond([key(row) for key in keys], wanted, descending, row_id > cookie.last):
            return at
    return len(ids)


def _part(value: object) -> Part:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], int):
        return (value[0], value[1])
    return (0, "")


def _beyond(mine: list[Part], theirs: list[Part], descending: list[bool], later: bool) -> bool:  # noqa: FBT001
    for a, b, down in zip(mine, theirs, descending, strict=False):
        if a != b:
            return (a > b) is not down
    return later
