"""Who uses which account's limit in this process, so that its share goes back with the last use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Lock
from typing import Final, Protocol

from shared.errors import Transient


class Given(Protocol):
    def release(self) -> None:
        """Gives the share back. May raise Transient; then it ends with its lease."""
        ...


_USED: Final[ContextVar[list[Given] | None]] = ContextVar("used", default=None)
"""The budgets of the piece of work at hand, also on its other threads."""


class Shares:
    """The budgets of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users: Counter[Given] = Counter()

    def using[T: Given](self, budget: T) -> T:
        """Notes that the piece of work at hand asks this account."""
        used = _USED.get()
        with self._lock:
            if used is not None and budget not in used:
                used.append(budget)
                self._users[budget] += 1
        return budget

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around each piece of work that may call a vendor. With the last one that asks an account the share of its
        limit goes to other workers; it would keep them waiting for the length of a lease."""
        used: list[Given] = []
        token = _USED.set(used)
        try:
            yield
        finally:
            _USED.reset(token)
            with self._lock:
                self._users.subtract(used)
                over = [budget for budget in used if not self._users[budget]]
                self._users = +self._users
            for budget in over:
                with suppress(Transient):
                    budget.release()
