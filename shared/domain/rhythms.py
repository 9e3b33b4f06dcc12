"""Rhythms and their slots.

A *slot* is one run that a rhythm asks for. Its id is the same on every worker and at every look, so that a slot runs
once though timers fire twice; slots that were missed collapse into the newest one. Everything is computed in UTC; only
a daily rhythm knows a zone, and it runs once on each local day: a time that the clocks skip in spring runs as much
later as they jump, a time that comes twice in autumn runs at its first coming.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Final, Protocol
from zoneinfo import ZoneInfo

GRID_HOURS: Final = (1, 2, 4, 6, 8, 12)
"""The hours a grid may have; there is no other."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Due:
    """The next run: not before `when` (in the past when it is late), as the slot `slot`. `missed` counts the slots
    that it stands for besides its own."""

    when: datetime
    slot: str
    missed: int = 0


class Rhythm(Protocol):
    """How often a lane runs."""

    @property
    def interval(self) -> timedelta:
        """The usual time between two starts; lateness is counted in it."""
        ...

    def due(self, last_slot: str, last_end: datetime | None, now: datetime) -> Due: ...

    def round_up(self, when: datetime) -> datetime:
        """The first moment at or after `when` at which this rhythm does anything."""
        ...

    def as_data(self) -> dict[str, object]: ...


class _Slotted:
    """Rhythms whose slots stand on the clock, whatever the runs do."""

    kind: str

    def at_or_before(self, moment: datetime) -> tuple[datetime, str]:
        """The newest slot that began at or before `moment`: its start and its id."""
        raise NotImplementedError

    def after(self, start: datetime) -> tuple[datetime, str]:
        """The slot that follows the one that began at `start`."""
        raise NotImplementedError

    def started(self, slot: str) -> datetime | None:
        """When a slot of this rhythm began; None for another rhythm's id."""
        raise NotImplementedError

    def due(self, last_slot: str, last_end: datetime | None, now: datetime) -> Due:
        start, slot = self.at_or_before(now)
        last = self.started(last_slot)
        if last is None:
            ran = last_end is not None and last_end >= start
            return Due(*self.after(start)) if ran else Due(start, slot)
        if last >= start:  # done; a slot far ahead of the clock is one that ran before the clock was put back
            following = self.after(start)
            return Due(*(self.after(following[0]) if last == following[0] else following))
        return Due(start, slot, self._between(last, start))

    def _between(self, last: datetime, start: datetime) -> int:
        count = 0
        moment, _ = self.after(last)
        while moment < start and count < _MOST_COUNTED:
            count += 1
            moment, _ = self.after(moment)
        return count

    def round_up(self, when: datetime) -> datetime:
        start, _ = self.at_or_before(when)
        return when if start == when else self.after(start)[0]


_MOST_COUNTED: Final = 1000


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _unstamp(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None


class _Regular(_Slotted):
    """Slots every so many minutes, counted from midnight UTC of the first day there is."""

    @property
    def interval(self) -> timedelta:
        raise NotImplementedError

    def at_or_before(self, moment: datetime) -> tuple[datetime, str]:
        start = moment - (moment - _EPOCH) % self.interval
        return start, f"{self.kind}:{_stamp(start)}"

    def after(self, start: datetime) -> tuple[datetime, str]:
        following = start + self.interval
        return following, f"{self.kind}:{_stamp(following)}"

    def started(self, slot: str) -> datetime | None:
        kind, _, text = slot.partition(":")
        found = _unstamp(text) if kind == self.kind else None
        return self.at_or_before(found)[0] if found is not None else None


@dataclass(frozen=True, slots=True)
class Grid(_Regular):
    """Every 1, 2, 4, 6, 8 or 12 hours, on the hours of the UTC day that the number divides."""

    hours: int

    kind = "grid"

    @property
    def interval(self) -> timedelta:
        return timedelta(hours=self.hours)

    def as_data(self) -> dict[str, object]:
        return {"kind": "grid", "hours": self.hours}


@dataclass(frozen=True, slots=True)
class Every(_Regular):
    """Every so many minutes."""

    minutes: int

    kind = "every"

    @property
    def interval(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    def as_data(self) -> dict[str, object]:
        return {"kind": "every", "minutes": self.minutes}


@dataclass(frozen=True, slots=True)
class Daily(_Slotted):
    """Once on each day of a zone, at a local time."""

    at: time
    zone: str

    kind = "daily"

    @property
    def interval(self) -> timedelta:
        return _DAY

    def on(self, day: date) -> datetime:
        """When the day's run is due, in UTC."""
        return datetime.combine(day, self.at, ZoneInfo(self.zone)).astimezone(UTC)

    def at_or_before(self, moment: datetime) -> tuple[datetime, str]:
        day = moment.astimezone(ZoneInfo(self.zone)).date() + _DAY
        while self.on(day) > moment:
            day -= _DAY
        return self._slot(day)

    def after(self, start: datetime) -> tuple[datetime, str]:
        day = start.astimezone(ZoneInfo(self.zone)).date() - _DAY
        while self.on(day) <= start:
            day += _DAY
        return self._slot(day)

    def started(self, slot: str) -> datetime | None:
        kind, _, text = slot.partition(":")
        try:
            return self.on(date.fromisoformat(text)) if kind == self.kind else None
        except ValueError:
            return None

    def _slot(self, day: date) -> tuple[datetime, str]:
        return self.on(day), f"{self.kind}:{day.isoformat()}"

    def as_data(self) -> dict[str, object]:
        return {"kind": "daily", "at": self.at.strftime("%H:%M"), "zone": self.zone}


class _FromEnd:
    """Rhythms that count from the end of the last run, also of one that failed."""

    kind: str

    def pause(self, last_end: datetime) -> timedelta:
        raise NotImplementedError

    def due(self, last_slot: str, last_end: datetime | None, now: datetime) -> Due:
        del last_slot
        if last_end is None:
            return Due(now, f"{self.kind}:first")
        end = min(last_end, now)  # an end in the future is a clock that was put back
        return Due(end + self.pause(end), f"{self.kind}:{last_end.astimezone(UTC).isoformat(timespec='seconds')}")

    def round_up(self, when: datetime) -> datetime:
        return when


@dataclass(frozen=True, slots=True)
class PauseAfterEnd(_FromEnd):
    """So many minutes after the last run ended, and up to `jitter` more.

    The extra time follows from the moment of the end, so that every look at it gives the same answer.
    """

    minutes: int
    jitter: int = 0

    kind = "pause"

    @property
    def interval(self) -> timedelta:
        return timedelta(minutes=self.minutes + self.jitter)

    def pause(self, last_end: datetime) -> timedelta:
        draw = blake2b(last_end.astimezone(UTC).isoformat().encode(), digest_size=4).digest()
        share = int.from_bytes(draw) / 2**32
        return timedelta(minutes=self.minutes) + share * timedelta(minutes=self.jitter)

    def as_data(self) -> dict[str, object]:
        return {"kind": "pause", "minutes": self.minutes, "jitter": self.jitter}


@dataclass(frozen=True, slots=True)
class Continuous(_FromEnd):
    """Again and again, with a pause of a few minutes at most."""

    minutes: int = 1

    kind = "continuous"

    @property
    def interval(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    def pause(self, last_end: datetime) -> timedelta:
        del last_end
        return self.interval

    def as_data(self) -> dict[str, object]:
        return {"kind": "continuous", "minutes": self.minutes}
