"""What the benches aim at, and the verdict: a bench whose figure misses its aim ends with a code other than zero."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

CALLS_RATIO = 1.03
"""Calls over the ideal number of calls."""

CPU_RATIO = 8.0
"""CPU of a first sync over that of a bare loop that makes the same calls."""

PEAK_MB = 150.0
"""Memory of a worker, however many people there are."""

SHARE = 0.95
"""Calls a second over those that the configured share of a vendor's limit allows."""

IDLE_DAY = 7500
"""Marketo's calls of a day without changes, by the vendor's white paper."""

ENGINE_CPU_RATIO = 6.0
"""CPU of a first sync between two systems in memory over that of a copy by hand."""

FIXED_TRANSACTIONS, COMMITS, TRANSACTIONS = 25, 11, 13
"""Storage transactions of a first sync: those of any slice; and of each 1,000 people those that write, and all of them.
Eight are two a call of 250 people, the batch before it is sent and what came of it; the others are for layers, splits
and merges of pages."""

TRANSACTIONS_UP_TO = 100_000
"""People up to whom the aim of all transactions holds: beyond, pages that no longer fit into memory are read again."""

REQUEST_SECONDS = 60.0
"""Seconds within which a request has to end while a back-fill is under way (HUB-35)."""

STATE_BYTES = 160
"""Bytes of state an activity takes."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure and the range it has to lie in."""

    what: str
    found: float
    least: float = float("-inf")
    most: float = float("inf")

    @property
    def met(self) -> bool:
        return self.least <= self.found <= self.most

    def __str__(self) -> str:
        if self.least == self.most:
            aim = f"exactly {_text(self.least)}"
        else:
            aim = f"at most {_text(self.most)}" if self.found > self.most else f"at least {_text(self.least)}"
        return f"{self.what}: {_text(self.found)}, the aim is {aim}"


def _text(number: float) -> str:
    return f"{number:,.3f}".rstrip("0").rstrip(".")


def verdict(figures: Iterable[Figure]) -> int:
    """0 when every figure meets its aim; else 1, and standard error names those that miss theirs."""
    missed = [figure for figure in figures if not figure.met]
    for figure in missed:
        print(f"missed: {figure}", file=sys.stderr)
    return 1 if missed else 0
