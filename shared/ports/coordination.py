"""Work hand-over and shared limits."""

from __future__ import annotations

from typing import Protocol


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
