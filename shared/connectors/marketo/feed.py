"""The feed of people: a walk by id, then three logs of activities, each with a paging token.

There is no list of people by time of change. What there is: changes of named fields with new people (types 13 and 12),
merges and scores (32 and 22), and deletions (37). An entry only says "look at this person"; the people of a page are
then read, 300 a call. Tokens may bring short and empty pages, the same entry twice, and entries of one second in two
answers: see `place.Seen`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from shared.connectors.marketo.client import PAGE, Client, Reply
from shared.connectors.marketo.errors import raise_for
from shared.connectors.marketo.fields import EMAIL, LEAD, SYSTEM, parse_time
from shared.connectors.marketo.people import PeopleReader, lead_ref
from shared.connectors.marketo.place import ORDER, Log, Place, Seen, pack, short, unpack
from shared.domain.records import FieldName, Gone, GoneReason, Record, Ref, RemoteId
from shared.errors import CursorExpired, Transient
from shared.ports.ambient import Clock
from shared.ports.connector import ChangePage, Cursor

NEW, SCORE, MERGE = 12, 22, 32
_OVERLAP = timedelta(minutes=5)
_LOOK_BACK = (timedelta(hours=1), timedelta(days=14), timedelta(days=760))
_SHORT_STRETCH = timedelta(minutes=1)
_EMPTY_PAGES = 4
"""Pages of 300 ids without anybody after which a walk whose end is not known is over."""
_DIGITS = re.compile(r"\d+")
_BAD_TOKEN, _NO_FIELD = "1003", "1006"


class PeopleFeed:
    """The feed of people for some fields."""

    def __init__(
        self,
        client: Client,
        reader: PeopleReader,
        fields: Sequence[FieldName],
        *,
        scores: frozenset[FieldName],
        clock: Clock,
        concurrency: int,
    ) -> None:
        self._client, self._reader, self._clock, self._concurrency = client, reader, clock, concurrency
        self._watched = sorted(name for name in fields if name not in SYSTEM) or [EMAIL]
        self._types = f"{MERGE},{SCORE}" if scores & set(fields) else str(MERGE)
        names = "\n".join([LEAD, *sorted(fields)])
        self._digest = blake2b(names.encode(), digest_size=8).hexdigest()

    def page(self, cursor: Cursor | None) -> ChangePage:
        """See `Connector.changes`."""
        now = self._clock.now()
        place = self._begin(now) if cursor is None else unpack(cursor, self._digest, now)
        return self._walk(place) if place.walking else self._log(place)

    # -- the walk ----------------------------------------------------------------------------------------------------

    def _begin(self, now: datetime) -> Place:
        """The logs are taken up from before the walk, so that nothing that happens meanwhile is missed."""
        token = self._token(now - _OVERLAP)
        logs = {log: Seen(token) for log in Log}
        return Place(self._digest, logs, now.isoformat(), walking=True, top=self._newest(now))

    def _newest(self, now: datetime) -> int:
        """The id of the newest person that the log of new people still knows; 0 for none.

        Few calls, however many are new: this is done again from its start when the account's rate makes it wait.
        """
        for back in _LOOK_BACK:
            newest, token = self._new_people(self._token(now - back))
            if newest:
                return max(newest, self._latest(now - back, back, token)) if token else newest
        return 0

    def _latest(self, begin: datetime, span: timedelta, token: str) -> int:
        """The newest of a stretch of time that has more than a page of new people. It is halved until the rest, from
        `token` on, fits one page or is short."""
        newest = 0
        while token and span > _SHORT_STRETCH:
            span /= 2
            top, following = self._new_people(self._token(begin + span))
            if top:  # nobody is new after the middle otherwise
                begin, newest, token = begin + span, max(newest, top), following
        while token:
            top, token = self._new_people(token)
            newest = max(newest, top)
        return newest

    def _new_people(self, token: str) -> tuple[int, str]:
        """The highest id of the next page of new people, and the token of what follows it; 0 and "" at the end. Pages
        without anybody are gone through."""
        while True:
            query = [("activityTypeIds", str(NEW)), ("nextPageToken", token)]
            reply = self._client.get("activities.json", "newest", query)
            following = reply.token if reply.more and reply.token != token else ""
            if reply.rows or not following:
                return max((int(lead_ref(row.get("leadId")).id) for row in reply.rows), default=0), following
            token = following

    def _walk(self, place: Place) -> ChangePage:
        """The next pages of ids; several at once while many are still to come."""
        left = -(-max(place.top - place.last, 1) // PAGE)
        pages = max(1, min(left, self._concurrency))
        start, end = place.last + 1, place.last + pages * PAGE
        found = self._reader.by_ids((RemoteId(str(row)) for row in range(start, end + 1)), "walk")
        empty = 0 if found else place.empty + pages
        place = replace(place, last=end, empty=empty)
        over = not found and end >= place.top and (place.top > 0 or empty >= _EMPTY_PAGES)
        if over:
            place = replace(place, walking=False, last=0, top=0, empty=0)
        return ChangePage(list(found.values()), pack(place), more=not over, walked=over)

    # -- the logs ----------------------------------------------------------------------------------------------------

    def _log(self, place: Place) -> ChangePage:
        log, seen = place.now, place.logs[place.now]
        reply = self._ask(log, seen.token)
        names = seen.names()
        fresh = [row for row in reply.rows if short(row.get("marketoGUID")) not in names]
        items = self._items(log, fresh)
        if reply.more and reply.token and reply.token != seen.token:
            return ChangePage(items, pack(place.with_log(log, Seen(reply.token))), more=True)
        told = "".join(dict.fromkeys(short(row.get("marketoGUID")) for row in reply.rows[-PAGE:]))
        place = place.with_log(log, Seen(seen.token, told))
        following = ORDER.index(log) + 1
        if following < len(ORDER):
            return ChangePage(items, pack(replace(place, now=ORDER[following])), more=True)
        at = (reply.date or self._clock.now()).isoformat()
        return ChangePage(items, pack(replace(place, now=ORDER[0], at=at)), more=False)

    def _ask(self, log: Log, token: str) -> Reply:
        query = [("nextPageToken", token)]
        if log is Log.CHANGES:
            query.append(("fields", ",".join(self._watched)))
            path = "activities/leadchanges.json"
        elif log is Log.EVENTS:
            query.append(("activityTypeIds", self._types))
            path = "activities.json"
        else:
            path = "activities/deletedleads.json"
        found = self._client.try_get(path, log.value, query)
        if isinstance(found, Reply):
            return found
        if found.code == _BAD_TOKEN:
            raise CursorExpired("Marketo no longer takes the paging token", code="bad_token")
        if found.code == _NO_FIELD:
            raise Transient("a mapped field is gone from Marketo; the fields are read anew", code="schema_changed")
        raise raise_for(found, f"to read {path}")

    def _items(self, log: Log, rows: Sequence[Mapping[str, Any]]) -> list[Record | Gone]:
        if log is Log.DELETED:
            return [Gone(ref, GoneReason.TOLD) for ref in dict.fromkeys(lead_ref(row.get("leadId")) for row in rows)]
        lost = list(_losers(rows)) if log is Log.EVENTS else []
        latest = {lead_ref(row.get("leadId")).id: _time(row) for row in rows}
        found = self._reader.by_ids(latest, "changed")
        people = [replace(record, modified_at=latest[row]) for row, record in found.items()]
        return [*lost, *people]

    def _token(self, since: datetime) -> str:
        query = [("sinceDatetime", since.strftime("%Y-%m-%dT%H:%M:%SZ"))]
        token = self._client.get("activities/pagingtoken.json", "paging", query).token
        if not token:
            raise Transient("Marketo answered without a paging token", code="unreadable_answer")
        return token


def _losers(rows: Iterable[Mapping[str, Any]]) -> Iterable[Gone]:
    """Who was merged into whom. The ids stand in an attribute, as `[2,3]` or `2,3`."""
    for row in rows:
        attributes = row.get("attributes")
        named = {each.get("name"): each.get("value") for each in attributes} if isinstance(attributes, list) else {}
        winner = lead_ref(row.get("leadId"))
        for number in _DIGITS.findall(str(named.get("Merge IDs", ""))):
            loser = lead_ref(number)
            if loser != winner:
                yield Gone(loser, GoneReason.TOLD, merged_into=Ref(LEAD, winner.id))


def _time(row: Mapping[str, Any]) -> datetime | None:
    try:
        return parse_time(str(row.get("activityDate")))
    except ValueError:
        return None
