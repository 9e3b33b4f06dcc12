"""How calls to one account are spread: a rate, the pause between two calls, and how long a call may wait for leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PATIENCE: Final = 5.0
"""Seconds a call may wait for leave inside a slice; what waits longer goes back to the lane."""

_SHORT: Final = 5.0
_APART: Final = 1.0


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in any `seconds`."""

    calls: int
    seconds: float


def gap(rate: Rate, allowed: int) -> float:
    """Seconds between two calls where the window is short.

    The network may delay one call and not the next, so calls that left in two windows can arrive in one. Evenly spaced
    ones cannot bunch by more than one or two, which the share that is left to others takes up.
    """
    return rate.seconds / max(allowed, 1) if rate.seconds <= _SHORT else 0.0


def spread(rate: Rate, allowed: int, used: int, frees_in: float) -> float:
    """Seconds between two calls where the window is long and its calls are many, at least one a second.

    Half of what is `allowed` may be `used` at once; the rest is spread until the first of it comes back, which is
    `frees_in` seconds from now. Used up at once, it would make the work go back to its lane for the rest of the window,
    and lanes are looked at once a minute: of a window of 20 s a third would be used.
    """
    left = allowed - used
    if rate.seconds <= _SHORT or rate.seconds > allowed * _APART or left <= 0 or used < allowed // 2:
        return 0.0
    return min(_APART, frees_in / left)
