"""Reading rows by id and by match value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus

from shared.connectors.dynamics.client import MAX_URL, DataverseClient, quoted
from shared.connectors.dynamics.errors import parse_error
from shared.connectors.dynamics.metadata import TableMeta
from shared.connectors.dynamics.rows import RowMapper
from shared.domain.records import FieldName, Gone, GoneReason, Record, Ref, RemoteId
from shared.errors import Transient

IDS_A_CALL = 500
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PAGE = "odata.maxpagesize=5000"
_DELICATE = frozenset("\"'\\[](){}") | {chr(code) for code in range(32)} | {chr(127)}


class Reading:
    """Reads of one table."""

    def __init__(self, client: DataverseClient, meta: TableMeta) -> None:
        self._client = client
        self._meta = meta

    def by_ids(
        self, ids: Sequence[RemoteId], fields: Sequence[FieldName], *, purpose: str = "read"
    ) -> dict[RemoteId, Record | Gone]:
        """Each id's row as it is now. An id that no list shows is asked for once more by itself: only a 404 says that
        the row is gone, another refusal that it is hidden from us."""
        wanted = list(dict.fromkeys(ids))
        usable = [row for row in wanted if _GUID.fullmatch(row)]  # one that is no id would refuse the whole question
        found = self.present(usable, fields, purpose=purpose)
        missing = [row for row in wanted if _plain(row) not in found]
        gone = self._confirm(missing) if missing else {}
        return {row: found.get(_plain(row)) or gone[row] for row in wanted}

    def present(
        self, ids: Sequence[RemoteId], fields: Sequence[FieldName], *, purpose: str
    ) -> dict[RemoteId, Record | Gone]:
        """The rows that are there, by their ids in lower case."""
        mapper = RowMapper(self._meta, fields)
        found: dict[RemoteId, Record | Gone] = {}
        for group in _groups(ids, IDS_A_CALL):
            for row in self._rows(mapper, str(self._meta.table.key), group, purpose):
                record = mapper.record(row, GoneReason.CONFIRMED)
                found[record.ref.id] = record
        return found

    def by_match(self, values: Sequence[str], fields: Sequence[FieldName]) -> dict[str, list[Record]]:
        """The rows whose match column equals each value as the database compares: without case and accents."""
        match = self._meta.table.match
        answer: dict[str, list[Record]] = {value: [] for value in values}
        if match is None:
            return answer
        mapper = RowMapper(self._meta, list(dict.fromkeys([*fields, match])))
        by_key: dict[str, list[str]] = {}
        for value in answer:
            if value.strip():
                by_key.setdefault(database_key(value), []).append(value)
        asked = [value for values_of_key in by_key.values() for value in values_of_key[:1]]
        for group in _by_length(asked, MAX_URL - len(mapper.select) - 500):
            for row in self._rows(mapper, match, group, "find"):
                record = mapper.record(row)
                told = row.get(match)
                if isinstance(record, Record) and isinstance(told, str):
                    for value in by_key.get(database_key(told), ()):
                        answer[value].append(_without(record, match, fields))
        return answer

    def _rows(
        self, mapper: RowMapper, column: str, values: Sequence[str], purpose: str
    ) -> Iterator[Mapping[str, object]]:
        members = ",".join(_json_text(value) for value in values)
        chosen = f"Microsoft.Dynamics.CRM.In(PropertyName={quoted(column)},PropertyValues=[{members}])"
        target = self._client.target(self._meta.table.set_name, select=mapper.select, filter=chosen)
        seen: set[str] = set()
        while target:
            if target in seen:
                raise Transient("Dynamics 365 sent a page that leads to itself", code="paging_loop")
            seen.add(target)
            fetched = self._client.get(target, purpose, prefer=(_PAGE, *mapper.annotations))
            yield from fetched.rows
            link = fetched.data.get("@odata.nextLink")
            below = self._client.base + self._meta.table.set_name
            target = self._client.http.origin.pin(link, below=below) if link else ""

    def _confirm(self, ids: Sequence[RemoteId]) -> dict[RemoteId, Gone]:
        table = self._meta.table
        gone: dict[RemoteId, Gone] = {}
        gone.update((row, Gone(Ref(table.kind, row), GoneReason.CONFIRMED)) for row in ids if not _GUID.fullmatch(row))
        for group in _groups([row for row in ids if row not in gone], IDS_A_CALL):
            parts = [self._client.part("GET", f"{table.set_name}({row})?$select={table.key}") for row in group]
            for row, part in zip(group, self._client.reads(parts, "confirm").parts, strict=True):
                reason = GoneReason.CONFIRMED if _is_missing(part.status, part.body) else GoneReason.HIDDEN
                gone[row] = Gone(Ref(table.kind, row), reason)
        return gone


def _is_missing(status: int, body: bytes) -> bool:
    """A row's own 404. What cannot be an id at all is answered with 400, and never was a row."""
    if status == HTTPStatus.BAD_REQUEST:
        return True
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Transient(f"Dynamics 365 answered {status} to a read", code=parse_error(status, body).code)
    return status == HTTPStatus.NOT_FOUND


def _plain(row: RemoteId) -> RemoteId:
    return RemoteId(row.lower())


def _without(record: Record, match: FieldName, fields: Sequence[FieldName]) -> Record:
    """The record without the match column where that was not asked for."""
    if match in fields:
        return record
    kept = {name: value for name, value in record.fields.items() if name != match}
    return Record(record.ref, kept, record.revision, record.modified_at, record.labels, record.active)


def database_key(text: str) -> str:
    """What is equal to the database's collation has an equal key: no case, no accents, no space at the end."""
    plain = unicodedata.normalize("NFKD", text.rstrip(" "))
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()


def _json_text(value: str) -> str:
    """A member of a collection literal, which is JSON inside OData: whatever either could stumble over is escaped."""
    return '"' + "".join(char if char.isascii() and char not in _DELICATE else _escape(char) for char in value) + '"'


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def _groups[T](items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _by_length(values: Iterable[str], room: int) -> Iterator[list[str]]:
    """Groups whose literals fit a URL, percent-encoding included (at worst three characters a byte)."""
    from urllib.parse import quote

    group: list[str] = []
    used = 0
    for value in values:
        length = len(quote(_json_text(value), safe="")) + 3
        if group and used + length > room:
            yield group
            group, used = [], 0
        group.append(value)
        used += length
    if group:
        yield group
