"""The vendor's ways of writing time: US Central with its offset, bare wall-clock, and UTC for custom objects.

Source: activecampaign.md 2.2.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

CENTRAL = ZoneInfo("America/Chicago")
NO_DATE = "0000-00-00"
NO_DATETIME = "0000-00-00 00:00:00"


@lru_cache(maxsize=65536)
def with_offset(instant: int) -> str:
    """`2026-05-28T03:05:54-05:00`: whole seconds, US Central, daylight saving included."""
    return datetime.fromtimestamp(instant, tz=CENTRAL).isoformat(timespec="seconds")


def with_offset_or_null(instant: int | None) -> str | None:
    """The same, or null for what has not happened."""
    return None if instant is None else with_offset(instant)


@lru_cache(maxsize=65536)
def wall_clock(instant: int) -> str:
    """`2026-05-28 03:05:54`: US Central without saying so, even in columns called utc."""
    return datetime.fromtimestamp(instant, tz=CENTRAL).strftime("%Y-%m-%d %H:%M:%S")


def utc_wall_clock(instant: int) -> str:
    """`2018-10-22 19:57:37`: custom-field definitions and their values, without a zone."""
    return datetime.fromtimestamp(instant, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def utc_nanoseconds(instant: int) -> str:
    """`2021-04-16T15:08:25.000000000Z`: custom objects."""
    return datetime.fromtimestamp(instant, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")


def parse_instant(text: str, *, naive: tzinfo = CENTRAL) -> float | None:
    """Seconds since 1970 of an ISO 8601 date or time; `naive` is the zone of one without offset. None if unreadable."""
    # A plus that was not percent-encoded arrives as a space: "...T03:04:05 02:00".
    cleaned = text.strip()
    if len(cleaned) > 6 and cleaned[-6] == " " and cleaned[-3] == ":" and "T" in cleaned:
        cleaned = f"{cleaned[:-6]}+{cleaned[-5:]}"
    try:
        moment = datetime.fromisoformat(cleaned)
        return (moment if moment.tzinfo else moment.replace(tzinfo=naive)).timestamp()
    except (ValueError, OverflowError):
        return None


def is_date(text: str) -> bool:
    """Whether text is a calendar day, `YYYY-MM-DD`, or the vendor's null date."""
    if text == NO_DATE:
        return True
    try:
        return len(text) == 10 and bool(datetime.strptime(text, "%Y-%m-%d"))  # noqa: DTZ007 - only its form is asked
    except ValueError:
        return False
