"""Fields of contacts: what they are called, how they are described, and how values are written in JSON.

Sources: the vendor's page on custom field values (`||a||b||`, dates), and recorded answers (empty dates, offsets).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from shared.connectors.activecampaign.client import Client
from shared.domain.records import ABSENT, Absent, FieldName, FieldSpec, FieldType, Kind, Option, Schema, Untold, Value
from shared.http.shape import shaped

CONTACT = Kind("contact")
ACCOUNT = Kind("account")
EMAIL = FieldName("email")
ACCOUNT_FIELD = FieldName("account")
OPTED_OUT = FieldName("optedOut")
PREFIX: Final = "field:"
STANDARD = (EMAIL, FieldName("firstName"), FieldName("lastName"), FieldName("phone"))

_TYPES: Mapping[str, FieldType] = {
    "text": FieldType.TEXT,
    "hidden": FieldType.TEXT,
    "textarea": FieldType.MEMO,
    "dropdown": FieldType.CHOICE,
    "radio": FieldType.CHOICE,
    "listbox": FieldType.MULTI_CHOICE,
    "multiselect": FieldType.MULTI_CHOICE,
    "checkbox": FieldType.MULTI_CHOICE,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "number": FieldType.DECIMAL,
    "currency": FieldType.MONEY,
}
_READABLE = frozenset({FieldType.TEXT, FieldType.MEMO, FieldType.CHOICE, FieldType.MULTI_CHOICE})
"""Types of which any stored text is a value: of these a walk over all values leaves out what is empty, and no more."""

_NO_DATE = "0000-00-00"
_NEVER = re.compile("[\x00\ud800-\udfff]")


class BadValueError(ValueError):
    """This value cannot be stored in this field. The first argument says why, without the value."""


def is_custom(name: FieldName) -> bool:
    return name.startswith(PREFIX)


def field_id(name: FieldName) -> str:
    """The vendor's id of a custom field."""
    return name.removeprefix(PREFIX)


def field_name(vendor_id: object) -> FieldName:
    return FieldName(f"{PREFIX}{vendor_id}")


def describe_contacts(client: Client, *, accounts: bool, opt_outs: bool) -> Schema:
    """Standard fields and every custom one, however many pages of them there are."""
    specs = [
        FieldSpec(name=EMAIL, type=FieldType.EMAIL, label="Email", required=True, blank=False, clearable=False),
        FieldSpec(name=FieldName("firstName"), type=FieldType.TEXT, label="First name", blank=False),
        FieldSpec(name=FieldName("lastName"), type=FieldType.TEXT, label="Last name", blank=False),
        FieldSpec(name=FieldName("phone"), type=FieldType.PHONE, label="Phone", blank=False),
    ]
    if accounts:
        reference = FieldSpec(name=ACCOUNT_FIELD, type=FieldType.REFERENCE, label="Account", targets=(ACCOUNT,))
        specs.append(replace(reference, untold=Untold.EMPTY))
    if opt_outs:
        out = FieldSpec(name=OPTED_OUT, type=FieldType.BOOLEAN, label="Unsubscribed from everything")
        specs.append(replace(out, untold=Untold.SILENT))
    for page in client.pages("fields", "fields", "metadata"):
        options: dict[str, list[Option]] = {}
        for option in sorted(page.rows("fieldOptions"), key=_order):
            told = Option(str(option.get("value")), str(option.get("label") or option.get("value")))
            options.setdefault(str(option.get("field")), []).append(told)
        for row in page.rows("fields"):
            spec = _spec(row, options.get(str(row.get("id")), []))
            if spec is not None:
                specs.append(spec)
    return Schema.of(CONTACT, specs)


def _order(option: Mapping[str, Any]) -> int:
    told = str(option.get("orderid", "0"))
    return int(told) if told.isdigit() else 0


@shaped("ActiveCampaign")
def _spec(row: Mapping[str, Any], options: Sequence[Option]) -> FieldSpec | None:
    """One custom field; None for a type that holds no value. A choice without options is no field anybody can fill."""
    kind = _TYPES.get(str(row.get("type")))
    if kind is None or (kind in {FieldType.CHOICE, FieldType.MULTI_CHOICE} and not options):
        return None
    return FieldSpec(
        name=field_name(row["id"]),
        type=kind,
        label=str(row.get("title") or row.get("perstag") or row["id"]),
        options=tuple(options) if kind in {FieldType.CHOICE, FieldType.MULTI_CHOICE} else (),
        custom=True,
        blank=False,
        untold=Untold.EMPTY if kind in _READABLE else Untold.UNKNOWN,
    )


def custom_type(name: str) -> FieldType | None:
    """The type behind the vendor's word for it."""
    return _TYPES.get(name)


def from_text(spec: FieldSpec, raw: object) -> Value | Absent | None:
    """A stored text as a value. Empty is None; what does not fit the field's type is not told."""
    text = "" if raw is None else str(raw)
    if not text:
        return None
    try:
        return _parse(spec.type, text)
    except (ValueError, InvalidOperation, OverflowError):
        return ABSENT


def _parse(kind: FieldType, text: str) -> Value | Absent | None:
    match kind:
        case FieldType.MULTI_CHOICE:
            return frozenset(part for part in text.split("||") if part) or None
        case FieldType.DATE:
            return None if text.startswith(_NO_DATE) else date.fromisoformat(text[:10])
        case FieldType.DATETIME:
            return None if text.startswith(_NO_DATE) else parse_time(text)
        case FieldType.DECIMAL | FieldType.MONEY:
            number = Decimal(text)
            return number if number.is_finite() else ABSENT
        case _:
            return text


def parse_time(text: object) -> datetime | None:
    """A time with its offset, in UTC; None for none. Raises ValueError for something else."""
    if not isinstance(text, str) or not text or text.startswith(_NO_DATE):
        return None
    told = datetime.fromisoformat(text)
    return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).astimezone(UTC)


def to_text(spec: FieldSpec, value: Value | None) -> str:
    """A value as it is sent; None clears by the empty text. Raises BadValueError."""
    if value is None:
        return ""
    text = _write(spec, value)
    if text is None:
        raise BadValueError(f"this field takes a value of type {spec.type.value}")
    if _NEVER.search(text):
        raise BadValueError("the text holds a character that cannot be stored")
    return text


def _write(spec: FieldSpec, value: Value) -> str | None:
    match value:
        case bool():
            return None
        case str():
            return _write_text(spec, value)
        case frozenset():
            return _write_choices(spec, value)
        case datetime():
            is_ours = spec.type is FieldType.DATETIME and value.tzinfo is not None
            return value.astimezone(UTC).isoformat(timespec="seconds") if is_ours else None
        case date():
            return value.isoformat() if spec.type is FieldType.DATE else None
        case Decimal() | int():
            usable = spec.type in {FieldType.DECIMAL, FieldType.MONEY} and Decimal(value).is_finite()
            return format(Decimal(value), "f") if usable else None
        case _:
            return None


def _write_text(spec: FieldSpec, value: str) -> str | None:
    if spec.type is FieldType.CHOICE:
        if value not in {option.value for option in spec.options}:
            raise BadValueError("the field has no such option")
        return value
    texts = {FieldType.TEXT, FieldType.MEMO, FieldType.EMAIL, FieldType.PHONE, FieldType.URL}
    return value if spec.type in texts else None


def _write_choices(spec: FieldSpec, value: frozenset[str]) -> str | None:
    if spec.type is not FieldType.MULTI_CHOICE:
        return None
    if not value <= {option.value for option in spec.options}:
        raise BadValueError("the field has no such option")
    return f"||{'||'.join(sorted(value))}||" if value else ""
