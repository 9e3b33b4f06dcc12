"""Where the CPU time of a run goes, by samples of the stack."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_PLACES = (
    ("azure/core", "tables SDK"),
    ("azure/data", "tables SDK"),
    ("shared/azure", "tables SDK"),
    ("shared/connectors", "calls of both systems"),
    ("shared/http", "calls of both systems"),
    ("shared/domain", "domain: merge, digests, maps"),
    ("shared/state", "state: links, pages, batches"),
    ("shared/sync", "engine"),
    ("tests/fakes", "store in memory"),
)


class Sampler:
    """Looks at the stack every few milliseconds of CPU time. A sample belongs to the innermost of the places in it; of
    threads at work it sees who waits for them."""

    def __init__(self) -> None:
        self.parts: Counter[str] = Counter()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Looks meanwhile. Only in the main thread."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, 0.004, 0.004)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        while frame is not None:
            name = frame.f_code.co_filename
            found = next((label for part, label in _PLACES if part in name), None)
            if found is not None:
                self.parts[found] += 1
                return
            frame = frame.f_back
        self.parts["other"] += 1
