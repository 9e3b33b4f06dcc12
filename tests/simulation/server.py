"""A system of the simulation: it knows which of its promises a late request was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from shared.connectors.memory import MemorySystem
from tests.simulation.ledger import Ledger


class Server(MemorySystem):
    """A memory system that tells the ledger when it does what it promised to a request whose sender had given up: an
    import that was accepted late has a ticket that nobody holds."""

    ledger: Ledger | None = None

    def defer(self, due: datetime, action: Callable[[], None], *, locks: Iterable[str] = ()) -> None:
        if self.ledger is not None and self.ledger.late:
            action = _for_nobody(self.ledger, action)
        super().defer(due, action, locks=locks)


def _for_nobody(ledger: Ledger, action: Callable[[], None]) -> Callable[[], None]:
    def act() -> None:
        ledger.for_nobody = True
        try:
            action()
        finally:
            ledger.for_nobody = False

    return act
