"""Real time and real randomness."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_ALLOCATIONS = 150_000
_MALLOPT = {-3: 128 * 1024, -1: 256 * 1024, -8: 1}
"""M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_ARENA_MAX of malloc.h."""


def collect_seldom() -> None:
    """For the start of a worker. A page of work makes hundreds of thousands of objects and next to no cycles: looking
    for cycles every 2,000 objects took an eighth of all its time, every 50,000 a thirtieth. What was made up to now
    stays out of every look."""
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 100)


def give_memory_back() -> None:
    """For the start of a worker. Where the C library is glibc: large blocks are taken from the system one by one and go
    back when they are free, and all threads share one heap. Left to itself it keeps the largest answer it ever held,
    once for each thread that ever made a call (a tenth of a worker's peak)."""
    adjust = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if adjust is not None:
        for option, value in _MALLOPT.items():
            adjust(option, value)


class SystemClock:
    """The machine's clock. `offset_file` (local host only) holds `{"offset": seconds}` and moves wall time alone."""

    def __init__(self, offset_file: str = "") -> None:
        self._file = Path(offset_file) if offset_file else None
        self._offset = 0.0
        self._looked = -1.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._current_offset())

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, 5.0)))

    def _current_offset(self) -> float:
        if self._file is None:
            return 0.0
        now = time.monotonic()
        if now - self._looked >= 0.2:  # noqa: PLR2004 - a driven clock is followed within a fifth of a second
            self._looked = now
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # half written: the last one stands
                self._offset = float(json.loads(self._file.read_text())["offset"])
        return self._offset


class RandomIds:
    """Ids that sort by the time they were made (48 bits of milliseconds, then 80 random bits)."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def new_id(self) -> str:
        milliseconds = time.time_ns() // 1_000_000
        return milliseconds.to_bytes(6, "big").hex() + os.urandom(10).hex()

    def jitter(self) -> float:
        return self._random.random()
