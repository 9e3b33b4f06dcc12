"""Where the app tells how it is doing. Facts are ids, counts and codes; never a value of a record, never an address."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from shared.ports.calls_seen import Observed

type Fact = str | int | float | bool

RECORDS = "dynasync.records"
"""Counter: records by connection, system, entity and outcome."""
RUNS = "dynasync.runs"
"""Counter: runs that ended, by connection, system and state."""
VENDOR_CALLS = "dynasync.vendor.calls"
"""Counter: tries, by connection, system, purpose and answer (2xx, 3xx, 4xx, throttled, 5xx, lost)."""
VENDOR_SECONDS = "dynasync.vendor.seconds"
"""Histogram: how long a try took, by connection, system and purpose."""
TICKS = "dynasync.ticks"
"""Counter: minute timers that fired."""
BROKEN = "dynasync.lane.broken"
"""Gauge each minute: 1 while a connection that is on waits for a person, else 0."""
INTERVALS_LATE = "dynasync.lane.intervals_late"
"""Gauge each minute: by how many of its intervals a connection is overdue."""
DAYS_LEFT = "dynasync.secret.days_left"
"""Gauge each hour: days until a secret or certificate of a connection ends."""

GIVEN_UP = "dynasync.messages.given_up"
"""Counter: queue messages that failed five times, or whose worker died each time; by queue and connection."""

METRICS = (RECORDS, RUNS, VENDOR_CALLS, VENDOR_SECONDS, TICKS, BROKEN, INTERVALS_LATE, DAYS_LEFT, GIVEN_UP)


class Telemetry(Protocol):
    """Never raises: what cannot be told is lost, and the work goes on."""

    def span(self, name: str, *, parent: str = "", **facts: Fact) -> AbstractContextManager[None]:
        """Everything told inside belongs to one span of the trace `parent` (a W3C traceparent; "" begins a trace)."""
        ...

    def count(self, name: str, amount: int = 1, **facts: Fact) -> None: ...

    def gauge(self, name: str, value: float, **facts: Fact) -> None: ...

    def vendor_call(self, seen: Observed, *, connection: str) -> None:
        """A try that just ended in this thread."""
        ...

    def flush(self) -> None:
        """Sends what waits, for a few seconds at most: the instance may be gone after this."""
        ...


class NoTelemetry:
    """For an app that is told no place to tell."""

    def span(self, name: str, *, parent: str = "", **facts: Fact) -> AbstractContextManager[None]:
        return nullcontext()

    def count(self, name: str, amount: int = 1, **facts: Fact) -> None:
        return

    def gauge(self, name: str, value: float, **facts: Fact) -> None:
        return

    def vendor_call(self, seen: Observed, *, connection: str) -> None:
        return

    def flush(self) -> None:
        return
