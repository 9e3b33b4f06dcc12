"""Work hand-over and shared limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

_WAITED_FOR: Final[ContextVar[bool]] = ContextVar("waited_for", default=False)


@contextmanager
def somebody_waits() -> Iterator[None]:
    """Around work that a person, or another system's call, waits for: what it asks of a vendor goes before the
    back-fill, as `interactive` calls do, and is spaced as any other."""
    token = _WAITED_FOR.set(True)
    try:
        yield
    finally:
        _WAITED_FOR.reset(token)


def is_waited_for() -> bool:
    """Whether the caller is inside `somebody_waits`, also on another thread that has a copy of its context."""
    return _WAITED_FOR.get()


class RequestBudget(Protocol):
    """Keeps all workers together under a remote account's limits."""

    def acquire(self, calls: int = 1, *, interactive: bool = False) -> None:
        """Takes leave for `calls` requests, waiting at most 5 seconds once it is the caller's turn: the threads of a
        worker get leave in the order they came.

        Raises Throttled with the time to wait when no leave is to be had sooner. Leave is given before use and never
        handed back, so no window ever holds more than the limit. `interactive` calls go first inside the share.
        """
        ...

    def close_for(self, seconds: float) -> None:
        """The server said wait: nobody, on any worker, gets leave for `seconds`."""
        ...
