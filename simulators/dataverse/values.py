"""Column values: read from JSON with the service's checks, and shown as formatted values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime

from simulators.dataverse.context import iso
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.path import GUID
from simulators.dataverse.schema import Column, Kind, Table
from simulators.dataverse.store import Row, Value

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,12})?)?(Z|[+-]\d\d:?\d\d)?)?")
_EDM = {
    Kind.BIGINT: "Edm.Int64",
    Kind.BOOLEAN: "Edm.Boolean",
    Kind.DATETIME: "Edm.DateTimeOffset",
    Kind.DECIMAL: "Edm.Decimal",
    Kind.DOUBLE: "Edm.Double",
    Kind.MONEY: "Edm.Decimal",
    Kind.INTEGER: "Edm.Int32",
    Kind.PICKLIST: "Edm.Int32",
    Kind.STATE: "Edm.Int32",
    Kind.STATUS: "Edm.Int32",
    Kind.UNIQUEIDENTIFIER: "Edm.Guid",
}
_EARLIEST = "1753-01-01"


class TypeMismatchError(Exception):
    """The JSON value has not the column's type; the text is the OData reader's."""


def value_of(row: Row, column: Column) -> Value:
    """Return the column's value in the row: absent means its default (most rows never touch most columns)."""
    return row.get(column.name, column.default)


def edm_type(column: Column) -> str:
    """Return the OData type of a column."""
    if column.is_lookup:
        return "Edm.Guid"
    if column.date_only:
        return "Edm.Date"
    return _EDM.get(column.kind, "Edm.String")


def read_value(table: Table, column: Column, raw: object) -> Value:
    """Return the stored form of a JSON value.

    Raises:
        TypeMismatchError: the JSON type is another.
        DataverseError: length, range or option is outside what the column allows (dataverse.md 1.10).
    """
    if raw is None:
        if column.required == "SystemRequired":
            raise error("RequiredFieldMissing", column=column.name)
        return None
    return _READERS[column.kind](table, column, raw)


def _read_text(table: Table, column: Column, raw: object) -> Value:
    if not isinstance(raw, str):
        raise _mismatch(column, raw)
    if column.max_length is not None and len(raw) > column.max_length:
        raise error("StringLengthTooLong", column=column.name, table=table.name, limit=column.max_length)
    return raw or None


def _read_integer(table: Table, column: Column, raw: object) -> Value:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise _mismatch(column, raw)
    low, high = (-(2**63), 2**63 - 1) if column.kind is Kind.BIGINT else (-(2**31), 2**31 - 1)
    if not low <= raw <= high:
        raise _mismatch(column, raw)
    _check_range(table, column, raw, "IntegerValueOutOfRange")
    return raw


def _read_number(table: Table, column: Column, raw: object) -> Value:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not math.isfinite(raw):
        raise _mismatch(column, raw)
    _check_range(table, column, raw, "DecimalValueOutOfRange")
    return round(float(raw), 2 if column.precision is None else column.precision)


def _check_range(table: Table, column: Column, value: float, name: str) -> None:
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    if not low <= value <= high:
        raise error(name, column=column.name, table=table.name)


def _read_boolean(table: Table, column: Column, raw: object) -> Value:
    del table
    if not isinstance(raw, bool):
        raise _mismatch(column, raw)
    return raw


def _read_moment(table: Table, column: Column, raw: object) -> Value:
    del table
    if not isinstance(raw, str):
        raise _mismatch(column, raw)
    text = parse_date(raw) if column.date_only else parse_moment(raw)
    if text is None:
        raise _mismatch(column, raw)
    if text[:10] < _EARLIEST:
        raise error("InvalidDateTime", value=raw)
    return text


def parse_moment(text: str) -> str | None:
    """Return a date-time literal in stored form, None when it is none. Without offset it is UTC."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def parse_date(text: str) -> str | None:
    """Return a date literal in stored form, None when it is none."""
    try:
        return date.fromisoformat(text).isoformat() if len(text) == 10 else None
    except ValueError:
        return None


def _read_choice(table: Table, column: Column, raw: object) -> Value:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise _mismatch(column, raw)
    if column.option(raw) is None:
        accepted = ",".join(str(option.value) for option in column.options)
        raise error("PicklistValueOutOfRange", value=raw, column=column.name, table=table.name, accepted=accepted)
    return raw


def _read_choices(table: Table, column: Column, raw: object) -> Value:
    if not isinstance(raw, str):
        raise _mismatch(column, raw)
    values = []
    for part in raw.split(","):
        if not part.strip().lstrip("-").isdigit():
            raise _mismatch(column, raw)
        value = int(part)
        if column.option(value) is None:
            accepted = ",".join(str(option.value) for option in column.options)
            raise error("PicklistValueOutOfRange", value=value, column=column.name, table=table.name, accepted=accepted)
        values.append(value)
    return ",".join(str(value) for value in sorted(set(values)))


def _read_guid(table: Table, column: Column, raw: object) -> Value:
    del table
    if not isinstance(raw, str) or not GUID.fullmatch(raw):
        raise _mismatch(column, raw)
    return raw.lower()


def _read_nothing(table: Table, column: Column, raw: object) -> Value:
    raise error("BadRequest", message=f"The column '{column.name}' of '{table.name}' is set through its relationship.")


def _mismatch(column: Column, raw: object) -> TypeMismatchError:
    if isinstance(raw, (dict, list)):
        node = "StartObject" if isinstance(raw, dict) else "StartArray"
        return TypeMismatchError(
            f"An unexpected '{node}' node was found for property named '{column.name}' when reading from the JSON "
            "reader. A 'PrimitiveValue' node was expected."
        )
    shown = str(raw).lower() if isinstance(raw, bool) else str(raw)[:200]
    return TypeMismatchError(f"Cannot convert the literal '{shown}' to the expected type '{edm_type(column)}'.")


_READERS: dict[Kind, Callable[[Table, Column, object], Value]] = {
    Kind.STRING: _read_text,
    Kind.MEMO: _read_text,
    Kind.ENTITYNAME: _read_text,
    Kind.INTEGER: _read_integer,
    Kind.BIGINT: _read_integer,
    Kind.DECIMAL: _read_number,
    Kind.DOUBLE: _read_number,
    Kind.MONEY: _read_number,
    Kind.BOOLEAN: _read_boolean,
    Kind.DATETIME: _read_moment,
    Kind.PICKLIST: _read_choice,
    Kind.STATE: _read_choice,
    Kind.STATUS: _read_choice,
    Kind.MULTISELECT: _read_choices,
    Kind.UNIQUEIDENTIFIER: _read_guid,
    Kind.LOOKUP: _read_nothing,
    Kind.CUSTOMER: _read_nothing,
    Kind.OWNER: _read_nothing,
    Kind.PARTYLIST: _read_nothing,
}


def format_value(column: Column, value: Value, symbol: str = "$") -> str | None:
    """Return the formatted value (English, UTC), None where the service gives none. Lookups are the caller's."""
    kind = column.kind
    if value is None or kind in (Kind.STRING, Kind.MEMO, Kind.UNIQUEIDENTIFIER, Kind.PARTYLIST) or column.is_lookup:
        return None
    if kind is Kind.BOOLEAN:
        words = ("Allow", "Do Not Allow") if column.name.startswith("donot") else ("No", "Yes")
        return words[bool(value)]
    if kind is Kind.MULTISELECT:
        chosen = [column.option(int(part)) for part in str(value).split(",")]
        return "; ".join(option.label for option in chosen if option)
    if column.options:
        option = column.option(value)
        return option.label if option else str(value)
    if kind is Kind.DATETIME:
        return _format_moment(column, str(value))
    if kind is Kind.MONEY and isinstance(value, (int, float)):
        return f"{'-' if value < 0 else ''}{symbol}{abs(value):,.2f}"
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.{column.precision or 2}f}"
    return str(value)


def _format_moment(column: Column, value: str) -> str:
    moment = datetime.fromisoformat(value)
    day = f"{moment.month}/{moment.day}/{moment.year}"
    if column.date_only:
        return day
    return f"{day} {moment.hour % 12 or 12}:{moment.minute:02} {'AM' if moment.hour < 12 else 'PM'}"


def payload_error(table: Table, inner: str) -> DataverseError:
    """Return the error for a body that does not fit the table."""
    return error("PayloadError", set=table.entity_set, inner=inner)
