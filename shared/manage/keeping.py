"""How long things are kept that are not the state of the sync itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

KEPT: Final[Mapping[str, timedelta]] = {
    "conflicts": timedelta(days=30),
    "images": timedelta(days=30),
    "runs": timedelta(days=90),
    "requests": timedelta(days=30),
    "jobs": timedelta(days=90),
}
"""Values of conflicts and of writes (sealed), runs with their outcomes, requests that ended, long pieces of work that
ended with their reports (clean-ups, erasures, runs taken back). The activity log has a setting of its own."""

_ROUNDS: Final = 1000


def older_than(moment: datetime, forget: Callable[[datetime], int]) -> int:
    """Calls `forget` until it finds nothing more, within reason; the next night goes on."""
    gone = 0
    for _ in range(_ROUNDS):
        found = forget(moment)
        if not found:
            break
        gone += found
    return gone
