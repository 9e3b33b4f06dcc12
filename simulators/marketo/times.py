"""Times as this vendor writes and reads them: whole seconds. Source: marketo.md 2.2."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

CENTRAL = ZoneInfo("America/Chicago")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def stamp(instant: float, *, offset: str = "Z") -> str:
    """Seconds since 1970 as ISO 8601 in UTC, cut to the second; ends in `Z` or, as older samples do, `+0000`."""
    return datetime.fromtimestamp(int(instant), tz=UTC).strftime("%Y-%m-%dT%H:%M:%S") + offset


def read_instant(text: str, *, milliseconds: bool = True) -> float | None:
    """ISO 8601 with or without offset (none means UTC), or a plain date; None for anything else."""
    text = text.strip()
    if not milliseconds and "." in text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if -62_000_000_000 < seconds < _LATEST else None


def read_date(text: str) -> str | None:
    """`YYYY-MM-DD`, also cut from a date and time; None for anything else."""
    head = text.strip()[:10]
    if not _DATE.match(head):
        return None
    try:
        return date.fromisoformat(head).isoformat()
    except ValueError:
        return None


def quota_day(instant: float) -> str:
    """The day of US Central an instant belongs to: the quota begins anew at its midnight."""
    return datetime.fromtimestamp(instant, tz=CENTRAL).date().isoformat()
