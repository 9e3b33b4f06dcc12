"""When a lane runs next, how late it is, and how a rhythm stands in a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.domain.mistakes import MapErrors, Mistake
from shared.domain.reader import Reader
from shared.domain.rhythms import GRID_HOURS, Continuous, Daily, Due, Every, Grid, PauseAfterEnd, Rhythm

__all__ = [
    "GRID_HOURS",
    "KINDS",
    "Continuous",
    "Daily",
    "Due",
    "Every",
    "Grid",
    "Lateness",
    "PauseAfterEnd",
    "Rhythm",
    "describe",
    "intervals_late",
    "late",
    "next_due",
    "parse_rhythm",
]

KINDS: Final = ("grid", "daily", "pause", "every", "continuous")


def next_due(rhythm: Rhythm, *, last_slot: str, last_end: datetime | None, now: datetime) -> Due:
    """The next run of a lane whose last slot was `last_slot` ("" when it never ran) and ended at `last_end`.

    A lane that never ran, and one whose slot has begun since its last run, is due at once.
    """
    return rhythm.due(last_slot, last_end, now)


class Lateness(StrEnum):
    """ON_TIME; LATE: overdue by more than one interval; FAILING: by more than two."""

    ON_TIME = "on_time"
    LATE = "late"
    FAILING = "failing"


def intervals_late(rhythm: Rhythm, *, last_slot: str, last_end: datetime | None, now: datetime) -> float:
    """By how many of its intervals a lane is overdue, judged by the first slot it missed; 0 for one that never ran."""
    if last_end is None:
        return 0.0
    found = rhythm.due(last_slot, last_end, now)
    return max(0.0, (now - found.when + found.missed * rhythm.interval) / rhythm.interval)


def late(rhythm: Rhythm, *, last_slot: str, last_end: datetime | None, now: datetime) -> Lateness:
    """How far behind its rhythm a lane is, judged by the first slot it missed. One that never ran is on time."""
    overdue = intervals_late(rhythm, last_slot=last_slot, last_end=last_end, now=now)
    if overdue > 2:  # noqa: PLR2004 - see Lateness
        return Lateness.FAILING
    return Lateness.LATE if overdue > 1 else Lateness.ON_TIME


# -- the file form ----------------------------------------------------------------------------------------------------


def parse_rhythm(data: object, *, place: str = "rhythm", kinds: Collection[str] = KINDS) -> Rhythm:
    """A rhythm from its file form. Raises MapErrors naming what is wrong and what is allowed.

    `kinds` are those that the connection's partner knows (ActiveCampaign: grid and daily).

    `{"kind": "grid", "hours": 4}`, `{"kind": "daily", "at": "06:30", "zone": "Europe/Madrid"}`,
    `{"kind": "pause", "minutes": 5, "jitter": 1}`, `{"kind": "every", "minutes": 15}`,
    `{"kind": "continuous", "minutes": 1}`.
    """
    mistakes: list[Mistake] = []
    reader = Reader(data, place, mistakes)
    rhythm = _read(reader, kinds)
    if rhythm is None or mistakes:
        raise MapErrors(mistakes)
    return rhythm


def _read(reader: Reader, kinds: Collection[str]) -> Rhythm | None:
    kind = reader.text("kind")
    if kind not in kinds or kind not in _READERS:
        if kind:
            reader.unknown("kind", kind, kinds)
        return None
    rhythm = _READERS[kind](reader)
    reader.close()
    return rhythm


def _grid(reader: Reader) -> Rhythm | None:
    hours = reader.get("hours")
    if not isinstance(hours, int) or isinstance(hours, bool) or hours not in GRID_HOURS:
        allowed = ", ".join(map(str, GRID_HOURS))
        reader.note("hours", "not_on_the_grid", f"must be one of {allowed}; for once a day use the kind daily")
        return None
    return Grid(hours)


def _daily(reader: Reader) -> Rhythm | None:
    at, zone = reader.text("at"), reader.text("zone", "UTC")
    known = _known_zone(zone)
    if not known:
        reader.note("zone", "unknown_zone", f"{zone!r} is not the name of a time zone, such as Europe/Madrid")
    try:
        when = datetime.strptime(at, "%H:%M").time()  # noqa: DTZ007 - a local time of day has no zone of its own
    except ValueError:
        if at:
            reader.note("at", "wrong_type", "must be a time of day such as 06:30")
        return None
    return Daily(when, zone) if known else None


def _known_zone(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _pause(reader: Reader) -> Rhythm | None:
    return PauseAfterEnd(reader.number("minutes", 5, least=1, most=1440), reader.number("jitter", 0, least=0, most=60))


def _every(reader: Reader) -> Rhythm | None:
    return Every(reader.number("minutes", 15, least=1, most=1440))


def _continuous(reader: Reader) -> Rhythm | None:
    return Continuous(reader.number("minutes", 1, least=1, most=5))


_READERS: Final[Mapping[str, Callable[[Reader], Rhythm | None]]] = {
    "grid": _grid,
    "daily": _daily,
    "pause": _pause,
    "every": _every,
    "continuous": _continuous,
}


def describe(rhythm: Rhythm) -> Mapping[str, object]:
    """The file form of a rhythm; `parse_rhythm` reads it back."""
    return rhythm.as_data()
