"""`$expand`: rows reached through navigation properties, in line with the row they belong to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.evaluator import compile_filter
from simulators.dataverse.odata.options import Expand, QueryOptions
from simulators.dataverse.odata.ordering import sort_rows
from simulators.dataverse.odata.paging import MAX_PAGE, Cookie, write_cookie
from simulators.dataverse.odata.scope import Scope, Test, related_rows
from simulators.dataverse.schema import Navigation, Table
from simulators.dataverse.store import Ref, Row

if TYPE_CHECKING:
    from simulators.dataverse.odata.projection import Names

type Show = Callable[[Row], dict[str, Any]]


@dataclass(slots=True)
class Expansion:
    """One expanded navigation property of a table."""

    context: Context
    table: Table
    navigation: Navigation
    item: Expand
    show: Show | None
    test: Test | None = None
    page_size: int | None = None

    @property
    def needs(self) -> frozenset[str]:
        """The columns of the row that this expansion reads."""
        return frozenset() if self.navigation.collection else frozenset((self.navigation.column,))

    def add(self, shown: dict[str, Any], row: Row) -> None:
        """Put the related row or rows into a shown row."""
        if self.navigation.collection:
            self._add_rows(shown, row)
        else:
            shown[self.item.name] = self._single(row)

    def _single(self, row: Row) -> dict[str, Any] | None:
        reference = row.get(self.navigation.column)
        if not isinstance(reference, Ref):
            return None
        column = self.table.columns[self.navigation.column]
        if column.targets.get(reference.table) != self.item.name:
            return None
        if self.item.reference:
            target = self.context.schema[reference.table].entity_set
            return {"@odata.id": self.context.url(f"{target}({reference.id})")}
        if self.show is None:
            return {"@odata.type": f"#Microsoft.Dynamics.CRM.{reference.table}", "ownerid": reference.id}
        related = self.context.store[reference.table].get(reference.id)
        return None if related is None else self.show(related)

    def _add_rows(self, shown: dict[str, Any], row: Row) -> None:
        security = self.context.service.hooks.security
        child = self.context.schema[self.navigation.table]
        rows = related_rows(self.context, self.navigation, self.table, row)
        visible = security.row_filter(self.context, child)
        if visible is not None:
            rows = [each for each in rows if visible(each)]
        if self.test is not None:
            rows = [each for each in rows if self.test(each) is True]
        options = self.item.options
        if options.orderby:
            rows = sort_rows(Scope(self.context, child), options.orderby, rows)
        limit = min(options.top if options.top is not None else MAX_PAGE, self.page_size or MAX_PAGE)
        kept = rows[:limit]
        name = self.item.name
        shown[name] = [self.show(each) for each in kept] if self.show else []
        shown[f"{name}@odata.nextLink"] = self._link(row, child, kept, more=len(rows) > limit)

    def _link(self, row: Row, child: Table, kept: list[Row], *, more: bool) -> str:
        options = self.item.options.without()
        url = f"{self.table.entity_set}({row[self.table.primary_id]})/{self.item.name}"
        if self.page_size is not None and more and kept:
            cookie = Cookie(page=2, last=str(kept[-1][child.primary_id]))
            token = write_cookie(child.primary_id, cookie, str(kept[0][child.primary_id]))
            options = f"{options}&$skiptoken={token}" if options else f"$skiptoken={token}"
        return self.context.url(f"{url}?{options}" if options else url)


def build_expansions(context: Context, table: Table, options: QueryOptions, names: Names) -> tuple[Expansion, ...]:
    """Return the expansions that `$expand` asks for.

    Raises:
        DataverseError: 400 for unknown names and for what the service does not take (join-tables page).
    """
    nested = any(item.options.expand for item in options.expand)
    return tuple(_build(context, table, item, names, nested=nested) for item in options.expand)


def _build(context: Context, table: Table, item: Expand, names: Names, *, nested: bool) -> Expansion:
    from simulators.dataverse.odata.projection import project

    navigation = table.navigation.get(item.name)
    if navigation is None:
        raise error("UnknownProperty", name=item.name, table=table.name)
    if item.reference:
        if navigation.collection:
            raise error("ExpandReference")
        return Expansion(context, table, navigation, item, None)
    options = item.options
    if (options.top is not None or options.orderby) and (nested or not navigation.collection):
        raise error("ExpandOptions")
    if not navigation.collection and _principal(table, navigation):
        _check_principal(options)
        return Expansion(context, table, navigation, item, None)
    child = context.schema.get(navigation.table)
    if child is None:
        raise error("UnknownProperty", name=item.name, table=table.name)
    back = (navigation.column,) if navigation.collection and not nested and navigation.column else ()
    shown = project(context, child, options, etag=navigation.collection and not nested, names=names, extra=back)
    test = compile_filter(Scope(context, child), options.filter) if options.filter is not None else None
    size = context.prefer.max_page_size if nested else None
    return Expansion(context, table, navigation, item, shown.renderer(), test, size)


def _principal(table: Table, navigation: Navigation) -> bool:
    targets = table.columns[navigation.column].targets
    return len(targets) > 1 and len(set(targets.values())) == 1


def _check_principal(options: QueryOptions) -> None:
    for name in options.select or ():
        if name != "ownerid":
            raise _no_principal(name)


def _no_principal(name: str) -> DataverseError:
    return error("UnknownProperty", name=name, table="principal")
