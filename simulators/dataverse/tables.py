"""Tables, columns and what hangs on them, as values; and the standard ones, read from `data/`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data"
_FILES = ("schema.json", "system_tables.json")


class Kind(StrEnum):
    """Column types, spelled as `AttributeType` in the metadata."""

    BIGINT = "BigInt"
    BOOLEAN = "Boolean"
    DATETIME = "DateTime"
    DECIMAL = "Decimal"
    DOUBLE = "Double"
    ENTITYNAME = "EntityName"
    INTEGER = "Integer"
    LOOKUP = "Lookup"
    CUSTOMER = "Customer"
    OWNER = "Owner"
    MEMO = "Memo"
    MONEY = "Money"
    MULTISELECT = "MultiSelectPicklist"
    PARTYLIST = "PartyList"
    PICKLIST = "Picklist"
    STATE = "State"
    STATUS = "Status"
    STRING = "String"
    UNIQUEIDENTIFIER = "Uniqueidentifier"


LOOKUPS = frozenset((Kind.LOOKUP, Kind.CUSTOMER, Kind.OWNER))
CHOICES = frozenset((Kind.PICKLIST, Kind.STATE, Kind.STATUS))
TEXTS = frozenset((Kind.STRING, Kind.MEMO, Kind.ENTITYNAME))
NUMBERS = frozenset((Kind.BIGINT, Kind.DECIMAL, Kind.DOUBLE, Kind.INTEGER, Kind.MONEY))


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a choice; `state` is the state a status belongs to."""

    value: int
    label: str
    state: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        targets: of a lookup, target table to single-valued navigation property (case matters).
        reverse: of a lookup, target table to the collection-valued navigation property on the target.
        on_delete: of a lookup, what happens to the row when the target goes: `Cascade`, `RemoveLink`, `Restrict`.
        default: the value of a row that says nothing about the column.
        required: `None`, `Recommended`, `ApplicationRequired` (forms only) or `SystemRequired`.
        create, update, read: the `IsValidFor...` flags.
        secured: under column security.
        made: how many columns of this name its table had before.
    """

    name: str
    schema_name: str
    kind: Kind
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    precision: int | None = None
    options: tuple[Option, ...] = ()
    required: str = "None"
    create: bool = True
    update: bool = True
    read: bool = True
    targets: Mapping[str, str] = field(default_factory=dict)
    reverse: Mapping[str, str] = field(default_factory=dict)
    on_delete: str = "RemoveLink"
    date_only: bool = False
    default: int | bool | None = None
    secured: bool = False
    custom: bool = False
    label: str = ""
    made: int = 0

    @property
    def is_lookup(self) -> bool:
        return self.kind in LOOKUPS

    @property
    def wire_name(self) -> str:
        """Name in a JSON row: lookups read as `_x_value` (dataverse.md 1.3)."""
        return f"_{self.name}_value" if self.is_lookup else self.name

    def option(self, value: object) -> Option | None:
        """Return the option of that value."""
        return next((option for option in self.options if option.value == value), None)


@dataclass(frozen=True, slots=True)
class AlternateKey:
    """A declared alternate key; `status` is its `EntityKeyIndexStatus`."""

    name: str
    columns: tuple[str, ...]
    status: str = "Active"
    label: str = ""


@dataclass(frozen=True, slots=True)
class Navigation:
    """A navigation property: single-valued on the lookup's own table, collection-valued on its target.

    Attributes:
        table: the table it leads to.
        column: the lookup column (of this table, or of `table` for a collection).
        intersect: of a many-to-many relationship, the table in between; `near` and `far` are its two id columns.
    """

    name: str
    table: str
    column: str
    collection: bool
    intersect: str = ""
    near: str = ""
    far: str = ""


@dataclass(slots=True)
class Table:
    """One table. Change it through `Schema` only, so that the metadata version moves."""

    name: str
    entity_set: str
    schema_name: str
    primary_id: str
    primary_name: str
    columns: dict[str, Column]
    object_type_code: int = 0
    ownership: str = "UserOwned"
    tracking: bool = True
    can_track: bool = True
    concurrency: bool = True
    bulk: bool = True
    activity: bool = False
    custom: bool = False
    duplicate_detection: bool = False
    keys: dict[str, AlternateKey] = field(default_factory=dict)
    navigation: dict[str, Navigation] = field(default_factory=dict)
    changed_at: int = 0
    label: str = ""
    by_wire_name: dict[str, Column] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    required: tuple[Column, ...] = ()

    def key_on(self, names: frozenset[str]) -> AlternateKey | None:
        """Return the alternate key made of exactly these columns."""
        return next((key for key in self.keys.values() if frozenset(key.columns) == names), None)


def column_from(name: str, body: Mapping[str, Any]) -> Column:
    """Build a column from its compact form (see `Schema.add_column` and `data/schema.json`)."""
    kind = Kind(body["type"])
    valid = str(body.get("valid", "cru"))
    targets = body.get("to", {})
    if isinstance(targets, str):
        targets = [targets]
    if not isinstance(targets, Mapping):
        schema_name = str(body.get("schema") or name)
        targets = {t: schema_name if len(targets) == 1 else f"{schema_name}_{t}" for t in targets}
    return Column(
        name=name,
        schema_name=str(body.get("schema") or name),
        kind=kind,
        max_length=body.get("max", _DEFAULT_LENGTH.get(kind)),
        minimum=body.get("min"),
        maximum=body.get("maxvalue"),
        precision=body.get("precision"),
        options=tuple(Option(*option) for option in body.get("options", ())),
        required=str(body.get("required", "None")),
        create=bool(body.get("create", "c" in valid)),
        update=bool(body.get("update", "u" in valid)),
        read=bool(body.get("read", "r" in valid)),
        targets=dict(targets),
        reverse=dict(body.get("reverse", {})),
        on_delete=str(body.get("on_delete", "RemoveLink")),
        date_only=bool(body.get("date_only")),
        default=body.get("default"),
        secured=bool(body.get("secured")),
        custom=bool(body.get("custom")),
        label=str(body.get("label") or ""),
    )


_DEFAULT_LENGTH = {Kind.STRING: 100, Kind.MEMO: 2_000}


@cache
def many_to_many() -> dict[str, Any]:
    """Return the many-to-many relationships: name to intersect table, and (table, id column) of both sides."""
    found: dict[str, Any] = json.loads((_DATA / "system_tables.json").read_text("utf-8"))["many_to_many"]
    return found


@cache
def standard_tables() -> tuple[Table, ...]:
    """Return the tables of the data files; `_custom` is the pattern of custom tables. Copy before changing them."""
    tables = []
    for file in _FILES:
        for name, body in json.loads((_DATA / file).read_text("utf-8"))["tables"].items():
            tables.append(_table_from(name, body))
    return tuple(tables)


def _table_from(name: str, body: Mapping[str, Any]) -> Table:
    return Table(
        name=name,
        entity_set=body["set"],
        schema_name=body["schema"],
        primary_id=body["id"],
        primary_name=body["name"],
        columns={column: column_from(column, declared) for column, declared in body["columns"].items()},
        object_type_code=body.get("code", 0),
        ownership=body.get("ownership", "UserOwned"),
        tracking=body.get("tracking", True),
        can_track=body.get("can_track", True),
        concurrency=body.get("concurrency", True),
        bulk=body.get("bulk", True),
        activity=body.get("activity", False),
        duplicate_detection=body.get("duplicates", False),
        label=body.get("label", ""),
    )
