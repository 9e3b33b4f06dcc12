"""A budget for one process: a sliding window of calls, and a gate that a server's "wait" closes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock

from shared.errors import Throttled
from shared.ports.ambient import Clock

PATIENCE = 5.0
"""Seconds a call may wait for leave inside a slice; what waits longer goes back to the lane."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `seconds`."""

    calls: int
    seconds: float


_SHORT = 5.0
_INSTANT = 0.0005


def gap(rate: Rate, allowed: int) -> float:
    """Seconds between two calls where the window is short.

    The network may delay one call and not the next, so calls that left in two windows can arrive in one. Evenly spaced
    ones cannot bunch by more than one or two, which the share that is left to others takes up.
    """
    return rate.seconds / max(allowed, 1) if rate.seconds <= _SHORT else 0.0


class LocalBudget:
    """`RequestBudget` of one worker process."""

    def __init__(self, scope: str, rate: Rate, clock: Clock) -> None:
        self._scope = scope
        self._rate = rate
        self._clock = clock
        self._lock = Lock()
        self._given: deque[float] = deque()
        self._closed_until = 0.0

    def acquire(self, calls: int = 1, *, interactive: bool = False) -> None:
        """See `RequestBudget`. Background calls leave a tenth of the window to interactive ones."""
        share = self._rate.calls if interactive else max(1, self._rate.calls - self._rate.calls // 10)
        waited = 0.0
        while True:
            wait = self._take(calls, share)
            if wait is None:
                return
            if waited + wait > PATIENCE:
                raise Throttled(
                    f"the limit of {self._scope} is used up for {wait:.1f} s",
                    retry_after=wait,
                    scope=self._scope,
                    next_step="Nothing to do: the work goes on by itself.",
                )
            self._clock.sleep(wait)
            waited += wait

    def close_for(self, seconds: float) -> None:
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock.monotonic() + seconds)

    def _take(self, calls: int, share: int) -> float | None:
        """Takes leave and answers None, or answers how long to wait."""
        with self._lock:
            now = self._clock.monotonic()
            if now < self._closed_until:
                return self._closed_until - now
            while self._given and self._given[0] <= now - self._rate.seconds:
                self._given.popleft()
            if len(self._given) + calls <= share:
                early = gap(self._rate, share) - (now - self._given[-1]) if self._given else 0.0
                if early > _INSTANT and share < self._rate.calls:
                    return max(early, 2 * _INSTANT)
                self._given.extend([now] * calls)
                return None
            return self._given[min(calls, len(self._given)) - 1] + self._rate.seconds - now + 0.001
