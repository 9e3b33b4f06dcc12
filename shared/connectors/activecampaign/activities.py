"""What contacts were sent and did, from the account-wide list of activities.

`GET /activities?after=` is the one list that tells all contacts at once; logs of opens, bounces and visits stand under
each contact. It is read in order of time by offset, from a little before the newest entry known; the mark moves only
when a whole stretch was read. The names of campaigns come along where the account tells what an entry refers to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.connectors.activecampaign.client import Client, Fetched
from shared.connectors.activecampaign.defaults import ACTIVITY_TYPES
from shared.connectors.activecampaign.fields import CONTACT, parse_time
from shared.connectors.activecampaign.place import Phase, Place, pack, unpack
from shared.connectors.activecampaign.walks import next_stretch
from shared.connectors.activities import Chosen, Told, id_of_parts, record_of
from shared.domain.records import FieldName, Ref, RemoteId
from shared.ports.ambient import Clock
from shared.ports.connector import ChangePage, Cursor

LOOK_BACK: Final = timedelta(minutes=10)
"""How far behind the newest entry each run asks again: entries may be written down late."""

_INCLUDE: Final = "reference,reference.log,reference.log.campaign,reference.campaign,reference.link"
_BOUNCES: Final = "bouncelog"
_ACTIONS: Final[Mapping[str, str]] = {
    "sent": "sent",
    "send": "sent",
    "open": "opened",
    "opened": "opened",
    "click": "clicked",
    "clicked": "clicked",
    "reply": "replied",
    "replied": "replied",
    "bounce": "bounced",
}
TYPES: Final = ACTIVITY_TYPES

type Row = Mapping[str, Any]


class ActivityFeed:
    """The feed of activities for some fields."""

    def __init__(
        self, client: Client, chosen: Chosen, fields: Sequence[FieldName], *, clock: Clock, at_once: int
    ) -> None:
        self._client, self._chosen, self._fields, self._clock = client, chosen, fields, clock
        self._at_once = at_once
        self._digest = chosen.digest(fields)

    def page(self, cursor: Cursor | None) -> ChangePage:
        """See `Connector.changes`."""
        now = self._clock.now()
        place = unpack(cursor, self._digest) if cursor is not None else self._begin(now)
        query = [("after", place.since), ("orders[tstamp]", "ASC"), ("include", _INCLUDE)]
        found, after = next_stretch(
            self._client,
            "activities",
            place,
            purpose="activities",
            query=query,
            at_once=self._at_once,
            known_by=_name,
        )
        sides = [_Sides(page) for page in found.pages]
        told = [entry for row in found.rows if (entry := _told(row, sides)) is not None]
        times = [entry.at for entry in told if entry.at is not None and entry.at <= now]
        mark = max([*times, *([datetime.fromisoformat(place.mark)] if place.mark else [])], default=None)
        items = [record_of(entry, self._fields, now) for entry in told if entry.type in self._chosen.types]
        after = replace(after, mark=mark.isoformat() if mark is not None else "")
        if after.anchor or after.rewound:
            return ChangePage(items, pack(after), more=True)
        return ChangePage(items, pack(self._next(place, mark)), more=False, walked=place.first)

    def _begin(self, now: datetime) -> Place:
        return Place(Phase.LIST, self._digest, first=True, since=_asked(self._chosen.earliest(now)))

    def _next(self, place: Place, mark: datetime | None) -> Place:
        """Where the next run begins: the place stays where nothing newer was told."""
        since = place.since if mark is None else max(place.since, _asked(mark - LOOK_BACK))
        return Place(Phase.LIST, self._digest, since=since)


def _asked(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Sides:
    """What came along with a page: rows by the name of their list and their id."""

    def __init__(self, page: Fetched) -> None:
        self._rows = {
            (name.lower(), str(row.get("id"))): row
            for name, rows in page.data.items()
            if isinstance(rows, list) and name != "activities"
            for row in rows
            if isinstance(row, Mapping)
        }

    def of(self, kind: str, row_id: object) -> Row:
        """The row of this kind (`Log`, `Campaign`); an empty one where it did not come."""
        one = kind.lower()
        several = f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"
        return self._rows.get((several, str(row_id)), {})


def _told(row: Row, sides: Sequence[_Sides]) -> Told | None:
    """The entry; None for one of another kind (notes, deals, automations), which no timeline is asked for."""
    kind, action = str(row.get("reference_type") or ""), str(row.get("reference_action") or "").lower()
    name = "bounced" if kind.lower() == _BOUNCES else _ACTIONS.get(action)
    if name is None:
        return None
    contact, reference = row.get("contact") or row.get("subscriberid"), row.get("reference_id")
    referred = _first(side.of(kind, reference) for side in sides)
    campaign_id = reference if kind.lower() == "campaign" else referred.get("campaignid") or referred.get("relid")
    campaign = _first(side.of("campaign", campaign_id) for side in sides)
    return Told(
        id=_name(row),
        type=name,
        person=_person(contact),
        at=_time(row.get("tstamp")),
        asset=_text(campaign.get("name") or referred.get("subject")),
        link=_text(referred.get("link")),
        details=[("Subject", _text(campaign.get("subject"))), ("Code", _text(referred.get("code")))],
    )


def _name(row: Row) -> str:
    """The entry's id, or what stands for it."""
    parts = ("contact", "reference_type", "reference_action", "reference_id", "tstamp")
    return str(row.get("id") or "").strip() or id_of_parts(*(row.get(part) for part in parts))


def _first(rows: Iterator[Row]) -> Row:
    return next((row for row in rows if row), {})


def _person(raw: object) -> Ref | None:
    text = str(raw or "").strip()
    return Ref(CONTACT, RemoteId(str(int(text)))) if text.isascii() and text.isdigit() and int(text) else None


def _time(text: object) -> datetime | None:
    try:
        return parse_time(text)
    except ValueError:
        return None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
