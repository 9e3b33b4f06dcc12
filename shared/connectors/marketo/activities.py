"""What people were sent and did, from the log of activities.

Types are known by their names, which are the vendor's own; their numbers are read from the subscription. A token stands
for a moment of the log; the last page is asked for again by the same token, because what is logged later within its
last second may stand on it, and what was told is told once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from shared.connectors.activities import Chosen, Told, id_of_parts, record_of
from shared.connectors.marketo.client import PAGE, Client, Reply
from shared.connectors.marketo.errors import raise_for
from shared.connectors.marketo.fields import LEAD, parse_time
from shared.connectors.marketo.place import Seen, short
from shared.domain.records import FieldName, Ref, RemoteId
from shared.errors import CursorExpired, Transient
from shared.ports.ambient import Clock
from shared.ports.connector import ChangePage, Cursor

NAMES: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "sent": r"send email",
        "delivered": r"email delivered",
        "opened": r"open email",
        "clicked": r"click email",
        "bounced": r"email bounced( soft)?",
        "replied": r"(replied to|reply to|receive) (sales )?email",
        "moment": r"interesting moment",
    }.items()
}
"""Names of the vendor's types, in full; a subscription may lack some."""

_MOST_TYPES: Final = 10
_NO_PLACE: Final = "1003"
_DETAILS: Final = ("Category", "Details", "Description", "Source", "Device")

type Row = Mapping[str, Any]


def types_of(client: Client) -> Mapping[int, str]:
    """Our names of this subscription's types by their numbers."""
    found: dict[int, str] = {}
    for row in client.get("activities/types.json", "metadata").rows:
        name, number = row.get("name"), row.get("id")
        text = name.strip() if isinstance(name, str) else ""
        ours = next((our for our, words in NAMES.items() if words.fullmatch(text)), "")
        if ours and isinstance(number, int) and not isinstance(number, bool):
            found[number] = ours
    return found


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the log was left. `first`: it is gone through for the first time, or again."""

    select: str
    token: str
    told: str = ""
    first: bool = False


def _pack(mark: Mark) -> Cursor:
    return Cursor(json.dumps(asdict(mark), separators=(",", ":")))


def _unpack(cursor: Cursor, select: str) -> Mark:
    """Raises CursorExpired for what is no cursor, or one that was made for something else."""
    try:
        mark = Mark(**json.loads(cursor))
    except (ValueError, TypeError, RecursionError):
        raise CursorExpired("this is no cursor of Marketo", code="unknown_cursor") from None
    if not all(isinstance(text, str) for text in (mark.select, mark.token, mark.told)) or not mark.token:
        raise CursorExpired("this is no cursor of Marketo", code="unknown_cursor")
    if mark.select != select:
        raise CursorExpired("the cursor was made for other fields or types", code="other_fields")
    return mark


class ActivityFeed:
    """The feed of activities for some fields. `types` are our names by the subscription's numbers."""

    def __init__(
        self, client: Client, chosen: Chosen, types: Mapping[int, str], fields: Sequence[FieldName], *, clock: Clock
    ) -> None:
        self._client, self._chosen, self._fields, self._clock = client, chosen, fields, clock
        self._types = {number: name for number, name in sorted(types.items()) if name in chosen.types}
        self._digest = chosen.digest(fields)

    def page(self, cursor: Cursor | None) -> ChangePage:
        """See `Connector.changes`."""
        now = self._clock.now()
        mark = _unpack(cursor, self._digest) if cursor is not None else self._begin(now)
        if not self._types:
            return ChangePage([], _pack(replace(mark, first=False)), more=False, walked=mark.first)
        reply = self._ask(mark.token)
        names = Seen(mark.token, mark.told).names()
        fresh = [row for row in reply.rows if short(row.get("marketoGUID")) not in names]
        items = [record_of(entry, self._fields, now) for row in fresh if (entry := _told(row, self._types)) is not None]
        if reply.more and reply.token and reply.token != mark.token:
            return ChangePage(items, _pack(replace(mark, token=reply.token, told="")), more=True)
        told = "".join(dict.fromkeys(short(row.get("marketoGUID")) for row in reply.rows[-PAGE:]))
        return ChangePage(items, _pack(replace(mark, told=told, first=False)), more=False, walked=mark.first)

    def _begin(self, now: datetime) -> Mark:
        since = self._chosen.earliest(now).strftime("%Y-%m-%dT%H:%M:%SZ")
        token = self._client.get("activities/pagingtoken.json", "paging", [("sinceDatetime", since)]).token
        if not token:
            raise Transient("Marketo answered without a paging token", code="unreadable_answer")
        return Mark(self._digest, token, first=True)

    def _ask(self, token: str) -> Reply:
        numbers = ",".join(str(number) for number in list(self._types)[:_MOST_TYPES])
        query = [("nextPageToken", token), ("activityTypeIds", numbers)]
        found = self._client.try_get("activities.json", "activities", query)
        if isinstance(found, Reply):
            return found
        if found.code == _NO_PLACE:
            raise CursorExpired("Marketo no longer takes the paging token", code="bad_token")
        raise raise_for(found, "to read activities")


def _told(row: Row, types: Mapping[int, str]) -> Told | None:
    """The entry; None for one of a type that was not asked for."""
    number = row.get("activityTypeId")
    name = types.get(number) if isinstance(number, int) else None
    if name is None:
        return None
    named = _attributes(row)
    own, asset = str(row.get("marketoGUID") or "").strip(), _text(row.get("primaryAttributeValue"))
    return Told(
        id=own or id_of_parts(row.get("leadId"), number, row.get("activityDate"), asset),
        type=name,
        person=_person(row.get("leadId")),
        at=_time(row.get("activityDate")),
        asset=asset,
        link=named.get("Link", ""),
        details=[(name, named.get(name, "")) for name in _DETAILS],
    )


def _attributes(row: Row) -> dict[str, str]:
    rows = row.get("attributes")
    found = (each for each in rows if isinstance(each, Mapping)) if isinstance(rows, list) else ()
    return {str(each.get("name")): _text(each.get("value")) for each in found}


def _person(raw: object) -> Ref | None:
    text = str(raw)
    return Ref(LEAD, RemoteId(str(int(text)))) if text.isascii() and text.isdigit() and int(text) else None


def _time(text: object) -> datetime | None:
    try:
        return parse_time(str(text))
    except ValueError:
        return None


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else str(value) if isinstance(value, int) else ""
