"""Contacts as records: from rows of a list, from one contact's detail, from single values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shared.connectors.activecampaign.fields import (
    ACCOUNT,
    ACCOUNT_FIELD,
    CONTACT,
    OPTED_OUT,
    STANDARD,
    field_id,
    from_text,
    is_custom,
    parse_time,
)
from shared.domain.records import Absent, FieldName, FieldSpec, Record, Ref, RemoteId, Schema, Value
from shared.errors import Transient
from shared.http.shape import shaped

_ACTIVE, _UNSUBSCRIBED = "1", "2"

type Fields = dict[FieldName, Value | None]


@dataclass(frozen=True)
class ContactMapper:
    """Reads contacts for some fields; what a source does not hold stays absent."""

    schema: Schema
    fields: Sequence[FieldName]

    @cached_property
    def custom(self) -> Sequence[FieldName]:
        """The custom fields asked for that exist."""
        return tuple(name for name in dict.fromkeys(self.fields) if is_custom(name) and name in self.schema.fields)

    @cached_property
    def _ids(self) -> Mapping[FieldName, str]:
        """The vendor's ids of those."""
        return {name: field_id(name) for name in self.custom}

    @cached_property
    def _by_id(self) -> Mapping[str, tuple[FieldName, FieldSpec]]:
        return {number: (name, self.schema.fields[name]) for name, number in self._ids.items()}

    @cached_property
    def _asked(self) -> frozenset[FieldName]:
        return frozenset(self.fields)

    def wants(self, name: FieldName) -> bool:
        return name in self._asked and name in self.schema.fields

    def listed(
        self, row: Mapping[str, Any], extra: Fields | None = None, labels: Iterable[str] | None = None
    ) -> Record:
        """A contact of a list, with what was read of it elsewhere."""
        return Record(
            contact_ref(row.get("id")),
            self._standard(row) | self._bounced(row) | (extra or {}),
            modified_at=_time(row.get("udate")),
            labels=frozenset(labels) if labels is not None else None,
            created_at=_time(row.get("cdate")),
        )

    @shaped("ActiveCampaign")
    def detailed(self, data: Mapping[str, Any], labels: Iterable[str] | None) -> Record:
        """A contact with all that hangs on it."""
        row = data.get("contact")
        if not isinstance(row, Mapping):
            raise Transient("ActiveCampaign answered a contact without its data", code="unreadable_answer")
        values = self.complete(data.get("fieldValues") or ())
        if self.wants(ACCOUNT_FIELD):
            values[ACCOUNT_FIELD] = _account(data.get("accountContacts") or ())
        if self.wants(OPTED_OUT) and _is_out(data.get("contactLists") or ()):
            values[OPTED_OUT] = True
        return self.listed(row, values, labels)

    @shaped("ActiveCampaign")
    def values(self, rows: Iterable[Mapping[str, Any]]) -> Fields:
        """Custom values of one contact; unmapped fields are passed over, unreadable ones stay absent."""
        found: Fields = {}
        for row in rows:
            known = self._by_id.get(str(row.get("field")))
            if known is None:
                continue
            value = from_text(known[1], row.get("value"))
            if not isinstance(value, Absent):
                found[known[0]] = value
        return found

    @shaped("ActiveCampaign")
    def complete(self, rows: Iterable[Mapping[str, Any]]) -> Fields:
        """All custom values of one contact: what has no row is empty, what cannot be read is absent, never empty."""
        told = list(rows)
        found = self.values(told)
        unreadable = {str(row.get("field")) for row in told} - {self._ids[name] for name in found}
        return {name: found.get(name) for name, number in self._ids.items() if number not in unreadable}

    @shaped("ActiveCampaign")
    def side_loaded(self, data: Mapping[str, Any], names: Mapping[str, str]) -> list[Record]:
        """Contacts of a list that came with their values and tags. `names` are the tags' names by id."""
        values: dict[str, list[Mapping[str, Any]]] = {}
        for value in data.get("fieldValues") or ():
            values.setdefault(str(value.get("contact")), []).append(value)
        labels: dict[str, list[str]] = {}
        for tag in data.get("contactTags") or ():
            name = names.get(str(tag.get("tag")))
            if name is not None:
                labels.setdefault(str(tag.get("contact")), []).append(name)
        records: list[Record] = []
        for row in data.get("contacts") or ():
            contact = str(row.get("id"))
            records.append(self.listed(row, self.complete(values.get(contact, ())), labels.get(contact, ())))
        return records

    def _standard(self, row: Mapping[str, Any]) -> Fields:
        found: Fields = {}
        for name in STANDARD:
            if name in self._asked and name in row:
                found[name] = str(row[name]) if row[name] not in (None, "") else None
        return found

    def _bounced(self, row: Mapping[str, Any]) -> Fields:
        """A hard bounce is an opt-out. The opposite is never told: only the person's own act clears an opt-out."""
        hard = str(row.get("bounced_hard") or "0")
        return {OPTED_OUT: True} if self.wants(OPTED_OUT) and hard.isdigit() and int(hard) > 0 else {}


def contact_ref(vendor_id: object) -> Ref:
    return Ref(CONTACT, as_id(vendor_id))


def as_id(vendor_id: object) -> RemoteId:
    """An id as the port compares it: digits without leading zeros. Raises Transient for what is no id."""
    text = str(vendor_id).strip() if isinstance(vendor_id, str | int) and not isinstance(vendor_id, bool) else ""
    if not (text.isascii() and text.isdigit()):
        raise Transient("ActiveCampaign sent a record without a usable id", code="unreadable_answer")
    return RemoteId(text.lstrip("0") or "0")


def _account(rows: Iterable[Mapping[str, Any]]) -> Ref | None:
    """A contact belongs to one account at most."""
    return next((Ref(ACCOUNT, as_id(row.get("account"))) for row in rows), None)


def _is_out(rows: Sequence[Mapping[str, Any]]) -> bool:
    """On some list once, and active on none."""
    statuses = {str(row.get("status")) for row in rows}
    return _UNSUBSCRIBED in statuses and _ACTIVE not in statuses


def _time(text: object) -> Any:
    try:
        return parse_time(text)
    except ValueError:
        return None
