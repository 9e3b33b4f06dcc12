"""Reading people: by ids and by e-mail, 300 a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from shared.connectors.marketo.client import PAGE, Client
from shared.connectors.marketo.errors import Refusal, raise_for
from shared.connectors.marketo.fields import EMAIL, LEAD, parse_time, told
from shared.domain.records import FieldName, Gone, GoneReason, Record, Ref, RemoteId, Schema
from shared.errors import Transient
from shared.http.parallel import raised, run_all

_TOO_MANY = "1003"
_CREATED = "createdAt"


def lead_ref(raw: object) -> Ref:
    """A person's id as text, without leading zeros. Raises Transient for something else."""
    text = str(raw)
    if isinstance(raw, bool) or not text.isascii() or not text.isdigit():
        raise Transient("Marketo answered a person without an id", code="unreadable_answer")
    return Ref(LEAD, RemoteId(str(int(text))))


class PeopleReader:
    """Reads people with some fields."""

    def __init__(self, client: Client, schema: Schema, fields: Sequence[FieldName], *, concurrency: int) -> None:
        self._client, self._schema = client, schema
        self._fields = tuple(name for name in fields if name in schema.fields)
        self._concurrency = concurrency

    def by_ids(self, ids: Iterable[RemoteId], purpose: str = "read") -> dict[RemoteId, Record]:
        """Those that are there."""
        wanted = sorted({row for row in ids if row.isascii() and row.isdigit()}, key=int)
        pieces = [wanted[start : start + PAGE] for start in range(0, len(wanted), PAGE)]
        jobs = [partial(self._ask, "id", piece, purpose) for piece in pieces]
        rows = [row for page in raised(run_all(jobs, at_once=self._concurrency)) for row in page]
        return {record.ref.id: record for row in rows if (record := self.record(row))}

    def read(self, ids: Sequence[RemoteId]) -> Mapping[RemoteId, Record | Gone]:
        """Each id's record, or that it is gone."""
        found = self.by_ids(ids)
        return {row: found.get(row) or Gone(Ref(LEAD, row), GoneReason.CONFIRMED) for row in ids}

    def by_email(self, values: Sequence[str]) -> Mapping[str, Sequence[Record]]:
        """People by e-mail. A comma parts values in this API, so an address that holds one cannot be asked for."""
        found: dict[str, list[Record]] = {value: [] for value in values}
        wanted = list(dict.fromkeys(value for value in values if value.strip() and "," not in value))
        if not wanted:
            return found
        by_key: dict[str, list[Record]] = {}
        for row in self._by_email(wanted):
            record = self.record(row)
            by_key.setdefault(str(row.get("email") or "").strip().casefold(), []).append(record)
        for value in values:
            found[value] = by_key.get(value.strip().casefold(), [])
        return found

    def _by_email(self, values: Sequence[str]) -> list[Mapping[str, Any]]:
        """More than a thousand matches are refused: then each half by itself."""
        reply = self._query("email", values, "find")
        if isinstance(reply, Refusal) and reply.code == _TOO_MANY and len(values) > 1:
            half = len(values) // 2
            return [*self._by_email(values[:half]), *self._by_email(values[half:])]
        if isinstance(reply, Refusal):
            raise raise_for(reply, "to find people by e-mail")
        return reply

    def _ask(self, name: str, values: Sequence[str], purpose: str) -> list[Mapping[str, Any]]:
        found = self._query(name, values, purpose)
        if isinstance(found, Refusal):
            raise raise_for(found, "to read people")
        return found

    def _query(self, name: str, values: Sequence[str], purpose: str) -> list[Mapping[str, Any]] | Refusal:
        fields = dict.fromkeys(["id", EMAIL, _CREATED, *self._fields])
        query = [("filterType", name), ("filterValues", ",".join(values)), ("fields", ",".join(fields))]
        rows: list[Mapping[str, Any]] = []
        token = ""
        while True:
            page = [*query, ("nextPageToken", token)] if token else query
            reply = self._client.try_get("leads.json", purpose, page)
            if isinstance(reply, Refusal):
                return reply
            rows += reply.rows
            if not reply.token or reply.token == token or not reply.rows:
                return rows
            token = reply.token

    def record(self, row: Mapping[str, Any], modified: datetime | None = None) -> Record:
        """A row as a record. The vendor's `updatedAt` follows standard fields only, so it is not told as a time."""
        values = told(self._schema, self._fields, row)
        return Record(lead_ref(row.get("id")), values, modified_at=modified, created_at=_created(row.get(_CREATED)))


def _created(text: object) -> datetime | None:
    try:
        return parse_time(text) if isinstance(text, str) else None
    except ValueError:
        return None
