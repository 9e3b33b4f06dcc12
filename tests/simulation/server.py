"""A system of the simulation: it knows which of its promises a late request was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from shared.connectors.memory import MemorySystem
from tests.simulation.ledger import Ledger


class Server(MemorySystem):
    """A memory system that tells the ledger when it does what it promised to a request whose sender had given up: an
    import that was accepted late has a ticket that nobody holds."""

    ledger: Ledger | None = None

    def defer(self, due: datetime, action: Callable[[], None], *, locks: Iterable[str] = ()) -> None:
        if self.ledger is not None:
            action = _in_its_turn(self.ledger, action)
        super().defer(due, action, locks=locks)


@contextmanager
def turn(ledger: Ledger, *, late: bool = False, for_nobody: bool = False) -> Iterator[None]:
    """What is due takes effect before whatever a system is asked next, also while something else of it takes effect
    late: each says of itself what it is, and what goes on afterwards is what it was."""
    before = ledger.late, ledger.for_nobody
    ledger.late, ledger.for_nobody = late, for_nobody
    try:
        yield
    finally:
        ledger.late, ledger.for_nobody = before


def _in_its_turn(ledger: Ledger, action: Callable[[], None]) -> Callable[[], None]:
    for_nobody = ledger.late

    def act() -> None:
        with turn(ledger, for_nobody=for_nobody):
            action()

    return act
