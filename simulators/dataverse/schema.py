"""Tables and columns as Dataverse describes them: loaded from `data/schema.json`, extended at seed time.

`Schema.standard()` gives a fresh copy of the standard tables. `add_table`, `add_column` and `add_key` declare what a
customer made; they check the publisher's prefix and the range of his choice values. Every change raises
`Schema.version`, which the `globalmetadataversion` annotation shows and which ends change-tracking tokens of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulators.dataverse.errors import DataverseError
from simulators.dataverse.tables import (
    CHOICES,
    LOOKUPS,
    NUMBERS,
    TEXTS,
    AlternateKey,
    Column,
    Kind,
    Navigation,
    Option,
    Table,
    column_from,
    many_to_many,
    standard_tables,
)

__all__ = [
    "CHOICES",
    "LOOKUPS",
    "NUMBERS",
    "TEXTS",
    "AlternateKey",
    "Column",
    "Kind",
    "Navigation",
    "Option",
    "Publisher",
    "Schema",
    "SchemaError",
    "Table",
    "column_from",
]


class SchemaError(DataverseError):
    """A declaration at seed time that Dataverse would refuse."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "0x80044363", message, name="SchemaError")


@dataclass(slots=True)
class Publisher:
    """Who owns custom tables and columns: a name prefix and the first choice value."""

    prefix: str = "new"
    option_prefix: int = 10_000

    @property
    def first_option(self) -> int:
        return self.option_prefix * 10_000


class Schema:
    """All tables of the organisation, by logical name and by entity set."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.sets: dict[str, Table] = {}
        self.publishers: dict[str, Publisher] = {"new": Publisher()}
        self.version = 1

    @classmethod
    def standard(cls) -> Schema:
        """Return the standard tables, in objects of their own."""
        schema = cls()
        for table in standard_tables():
            if table.name == "_custom":
                continue
            schema._add(replace(table, columns=dict(table.columns), keys={}, navigation={}, by_wire_name={}))
        schema.link()
        return schema

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def get(self, name: str) -> Table | None:
        return self.tables.get(name)

    def by_set(self, name: str) -> Table | None:
        """Return the table of an entity set; names are case-sensitive."""
        return self.sets.get(name)

    def add_publisher(self, prefix: str, option_prefix: int = 10_000) -> None:
        self.publishers[prefix] = Publisher(prefix, option_prefix)

    def add_table(self, declared: Mapping[str, Any], row_version: int = 0) -> Table:
        """Declare a custom table.

        Args:
            declared: `{"name": "new_course", "set": "new_courses", "schema": "new_Course", "primary_name": "new_name",
                "columns": {...}, "tracking": true, "bulk": true, "ownership": "UserOwned", "activity": false}`;
                a column is written as in `add_column`. Only `name` is needed.
            row_version: the store's version at this moment.

        Raises:
            SchemaError: the name has no publisher's prefix, or exists.
        """
        name = str(declared["name"])
        self._custom_name(name)
        if name in self.tables:
            raise SchemaError(f"An entity with the specified name {name} already exists.")
        activity = bool(declared.get("activity"))
        primary_id = "activityid" if activity else f"{name}id"
        primary_name = str(declared.get("primary_name") or ("subject" if activity else _prefix(name) + "_name"))
        table = Table(
            name=name,
            entity_set=str(declared.get("set") or _plural(name)),
            schema_name=str(declared.get("schema") or name),
            primary_id=primary_id,
            primary_name=primary_name,
            columns=_base_columns(primary_id, primary_name, activity=activity),
            object_type_code=10_000 + len(self.tables),
            ownership=str(declared.get("ownership", "UserOwned")),
            tracking=bool(declared.get("tracking", True)),
            bulk=bool(declared.get("bulk", True)),
            activity=activity,
            custom=True,
            changed_at=row_version,
            label=str(declared.get("label") or name),
        )
        self._add(table)
        for column, body in dict(declared.get("columns", {})).items():
            self.add_column(name, column, body, row_version)
        self.link()
        return table

    def add_column(self, table: str, name: str, declared: Mapping[str, Any], row_version: int = 0) -> Column:
        """Declare a custom column.

        Args:
            table: logical table name.
            name: logical name with the publisher's prefix, for example `new_externalid`.
            declared: `{"type": "String", "max": 100}`; further keys `schema`, `min`, `maxvalue`, `precision`,
                `options` (`[[100000000, "Gold"], ...]`), `required`, `create`, `update`, `to` (lookup: target table
                to navigation property, or a list of tables), `date_only`, `secured`, `default`, `label`.
            row_version: the store's version at this moment; older change-tracking tokens of the table expire.

        Raises:
            SchemaError: wrong prefix, choice values below the publisher's range, or a name in use.
        """
        owner = self.tables[table]
        publisher = self._custom_name(name)
        if name in owner.columns:
            raise SchemaError(
                f"An attribute with the specified name {name} already exists for entity with name {table}."
            )
        column = replace(column_from(name, {**declared, "custom": True}), made=owner.deleted.get(name, 0))
        low = next((option for option in column.options if option.value < publisher.first_option), None)
        if low is not None:
            raise SchemaError(
                f"Option value {low.value} of {name} is below the publisher's first value {publisher.first_option}."
            )
        owner.columns[name] = column
        self.touch(table, row_version)
        self.link()
        return column

    def change_column(self, table: str, name: str, row_version: int = 0, **changes: Any) -> Column:
        """Replace attributes of a column (`max_length=50`, `secured=True`, ...); the metadata version moves."""
        column = self.tables[table].columns[name] = replace(self.tables[table].columns[name], **changes)
        self.touch(table, row_version)
        self.link()
        return column

    def add_key(self, table: str, name: str, columns: tuple[str, ...], status: str = "Active") -> AlternateKey:
        """Declare an alternate key (dataverse.md 1.5: at most 10 a table, 16 columns each, certain types).

        Raises:
            SchemaError: an unknown or unsuitable column, or a limit is passed.
        """
        owner = self.tables[table]
        if len(owner.keys) >= 10 or len(columns) > 16:
            raise SchemaError(f"The entity key limit is passed: 10 keys per entity, 16 columns per key ({table}).")
        for column_name in columns:
            column = owner.columns.get(column_name)
            if column is None or column.kind not in _KEY_KINDS:
                raise SchemaError(f"Attribute {column_name} of {table} cannot be part of an entity key.")
            if column.secured:
                raise SchemaError(f"Attribute {column_name} of {table} is secured and cannot be part of an entity key.")
        if sum(_key_bytes(owner.columns[column_name]) for column_name in columns) > 900:
            raise SchemaError(f"The columns of key {name} are wider than 900 bytes.")
        key = owner.keys[name] = AlternateKey(name, columns, status)
        self.version += 1
        return key

    def touch(self, table: str, row_version: int = 0) -> None:
        """Say that the table's metadata changed: tokens minted before `row_version` are dead."""
        self.tables[table].changed_at = row_version
        self.version += 1

    def link(self) -> None:
        """Work out the navigation properties of all tables anew."""
        for table in self.tables.values():
            table.navigation = {}
            columns = table.columns.values()
            table.by_wire_name = {column.wire_name: column for column in columns}
            table.required = tuple(
                column for column in columns if column.required == "SystemRequired" and column.create
            )
        for table in self.tables.values():
            for column in table.columns.values():
                self._link_column(table, column)
        for name, (intersect, near, far) in many_to_many().items():
            for (owner, near_id), (target, far_id) in ((near, far), (far, near)):
                self.tables[owner].navigation[name] = Navigation(
                    name, target, "", collection=True, intersect=intersect, near=near_id, far=far_id
                )

    def _link_column(self, table: Table, column: Column) -> None:
        for target, name in column.targets.items():
            table.navigation.setdefault(name, Navigation(name, target, column.name, collection=False))
            owner = self.tables.get(target)
            if owner is not None:
                reverse = column.reverse.get(target) or f"{target}_{table.name}_{column.name}"
                owner.navigation.setdefault(reverse, Navigation(reverse, table.name, column.name, collection=True))

    def _add(self, table: Table) -> None:
        self.tables[table.name] = table
        self.sets[table.entity_set] = table
        self.version += 1

    def _custom_name(self, name: str) -> Publisher:
        publisher = self.publishers.get(_prefix(name))
        if publisher is None or name != name.lower():
            raise SchemaError(
                f"The name {name} must be lower case and begin with a publisher's prefix "
                f"({', '.join(sorted(self.publishers))}), for example new_{name.lower()}."
            )
        return publisher


_KEY_KINDS = frozenset(
    (Kind.DECIMAL, Kind.INTEGER, Kind.STRING, Kind.DATETIME, Kind.LOOKUP, Kind.CUSTOMER, Kind.OWNER, Kind.PICKLIST)
)


def _key_bytes(column: Column) -> int:
    if column.kind is Kind.STRING:
        return 2 * (column.max_length or 100)
    return 16


def _prefix(name: str) -> str:
    return name.split("_", 1)[0] if "_" in name else ""


def _plural(name: str) -> str:
    if name.endswith("y"):
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(("s", "x", "ch")) else "s")


def _base_columns(primary_id: str, primary_name: str, *, activity: bool) -> dict[str, Column]:
    """Columns that every custom table has from the start; an activity inherits those of `task`."""
    pattern = next(table for table in standard_tables() if table.name == ("task" if activity else "_custom"))
    columns = {name: column for name, column in pattern.columns.items() if name not in ("_customid", "_name")}
    if not activity:
        columns[primary_id] = column_from(
            primary_id, {"type": "Uniqueidentifier", "valid": "cr", "required": "SystemRequired"}
        )
        columns[primary_name] = column_from(
            primary_name, {"type": "String", "max": 850, "required": "ApplicationRequired", "custom": True}
        )
    return columns
