"""The spans of time that the date functions of a filter mean: half-open, UTC, weeks from Sunday.

The fiscal year is the calendar year in quarters, as a new organisation has it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

type Span = tuple[datetime | None, datetime | None]

_DAY = timedelta(days=1)


def midnight(moment: datetime) -> datetime:
    """Return the beginning of the day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def month(moment: datetime, shift: int = 0) -> datetime:
    """Return the first of the month, `shift` months away."""
    number = moment.year * 12 + moment.month - 1 + shift
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def year(moment: datetime, shift: int = 0) -> datetime:
    """Return the first of January, `shift` years away."""
    return datetime(moment.year + shift, 1, 1, tzinfo=UTC)


def week(moment: datetime, shift: int = 0) -> datetime:
    """Return the Sunday on or before, `shift` weeks away."""
    day = midnight(moment)
    return day - ((day.weekday() + 1) % 7) * _DAY + 7 * shift * _DAY


def quarter(moment: datetime, shift: int = 0) -> datetime:
    """Return the first day of the quarter, `shift` quarters away."""
    return month(month(moment, -((moment.month - 1) % 3)), 3 * shift)


def back(moment: datetime, unit: str, count: int) -> datetime:
    """Return the moment `count` units earlier; months and years keep the day where they can."""
    if unit in ("Months", "Years"):
        first = month(moment, -count * (12 if unit == "Years" else 1))
        longest = (month(first, 1) - first).days
        return first + timedelta(days=min(moment.day, longest) - 1) + (moment - midnight(moment))
    hours = {"Minutes": timedelta(minutes=1), "Hours": timedelta(hours=1), "Days": _DAY, "Weeks": 7 * _DAY}[unit]
    return moment - count * hours


_PERIODS: dict[str, Callable[[datetime, int], datetime]] = {
    "Week": week,
    "Month": month,
    "Year": year,
    "FiscalYear": year,
    "FiscalPeriod": quarter,
}
_SHIFTS = {"Last": -1, "This": 0, "Next": 1}


def fixed_span(name: str, now: datetime) -> Span | None:
    """Return the span of a function without a number (`Today`, `LastMonth`, `Next7Days`), None for another name."""
    today = midnight(now)
    days: dict[str, Span] = {
        "Today": (today, today + _DAY),
        "Yesterday": (today - _DAY, today),
        "Tomorrow": (today + _DAY, today + 2 * _DAY),
        "Last7Days": (today - 7 * _DAY, now + timedelta(seconds=1)),
        "Next7Days": (now, today + 8 * _DAY),
    }
    if name in days:
        return days[name]
    for word, shift in _SHIFTS.items():
        start = _PERIODS.get(name.removeprefix(word)) if name.startswith(word) else None
        if start is not None:
            return start(now, shift), start(now, shift + 1)
    return None


_UNITS = ("Minutes", "Hours", "Days", "Weeks", "Months", "Years")


def counted_span(name: str, now: datetime, count: int) -> Span | None:
    """Return the span of a function with a number (`LastXHours`, `OlderThanXDays`), None for another name."""
    for unit in _UNITS:
        whole_days = unit not in ("Hours", "Minutes")
        if name == f"OlderThanX{unit}":
            edge = back(now, unit, count)
            return None, midnight(edge) if whole_days else edge
        if name == f"LastX{unit}":
            edge = back(now, unit, count)
            start = midnight(edge) if whole_days else edge.replace(minute=0, second=0, microsecond=0)
            return start, now + timedelta(seconds=1)
        if name == f"NextX{unit}":
            edge = back(now, unit, -count)
            return now, midnight(edge) + _DAY if whole_days else edge
    return None


def dated_span(name: str, day: datetime) -> Span | None:
    """Return the span of `On`, `OnOrAfter`, `OnOrBefore` a day, None for another name."""
    start = midnight(day)
    spans: dict[str, Span] = {
        "On": (start, start + _DAY),
        "OnOrAfter": (start, None),
        "OnOrBefore": (None, start + _DAY),
    }
    return spans.get(name)
