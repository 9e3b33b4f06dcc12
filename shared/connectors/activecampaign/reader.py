"""Reading contacts by id and by e-mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from shared.connectors.activecampaign.beside import companies, opted_out
from shared.connectors.activecampaign.client import PAGE, Client
from shared.connectors.activecampaign.contacts import ContactMapper, Fields, as_id, contact_ref
from shared.connectors.activecampaign.errors import VendorError, raise_for
from shared.connectors.activecampaign.fields import ACCOUNT_FIELD, CONTACT, EMAIL, OPTED_OUT, field_id
from shared.connectors.activecampaign.tags import TagBook
from shared.domain.records import FieldName, Gone, GoneReason, Record, Ref, RemoteId
from shared.http.parallel import raised, run_all

FEW = 20
"""Up to so many contacts are read one by one, with all that hangs on them."""

type Found = dict[RemoteId, Record | Gone]

type Rows = list[Mapping[str, object]]


class ContactReader:
    """Reads of contacts. `side_load`: lists may be asked to bring values and tags along. `watched` are the names of the
    tags somebody decides by: of many contacts only these are told, when there are any."""

    def __init__(
        self,
        client: Client,
        mapper: ContactMapper,
        tags: TagBook,
        *,
        side_load: bool,
        concurrency: int,
        watched: frozenset[str] = frozenset(),
    ) -> None:
        self._client = client
        self._mapper = mapper
        self._tags = tags
        self._side_load = side_load
        self._concurrency = concurrency
        self._watched = watched

    def by_ids(self, ids: Sequence[RemoteId], *, purpose: str = "read") -> Found:
        """Each contact as it is now, with its tags. Many are read by lists where that needs fewer calls."""
        wanted = list(dict.fromkeys(ids))
        if len(wanted) <= FEW:
            return self._singly(wanted, purpose)
        listed = self._listed(wanted, purpose)
        missing = [row for row in wanted if row not in listed]
        return listed | (self._singly(missing, purpose) if missing else {})

    def by_email(self, values: Sequence[str]) -> dict[str, list[Record]]:
        """The contact of each e-mail, compared as ActiveCampaign does: without case."""
        jobs = [partial(self._find, value) for value in dict.fromkeys(values)]
        found = raised(run_all(jobs, at_once=self._concurrency))
        return dict(zip(dict.fromkeys(values), found, strict=True))

    def _find(self, value: str) -> list[Record]:
        if not value.strip():
            return []
        mapper = ContactMapper(self._mapper.schema, [*self._mapper.fields, EMAIL])
        page = self._client.get("contacts", "find", [("email", value.strip()), ("status", "-1"), ("limit", "20")])
        same = [
            row for row in page.listed("contacts") if str(row.get("email", "")).casefold() == value.strip().casefold()
        ]
        records = [mapper.listed(row) for row in same]
        return [_only(record, self._mapper.fields) for record in records]

    # -- one by one ----------------------------------------------------------------------------------------------------

    def by_ids_singly(self, ids: Sequence[RemoteId], *, purpose: str) -> Found:
        """Each contact by a call of its own, with all that hangs on it; the tags of many by lists."""
        return self._singly(ids, purpose)

    def _singly(self, ids: Sequence[RemoteId], purpose: str) -> Found:
        numbers = [row for row in ids if row.isdigit()]
        labels = self.labels_of(numbers) if len(numbers) > FEW else None
        jobs = [partial(self._one, row, purpose, labels) for row in ids]
        return dict(zip(ids, raised(run_all(jobs, at_once=self._concurrency)), strict=True))

    def _one(self, row: RemoteId, purpose: str, labels: Mapping[RemoteId, frozenset[str]] | None) -> Record | Gone:
        if not row.isdigit():
            return Gone(Ref(CONTACT, row), GoneReason.CONFIRMED)
        found = self._client.try_get(f"contacts/{row}", purpose)
        if isinstance(found, VendorError):
            if found.is_missing:
                return Gone(contact_ref(row), GoneReason.CONFIRMED)
            raise raise_for(found, "to read a contact")
        if as_id(found.one("contact").get("id")) != row:
            # Merged: some accounts answer with the contact it was merged into.
            return Gone(contact_ref(row), GoneReason.CONFIRMED, contact_ref(found.one("contact").get("id")))
        return self._mapper.detailed(found.data, labels[row] if labels is not None else self.labels(row))

    def labels(self, row: RemoteId) -> frozenset[str]:
        """The names of a contact's tags."""
        ids = [str(tag.get("tag")) for page in self._tag_pages(row) for tag in page]
        return frozenset(self._tags.names(ids).values())

    def labels_of(self, ids: Sequence[RemoteId]) -> dict[RemoteId, frozenset[str]] | None:
        """The watched tags of some contacts, by a list a tag and hundred contacts; None when no tags are watched."""
        if not self._watched:
            return None
        groups = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]
        pairs = [(tag, name, group) for tag, name in self._tags.watched(self._watched).items() for group in groups]
        jobs = [partial(self._with_tag, tag, group) for tag, _, group in pairs]
        labels: dict[RemoteId, set[str]] = {row: set() for row in ids}
        for (_, name, _), found in zip(pairs, raised(run_all(jobs, at_once=self._concurrency)), strict=True):
            for row in found:
                labels[row].add(name)
        return {row: frozenset(names) for row, names in labels.items()}

    def none_watched(self) -> bool:
        """Whether the account has no tag that somebody decides by, so that no contact carries one."""
        return bool(self._watched) and not self._tags.watched(self._watched)

    def watch_anew(self) -> None:
        """See `TagBook.watch_anew`."""
        self._tags.watch_anew(self._watched)

    def _with_tag(self, tag: str, ids: Sequence[RemoteId]) -> list[RemoteId]:
        query = [("tagid", tag), ("status", "-1"), ("limit", str(PAGE)), *(("ids[]", row) for row in ids)]
        found = [as_id(row.get("id")) for row in self._client.get("contacts", "tags", query).listed("contacts")]
        return [row for row in found if row in ids]

    def _tag_pages(self, row: RemoteId) -> Iterator[list[Mapping[str, object]]]:
        for page in self._client.pages(f"contacts/{row}/contactTags", "contactTags", "tags"):
            yield page.rows("contactTags")

    # -- by lists ------------------------------------------------------------------------------------------------------

    def _listed(self, ids: Sequence[RemoteId], purpose: str) -> Found:
        groups = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]
        jobs = [partial(self._group, group, purpose) for group in groups]
        found: Found = {}
        for records in raised(run_all(jobs, at_once=self._concurrency)):
            found.update(records)
        whole = found if self._side_load else self._completed(found, purpose)
        return self._with_company(whole, purpose) if self._mapper.wants(ACCOUNT_FIELD) else whole

    def _with_company(self, found: Found, purpose: str) -> Found:
        told = companies(self._client, found.keys())
        if told is None:
            return self._singly(list(found), purpose)
        return {
            row: _also(record, {ACCOUNT_FIELD: told.get(row)}) if isinstance(record, Record) else record
            for row, record in found.items()
        }

    def _group(self, ids: Sequence[RemoteId], purpose: str) -> Found:
        query = [("status", "-1"), ("limit", str(PAGE)), *(("ids[]", row) for row in ids)]
        if self._side_load:
            query.append(("include", "fieldValues,contactTags"))
        page = self._client.get("contacts", purpose, query)
        if self._side_load and "contactTags" in page.data:
            names = self._tags.names({str(tag.get("tag")) for tag in page.rows("contactTags")})
            records = self._mapper.side_loaded(page.data, names)
        else:
            records = [self._mapper.listed(row) for row in page.listed("contacts")]
        out = opted_out(self._client, ids) if self._mapper.wants(OPTED_OUT) else set()
        return {
            record.ref.id: _also(record, {OPTED_OUT: True}) if record.ref.id in out else record
            for record in records
            if record.ref.id in ids
        }

    def _completed(self, found: Found, purpose: str) -> Found:
        """Lists tell neither values nor tags: they are added by the way that needs fewer calls."""
        custom = self._mapper.custom
        values = self.values_of(set(found), purpose) if custom else {}
        if values is None:
            return self._singly(list(found), purpose)
        watched = self.labels_of(list(found))
        if watched is not None:
            labels = [watched[row] for row in found]
        else:
            labels = raised(run_all([partial(self.labels, row) for row in found], at_once=self._concurrency))
        whole: Found = {}
        for (row, record), names in zip(found.items(), labels, strict=True):
            if isinstance(record, Record):
                told = self._mapper.complete(values.get(row, ()))
                whole[row] = replace(record, fields={**record.fields, **told}, labels=frozenset(names))
        return whole

    def values_of(self, ids: set[RemoteId], purpose: str) -> dict[RemoteId, Rows] | None:
        """Rows of some contacts' values, by walking all values of each field; None when one by one is cheaper."""
        firsts = {
            name: self._client.get("fieldValues", "values", _values_query(name, 0)) for name in self._mapper.custom
        }
        pages = sum(-(-(page.total or 0) // PAGE) for page in firsts.values()) - len(firsts)
        if pages > len(ids):
            return None
        found: dict[RemoteId, Rows] = {}
        for name, first in firsts.items():
            rows, page, offset = first.rows("fieldValues"), first, 0
            while rows:
                for row in rows:
                    contact = as_id(row.get("contact"))
                    if contact in ids:
                        found.setdefault(contact, []).append(row)
                offset += len(rows)
                if page.total is not None and offset >= page.total:
                    break
                page = self._client.get("fieldValues", "values", _values_query(name, offset))
                rows = page.rows("fieldValues")
        return found


def _also(record: Record, more: Fields) -> Record:
    return replace(record, fields={**record.fields, **more})


def _values_query(name: FieldName, offset: int) -> list[tuple[str, str]]:
    return [("filters[fieldid]", field_id(name)), ("limit", str(PAGE)), ("offset", str(offset))]


def _only(record: Record, fields: Sequence[FieldName]) -> Record:
    kept = {name: value for name, value in record.fields.items() if name in fields}
    return replace(record, fields=kept)
