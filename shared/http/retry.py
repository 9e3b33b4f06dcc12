"""How long to wait before the next try."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.http.calls import http_date

LONGEST_WAIT = 3600.0
"""No server is believed beyond an hour: it is asked again then."""

SHORT_WAIT = 5.0
"""Longer waits are not slept inside a call; the work goes back to its lane."""


def parse_retry_after(text: str | None, *, now: datetime | None) -> float | None:
    """Seconds asked for by a Retry-After header; None when there is none or it makes no sense.

    Whole or fractional seconds and HTTP dates are understood (a date is measured against `now`, the server's own
    time); a time that has passed is 0; more than an hour is an hour.
    """
    if text is None or not text.strip():
        return None
    try:
        seconds = float(text)
    except ValueError:
        told = http_date(text)
        if told is None or now is None:
            return None
        seconds = (told - now).total_seconds()
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Full jitter: a random share of `base` doubled at each try, up to `cap` seconds; `tries` counts the first one."""

    tries: int = 4
    base: float = 0.4
    cap: float = 5.0
    throttled: float = 1.0

    def wait(self, tried: int, *, asked: float | None, jitter: Callable[[], float], throttled: bool = False) -> float:
        """Seconds before try number `tried` + 1. A server's wish raises the wait and never lowers it."""
        drawn = jitter() * min(self.cap, self.base * 2.0 ** (tried - 1))
        floor = asked if asked is not None else (self.throttled * 2.0 ** (tried - 1) if throttled else 0.0)
        return floor + drawn if asked is not None else max(floor, drawn)
