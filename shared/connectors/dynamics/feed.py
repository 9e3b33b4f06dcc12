"""The change feed of one table: a first load that loses nothing, then change tracking's own deltas.

A tracked walk over several pages is not one moment: the token that ends it may be minted when it begins or when it
ends, so rows that are changed or deleted meanwhile could be missed (Microsoft does not say). Therefore:

1. `count` (one call) tells whether one page will do.
2. If not, `keys`: a tracked walk over ids only, whose token is older than every row read afterwards.
3. `walk`: the tracked walk over all rows, with the fields.
4. `since` asks the token of `keys` what has changed or gone since, and those rows are read again. After a walk of one
   page `catchup` asks for rows modified since two minutes before it instead.
5. `delta`: the token of `walk`, from now on.

Whichever way the tokens are minted, no edit and no delete falls in between, and nothing has to be remembered but the
cursor. Its links are kept without their host and checked when they are used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from shared.connectors.dynamics.client import DataverseClient, Fetched, rows_of
from shared.connectors.dynamics.errors import tracking_off
from shared.connectors.dynamics.reader import Reading
from shared.connectors.dynamics.rows import RowMapper
from shared.domain.records import Gone, Record
from shared.errors import CursorExpired, GuardTripped, Transient
from shared.ports.connector import ChangePage, Cursor

ONE_PAGE = 5000
SKEW = timedelta(seconds=120)
_MAX_CURSOR = 16 * 1024
_TRACK = "odata.track-changes"


class Phase(StrEnum):
    KEYS = "keys"
    WALK = "walk"
    SINCE = "since"
    CATCHUP = "catchup"
    DELTA = "delta"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a feed stands. `link` is the next page ("" for the first of a phase), `keys` and `delta` are the links of
    tokens kept for later, `mark` is when the walk began. `plain`: lookups are not asked for their tables. `paged`: the
    page is not the first of its delta."""

    phase: Phase
    select: str
    link: str = ""
    keys: str = ""
    delta: str = ""
    mark: str = ""
    plain: bool = False
    paged: bool = False


class Feed:
    """The feed of one table for some fields."""

    def __init__(self, client: DataverseClient, mapper: RowMapper, *, page_size: int, lookup_names: bool) -> None:
        self._client = client
        self._mapper = mapper
        self._table = mapper.meta.table
        self._below = client.base + self._table.set_name
        self._page_size = page_size
        self._plain = not lookup_names
        self._digest = blake2b(
            "\n".join([self._table.kind, *sorted(mapper.fields)]).encode(), digest_size=8
        ).hexdigest()

    def page(self, cursor: Cursor | None) -> ChangePage:
        """See `Connector.changes`."""
        place = self._unpack(cursor) if cursor is not None else self._start()
        match place.phase:
            case Phase.KEYS:
                return self._keys(place)
            case Phase.WALK:
                return self._walk(place)
            case Phase.SINCE:
                return self._since(place)
            case Phase.CATCHUP:
                return self._catchup(place)
            case Phase.DELTA:
                return self._delta(place)

    # -- the phases ------------------------------------------------------------------------------------------------

    def _start(self) -> Place:
        small = self._client.count(self._table.set_name) < min(ONE_PAGE, self._page_size)
        return Place(Phase.WALK if small else Phase.KEYS, self._digest, plain=self._plain)

    def _keys(self, place: Place) -> ChangePage:
        fetched = self._fetch(place, select=str(self._table.key), purpose="keys", plain=True)
        link, delta = self._links(fetched.data, place)
        if link:
            return self._told((), replace(place, link=link), more=True)
        return self._told((), replace(place, phase=Phase.WALK, link="", keys=delta), more=True)

    def _walk(self, place: Place) -> ChangePage:
        fetched = self._fetch(place, select=self._mapper.select, purpose="walk", plain=place.plain)
        if not place.link:
            place = replace(place, mark=_text(fetched.date))
        if not place.plain and _is_last_without_token(fetched.data):
            # Asked for lookups' tables, some servers leave the delta link out. Without that question they give it.
            return self._told((), replace(place, link="", plain=True), more=True)
        link, delta = self._links(fetched.data, place)
        if link and not place.keys:
            return self._told((), Place(Phase.KEYS, self._digest, plain=place.plain), more=True)
        items = self._items(fetched.data, place)
        if link:
            return self._told(items, replace(place, link=link), more=True)
        phase = Phase.SINCE if place.keys else Phase.CATCHUP
        return self._told(items, replace(place, phase=phase, link=place.keys, keys="", delta=delta), more=True)

    def _since(self, place: Place) -> ChangePage:
        """What changed while the walk ran: ids only, so the rows are read again."""
        fetched = self._fetch(place, select="", purpose="catchup", plain=True)
        rows = fetched.rows
        gone: list[Record | Gone] = [self._gone(row) for row in rows if _is_deleted(row)]
        changed = dict.fromkeys(self._mapper.ref(row.get(self._table.key)).id for row in rows if not _is_deleted(row))
        read = Reading(self._client, self._mapper.meta).by_ids(list(changed), self._mapper.fields, purpose="catchup")
        link, _ = self._links(fetched.data, place)
        items = [*read.values(), *gone]
        return self._end_of_walk(items, place, link)

    def _catchup(self, place: Place) -> ChangePage:
        began = datetime.fromisoformat(place.mark) if place.mark else None
        chosen = "" if began is None else f"modifiedon ge {(began - SKEW).strftime('%Y-%m-%dT%H:%M:%SZ')}"
        target = place.link or self._client.target(
            self._table.set_name, select=self._mapper.select, **({"filter": chosen} if chosen else {})
        )
        fetched = self._get(target, "catchup", tracked=False, plain=False)
        link = self._pinned(fetched.data.get("@odata.nextLink"), place) if fetched.data.get("@odata.nextLink") else ""
        return self._end_of_walk(self._items(fetched.data, place), place, link)

    def _end_of_walk(self, items: Sequence[Record | Gone], place: Place, link: str) -> ChangePage:
        if link:
            return self._told(items, replace(place, link=link), more=True)
        after = Place(Phase.DELTA, self._digest, link=place.delta, plain=place.plain)
        return self._told(items, after, more=False, walked=True)

    def _delta(self, place: Place) -> ChangePage:
        fetched = self._fetch(place, select="", purpose="delta", plain=place.plain)
        items = self._confirmed(self._items(fetched.data, place), place)
        link, delta = self._links(fetched.data, place)
        return self._told(items, replace(place, link=link or delta, paged=bool(link)), more=bool(link))

    def _confirmed(self, items: list[Record | Gone], place: Place) -> list[Record | Gone]:
        """Deletes are listed after changes, whatever came first. A row that is told as both (deleted, then restored
        under its id) is read; so is every delete on a later page, because its row may stand on an earlier one."""
        changed = {item.ref.id for item in items if isinstance(item, Record)}
        doubtful = [item.ref.id for item in items if isinstance(item, Gone) and (place.paged or item.ref.id in changed)]
        if not doubtful:
            return items
        reading = Reading(self._client, self._mapper.meta)
        there = reading.present(doubtful, self._mapper.fields, purpose="confirm")
        return [there.get(item.ref.id, item) for item in items]

    # -- pages -----------------------------------------------------------------------------------------------------

    def _fetch(self, place: Place, *, select: str, purpose: str, plain: bool) -> Fetched:
        target = place.link or self._client.target(self._table.set_name, select=select)
        fetched = self._get(target, purpose, tracked=True, plain=plain)
        if not place.link and _TRACK not in fetched.applied:
            raise tracking_off(f"to track {self._table.set_name}")
        return fetched

    def _get(self, target: str, purpose: str, *, tracked: bool, plain: bool) -> Fetched:
        prefer = [f"odata.maxpagesize={self._page_size}"]
        if tracked:
            prefer.insert(0, _TRACK)
        if not plain:
            prefer.extend(self._mapper.annotations)
        return self._client.get(target, purpose, prefer=prefer)

    def _items(self, data: Mapping[str, Any], place: Place) -> list[Record | Gone]:
        items = [self._gone(row) if _is_deleted(row) else self._mapper.record(row) for row in rows_of(data)]
        if not place.plain:
            return items
        unsure = [item.ref.id for item in items if self._mapper.incomplete(item)]
        if not unsure:
            return items
        read = Reading(self._client, self._mapper.meta).by_ids(unsure, self._mapper.fields, purpose="lookups")
        return [read.get(item.ref.id, item) for item in items]

    def _gone(self, row: Mapping[str, Any]) -> Gone:
        return Gone(self._mapper.ref(row.get("id")))

    def _links(self, data: Mapping[str, Any], place: Place) -> tuple[str, str]:
        """(next page, delta link): exactly one of them, pinned. Raises Transient when the server gives neither."""
        following, delta = data.get("@odata.nextLink"), data.get("@odata.deltaLink")
        if following is not None:
            link = self._pinned(following, place)
            if link == place.link:
                raise Transient("Dynamics 365 sent a page that leads to itself", code="paging_loop")
            return link, ""
        if delta is None:
            raise Transient("Dynamics 365 ended a tracked walk without a delta link", code="no_delta_link")
        return "", self._pinned(delta, place)

    def _pinned(self, link: object, place: Place) -> str:
        del place
        return self._client.http.origin.pin(link, below=self._below)

    # -- the cursor --------------------------------------------------------------------------------------------------

    def _told(self, items: Sequence[Record | Gone], place: Place, *, more: bool, walked: bool = False) -> ChangePage:
        members = {name: value for name, value in asdict(place).items() if value not in ("", False)}
        text = json.dumps(members, separators=(",", ":"))
        if len(text) > _MAX_CURSOR:
            raise GuardTripped("a link of Dynamics 365 is too long to be kept", code="cursor_too_long")
        return ChangePage(items, Cursor(text), more, walked)

    def _unpack(self, cursor: Cursor) -> Place:
        """Raises CursorExpired for what is no cursor of this feed, GuardTripped for a link that was tampered with."""
        try:
            members = json.loads(cursor)
            place = Place(**(members | {"phase": Phase(members["phase"])}))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise CursorExpired("this is no cursor of Dynamics 365", code="unknown_cursor") from None
        if place.select != self._digest:
            raise CursorExpired("the cursor was made for other fields", code="other_fields")
        if place.phase in {Phase.SINCE, Phase.DELTA} and not place.link:
            raise CursorExpired("the cursor holds no link", code="unknown_cursor")
        for link in (place.link, place.keys, place.delta):
            if link:
                self._pinned(link, place)
        return place


def _is_deleted(row: Mapping[str, Any]) -> bool:
    return "reason" in row and "id" in row and str(row.get("@odata.context", "")).endswith("$deletedEntity")


def _is_last_without_token(data: Mapping[str, Any]) -> bool:
    return "@odata.nextLink" not in data and "@odata.deltaLink" not in data


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else ""
