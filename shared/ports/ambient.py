"""What surrounds the engine: time, ids, secrets. Tests and the demo put their own in place."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks that are never mixed."""

    def now(self) -> datetime:
        """Wall-clock time, aware, UTC. Schedules and records of what happened use it; it may be driven by tests."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward, unaffected by a driven wall clock. Leases, budgets and time-outs use it."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits inside a slice; never longer than 5 seconds at a time (longer waits go back to the lane row)."""
        ...


class IdSource(Protocol):
    """Where ids and random numbers come from."""

    def new_id(self) -> str:
        """A fresh id, 32 lower-case hex digits, sortable by creation time to the millisecond."""
        ...

    def jitter(self) -> float:
        """A random number in [0, 1)."""
        ...


class SecretSource(Protocol):
    """Reads secrets by name."""

    def secret(self, name: str) -> str:
        """The current value. Raises ConfigError naming the secret when there is none."""
        ...


class Sealing(Protocol):
    """Encrypts what must be kept but not read by whoever reads the store."""

    def seal(self, plain: bytes, *, bound: str) -> bytes:
        """`bound` names the place the sealed text belongs to; it opens nowhere else."""
        ...

    def open(self, sealed: bytes, *, bound: str) -> bytes:
        """Raises ValueError for a text that was changed, moved, or sealed under another key."""
        ...
