"""Accounts and deals: reading them by walk, id and name, and writing them one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from http import HTTPStatus

from shared.connectors.activecampaign.client import Client
from shared.connectors.activecampaign.errors import VendorError, raise_for
from shared.connectors.activecampaign.fields import ACCOUNT, BadValueError
from shared.connectors.activecampaign.objects import DEAL, ObjectMapper
from shared.connectors.activecampaign.place import Phase, Place, pack, unpack
from shared.connectors.activecampaign.results import each, refusal, rejected, unknown
from shared.connectors.activecampaign.walks import next_rows
from shared.domain.records import FieldName, Gone, GoneReason, Record, Ref, RemoteId, Value
from shared.http.parallel import raised, run_all
from shared.ports.connector import ChangePage, Cursor, Op, Outcome, Write, WriteResult


class ObjectStore:
    """One family. `defaults` are members a new deal needs where the mapping has none (stage, currency, owner)."""

    def __init__(
        self, client: Client, mapper: ObjectMapper, *, concurrency: int, defaults: dict[str, str] | None = None
    ) -> None:
        self._client = client
        self._mapper = mapper
        self._family = mapper.family
        self._concurrency = concurrency
        self._defaults = {name: value for name, value in (defaults or {}).items() if value}

    # -- reading -------------------------------------------------------------------------------------------------------

    def page(self, cursor: Cursor | None) -> ChangePage:
        """The next page of a walk over all records, then over their custom values. Every run is a whole walk."""
        names = "\n".join([self._family.kind, *sorted(self._mapper.fields)])
        digest = blake2b(names.encode(), digest_size=8).hexdigest()
        start = Place(Phase.LIST, digest, mark=_ALWAYS)
        place = unpack(cursor, digest) if cursor is not None else start
        resource = self._family.resource
        if place.phase is Phase.VALUES:
            rows, place = next_rows(self._client, self._family.data, place, purpose="values", at_once=self._concurrency)
            items = [Record(self._mapper.owner_of(row), told) for row in rows if (told := self._mapper.values([row]))]
        else:
            rows, place = next_rows(self._client, resource, place, purpose=resource, at_once=self._concurrency)
            items = [self._mapper.listed(row) for row in rows]
        if place.anchor or place.rewound:
            return ChangePage(items, pack(place), more=True)
        if place.phase is Phase.LIST and self._mapper.custom:
            after = replace(place, phase=Phase.VALUES, todo=("all",), last=0, anchor="")
            return ChangePage(items, pack(after), more=True)
        return ChangePage(items, pack(start), more=False, walked=True)

    def by_ids(self, ids: Sequence[RemoteId]) -> dict[RemoteId, Record | Gone]:
        wanted = list(dict.fromkeys(ids))
        found = run_all([partial(self._one, row) for row in wanted], at_once=self._concurrency)
        return dict(zip(wanted, raised(found), strict=True))

    def _one(self, row: RemoteId) -> Record | Gone:
        ref = Ref(self._family.kind, row)
        if not row.isdigit():
            return Gone(ref, GoneReason.CONFIRMED)
        found = self._client.try_get(f"{self._family.resource}/{row}", "read")
        if isinstance(found, VendorError):
            if not found.is_missing:
                raise raise_for(found, f"to read {self._family.resource}")
            hidden = found.status == HTTPStatus.FORBIDDEN
            return Gone(ref, GoneReason.HIDDEN if hidden else GoneReason.CONFIRMED)
        told = dict.fromkeys(self._mapper.custom)
        if told:
            query = [(f"filters[{self._family.data_filter}]", row)]
            for page in self._client.pages(self._family.data, self._family.data, "read", query):
                own = [each for each in page.rows(self._family.data) if self._mapper.owner_of(each) == ref]
                told = told | self._mapper.values(own)
        return self._mapper.listed(found.one(self._family.one), told)

    def by_name(self, values: Sequence[str]) -> dict[str, list[Record]]:
        """The accounts of these names, compared without case. Deals have no such field."""
        wanted = list(dict.fromkeys(values))
        if self._family.kind != ACCOUNT:
            return {value: [] for value in wanted}
        found = run_all([partial(self._named, value) for value in wanted], at_once=self._concurrency)
        return dict(zip(wanted, raised(found), strict=True))

    def _named(self, value: str) -> list[Record]:
        if not value.strip():
            return []
        records: list[Record] = []
        for page in self._client.pages("accounts", "accounts", "find", [("search", value.strip())]):
            same = [row for row in page.rows("accounts") if _same(str(row.get("name", "")), value)]
            records += [self._mapper.listed(row) for row in same]
        return records

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """One call a record. Raises only when nothing was sent."""
        return each(writes, self._write, at_once=self._concurrency)

    def _write(self, write: Write) -> WriteResult:
        try:
            members = self._mapper.body(_sent(write), currency=self._currency(write))
        except BadValueError as error:
            return rejected(write, "bad_value", str(error.args[0]), FieldName(error.args[1]))
        path = f"{self._family.resource}/{write.ref.id}"
        match write.op:
            case Op.CREATE:
                return self._create(write, self._defaults | members)
            case Op.UPDATE:
                return self._answered(write, "PUT", path, members)
            case Op.DELETE:
                return self._answered(write, "DELETE", path, None)

    def _create(self, write: Write, members: dict[str, object]) -> WriteResult:
        made = self._client.send("POST", self._family.resource, "create", {self._family.one: members})
        if isinstance(made, VendorError):
            if made.is_duplicate and self._family.kind == ACCOUNT:
                holders = self._named(str(members.get("name", "")))
                ref = holders[0].ref if len(holders) == 1 else None
                return WriteResult(key=write.key, outcome=Outcome.EXISTS, ref=ref, code="duplicate")
            return self._refusal(write, made)
        row = made.one(self._family.one)
        if "id" not in row:
            return unknown(write, "no_id")
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=self._mapper.ref(row))

    def _answered(self, write: Write, method: str, path: str, members: dict[str, object] | None) -> WriteResult:
        body = None if members is None else {self._family.one: members}
        found = self._client.send(method, path, write.op.value, body)
        if isinstance(found, VendorError):
            if write.op is Op.DELETE and found.is_missing:
                return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref)
            return self._refusal(write, found)
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref)

    def _refusal(self, write: Write, error: VendorError) -> WriteResult:
        names = {wire: name for name, wire in self._family.wire.items()}
        return refusal(write, error, self._family.resource, names.get(error.pointer))

    def _currency(self, write: Write) -> str:
        told = write.fields.get(FieldName("currency"))
        return str(told or self._defaults.get("currency", "")) if self._family.kind == DEAL else ""


_ALWAYS = "1970-01-01T00:00:00+00:00"
"""A walk has no mark; a place needs one."""


def _sent(write: Write) -> dict[FieldName, Value | None]:
    """What a create leaves empty is not sent at all."""
    if write.op is not Op.CREATE:
        return dict(write.fields)
    return {name: value for name, value in write.fields.items() if value is not None}


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
