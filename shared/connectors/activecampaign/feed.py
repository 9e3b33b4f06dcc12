"""The change feed of contacts: a keyset walk by id, then by `updated_after`, with everything a list does not hold.

A run goes over the list by id (`id_greater`), which nothing that happens meanwhile can disturb, under one fixed
`updated_after`. Its mark is the server's own time at its first page; the next run asks from a little before that mark,
because the resolution is a second and the vendor leaves open whether the bound counts. The mark itself is never moved
back. Rows of lists hold no custom values, no account and no subscription state; those follow as partial records:

* tags: the watched ones, by a list a tag and hundred contacts, in runs of up to a thousand changed contacts; in an
  account that has none of them yet they are known of all;
* custom values: one call a contact for a few, else a walk over the mapped fields' values, whichever is fewer calls;
* the account of a contact and opt-outs have no changed-since filter: walks of their own rhythm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b

from shared.connectors.activecampaign.client import PAGE, Client, Fetched
from shared.connectors.activecampaign.contacts import ContactMapper, as_id, contact_ref
from shared.connectors.activecampaign.fields import ACCOUNT, ACCOUNT_FIELD, CONTACT, OPTED_OUT, field_id
from shared.connectors.activecampaign.place import Phase, Place, pack, unpack
from shared.connectors.activecampaign.reader import FEW, ContactReader
from shared.connectors.activecampaign.settings import ActiveCampaignSettings, CustomValues
from shared.connectors.activecampaign.tags import TagBook
from shared.connectors.activecampaign.walks import next_rows, pages_left, stretch, width
from shared.domain.records import Gone, Record, Ref
from shared.errors import Transient
from shared.http.parallel import raised, run_all
from shared.ports.ambient import Clock
from shared.ports.connector import ChangePage, Cursor

LABELS_UP_TO = 1000
"""Changed contacts of one run up to which their tags are told: more than that is, as a rule, our own import's echo."""

_AHEAD, _VALUES_AHEAD = 2, 4
"""A walk asks for so many times the usual number of pages at once: while some are on their way the leave for the others
falls due, so that latency and our own work cost no time of the limit. Rows of values are small: more of them fit."""

_NO_DATE_SKEW = timedelta(minutes=2)


class ContactFeed:
    """The feed of contacts for some fields."""

    def __init__(
        self,
        client: Client,
        mapper: ContactMapper,
        *,
        reader: ContactReader,
        tags: TagBook,
        settings: ActiveCampaignSettings,
        clock: Clock,
    ) -> None:
        self._client = client
        self._mapper = mapper
        self._reader = reader
        self._tags = tags
        self._settings = settings
        self._clock = clock
        self._at_once = _AHEAD * settings.concurrency
        self._values_at_once = _VALUES_AHEAD * settings.concurrency
        self._side_load = settings.custom_values is CustomValues.INCLUDE
        names = "\n".join([CONTACT, *sorted(mapper.fields)])
        self._digest = blake2b(names.encode(), digest_size=8).hexdigest()

    def page(self, cursor: Cursor | None) -> ChangePage:
        """See `Connector.changes`."""
        place = unpack(cursor, self._digest) if cursor is not None else Place(Phase.LIST, self._digest, first=True)
        match place.phase:
            case Phase.LIST:
                return self._list(place)
            case Phase.VALUES:
                return self._values(place)
            case Phase.COMPANIES:
                return self._companies(place)
            case Phase.OPT_OUTS:
                return self._opt_outs(place)

    # -- the list ----------------------------------------------------------------------------------------------------

    def _list(self, place: Place) -> ChangePage:
        """The next pages by keyset; several at once where the first page told that there are many more."""
        pages = width(place.total - place.seen, self._at_once) if place.last else 1
        found = stretch(partial(self._list_page, place), "contacts", start=0, pages=pages)
        if not place.last:
            place = self._begin(place, found.pages[0], found.total)
        items = [item for page in found.pages for item in self._items(place, page)]
        place = replace(place, seen=place.seen + len(found.rows))
        if found.ended and (not found.rows or place.seen >= place.total):
            return self._next_phase(items, replace(place, last=0, seen=0))
        last = int(as_id(found.rows[-1].get("id"))) if found.rows else 0
        if last <= place.last:
            raise Transient("ActiveCampaign sent a page that does not go on", code="paging_loop")
        return self._told(items, replace(place, last=last))

    def _list_page(self, place: Place, offset: int) -> Fetched:
        query = [("status", "-1"), ("orders[id]", "ASC"), ("limit", str(PAGE))]
        if offset:
            query.append(("offset", str(offset)))
        if place.last:
            query.append(("id_greater", str(place.last)))
        if place.since:
            query.append(("filters[updated_after]", place.since))
        if self._side_load:
            query.append(("include", "fieldValues,contactTags"))
        return self._client.get("contacts", "list", query)

    def _begin(self, place: Place, fetched: Fetched, total: int | None) -> Place:
        """The first page of a run fixes its mark, and tells how much it has to do.

        What a run knows of tags must not be older than its mark: who got a brand-new tag before would be taken for
        somebody without it, and not be looked at again.
        """
        self._reader.watch_anew()
        began = fetched.date or self._clock.now() - _NO_DATE_SKEW
        total = total if total is not None else len(fetched.rows("contacts"))
        place = replace(place, mark=began.isoformat(), total=total)
        if place.first:
            place = replace(place, people=total)
        if self._side_load or not self._mapper.custom or not total:
            return place
        walk_calls = len(self._mapper.custom) * -(-max(place.people, 1) // PAGE)
        if place.first or (total > FEW and total > walk_calls):
            return replace(place, todo=tuple(field_id(name) for name in self._mapper.custom))
        return replace(place, singly=True)

    def _items(self, place: Place, fetched: Fetched) -> list[Record | Gone]:
        if self._side_load and "fieldValues" in fetched.data:
            names = self._tags.names({str(tag.get("tag")) for tag in fetched.rows("contactTags")})
            return list(self._mapper.side_loaded(fetched.data, names))
        rows = fetched.listed("contacts")
        if place.singly or (not place.first and place.total <= FEW):
            return list(self._reader.by_ids_singly([as_id(row.get("id")) for row in rows], purpose="changed").values())
        ids = [as_id(row.get("id")) for row in rows]
        few = not place.first and place.total <= LABELS_UP_TO
        labels = self._reader.labels_of(ids) if few or self._reader.none_watched() else None
        if labels is None:
            return [self._mapper.listed(row) for row in rows]
        return [self._mapper.listed(row, None, labels[row_id]) for row, row_id in zip(rows, ids, strict=True)]

    # -- what lists do not hold --------------------------------------------------------------------------------------

    def _values(self, place: Place) -> ChangePage:
        """The next pages of the values of the field at hand. With the last ones comes the first page of the next field:
        asked for alone, because only it tells how many there are, it would leave the limit unused meanwhile."""
        jobs = [partial(self._value_rows, place)]
        if len(place.todo) > 1 and place.anchor and pages_left(place) <= self._values_at_once:
            following = replace(place, todo=place.todo[1:], last=0, anchor="", rewound=False, size=0)
            jobs.append(partial(self._value_rows, following))
        (items, after), *more = raised(run_all(jobs, at_once=len(jobs)))
        if after.anchor or after.rewound:
            return self._told(items, after)  # it goes on; the next field is asked for again when its turn comes
        for told, after in more:
            items = [*items, *told]
            if after.anchor:
                return self._told(items, after)
        return self._next_phase(items, replace(after, todo=after.todo[1:]))

    def _value_rows(self, place: Place) -> tuple[list[Record | Gone], Place]:
        query = [("filters[fieldid]", place.todo[0])]
        rows, after = next_rows(
            self._client, "fieldValues", place, purpose="values", query=query, at_once=self._values_at_once
        )
        told = ((row, self._mapper.values([row])) for row in rows)
        return [Record(contact_ref(row.get("contact")), values) for row, values in told if values], after

    def _companies(self, place: Place) -> ChangePage:
        rows, place = next_rows(self._client, "accountContacts", place, purpose="companies", at_once=self._at_once)
        items = [
            Record(contact_ref(row.get("contact")), {ACCOUNT_FIELD: Ref(ACCOUNT, as_id(row.get("account")))})
            for row in rows
        ]
        if place.anchor or place.rewound:
            return self._told(items, place)
        return self._next_phase(items, replace(place, companies=place.mark))

    def _opt_outs(self, place: Place) -> ChangePage:
        """People who unsubscribed (2) and who bounced (3). Who is active (1) on another list has not opted out."""
        status = "2" if place.status in {"", "2"} else "3"
        rows = self._standing(status, place.last)
        ids = [as_id(row.get("id")) for row in rows]
        active = {as_id(row.get("id")) for row in self._active(ids)} if status == "2" and ids else set()
        items = [
            self._mapper.listed(row, {OPTED_OUT: True})
            for row, each in zip(rows, ids, strict=True)
            if each not in active
        ]
        place = replace(place, status=status, outs=place.outs + len(rows), last=int(ids[-1]) if ids else place.last)
        if len(rows) == PAGE:
            return self._told(items, place)
        if status == "2":
            return self._told(items, replace(place, status="3", last=0))
        return self._next_phase(items, replace(place, status="", last=0, out_at=place.mark))

    def _standing(self, status: str, after: int) -> Sequence[dict[str, object]]:
        query = [("status", status), ("orders[id]", "ASC"), ("limit", str(PAGE))]
        if after:
            query.append(("id_greater", str(after)))
        return [dict(row) for row in self._client.get("contacts", "opt-outs", query).listed("contacts")]

    def _active(self, ids: Sequence[str]) -> Sequence[dict[str, object]]:
        query = [("status", "1"), ("limit", str(PAGE)), *(("ids[]", row) for row in ids)]
        return [dict(row) for row in self._client.get("contacts", "opt-outs", query).listed("contacts")]

    # -- from phase to phase -----------------------------------------------------------------------------------------

    def _next_phase(self, items: Sequence[Record | Gone], place: Place) -> ChangePage:
        """Goes on with what this run has still to do; after that the next run's place is told."""
        if place.todo:
            return self._told(items, replace(place, phase=Phase.VALUES, last=0, anchor="", size=0))
        done = (Phase.COMPANIES, Phase.OPT_OUTS)
        if place.phase not in done and self._mapper.wants(ACCOUNT_FIELD) and self._due(place.companies, place):
            return self._told(items, replace(place, phase=Phase.COMPANIES, last=0, anchor="", size=0))
        if place.phase is not Phase.OPT_OUTS and self._mapper.wants(OPTED_OUT) and self._outs_due(place):
            return self._told(items, replace(place, phase=Phase.OPT_OUTS, last=0, anchor="", size=0, outs=0))
        since = datetime.fromisoformat(place.mark) - timedelta(seconds=self._settings.overlap_seconds)
        after = Place(
            Phase.LIST,
            self._digest,
            since=since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            people=max(place.people, place.total),
            companies=place.companies,
            out_at=place.out_at,
            outs=place.outs,
        )
        return ChangePage(items, pack(after), more=False, walked=place.first)

    def _due(self, last: str, place: Place) -> bool:
        """Has the walk that was last made at `last` to be made again?"""
        if place.first or not last:
            return True
        since = datetime.fromisoformat(place.mark) - datetime.fromisoformat(last)
        return since >= timedelta(hours=self._settings.walk_hours)

    def _outs_due(self, place: Place) -> bool:
        return place.outs <= self._settings.opt_out_limit or self._due(place.out_at, place)

    def _told(self, items: Sequence[Record | Gone], place: Place) -> ChangePage:
        return ChangePage(items, pack(place), more=True)
