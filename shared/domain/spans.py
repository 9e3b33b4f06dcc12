"""Spans of time that are told relative to now, as Dynamics means them, in a zone that the criteria name.

Half-open: the start belongs to the span, the end does not; None is no bound. "Last 3 days" begins three midnights ago
and ends now; "next 3 days" begins now and ends with the third day after today; "older than 3 days" ends three midnights
ago. Hours count from the full hour when they look back. We send the bounds themselves, not the query functions of
Dataverse: those are judged in the calling user's zone, which nobody would see.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

type Bounds[T] = tuple[T | None, T | None]

_UNITS: Final = ("hours", "days", "weeks", "months", "years")
_COUNTED: Final = re.compile(rf"(last|next|older_than)_x_({'|'.join(_UNITS)})")
_DAY: Final = timedelta(days=1)
MOST: Final = {"hours": 10_000, "days": 10_000, "weeks": 1_400, "months": 1_200, "years": 100}
"""The largest number for each unit."""

FIXED: Final = frozenset(
    {"today", "yesterday", "tomorrow"}
    | {f"{which}_{period}" for which in ("last", "this", "next") for period in ("week", "month", "year")}
)
"""Operators without a number."""

COUNTED: Final = frozenset(f"{which}_x_{unit}" for which in ("last", "next", "older_than") for unit in _UNITS)
"""Operators with a number."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Whose days and weeks are meant."""

    zone: ZoneInfo
    monday: bool = False

    def start_of(self, day: date) -> datetime:
        """When a day begins there, in UTC."""
        try:
            return datetime.combine(day, time(), self.zone).astimezone(UTC)
        except OverflowError:  # the first or the last day of the calendar, in a zone that is ahead or behind
            return datetime.combine(day, time(), UTC)

    def today(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()

    def week(self, day: date, shift: int) -> date:
        back = day.weekday() if self.monday else (day.weekday() + 1) % 7
        return day - back * _DAY + 7 * shift * _DAY


def shifted(day: date, unit: str, count: int) -> date:
    """A day `count` units away; months and years keep the day of the month where it exists. Clamped to the calendar."""
    if unit in {"months", "years"}:
        number = day.year * 12 + day.month - 1 + count * (12 if unit == "years" else 1)
        year, month = divmod(number, 12)
        if not date.min.year <= year <= date.max.year:
            return date.min if count < 0 else date.max
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    try:
        return day + count * (7 if unit == "weeks" else 1) * _DAY
    except OverflowError:
        return date.min if count < 0 else date.max


def _first_of(period: str, calendar: Calendar) -> Callable[[date, int], date]:
    def month(day: date, shift: int) -> date:
        return shifted(day.replace(day=1), "months", shift)

    def year(day: date, shift: int) -> date:
        return shifted(day.replace(month=1, day=1), "years", shift)

    return {"week": calendar.week, "month": month, "year": year}[period]


def fixed_days(name: str, today: date, calendar: Calendar) -> tuple[date, date]:
    """The days of an operator without a number: first day, and the day after the last."""
    near = {"yesterday": -1, "today": 0, "tomorrow": 1}
    if name in near:
        first = shifted(today, "days", near[name])
        return first, shifted(first, "days", 1)
    which, _, period = name.partition("_")
    shift = {"last": -1, "this": 0, "next": 1}[which]
    first_of = _first_of(period, calendar)
    return first_of(today, shift), first_of(today, shift + 1)


def day_bounds(name: str, count: int, now: datetime, calendar: Calendar) -> Bounds[date]:
    """The bounds of a relative operator for a column of dates."""
    today = calendar.today(now)
    if name in FIXED:
        return fixed_days(name, today, calendar)
    which, unit = parts_of(name)
    tomorrow = shifted(today, "days", 1)
    if which == "last":
        return shifted(today, unit, -count), tomorrow
    if which == "next":
        return tomorrow, shifted(shifted(today, unit, count), "days", 1)
    return None, shifted(today, unit, -count)


def moment_bounds(name: str, count: int, now: datetime, calendar: Calendar) -> Bounds[datetime]:
    """The bounds of a relative operator for a column of moments, in UTC."""
    now = now.astimezone(UTC).replace(microsecond=0)
    if name in FIXED:
        first, after = fixed_days(name, calendar.today(now), calendar)
        return calendar.start_of(first), calendar.start_of(after)
    which, unit = parts_of(name)
    if unit == "hours":
        return _hour_bounds(which, count, now)
    today = calendar.today(now)
    if which == "last":
        return calendar.start_of(shifted(today, unit, -count)), now + timedelta(seconds=1)
    if which == "next":
        return now, calendar.start_of(shifted(shifted(today, unit, count), "days", 1))
    return None, calendar.start_of(shifted(today, unit, -count))


def _hour_bounds(which: str, count: int, now: datetime) -> Bounds[datetime]:
    span = timedelta(hours=count)
    if which == "last":
        return now.replace(minute=0, second=0) - span, now + timedelta(seconds=1)
    return (now, now + span) if which == "next" else (None, now - span)


def parts_of(name: str) -> tuple[str, str]:
    """`last_x_days` as ("last", "days")."""
    found = _COUNTED.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is not a relative operator")
    return found[1], found[2]
