"""Accounts and deals: the CRM side of ActiveCampaign. Both work alike and differ in names and standard fields.

Custom fields are described by `...CustomFieldMeta` and held in `...CustomFieldData`; lists of choices are JSON arrays
here, and money is in minor units (9999 is 99.99).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared.connectors.activecampaign.client import Client
from shared.connectors.activecampaign.contacts import Fields, as_id
from shared.connectors.activecampaign.fields import (
    ACCOUNT,
    CONTACT,
    BadValueError,
    custom_type,
    field_id,
    field_name,
    from_text,
    is_custom,
    parse_time,
    to_text,
)
from shared.domain.records import Absent, FieldName, FieldSpec, FieldType, Kind, Option, Record, Ref, Schema, Value
from shared.http.shape import shaped

DEAL = Kind("deal")
_NO_MINOR = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_DIGITS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
_OPTIONS = {FieldType.CHOICE, FieldType.MULTI_CHOICE}


@dataclass(frozen=True, slots=True)
class Family:
    """Names of one kind. `wire` maps fields to the members of a body and a row."""

    kind: Kind
    resource: str
    one: str
    owner: str
    wire: Mapping[FieldName, str]
    standard: tuple[FieldSpec, ...]
    changed: str

    @property
    def meta(self) -> str:
        return f"{self.one}CustomFieldMeta"

    @property
    def data(self) -> str:
        return f"{self.one}CustomFieldData"

    @property
    def data_filter(self) -> str:
        return "customerAccountId" if self.kind == ACCOUNT else "dealId"


def _text(name: str, label: str, **more: Any) -> FieldSpec:
    return FieldSpec(name=FieldName(name), type=more.pop("type", FieldType.TEXT), label=label, blank=False, **more)


ACCOUNTS = Family(
    ACCOUNT,
    "accounts",
    "account",
    "accountId",
    {FieldName("name"): "name", FieldName("accountUrl"): "accountUrl"},
    (
        _text("name", "Name", required=True, clearable=False),
        _text("accountUrl", "Website", type=FieldType.URL),
    ),
    "updatedTimestamp",
)

_STATUS = (Option("0", "Open"), Option("1", "Won"), Option("2", "Lost"))
DEALS = Family(
    DEAL,
    "deals",
    "deal",
    "dealId",
    {
        FieldName(name): name
        for name in ["title", "value", "currency", "contact", "account", "stage", "status", "percent", "description"]
    },
    (
        _text("title", "Title", required=True, clearable=False),
        FieldSpec(
            name=FieldName("value"), type=FieldType.MONEY, label="Value", scale=2, minimum=Decimal(0), clearable=False
        ),
        _text("currency", "Currency", max_length=3, clearable=False),
        FieldSpec(name=FieldName("contact"), type=FieldType.REFERENCE, label="Contact", targets=(CONTACT,)),
        FieldSpec(name=FieldName("account"), type=FieldType.REFERENCE, label="Account", targets=(ACCOUNT,)),
        FieldSpec(name=FieldName("stage"), type=FieldType.CHOICE, label="Stage", clearable=False),
        FieldSpec(name=FieldName("status"), type=FieldType.CHOICE, label="Status", options=_STATUS, clearable=False),
        FieldSpec(
            name=FieldName("percent"), type=FieldType.INTEGER, label="Percent", minimum=Decimal(0), maximum=Decimal(100)
        ),
        _text("description", "Description", type=FieldType.MEMO),
    ),
    "mdate",
)
FAMILIES: Mapping[Kind, Family] = {ACCOUNT: ACCOUNTS, DEAL: DEALS}


def describe_objects(client: Client, family: Family) -> Schema:
    """Standard and custom fields. Raises Rejected where the account's plan lacks this kind."""
    client.get(family.resource, "metadata", [("limit", "1")])
    specs = list(family.standard)
    if family.kind == DEAL:
        stages = tuple(
            Option(str(row["id"]), str(row.get("title", "")))
            for page in client.pages("dealStages", "dealStages", "metadata")
            for row in page.rows("dealStages")
        )
        specs = [replace(spec, options=stages) if spec.name == "stage" else spec for spec in specs]
    for page in client.pages(family.meta, family.meta, "metadata"):
        specs.extend(spec for row in page.rows(family.meta) if (spec := _custom(row)) is not None)
    return Schema.of(family.kind, specs)


@shaped("ActiveCampaign")
def _custom(row: Mapping[str, Any]) -> FieldSpec | None:
    kind = custom_type(str(row.get("fieldType")))
    told = row.get("fieldOptions")
    options = tuple(Option(str(each), str(each)) for each in told) if isinstance(told, list) else ()
    if kind is None or (kind in _OPTIONS and not options):
        return None
    currency = str(row.get("fieldDefaultCurrency") or "").upper()
    return FieldSpec(
        name=field_name(row["id"]),
        type=kind,
        label=str(row.get("fieldLabel") or row["id"]),
        options=options if kind in _OPTIONS else (),
        scale=_digits(currency) if kind is FieldType.MONEY else None,
        custom=True,
        blank=False,
    )


def _digits(currency: str) -> int:
    """Decimals of a currency (ISO 4217)."""
    return 0 if currency in _NO_MINOR else 3 if currency in _THREE_DIGITS else 2


@dataclass(frozen=True, slots=True)
class ObjectMapper:
    """Reads and writes one family for some fields."""

    family: Family
    schema: Schema
    fields: Sequence[FieldName]

    @property
    def custom(self) -> list[FieldName]:
        return [name for name in dict.fromkeys(self.fields) if is_custom(name) and name in self.schema.fields]

    def ref(self, row: Mapping[str, Any]) -> Ref:
        return Ref(self.family.kind, as_id(row.get("id")))

    @shaped("ActiveCampaign")
    def listed(self, row: Mapping[str, Any], extra: Fields | None = None) -> Record:
        """A row of a list, with what was read of it elsewhere. Custom values stay absent."""
        told: Fields = {}
        for name in self.fields:
            wire, spec = self.family.wire.get(name), self.schema.fields.get(name)
            if wire is None or spec is None or wire not in row:
                continue
            value = self._value(spec, row[wire], str(row.get("currency", "")))
            if not isinstance(value, Absent):
                told[name] = value
        return Record(self.ref(row), told | (extra or {}), modified_at=_time(row.get(self.family.changed)))

    @shaped("ActiveCampaign")
    def values(self, rows: Iterable[Mapping[str, Any]]) -> Fields:
        """Custom values of one record."""
        wanted = {field_id(name): name for name in self.custom}
        found: Fields = {}
        for row in rows:
            name = wanted.get(str(row.get("customFieldId")))
            if name is None:
                continue
            value = self._value(self.schema.fields[name], row.get("fieldValue"), str(row.get("fieldCurrency") or ""))
            if not isinstance(value, Absent):
                found[name] = value
        return found

    @shaped("ActiveCampaign")
    def owner_of(self, row: Mapping[str, Any]) -> Ref:
        """Whose custom value this is. The documents name the owner in two ways."""
        owner = row.get(self.family.owner, row.get(self.family.data_filter))
        return Ref(self.family.kind, as_id(owner))

    def body(self, fields: Mapping[FieldName, Value | None], *, currency: str) -> dict[str, Any]:
        """The members of a body, custom ones under `fields`. Raises BadValueError with the field as second argument."""
        members: dict[str, Any] = {}
        custom: list[dict[str, Any]] = []
        for name, value in fields.items():
            spec = self.schema.fields.get(name)
            if spec is None:
                raise BadValueError("the account has no such field", name)
            try:
                written = _written(spec, value, currency)
            except BadValueError as error:
                raise BadValueError(error.args[0], name) from None
            if name in self.family.wire:
                members[self.family.wire[name]] = written
            else:
                custom.append({"customFieldId": int(field_id(name)), "fieldValue": written})
        return members | ({"fields": custom} if custom else {})

    def _value(self, spec: FieldSpec, raw: object, currency: str) -> Value | Absent | None:
        if raw in (None, "", []):
            return None
        match spec.type:
            case FieldType.REFERENCE:
                return Ref(spec.targets[0], as_id(raw)) if str(raw) != "0" else None
            case FieldType.MULTI_CHOICE if isinstance(raw, list):
                return frozenset(str(each) for each in raw)
            case FieldType.MONEY:
                minor = from_text(spec, raw)
                digits = _digits(currency.upper()) if currency else spec.scale or 0
                return minor.scaleb(-digits) if isinstance(minor, Decimal) else minor
            case FieldType.INTEGER:
                return int(str(raw)) if str(raw).lstrip("-").isdigit() else Absent.ABSENT
            case _:
                return from_text(spec, raw)


def _written(spec: FieldSpec, value: Value | None, currency: str) -> object:
    if spec.type is FieldType.MULTI_CHOICE:
        text = to_text(spec, value)
        return [part for part in text.split("||") if part]
    if value is None:
        return ""
    if spec.type is FieldType.REFERENCE:
        if not isinstance(value, Ref) or value.kind not in spec.targets:
            raise BadValueError("a reference to a record of another kind")
        return value.id
    if spec.type is FieldType.MONEY:
        return _minor(value, _digits(currency.upper()) if spec.name == "value" else spec.scale or 0)
    if spec.type is FieldType.INTEGER:
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadValueError("this field takes a whole number")
        return value
    return to_text(spec, value)


def _minor(value: Value, digits: int) -> int:
    if isinstance(value, bool | date | datetime) or not isinstance(value, Decimal | int):
        raise BadValueError("this field takes an amount")
    amount = Decimal(value)
    if not amount.is_finite():
        raise BadValueError("this field takes an amount")
    return int(amount.scaleb(digits).to_integral_value())


def _time(text: object) -> datetime | None:
    try:
        return parse_time(text)
    except ValueError:
        return None
