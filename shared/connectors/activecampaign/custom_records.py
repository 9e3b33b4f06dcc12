"""Opportunities as records of a custom object: the place ActiveCampaign offers for what it cannot map to deals.

A record is named by an external id, which is ours: derived from the Dynamics row, the same on every retry. The vendor's
POST is an upsert by that id, so a create looks first whether the record is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from shared.connectors.activecampaign.client import Client, Fetched
from shared.connectors.activecampaign.contacts import Fields, as_id
from shared.connectors.activecampaign.errors import VendorError, raise_for
from shared.connectors.activecampaign.fields import ACCOUNT, CONTACT, BadValueError, parse_time
from shared.connectors.activecampaign.results import each, refusal, rejected
from shared.domain.records import (
    FieldName,
    FieldSpec,
    FieldType,
    Gone,
    GoneReason,
    Kind,
    Option,
    Record,
    Ref,
    RemoteId,
    Schema,
    Value,
)
from shared.errors import Rejected
from shared.http.parallel import raised, run_all
from shared.http.shape import shaped
from shared.ports.connector import Op, Outcome, Write, WriteResult

OPPORTUNITY = Kind("opportunity")
_TYPES: Mapping[str, FieldType] = {
    "text": FieldType.TEXT,
    "textarea": FieldType.MEMO,
    "number": FieldType.DECIMAL,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "dropdown": FieldType.CHOICE,
    "multiselect": FieldType.MULTI_CHOICE,
}
_NAMESPACES: Mapping[str, Kind] = {"contacts": CONTACT, "accounts": ACCOUNT}
OBJECT: Mapping[str, Any] = {
    "labels": {"singular": "Opportunity", "plural": "Opportunities"},
    "description": "Opportunities of Microsoft Dynamics 365",
    "fields": [
        {"id": "name", "labels": {"singular": "Name", "plural": "Names"}, "type": "text", "required": True},
        {"id": "value", "labels": {"singular": "Value", "plural": "Values"}, "type": "number", "scale": 2},
        {"id": "currency", "labels": {"singular": "Currency", "plural": "Currencies"}, "type": "text"},
        {"id": "status", "labels": {"singular": "Status", "plural": "Statuses"}, "type": "text"},
        {"id": "probability", "labels": {"singular": "Probability", "plural": "Probabilities"}, "type": "number"},
        {"id": "close-date", "labels": {"singular": "Close date", "plural": "Close dates"}, "type": "date"},
        {"id": "description", "labels": {"singular": "Description", "plural": "Descriptions"}, "type": "textarea"},
    ],
    "relationships": [
        {"id": "contact", "labels": {"singular": "Contact", "plural": "Contacts"}, "namespace": "contacts"},
        {"id": "account", "labels": {"singular": "Account", "plural": "Accounts"}, "namespace": "accounts"},
    ],
}
"""What `install` makes: fields that cover the standard opportunity."""


def find_object(client: Client, slug: str) -> Mapping[str, Any] | None:
    """The schema of a custom object; None when the account has none of that slug."""
    for page in client.pages("customObjects/schemas", "schemas", "metadata"):
        for row in page.rows("schemas"):
            if row.get("slug") == slug:
                return row
    return None


def install(client: Client, slug: str) -> str:
    """Makes the custom object unless it is there; answers its id."""
    known = find_object(client, slug)
    if known is None:
        made = client.send("POST", "customObjects/schemas", "metadata", {"schema": {"slug": slug, **OBJECT}})
        if isinstance(made, VendorError):
            raise raise_for(made, "to make a custom object")
        known = made.one("schema")
    return str(known["id"])


@shaped("ActiveCampaign")
def describe_object(schema: Mapping[str, Any] | None, slug: str) -> Schema:
    """Fields and relationships as fields. Raises Rejected when there is no such object."""
    if schema is None:
        raise Rejected(
            f"this ActiveCampaign account has no custom object {slug}",
            code="unknown_kind",
            next_step="Let the connection make it (Data configuration, opportunities), or enter another object's slug.",
        )
    specs = [spec for item in schema.get("fields") or () if (spec := _field(item)) is not None]
    for relation in schema.get("relationships") or ():
        target = _NAMESPACES.get(str(relation.get("namespace")))
        if target is not None:
            name = FieldName(str(relation["id"]))
            specs.append(FieldSpec(name=name, type=FieldType.REFERENCE, label=name, targets=(target,)))
    return Schema.of(OPPORTUNITY, specs)


def _field(item: Mapping[str, Any]) -> FieldSpec | None:
    kind = _TYPES.get(str(item.get("type")))
    if kind is None:
        return None
    options = tuple(Option(str(each["value"]), str(each["value"])) for each in item.get("options") or ())
    labels = item.get("labels")
    return FieldSpec(
        name=FieldName(str(item["id"])),
        type=kind,
        label=str(labels.get("singular") if isinstance(labels, Mapping) else item["id"]),
        scale=int(item["scale"]) if kind is FieldType.DECIMAL and isinstance(item.get("scale"), int) else None,
        options=options,
        required=bool(item.get("required")),
        custom=True,
    )


class CustomRecords:
    """Records of one custom object, by their external ids."""

    def __init__(self, client: Client, schema: Schema, object_id: str, *, concurrency: int) -> None:
        self._client = client
        self._schema = schema
        self._records = f"customObjects/records/{quote(object_id, safe='')}"
        self._concurrency = concurrency

    def by_ids(self, ids: Sequence[RemoteId], fields: Sequence[FieldName]) -> dict[RemoteId, Record | Gone]:
        wanted = list(dict.fromkeys(ids))
        found = run_all([partial(self._one, row, fields) for row in wanted], at_once=self._concurrency)
        return dict(zip(wanted, raised(found), strict=True))

    def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """One or two calls a record. Raises only when nothing was sent."""
        return each(writes, self._write, at_once=self._concurrency)

    def _path(self, row: RemoteId) -> str:
        return f"{self._records}/external/{quote(row, safe='')}"

    def _one(self, row: RemoteId, fields: Sequence[FieldName]) -> Record | Gone:
        found = self._client.try_get(self._path(row), "read")
        ref = Ref(OPPORTUNITY, row)
        if isinstance(found, VendorError):
            if found.status == HTTPStatus.NOT_FOUND:
                return Gone(ref, GoneReason.CONFIRMED)
            raise raise_for(found, "to read a record")
        return self._record(ref, found.one("record"), fields)

    @shaped("ActiveCampaign")
    def _record(self, ref: Ref, row: Mapping[str, Any], fields: Sequence[FieldName]) -> Record:
        held = {str(item.get("id")): item.get("value") for item in row.get("fields") or ()}
        related = row.get("relationships")
        told: Fields = {}
        for name in fields:
            spec = self._schema.fields.get(name)
            if spec is None:
                continue
            if spec.type is FieldType.REFERENCE:
                ids = related.get(name) if isinstance(related, Mapping) else None
                told[name] = Ref(spec.targets[0], as_id(ids[0])) if ids else None
            else:
                told[name] = _read(spec, held.get(name))
        return Record(ref, told)

    def _write(self, write: Write) -> WriteResult:
        try:
            body = self._body(write)
        except BadValueError as error:
            return rejected(write, "bad_value", str(error.args[0]), FieldName(error.args[1]))
        if write.op is Op.DELETE:
            return self._deleted(write)
        there = self._client.try_get(self._path(write.ref.id), "look up")
        if isinstance(there, VendorError) and there.status != HTTPStatus.NOT_FOUND:
            raise raise_for(there, "to read a record")
        missing = isinstance(there, VendorError)
        if write.op is Op.CREATE and not missing:
            return WriteResult(key=write.key, outcome=Outcome.EXISTS, ref=write.ref)
        if write.op is Op.UPDATE and missing:
            return WriteResult(key=write.key, outcome=Outcome.GONE, ref=write.ref)
        return self._answer(write, self._client.send("POST", self._records, write.op.value, {"record": body}))

    def _deleted(self, write: Write) -> WriteResult:
        found = self._client.send("DELETE", self._path(write.ref.id), "delete")
        accepted = not isinstance(found, VendorError) or found.code == "empty_answer"
        if accepted or (isinstance(found, VendorError) and found.status == HTTPStatus.NOT_FOUND):
            return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref)
        return self._answer(write, found)

    def _answer(self, write: Write, found: Fetched | VendorError) -> WriteResult:
        if isinstance(found, VendorError):
            return refusal(write, found, "records", _blamed(write, found))
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref)

    def _body(self, write: Write) -> dict[str, Any]:
        fields: list[dict[str, Any]] = []
        related: dict[str, list[int]] = {}
        for name, value in write.fields.items():
            spec = self._schema.fields.get(name)
            if spec is None:
                raise BadValueError("the object has no such field", name)
            if spec.type is FieldType.REFERENCE:
                if value is not None and not isinstance(value, Ref):
                    raise BadValueError("a reference is expected", name)
                related[name] = [int(value.id)] if isinstance(value, Ref) else []
            else:
                fields.append({"id": name, "value": _written(spec, value)})
        return {"externalId": write.ref.id, "fields": fields} | ({"relationships": related} if related else {})


def _read(spec: FieldSpec, raw: object) -> Value | None:
    if raw is None:
        return None
    match spec.type:
        case FieldType.DECIMAL:
            return raw if isinstance(raw, Decimal) else Decimal(str(raw))
        case FieldType.DATE:
            return date.fromisoformat(str(raw)[:10])
        case FieldType.DATETIME:
            return parse_time(str(raw))
        case FieldType.MULTI_CHOICE:
            return frozenset(str(each) for each in raw) if isinstance(raw, list) else None
        case _:
            return str(raw)


def _written(spec: FieldSpec, value: Value | None) -> object:
    """The JSON value of a field. Raises BadValueError with the field as second argument."""
    if value is None:
        return None
    match spec.type, value:
        case FieldType.DECIMAL, bool():
            pass
        case FieldType.DECIMAL, Decimal() | int():
            number = Decimal(value)
            if number.is_finite():
                return int(number) if number == number.to_integral_value() else float(number)
        case FieldType.DATETIME, datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case FieldType.DATE, datetime():
            pass
        case FieldType.DATE, date():
            return value.isoformat()
        case FieldType.MULTI_CHOICE, frozenset():
            return sorted(value)
        case FieldType.TEXT | FieldType.MEMO | FieldType.CHOICE, str():
            return value
        case _:
            pass
    raise BadValueError(f"this field takes a value of type {spec.type.value}", spec.name)


def _blamed(write: Write, error: VendorError) -> FieldName | None:
    return next((name for name in write.fields if f'"{name}"' in error.message), None)
