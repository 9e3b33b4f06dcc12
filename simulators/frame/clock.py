"""Time that tests can drive, and an agenda for what a vendor does later."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

Action = Callable[[], None]


class Clock:
    """Wall-clock time plus an offset, or frozen until advanced. Safe to share between threads and systems.

    Everything a simulator dates or limits reads this clock, so a test can pass an hour in no time.
    """

    def __init__(self, *, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._offset = 0.0
        self._frozen: float | None = None
        self._lock = threading.Lock()

    def time(self) -> float:
        """Seconds since 1970."""
        frozen = self._frozen
        return self._source() + self._offset if frozen is None else frozen

    def now(self) -> datetime:
        """The same as an aware UTC datetime."""
        return datetime.fromtimestamp(self.time(), tz=UTC)

    @property
    def frozen(self) -> bool:
        """Whether time stands still between calls of `advance`."""
        return self._frozen is not None

    @property
    def offset(self) -> float:
        """Seconds between this clock and the machine's."""
        return self.time() - self._source()

    def set_offset(self, seconds: float) -> None:
        """Run `seconds` ahead of (or behind) the machine."""
        with self._lock:
            self._offset, self._frozen = seconds, None

    def set_now(self, instant: float, *, frozen: bool) -> None:
        """Be at `instant` (seconds since 1970) now, and stay there when `frozen`."""
        with self._lock:
            self._offset = instant - self._source()
            self._frozen = instant if frozen else None

    def freeze(self) -> None:
        """Stand still from now on."""
        self.set_now(self.time(), frozen=True)

    def thaw(self) -> None:
        """Run on from where it stands."""
        self.set_now(self.time(), frozen=False)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        with self._lock:
            if self._frozen is None:
                self._offset += seconds
            else:
                self._frozen += seconds


class Agenda:
    """Actions due at a time of the clock. Nothing runs by itself: `run_due` runs what is due, in order of time.

    A served system calls it on a tick, before each request and after the clock was moved.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Action]] = []
        self._sequence = itertools.count()
        self._lock = threading.Lock()
        self._turn = threading.RLock()

    def after(self, seconds: float, action: Action) -> None:
        """Have `action` run once `seconds` of the clock have passed."""
        with self._lock:
            heapq.heappush(self._heap, (self._clock.time() + seconds, next(self._sequence), action))

    def run_due(self) -> int:
        """Run what is due and say how many actions ran. Actions may put new ones on the agenda.

        Whatever was due is done when this returns, also what another thread had begun: whoever moved the clock sees
        its effect. Actions are short and a caller holds no lock that an action takes.
        """
        ran = 0
        with self._turn:
            while (action := self._pop()) is not None:
                action()
                ran += 1
        return ran

    def pending(self) -> int:
        """How many actions wait."""
        return len(self._heap)

    def clear(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._heap.clear()

    def _pop(self) -> Action | None:
        with self._lock:
            if self._heap and self._heap[0][0] <= self._clock.time():
                return heapq.heappop(self._heap)[2]
        return None
