"""Fields of people, companies and opportunities, and how their values travel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from shared.connectors.marketo.client import Client
from shared.domain.records import (
    ABSENT,
    Absent,
    FieldName,
    FieldSpec,
    FieldType,
    Kind,
    Ref,
    RemoteId,
    Schema,
    Value,
)
from shared.errors import ConfigError, Rejected, Transient
from shared.http.shape import shaped

LEAD, COMPANY, OPPORTUNITY, SALES_PERSON = Kind("lead"), Kind("company"), Kind("opportunity"), Kind("salesperson")
EMAIL: Final = FieldName("email")
COMPANY_LINK, OWNER_LINK = FieldName("externalCompanyId"), FieldName("externalSalesPersonId")
_LINKS: Mapping[FieldName, Kind] = {COMPANY_LINK: COMPANY, OWNER_LINK: SALES_PERSON}
"""References, which can be changed and never emptied."""

SYSTEM: Final = frozenset({"id", "createdAt", "updatedAt", "leadPartitionId", "cookies", "marketoGUID"})

_TYPES: Mapping[str, FieldType] = {
    "string": FieldType.TEXT,
    "reference": FieldType.TEXT,
    "text": FieldType.MEMO,
    "email": FieldType.EMAIL,
    "phone": FieldType.PHONE,
    "url": FieldType.URL,
    "boolean": FieldType.BOOLEAN,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "integer": FieldType.INTEGER,
    "score": FieldType.INTEGER,
    "percent": FieldType.INTEGER,
    "float": FieldType.DECIMAL,
    "currency": FieldType.MONEY,
}
_STREETS = frozenset({"address", "billingStreet"})
"""Text areas in Marketo, whose counterparts in Dynamics are single lines."""

_TEXTS = frozenset({FieldType.TEXT, FieldType.MEMO, FieldType.EMAIL, FieldType.PHONE, FieldType.URL})
_SCALE = {FieldType.DECIMAL: 6, FieldType.MONEY: 2}
_WHOLE = Decimal(2**31 - 1)


class BadValueError(ValueError):
    """A value that cannot be sent; `code` names why, the text says it without the value."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def describe_people(client: Client) -> tuple[Schema, frozenset[FieldName]]:
    """The fields of people, and those that scores are kept in.

    Company fields are read only here: they live on the company, and a lead write that holds one is refused (1021).
    Fields that Marketo's own CRM sync owns are read only too.
    """
    reply = client.get("leads/describe2.json", "schema")
    company = _company_names(client)
    specs: list[FieldSpec] = []
    scores: set[FieldName] = set()
    for row in reply.rows[0].get("fields", ()) if reply.rows else ():
        spec = spec_of(row, read_only=row.get("name") in company)
        if spec is not None:
            specs.append(spec)
            if row.get("dataType") == "score":
                scores.add(spec.name)
    if EMAIL not in {spec.name for spec in specs}:  # a person without any field is no person: nothing is judged by it
        raise Transient("Marketo described people without their fields", code="unreadable_answer")
    return Schema.of(LEAD, specs), frozenset(scores)


def _company_names(client: Client) -> frozenset[str]:
    try:
        rows = client.get("companies/describe.json", "schema").rows
    except (Rejected, ConfigError):
        return frozenset()  # native sync: the lead's own description marks these as managed by it
    own = {"id", "createdAt", "updatedAt", "externalCompanyId", "externalSalesPersonId"}
    return frozenset(str(field.get("name")) for field in rows[0].get("fields", ())) - own if rows else frozenset()


def describe_object(client: Client, kind: Kind, path: str, key: str, more: Iterable[FieldSpec] = ()) -> Schema:
    """The fields of a kind beside people, and `more` of ours. Its key is its id here, so it is no field."""
    rows = client.get(f"{path}/describe.json", "schema").rows
    fields = rows[0].get("fields", ()) if rows else ()
    found = [spec_of(row) for row in fields if row.get("name") not in {key, *SYSTEM}]
    return Schema.of(kind, [*(spec for spec in found if spec is not None), *more])


@shaped("Marketo")
def spec_of(row: Mapping[str, Any], *, read_only: bool = False) -> FieldSpec | None:
    """A field as describe tells it; None for a type that no value of ours fits."""
    kind = _TYPES.get(str(row.get("dataType", "")).lower())
    if kind is None:
        return None
    name = FieldName(str(row["name"]))
    if name in _STREETS:
        kind = FieldType.TEXT
    writable = not read_only and row.get("updateable") is not False and row.get("crmManaged") is not True
    length = row.get("length")
    if name in _LINKS:
        return FieldSpec(name=name, type=FieldType.REFERENCE, label=str(row["displayName"]), targets=(_LINKS[name],),
                         creatable=writable, updatable=writable, clearable=False)  # fmt: skip
    return FieldSpec(
        name=name,
        type=kind,
        label=str(row.get("displayName") or name),
        max_length=int(length) if isinstance(length, int) and kind in _TEXTS else None,
        scale=_SCALE.get(kind),
        minimum=-_WHOLE if kind is FieldType.INTEGER else None,
        maximum=_WHOLE if kind is FieldType.INTEGER else None,
        creatable=writable and name not in SYSTEM,
        updatable=writable and name not in SYSTEM,
        blank=kind not in _TEXTS,
    )


def from_json(spec: FieldSpec, raw: object) -> Value | Absent | None:
    """A value as it was answered. Null is None; what does not fit the field's type is not told."""
    if raw is None or raw == "":
        return None
    try:
        return _parse(spec, raw)
    except (ValueError, InvalidOperation, OverflowError):
        return ABSENT


def _parse(spec: FieldSpec, raw: object) -> Value | Absent:
    match spec.type:
        case FieldType.BOOLEAN:
            return raw if isinstance(raw, bool) else str(raw).lower() in {"true", "1"}
        case FieldType.INTEGER:
            return int(str(raw))
        case FieldType.DECIMAL | FieldType.MONEY:
            number = Decimal(str(raw))
            return number if number.is_finite() else ABSENT
        case FieldType.DATE:
            return date.fromisoformat(str(raw)[:10])
        case FieldType.DATETIME:
            return parse_time(str(raw))
        case FieldType.REFERENCE:
            return Ref(spec.targets[0], RemoteId(str(raw)))
        case _:
            return str(raw)


def parse_time(text: str) -> datetime:
    """A time with its offset (`Z`, `+0000`, `Z+0000`), in UTC. Raises ValueError for something else."""
    told = datetime.fromisoformat(text.replace("Z+0000", "Z"))
    return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).astimezone(UTC)


def to_json(spec: FieldSpec, value: Value | None) -> object:
    """A value as it is sent; null clears. Raises BadValueError."""
    if value is None:
        return None
    sent = _write(spec, value)
    if sent is None:
        raise BadValueError("wrong_type", f"this field takes a value of type {spec.type.value}")
    if isinstance(sent, str) and any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in sent):
        raise BadValueError("bad_character", "the text holds a character that cannot be stored")
    if spec.type is FieldType.EMAIL and isinstance(sent, str) and not sent.isascii():
        raise BadValueError("non_ascii_email", "Marketo takes e-mail addresses of ASCII characters only")
    return sent


def _write(spec: FieldSpec, value: Value) -> object:
    match value:
        case bool():
            return value if spec.type is FieldType.BOOLEAN else None
        case str():
            return value if spec.type in _TEXTS else None
        case Ref():
            told = int(value.id) if spec.targets == (LEAD,) else str(value.id)
            return told if spec.type is FieldType.REFERENCE else None
        case datetime():
            usable = spec.type is FieldType.DATETIME and value.tzinfo is not None
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if usable else None
        case date():
            return value.isoformat() if spec.type is FieldType.DATE else None
        case Decimal() | int():
            return _write_number(spec, Decimal(value))
        case _:
            return None


def _write_number(spec: FieldSpec, value: Decimal) -> object:
    if not value.is_finite():
        return None
    if spec.type is FieldType.INTEGER:
        return int(value) if value == value.to_integral_value() else None
    return format(value, "f") if spec.type in {FieldType.DECIMAL, FieldType.MONEY} else None


def body_of(schema: Schema, fields: Mapping[FieldName, Value | None]) -> dict[str, Any]:
    """The fields of one record as they are sent. Raises BadField naming the first that cannot be."""
    sent: dict[str, Any] = {}
    for name, value in fields.items():
        spec = schema.fields.get(name)
        if spec is None:
            raise BadFieldError(name, "unknown_field", "Marketo has no such field any more")
        try:
            sent[name] = to_json(spec, value)
        except BadValueError as bad:
            raise BadFieldError(name, bad.code, str(bad)) from None
    return sent


class BadFieldError(ValueError):
    """One field of a record that cannot be sent."""

    def __init__(self, field: FieldName, code: str, text: str) -> None:
        super().__init__(text)
        self.field, self.code = field, code


def told(schema: Schema, names: Iterable[FieldName], row: Mapping[str, Any]) -> dict[FieldName, Value | None]:
    """The asked fields of a row. A field that was asked for and not answered is empty."""
    found: dict[FieldName, Value | None] = {}
    for name in names:
        spec = schema.fields.get(name)
        if spec is not None:
            value = from_json(spec, row.get(name))
            if not isinstance(value, Absent):
                found[name] = value
    return found
