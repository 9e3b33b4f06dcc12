"""Keeps a lease while its worker waits for slow calls.

A worker renews the lease between its steps. One step may take longer than the lease lasts: contacts that cannot go by
bulk import are written one by one at the rate the vendor allows. Without this another worker would take the lane over
in the middle of it, and both would write.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import LeaseLost, SyncError
from shared.state.lanes import HeldLane

_SHARE = 1 / 3
_SHORTEST = 0.1


@contextmanager
def kept(held: HeldLane) -> Iterator[None]:
    """Renews the lease in the background each time a third of it has passed, until the block ends or it is lost.

    The worker itself learns of a loss at its next commit. The thread dies with the process: a worker that was killed
    keeps nothing.
    """
    ended = threading.Event()
    length = held.remaining()

    def renew() -> None:
        while not ended.wait(max(_SHORTEST, length * _SHARE)):
            if held.remaining() > length * (1 - _SHARE):
                continue  # a commit renewed it a moment ago
            try:
                held.renew()
            except LeaseLost:
                return
            except SyncError:
                continue  # the store does not answer; the next beat tries again

    thread = threading.Thread(target=renew, name="lease-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
