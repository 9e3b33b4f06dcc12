"""Rate, concurrency and the day's quota, shared by all users of a subscription. Source: marketo.md 0.6, 2.3 and 2.6."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from simulators.frame.clock import Clock
from simulators.frame.switches import Switches
from simulators.marketo.errors import UNCOUNTED, CallError
from simulators.marketo.times import quota_day

WINDOW_SECONDS = 20.0
_DAYS = 7


class Limits:
    """Counts calls; `take` refuses one that is too many."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock, self._switches = clock, switches
        self._recent: deque[float] = deque()
        self._lock = Lock()
        self._under_way = 0
        self.calls: dict[str, Counter[str]] = {}
        self.errors: dict[str, Counter[str]] = {}

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Around a call while it is being answered."""
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def take(self, user: str) -> None:
        """Count a call of `user`. Raises CallError 615, 606 or 607."""
        refusal = self._refusal()
        if refusal is None or self._switches.on("refused_calls_count"):
            self.count(user)
        if refusal is not None:
            raise refusal

    def _refusal(self) -> CallError | None:
        at_once = int(self._switches.number("concurrent_calls"))
        if at_once and self._under_way > at_once:
            return CallError("615")
        most = int(self._switches.number("calls_per_window"))
        now = self._clock.time()
        while self._recent and (self._recent[0] <= now - WINDOW_SECONDS or self._recent[0] > now):
            self._recent.popleft()
        if most and len(self._recent) >= most:
            return CallError("606", f"Max rate limit '{most}' exceeded with in '{int(WINDOW_SECONDS)}' secs")
        quota = int(self._switches.number("daily_quota"))
        if quota and self.calls.get(self.today(), Counter()).total() >= quota:
            return CallError("607", f"Daily quota reached ({quota})")
        return None

    def count(self, user: str, number: int = 1, *, rate: bool = True) -> None:
        """Note calls that were made; `rate` false leaves the window alone."""
        self.calls.setdefault(self.today(), Counter())[user] += number
        if rate:
            self._recent.extend([self._clock.time()] * number)

    def uncount(self, user: str, code: str) -> None:
        """Take back a call whose answer does not count."""
        if code not in UNCOUNTED:
            return
        self.calls[self.today()][user] -= 1
        if self._recent:
            self._recent.pop()

    def failed(self, code: str) -> None:
        """Note an error for the statistics."""
        self.errors.setdefault(self.today(), Counter())[code] += 1

    def today(self) -> str:
        """The day of US Central."""
        return quota_day(self._clock.time())

    def usage(self, days: int) -> list[dict[str, Any]]:
        """Calls by day and user, newest first."""
        return [
            {
                "date": day,
                "total": counts.total(),
                "users": [{"userId": user, "count": number} for user, number in counts.items() if number],
            }
            for day, counts in self._last(self.calls, days)
        ]

    def error_counts(self, days: int) -> list[dict[str, Any]]:
        """Errors by day and code, newest first."""
        return [
            {
                "date": day,
                "total": counts.total(),
                "errors": [{"errorCode": code, "count": number} for code, number in sorted(counts.items())],
            }
            for day, counts in self._last(self.errors, days)
        ]

    def _last(self, book: dict[str, Counter[str]], days: int) -> list[tuple[str, Counter[str]]]:
        now = self._clock.time()
        names = [quota_day(now - number * 86_400) for number in range(min(days, _DAYS))]
        return [(day, book.get(day, Counter())) for day in names if number_of(book, day) or day == names[0]]


def number_of(book: dict[str, Counter[str]], day: str) -> int:
    """How many a day saw."""
    return book[day].total() if day in book else 0
