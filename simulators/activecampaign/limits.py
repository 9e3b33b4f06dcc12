"""Calls counted in windows of the clock. Source: activecampaign.md 2.3 (account) and 2.12 (imports)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Window:
    """At most so many calls in so many seconds. Refused calls are not counted."""

    def __init__(self, now: Callable[[], float], seconds: float) -> None:
        self._now = now
        self._seconds = seconds
        self._taken: deque[float] = deque()

    def take(self, most: int, *, calendar: bool = False) -> bool:
        """Count a call if there is room.

        A sliding window looks back from now; a calendar one begins anew at each full second or minute. `most` 0 means
        no limit.
        """
        if most <= 0:
            return True
        now = self._now()
        start = now - now % self._seconds if calendar else now - self._seconds
        while self._taken and (self._taken[0] < start if calendar else self._taken[0] <= start):
            self._taken.popleft()
        while self._taken and self._taken[-1] > now:
            self._taken.pop()  # the clock was set back
        if len(self._taken) >= most:
            return False
        self._taken.append(now)
        return True

    def left(self, most: int) -> int:
        """How many calls the window still takes, by the last look."""
        return max(0, most - len(self._taken))

    def clear(self) -> None:
        """Forget all."""
        self._taken.clear()
