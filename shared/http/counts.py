"""How many calls went where: the figures behind `make counts` and the run's own record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from shared.http.calls import Observed


@dataclass(frozen=True, slots=True)
class Tally:
    """Tries, and bytes of bodies out and in (unpacked)."""

    calls: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    seconds: float = 0.0


class CallCounts:
    """Tallies per (system, purpose). An observer; safe to share by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tallies: dict[tuple[str, str], Tally] = {}

    def __call__(self, seen: Observed) -> None:
        key = (seen.system, seen.purpose)
        with self._lock:
            old = self._tallies.get(key, Tally())
            self._tallies[key] = Tally(
                old.calls + 1,
                old.sent_bytes + seen.sent_bytes,
                old.received_bytes + seen.received_bytes,
                old.seconds + seen.seconds,
            )

    def snapshot(self) -> Mapping[tuple[str, str], Tally]:
        """The tallies as they are now."""
        with self._lock:
            return dict(self._tallies)

    def calls(self, system: str, purpose: str | None = None) -> int:
        """Tries of one purpose, or of all of a system's."""
        return sum(
            tally.calls for (name, what), tally in self.snapshot().items() if name == system and purpose in (None, what)
        )

    def clear(self) -> None:
        with self._lock:
            self._tallies.clear()
