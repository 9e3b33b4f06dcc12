"""NCRONTAB expressions: when a timer fires next. Pure; all times are UTC.

Six fields (second minute hour day month day-of-week) or five (second 0). A field is a list of ``*``, a number or name,
a range, or one of these with a step; as in the NCrontab library a backward range is turned round, and ``5/15`` means
from 5 on. Unlike in Unix cron, day *and* day-of-week must both match.
"""

import datetime as dt
from dataclasses import dataclass

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# 29 February on one given day of the week comes at most 40 years apart (across a year 2100).
_HORIZON_DAYS = 366 * 41


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def parse(self, text: str) -> frozenset[int]:
        """Every value that the field's text allows."""
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, part: str) -> range:
        base, slash, step_text = part.partition("/")
        step = self._number(step_text, part) if slash else 1
        if step < 1:
            raise ValueError(f"the step in {part!r} ({self.name}) must be at least 1")
        if base == "*":
            return range(self.low, self.high + 1, step)
        first, dash, last = base.partition("-")
        low = self._value(first, part)
        if dash:
            low, high = sorted((low, self._value(last, part)))
        else:
            high = self.high if slash else low
        return range(low, high + 1, step)

    def _value(self, text: str, part: str) -> int:
        if text[:3].lower() in self.names and text.isalpha():
            return self.names.index(text[:3].lower()) + self.low
        value = self._number(text, part)
        if not self.low <= value <= self.high:
            raise ValueError(f"{value} in {part!r} is outside {self.low}-{self.high} ({self.name})")
        return value

    def _number(self, text: str, part: str) -> int:
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"{part!r} is not understood ({self.name})")
        return int(text)


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed expression."""

    expression: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: dt.datetime) -> dt.datetime | None:
        """The first occurrence after ``moment`` (an aware UTC time), or None if there is none for decades."""
        start = moment.replace(microsecond=0) + dt.timedelta(seconds=1)
        day, earliest = start.date(), start.time()
        for _ in range(_HORIZON_DAYS):
            if self._is_on(day):
                time = self._first_time(earliest)
                if time is not None:
                    return dt.datetime.combine(day, time, tzinfo=dt.UTC)
            day += dt.timedelta(days=1)
            earliest = dt.time.min
        return None

    def is_below_a_minute(self, moment: dt.datetime) -> bool:
        """Whether the next two occurrences are less than a minute apart; the real host then keeps no status."""
        first = self.next_after(moment)
        second = self.next_after(first) if first else None
        return bool(first and second and second - first < dt.timedelta(minutes=1))

    def _is_on(self, day: dt.date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _first_time(self, earliest: dt.time) -> dt.time | None:
        for hour in (hour for hour in self.hours if hour >= earliest.hour):
            same_hour = hour == earliest.hour
            for minute in (minute for minute in self.minutes if not same_hour or minute >= earliest.minute):
                least = earliest.second if same_hour and minute == earliest.minute else 0
                for second in self.seconds:
                    if second >= least:
                        return dt.time(hour, minute, second)
        return None


def parse(expression: str) -> Schedule:
    """Read an expression; raises ValueError that says which part is wrong."""
    parts = expression.split()
    if len(parts) == 5:
        parts = ["0", *parts]
    if len(parts) != 6:
        hint = "; a time span is for App Service plans only" if ":" in expression else ""
        raise ValueError(f"it has {len(parts)} fields instead of 6 (second minute hour day month day-of-week){hint}")
    second, minute, hour, day, month, weekday = (field.parse(part) for field, part in zip(_FIELDS, parts, strict=True))
    return Schedule(expression, tuple(sorted(second)), tuple(sorted(minute)), tuple(sorted(hour)), day, month, weekday)
