"""Kinds of records beside leads, and their rows. Source: marketo.md 2.6."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulators.marketo.fields import Field
from simulators.marketo.lead_fields import company_fields, opportunity_fields, role_fields, sales_person_fields
from simulators.marketo.leads.store import folded

Row = dict[str, Any]


@dataclass(slots=True)
class ObjectKind:
    """One kind. `keys` are the dedupe fields, `id_field` is made by the system, `native` tells it yields to CRM sync.

    `links` maps a field to what it must point at (a lead's field as `lead:id`, another kind by its key, another custom
    object by its key as `custom:car`) and the code that refuses. `rows` are
    kept by id: `{"id", "created", "updated", "values"}`.
    """

    name: str
    title: str
    id_field: str
    keys: tuple[str, ...]
    searchable: tuple[str, ...]
    fields: dict[str, Field]
    native: bool = False
    custom: bool = False
    links: dict[str, tuple[str, str]] = field(default_factory=dict)
    rows: dict[Any, Row] = field(default_factory=dict)
    by: dict[tuple[str, ...], Any] = field(default_factory=dict)
    state: str = "approved"
    created: str = "2026-01-05T09:00:00Z"

    def key_of(self, values: Row) -> tuple[str, ...]:
        """The dedupe key of a record, folded."""
        return tuple(folded(values.get(name)) for name in self.keys)

    def by_key(self, key: tuple[Any, ...]) -> Row | None:
        """The row with this key."""
        row_id = self.by.get(tuple(folded(part) for part in key))
        return None if row_id is None else self.rows.get(row_id)

    def add(self, row: Row) -> Row:
        """Store a row under its id and key."""
        self.rows[row["id"]] = row
        self.by[self.key_of(row["values"])] = row["id"]
        return row

    def remove(self, row: Row) -> None:
        """Delete a row."""
        self.rows.pop(row["id"], None)
        if self.by.get(self.key_of(row["values"])) == row["id"]:
            del self.by[self.key_of(row["values"])]

    def rekey(self, row: Row, values: Row) -> None:
        """Give a row values with another key; a row that has that key already stays, and this one goes."""
        self.remove(row)
        row["values"] = values
        if self.by_key(self.key_of(values)) is None:
            self.add(row)

    def next_id(self) -> int:
        """A whole-number id above all others."""
        return max(self.rows, default=1000) + 1

    def value(self, row: Row, name: str) -> Any:
        """A field of a row, system fields included."""
        if name == self.id_field:
            return row["id"]
        if name in {"createdAt", "updatedAt"}:
            return row["created" if name == "createdAt" else "updated"]
        return row["values"].get(name)


def standard_kinds() -> dict[str, ObjectKind]:
    """Companies, opportunities, roles and sales persons, without rows."""
    sales = {"externalSalesPersonId": ("salespersons", "718")}
    kinds = (
        ObjectKind(
            "companies",
            "Company",
            "id",
            ("externalCompanyId",),
            ("externalCompanyId", "id", "company"),
            company_fields(),
            native=True,
            links=sales,
        ),
        ObjectKind(
            "salespersons",
            "SalesPerson",
            "id",
            ("externalSalesPersonId",),
            ("email", "id", "externalSalesPersonId"),
            sales_person_fields(),
            native=True,
        ),
        ObjectKind(
            "opportunities",
            "Opportunity",
            "marketoGUID",
            ("externalOpportunityId",),
            ("externalOpportunityId", "marketoGUID", "externalCompanyId", "externalSalesPersonId"),
            opportunity_fields(),
            native=True,
            links=sales | {"externalCompanyId": ("companies", "1013")},
        ),
        ObjectKind(
            "roles",
            "Opportunity Role",
            "marketoGUID",
            ("externalOpportunityId", "leadId", "role"),
            ("marketoGUID", "leadId", "externalOpportunityId"),
            role_fields(),
            native=True,
            links={"externalOpportunityId": ("opportunities", "1013"), "leadId": ("lead:id", "1004")},
        ),
    )
    return {kind.name: kind for kind in kinds}
