"""A clock that only goes on when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class FakeClock:
    """Implements `shared.ports.ambient.Clock`. Sleeping advances it; `offset` shifts the wall clock only, as an
    operator who drives time does."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed = 0.0
        self.offset = timedelta(0)
        self.slept = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed) + self.offset

    def monotonic(self) -> float:
        return 1000.0 + self._elapsed

    def sleep(self, seconds: float) -> None:
        if seconds > 5:
            raise ValueError("a slice never sleeps longer than 5 seconds at a time")
        self.slept += max(0.0, seconds)
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time does not go back")
        self._elapsed += seconds

    def advance_to(self, moment: datetime) -> None:
        """Does nothing when that moment has passed."""
        self.advance(max(0.0, (moment - self.now()).total_seconds()))
