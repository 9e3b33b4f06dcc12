"""Rows as JSON objects: the selected columns, annotations that were asked for, expanded navigation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.odata.expansion import Expansion, build_expansions
from simulators.dataverse.odata.options import QueryOptions
from simulators.dataverse.schema import Column, Kind, Table
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.values import format_value

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
_PRINCIPALS = ("systemuser", "team")


@dataclass(slots=True)
class Names:
    """Display names of related rows, looked up once a request."""

    context: Context
    known: dict[Ref, str | None] = field(default_factory=dict)

    def of(self, reference: Ref) -> str | None:
        """Return the primary name of the row, None when it has none."""
        if reference not in self.known:
            row = self.context.store[reference.table].get(reference.id)
            name = row.get(self.context.schema[reference.table].primary_name) if row else None
            self.known[reference] = str(name) if name is not None else None
        return self.known[reference]


@dataclass(slots=True)
class Projection:
    """How rows of a table are shown. Build with `project`."""

    context: Context
    table: Table
    columns: tuple[Column, ...]
    hidden: frozenset[str]
    names: Names
    expansions: tuple[Expansion, ...] = ()
    etag: bool = True

    @property
    def wanted(self) -> frozenset[str]:
        """The columns that showing a row needs."""
        needed = {column.name for column in self.columns} | {self.table.primary_id, "versionnumber"}
        return frozenset(needed.union(*(expansion.needs for expansion in self.expansions)))

    def renderer(self) -> Callable[[Row], dict[str, Any]]:
        """Return the function that shows a row; the quick one where no annotation was asked for."""
        prefer = self.context.prefer
        annotated = bool(prefer.annotations) and any(
            prefer.wants(name) for name in (FORMATTED, LOGICAL_NAME, NAVIGATION)
        )
        show = self._annotated if annotated else self._plain()
        if self.table.name in _PRINCIPALS:
            # Users and teams inherit `ownerid` as their key from `principal` (join-tables page).
            inner, primary_id = show, self.table.primary_id
            show = lambda row: inner(row) | {"ownerid": row[primary_id]}  # noqa: E731
        if not self.expansions:
            return show
        return lambda row: self._expanded(show(row), row)

    def _plain(self) -> Callable[[Row], dict[str, Any]]:
        scalars = [
            (c.wire_name, c.name, c.default) for c in self.columns if not c.is_lookup and c.name not in self.hidden
        ]
        lookups = [(c.wire_name, c.name) for c in self.columns if c.is_lookup and c.name not in self.hidden]
        secret = [c.wire_name for c in self.columns if c.name in self.hidden]
        order = [column.wire_name for column in self.columns]
        straight = not lookups and not secret
        etag = self.etag

        def show(row: Row) -> dict[str, Any]:
            get = row.get
            shown: dict[str, Any] = {"@odata.etag": f'W/"{row["versionnumber"]}"'} if etag else {}
            if straight:
                shown |= zip(order, [get(name, default) for _, name, default in scalars], strict=True)
                return shown
            values: dict[str, Any] = {wire: get(name, default) for wire, name, default in scalars}
            for wire, name in lookups:
                values[wire] = reference.id if isinstance(reference := get(name), Ref) else None
            for wire in secret:
                values[wire] = None
            for wire in order:
                shown[wire] = values[wire]
            return shown

        return show

    def _annotated(self, row: Row) -> dict[str, Any]:
        shown: dict[str, Any] = {"@odata.etag": f'W/"{row["versionnumber"]}"'} if self.etag else {}
        for column in self.columns:
            value = None if column.name in self.hidden else row.get(column.name, column.default)
            if value is not None:
                self._annotate(shown, column, value, row)
            shown[column.wire_name] = value.id if isinstance(value, Ref) else value
        return shown

    def _annotate(self, shown: dict[str, Any], column: Column, value: Value, row: Row) -> None:
        annotate, wire = self.context.prefer.wants, column.wire_name
        if isinstance(value, Ref):
            if annotate(FORMATTED) and (name := self.names.of(value)) is not None:
                shown[f"{wire}@{FORMATTED}"] = name
            if annotate(NAVIGATION):
                shown[f"{wire}@{NAVIGATION}"] = column.targets.get(value.table, column.name)
            if annotate(LOGICAL_NAME):
                shown[f"{wire}@{LOGICAL_NAME}"] = value.table
        elif annotate(FORMATTED) and (text := format_value(column, value, self._symbol(row))) is not None:
            shown[f"{wire}@{FORMATTED}"] = text

    def _symbol(self, row: Row) -> str:
        reference = row.get("transactioncurrencyid")
        currency = self.context.store["transactioncurrency"].get(reference.id) if isinstance(reference, Ref) else None
        return str(currency.get("currencysymbol") or "$") if currency else "$"

    def _expanded(self, shown: dict[str, Any], row: Row) -> dict[str, Any]:
        for expansion in self.expansions:
            expansion.add(shown, row)
        return shown


def project(
    context: Context,
    table: Table,
    options: QueryOptions,
    *,
    etag: bool = True,
    names: Names | None = None,
    extra: tuple[str, ...] = (),
) -> Projection:
    """Return how rows of the table are to be shown for these options.

    Args:
        etag: whether rows carry `@odata.etag`; rows reached through a lookup do not.
        extra: further columns, such as the lookup that leads back to the parent.

    Raises:
        DataverseError: 400 for names that are no properties, or expansions the service does not take.
    """
    chosen = selected_columns(table, options.select, extra)
    names = names or Names(context)
    hidden = context.service.hooks.security.hidden_columns(context, table)
    expansions = build_expansions(context, table, options, names)
    return Projection(context, table, chosen, hidden, names, expansions, etag=etag)


def selected_columns(table: Table, select: tuple[str, ...] | None, extra: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Return the columns to show: those selected, the currency of an amount, `extra`, and the key last.

    Raises:
        DataverseError: 400 0x0 for a name that is no property (names are case-sensitive).
    """
    if select is None or "*" in select:
        found = {c.name: c for c in table.columns.values() if c.read and c.kind is not Kind.PARTYLIST}
        key = found.pop(table.primary_id)
        return (*found.values(), key)
    chosen: dict[str, Column] = {}
    for name in select:
        column = _selected(table, name)
        chosen[column.name] = column
    if any(column.kind is Kind.MONEY for column in chosen.values()) and "transactioncurrencyid" in table.columns:
        chosen.setdefault("transactioncurrencyid", table.columns["transactioncurrencyid"])
    for name in extra:
        chosen.setdefault(name, table.columns[name])
    chosen.setdefault(table.primary_id, table.columns[table.primary_id])
    return tuple(chosen.values())


def _selected(table: Table, name: str) -> Column:
    column = table.by_wire_name.get(name)
    if column is not None and column.read and column.kind is not Kind.PARTYLIST:
        return column
    if name == "ownerid" and table.name in _PRINCIPALS:
        return table.columns[table.primary_id]
    navigation = table.navigation.get(name)
    if navigation is not None and not navigation.collection:
        return table.columns[navigation.column]
    raise error("UnknownProperty", name=name, table=table.name)


def context_fragment(table: Table, options: QueryOptions) -> str:
    """Return what stands after `#` in `@odata.context`: `contacts(fullname,parentcustomerid_account(name))`."""
    return f"{table.entity_set}{_parts(options)}"


def _parts(options: QueryOptions) -> str:
    names = list(options.select or ())
    names += [
        f"{item.name}/$ref()" if item.reference else f"{item.name}{_parts(item.options) or '()'}"
        for item in options.expand
    ]
    return f"({','.join(names)})" if names else ""
