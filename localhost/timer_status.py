"""What a timer remembers between hosts, and what follows from it. Pure; the rules of webjobs-sdk-extensions."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from localhost.ncrontab import Schedule

_NEVER = "0001-01-01T00:00:00"  # .NET's default(DateTime)


@dataclass(frozen=True, slots=True)
class TimerStatus:
    """The status blob ``{Last, Next, LastUpdated}``; None stands for "never"."""

    last: dt.datetime | None
    next: dt.datetime | None
    last_updated: dt.datetime | None

    def to_json(self) -> dict[str, str]:
        """As the real host stores it, and as the function sees it."""
        return {"Last": _text(self.last), "Next": _text(self.next), "LastUpdated": _text(self.last_updated)}

    @staticmethod
    def from_json(document: dict[str, Any]) -> "TimerStatus":
        """Read a status blob; raises KeyError or ValueError when it is not one."""
        return TimerStatus(*(_moment(document[key]) for key in ("Last", "Next", "LastUpdated")))


@dataclass(frozen=True, slots=True)
class Start:
    """What a starting timer does: whether it is past due, its status, and whether that must be written first."""

    past_due: bool
    status: TimerStatus
    write: bool


def plan_start(stored: TimerStatus | None, schedule: Schedule, now: dt.datetime) -> Start:
    """Compare the stored status with the schedule.

    No status: write one, not past due. Another schedule than the one the status was reckoned with: reckon anew, and
    never past due. Otherwise past due when the stored next occurrence has gone by, however many more did since.
    """
    if stored is None:
        return Start(False, TimerStatus(None, schedule.next_after(now), now), True)  # noqa: FBT003 - the record's fields
    based_on = stored.last or stored.last_updated or now
    expected = schedule.next_after(based_on)
    status, write = stored, False
    if stored.next != expected:
        if expected is not None and now > expected:
            expected, based_on = schedule.next_after(now), now
        status, write = TimerStatus(None, expected, based_on), True
    return Start(status.next is not None and now > status.next, status, write)


def after_run(status: TimerStatus, schedule: Schedule, invoked_at: dt.datetime, *, on_schedule: bool) -> TimerStatus:
    """The status after a run, successful or not. A run that fired a little early counts as the planned one, so that the
    same occurrence is not reckoned twice.
    """
    moment = invoked_at
    if on_schedule and status.next is not None and status.next > invoked_at:
        moment = status.next
    return TimerStatus(moment, schedule.next_after(moment), moment)


def _text(moment: dt.datetime | None) -> str:
    return _NEVER if moment is None else moment.isoformat()


def _moment(text: str) -> dt.datetime | None:
    if text.startswith("0001-01-01"):
        return None
    moment = dt.datetime.fromisoformat(text)
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
