"""Contacts as an import takes them, and what has to be known for that: the account's lists, names of companies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.connectors.activecampaign.client import Client
from shared.connectors.activecampaign.contacts import as_id
from shared.connectors.activecampaign.errors import VendorError, raise_for
from shared.connectors.activecampaign.fields import (
    ACCOUNT_FIELD,
    EMAIL,
    OPTED_OUT,
    BadValueError,
    field_id,
    is_custom,
    to_text,
)
from shared.connectors.activecampaign.results import rejected
from shared.connectors.surroundings import Memo
from shared.domain.records import FieldName, Ref, RemoteId, Schema, Value
from shared.ports.connector import Op, Write, WriteResult

_NAMES: Mapping[FieldName, str] = {
    FieldName("firstName"): "first_name",
    FieldName("lastName"): "last_name",
    FieldName("phone"): "phone",
}
_LISTS_KEPT = 600.0
_COMPANIES_KEPT = 60.0
_FEW = 5


def importable(write: Write) -> bool:
    """May this write go by import? What an import cannot do: clear, change an e-mail, remove a tag, move a contact to
    another account."""
    if not write.match or write.remove_labels or write.op is Op.DELETE:
        return False
    if write.op is Op.UPDATE and EMAIL in write.fields:
        return False
    return all(_carried(write.op, name, value) for name, value in write.fields.items())


def _carried(op: Op, name: FieldName, value: Value | None) -> bool:
    if name == OPTED_OUT:
        return True
    if name == ACCOUNT_FIELD:
        return op is Op.CREATE
    return (is_custom(name) or name in _NAMES or name == EMAIL) and (op is Op.CREATE or value is not None)


class Lookups:
    """What imports name beside the contact. Fetched when the first contact needs it."""

    def __init__(self, client: Client, memo: Memo) -> None:
        self._client = client
        self._memo = memo

    def lists(self) -> list[str]:
        """The ids of all lists of the account."""
        key = ("activecampaign", "lists", self._client.http.origin)
        return self._memo.get(key, _LISTS_KEPT, lambda: self._ids("lists"))

    def companies(self, ids: Iterable[RemoteId]) -> Mapping[RemoteId, str]:
        """Names of accounts by id; one that is gone is left out. Names are unique there, so a name is as good."""
        wanted = list(dict.fromkeys(ids))
        if len(wanted) <= _FEW:
            return {row: name for row in wanted if (name := self._name(row))}
        key = ("activecampaign", "company names", self._client.http.origin)
        return self._memo.get(key, _COMPANIES_KEPT, self._all_companies)

    def _ids(self, resource: str) -> list[str]:
        pages = self._client.pages(resource, resource, "metadata")
        return [str(as_id(row.get("id"))) for page in pages for row in page.listed(resource)]

    def _all_companies(self) -> dict[RemoteId, str]:
        pages = self._client.pages("accounts", "accounts", "companies")
        return {as_id(row.get("id")): str(row.get("name", "")) for page in pages for row in page.listed("accounts")}

    def _name(self, row: RemoteId) -> str:
        found = self._client.try_get(f"accounts/{row}", "companies")
        if isinstance(found, VendorError):
            if found.is_missing:
                return ""
            raise raise_for(found, "to read accounts")
        return str(found.one("account").get("name", ""))


class Items:
    """Makes the contacts of one call's imports. Nobody is ever subscribed."""

    def __init__(self, schema: Schema, lookups: Lookups, writes: Iterable[Write]) -> None:
        self._schema = schema
        self._lookups = lookups
        named = [write.fields.get(ACCOUNT_FIELD) for write in writes]
        parents = [value.id for value in named if isinstance(value, Ref)]
        self._companies = lookups.companies(parents) if parents else {}

    def of(self, write: Write) -> WriteResult | dict[str, Any]:
        """The contact, or why it cannot be one."""
        email = write.fields.get(EMAIL) if write.op is Op.CREATE else write.match
        item: dict[str, Any] = {"email": str(email or write.match or "").strip()}
        custom: list[dict[str, Any]] = []
        for name, value in write.fields.items():
            if name == EMAIL or value is None:
                continue
            problem = self._put(write, item, custom, name, value)
            if problem is not None:
                return problem
        if custom:
            item["fields"] = custom
        if write.add_labels:
            item["tags"] = sorted(write.add_labels)
        return item

    def _put(
        self, write: Write, item: dict[str, Any], custom: list[dict[str, Any]], name: FieldName, value: Value
    ) -> WriteResult | None:
        spec = self._schema.fields.get(name)
        if spec is None:
            return rejected(write, "unknown_field", "the account has no such field", name)
        if name == OPTED_OUT:
            if value is True:
                item["unsubscribe"] = [{"listid": int(row)} for row in self._lookups.lists()]
            return None
        if name == ACCOUNT_FIELD:
            company = self._companies.get(value.id) if isinstance(value, Ref) else None
            if not company:
                return rejected(write, "unknown_account", "ActiveCampaign has no such account any more", name)
            item["customer_acct_name"] = company
            return None
        try:
            text = to_text(spec, value)
        except BadValueError as error:
            return rejected(write, "bad_value", str(error), name)
        if name in _NAMES:
            item[_NAMES[name]] = text
        else:
            custom.append({"id": int(field_id(name)), "value": text})
        return None
