"""Where a feed of people was left."""

from __future__ import annotations

import json
from base64 import b85encode
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from shared.errors import CursorExpired
from shared.ports.connector import Cursor

GOOD_FOR = timedelta(days=13)
"""Deletions are told for fourteen days; a place that was left longer ago cannot be trusted."""


_SHORT = 8


class Log(StrEnum):
    """The three logs of one turn, in this order."""

    CHANGES = "changes"
    EVENTS = "events"
    DELETED = "deleted"


ORDER = tuple(Log)


@dataclass(frozen=True, slots=True)
class Seen:
    """A log's token, and the names of the activities of its page that were told already.

    The token of the last page is asked again next time, because what was logged later within its last second may
    stand on the same page; what was told is told once.
    """

    token: str
    told: str = ""

    def names(self) -> frozenset[str]:
        """Each in its short form."""
        return frozenset(self.told[at : at + _SHORT] for at in range(0, len(self.told), _SHORT))


def short(guid: object) -> str:
    """A marketoGUID in eight characters."""
    return b85encode(blake2b(str(guid).encode(), digest_size=6).digest()).decode()


@dataclass(frozen=True, slots=True)
class Place:
    """`select` is the digest of the fields. `walking`: people are gone through by id, `last` was the last id asked for,
    `top` the newest id known when the walk began, `empty` how many pages without anybody came in a row. `at` is when
    the logs were last read to their end."""

    select: str
    logs: dict[Log, Seen]
    at: str
    now: Log = Log.CHANGES
    walking: bool = False
    last: int = 0
    top: int = 0
    empty: int = 0

    def with_log(self, log: Log, seen: Seen) -> Place:
        return replace(self, logs={**self.logs, log: seen})


def pack(place: Place) -> Cursor:
    members = asdict(place)
    members["logs"] = {log.value: [seen.token, seen.told] for log, seen in place.logs.items()}
    return Cursor(json.dumps(members, separators=(",", ":")))


def unpack(cursor: Cursor, select: str, now: datetime) -> Place:
    """Raises CursorExpired for what is no cursor, one made for other fields, and one that is too old."""
    try:
        members = json.loads(cursor)
        logs = {Log(name): Seen(_text(token), _text(told)) for name, (token, told) in members["logs"].items()}
        place = Place(
            select=_text(members["select"]),
            logs=logs,
            at=_text(members["at"]),
            now=Log(members["now"]),
            walking=bool(members["walking"]),
            last=int(members["last"]),
            top=int(members["top"]),
            empty=int(members["empty"]),
        )
        left = datetime.fromisoformat(place.at)
        complete = set(logs) == set(Log)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise CursorExpired("this is no cursor of Marketo", code="unknown_cursor") from None
    if not complete or left.tzinfo is None:
        raise CursorExpired("this is no cursor of Marketo", code="unknown_cursor")
    if place.select != select:
        raise CursorExpired("the cursor was made for other fields", code="other_fields")
    if now - left > GOOD_FOR:
        raise CursorExpired("Marketo tells deletions for fourteen days only", code="log_pruned")
    return place


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value
