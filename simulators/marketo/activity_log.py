"""The activities of all leads in order of time, and tokens that point into them. Source: marketo.md 2.5."""

from __future__ import annotations

import base64
import re
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Any

from simulators.marketo.errors import CallError

_TOKEN = re.compile(r"(\d{12})\|(\d{12})\|", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A point of the log: a second, and the number of the last activity seen in it."""

    second: int
    number: int = 0


@dataclass(slots=True)
class Activity:
    """One activity. `change` is (field id, name, new, old) for those leadchanges can show."""

    number: int
    lead: int
    second: int
    type: int
    primary_id: int | None = None
    primary: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    change: tuple[int, str, Any, Any] | None = None
    campaign: int | None = None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.second, self.number)

    @property
    def guid(self) -> str:
        """Its lasting name; unlike the number it says nothing about order."""
        return f"{(self.number * 2_654_435_761) % 2**32 + 2**32}{self.number}"


class ActivityLog:
    """Activities sorted by second and number. Those dated back (imports, seeds) are sorted in."""

    def __init__(self) -> None:
        self._rows: list[Activity] = []
        self._next = 1

    def add(self, lead: int, second: int, kind: int, **facts: Any) -> Activity:
        """Write one down."""
        activity = Activity(self._next, lead, second, kind, **facts)
        self._next += 1
        if self._rows and self._rows[-1].place > activity.place:
            insort(self._rows, activity, key=lambda each: each.place)
        else:
            self._rows.append(activity)
        return activity

    def after(self, place: Place) -> int:
        """The index of the first activity beyond a place."""
        return bisect_left(self._rows, Place(place.second, place.number + 1), key=lambda each: each.place)

    def from_second(self, second: int) -> int:
        """The index of the first activity of a second or later."""
        return bisect_left(self._rows, Place(second), key=lambda each: each.place)

    def slice(self, start: int, end: int) -> list[Activity]:
        """Rows by index."""
        return self._rows[start:end]

    def move(self, losers: set[int], winner: int) -> None:
        """After a merge the winner has the history of all."""
        for each in self._rows:
            if each.lead in losers:
                each.lead = winner

    def clear(self) -> None:
        """Forget all; numbering goes on."""
        self._rows.clear()

    def __len__(self) -> int:
        return len(self._rows)


def token(place: Place) -> str:
    """An opaque paging token: base32 text that needs URL encoding, as the vendor's own."""
    raw = f"{place.second:012d}|{place.number:012d}|".encode()
    return base64.b32encode(raw).decode()


def read_token(text: str) -> Place:
    """Where a token points. Raises CallError 1003 for one that was never handed out."""
    match = _TOKEN.fullmatch(decoded(text))
    if match is None:
        raise CallError("1003", "Invalid data: nextPageToken")
    return Place(int(match[1]), int(match[2]))


def decoded(text: str) -> str:
    """What a token says; empty for one that is no base32."""
    try:
        return base64.b32decode(text.encode("ascii")).decode("ascii")
    except (ValueError, UnicodeError):
        return ""
