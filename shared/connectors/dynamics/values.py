"""Values on their way in and out of Dataverse's JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from shared.connectors.dynamics.tables import SET_NAMES
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Ref, RemoteId, Value

LOOKUP_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
_TEXTS = frozenset({FieldType.TEXT, FieldType.MEMO, FieldType.EMAIL, FieldType.PHONE, FieldType.URL})
_NEVER = re.compile("[\x00\ud800-\udfff]")
FIRST_DAY = date(1753, 1, 1)  # SQL Server's first


class BadValueError(ValueError):
    """This value cannot be stored in this column. The text says why, without the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: how it is described, under which name it is read, and how a lookup is bound.

    `navigation` maps each target table to its navigation property; `sets` the same tables to their entity sets.
    `states` maps a status to its state, for `statuscode`; `first_status` a state to its default status, for
    `statecode`.
    """

    spec: FieldSpec
    wire: str
    navigation: Mapping[Kind, str] = field(default_factory=dict)
    sets: Mapping[Kind, str] = field(default_factory=dict)
    first_status: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> FieldName:
        return self.spec.name

    @property
    def polymorphic(self) -> bool:
        return self.spec.type is FieldType.REFERENCE and len(self.spec.targets) > 1


UNTOLD = Ref(Kind(""), RemoteId(""))
"""A lookup whose table the row did not tell; never handed on."""

type Reader = Callable[[Mapping[str, Any]], Value | None]


def reader_of(column: Column) -> Reader:
    """A function from a row's JSON to the column's value.

    A lookup that may point to several tables reads as UNTOLD when the row does not say to which.
    """
    wire, kind = column.wire, column.spec.type
    if kind is FieldType.REFERENCE:
        return _reference_reader(column)
    convert = _CONVERTERS.get(kind, _as_text)

    def read(row: Mapping[str, Any]) -> Value | None:
        raw = row.get(wire)
        return None if raw is None else convert(raw)

    return read


def _reference_reader(column: Column) -> Reader:
    wire, annotation = column.wire, f"{column.wire}@{LOOKUP_NAME}"
    only = column.spec.targets[0] if len(column.spec.targets) == 1 else None

    def read(row: Mapping[str, Any]) -> Value | None:
        raw = row.get(wire)
        if not isinstance(raw, str):
            return None
        table = row.get(annotation) or only
        return Ref(Kind(table), RemoteId(raw.lower())) if table else UNTOLD

    return read


def _as_text(raw: Any) -> Value:
    return raw if isinstance(raw, str) else str(raw)


def _as_decimal(raw: Any) -> Value:
    return raw if isinstance(raw, Decimal) else Decimal(raw)


def _as_choice(raw: Any) -> Value:
    return str(raw)


def _as_choices(raw: Any) -> Value:
    return frozenset(part.strip() for part in str(raw).split(",") if part.strip())


def _as_date(raw: Any) -> Value:
    return date.fromisoformat(str(raw)[:10])


def _as_datetime(raw: Any) -> Value:
    told = datetime.fromisoformat(raw)
    return told.astimezone(UTC) if told.tzinfo is not None else told.replace(tzinfo=UTC)


def _as_integer(raw: Any) -> Value:
    return int(raw)


_CONVERTERS: Mapping[FieldType, Callable[[Any], Value]] = {
    FieldType.INTEGER: _as_integer,
    FieldType.DECIMAL: _as_decimal,
    FieldType.MONEY: _as_decimal,
    FieldType.BOOLEAN: bool,
    FieldType.DATE: _as_date,
    FieldType.DATETIME: _as_datetime,
    FieldType.CHOICE: _as_choice,
    FieldType.MULTI_CHOICE: _as_choices,
}


def parse_time(raw: object) -> datetime | None:
    """A Dataverse time; None when there is none."""
    if not isinstance(raw, str):
        return None
    told = _as_datetime(raw)
    return told if isinstance(told, datetime) else None


def body_of(values: Mapping[FieldName, Value | None], columns: Mapping[FieldName, Column]) -> dict[str, object]:
    """The JSON members for some values. Raises BadValueError, with the column's name as its second argument."""
    members: dict[str, object] = {}
    for name, value in values.items():
        column = columns.get(name)
        if column is None:
            raise BadValueError("this table has no such column", name)
        try:
            members.update(_members(column, value))
        except BadValueError as problem:
            raise BadValueError(problem.args[0], name) from None
    return members


def _members(column: Column, value: Value | None) -> Mapping[str, object]:
    if column.spec.type is FieldType.REFERENCE:
        return _binding(column, value)
    if value is None:
        return {column.wire: None}
    return {column.wire: _plain(column.spec, value)}


def _binding(column: Column, value: Value | None) -> Mapping[str, object]:
    """A lookup is written by its navigation property, which for several targets is one each."""
    if value is None:
        target = next(iter(column.navigation.values()), None)
        if target is None:
            raise BadValueError("this lookup cannot be written")
        return {target: None}
    if not isinstance(value, Ref):
        raise BadValueError("a lookup takes a reference to a record")
    target, entity_set = column.navigation.get(value.kind), column.sets.get(value.kind) or SET_NAMES.get(value.kind)
    if target is None or entity_set is None:
        raise BadValueError("this lookup does not point to that table")
    return {f"{target}@odata.bind": f"/{entity_set}({value.id})"}


def _plain(spec: FieldSpec, value: Value) -> object:
    kind = spec.type
    if kind in _TEXTS:
        if not isinstance(value, str):
            raise BadValueError("this column takes text")
        if _NEVER.search(value):
            raise BadValueError("the text holds a character that cannot be stored")
        return value
    checked = _CHECKS[kind](value)
    if checked is None:
        raise BadValueError(f"this column takes a value of type {kind.value}")
    return checked


def _number(value: Value) -> object:
    usable = isinstance(value, int | Decimal) and not isinstance(value, bool) and Decimal(value).is_finite()
    return value if usable else None


def _integer(value: Value) -> object:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _boolean(value: Value) -> object:
    return value if isinstance(value, bool) else None


def _date(value: Value) -> object:
    if not isinstance(value, date) or isinstance(value, datetime):
        return None
    if value < FIRST_DAY:
        raise BadValueError("dates before 1753 cannot be stored")
    return value.isoformat()


def _datetime(value: Value) -> object:
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    told = value.astimezone(UTC)
    if told.date() < FIRST_DAY:
        raise BadValueError("times before 1753 cannot be stored")
    return told.strftime("%Y-%m-%dT%H:%M:%SZ")


def _choice(value: Value) -> object:
    return int(value) if isinstance(value, str) and _is_number(value) else None


def _choices(value: Value) -> object:
    if not isinstance(value, frozenset) or not all(_is_number(item) for item in value):
        return None
    return ",".join(sorted(value, key=int)) or _EMPTY


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()


class _Empty:
    """No choice at all is written as null."""


_EMPTY = _Empty()

_CHECKS: Mapping[FieldType, Callable[[Value], object]] = {
    FieldType.INTEGER: _integer,
    FieldType.DECIMAL: _number,
    FieldType.MONEY: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.CHOICE: _choice,
    FieldType.MULTI_CHOICE: _choices,
}


def to_json(value: object) -> str:
    """JSON text of objects, lists and plain values; decimals keep every digit they have."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(name))}:{to_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(to_json, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(None if isinstance(value, _Empty) else value)
