"""Makes a failing history small: fewer steps, fewer troubles, simpler numbers, as long as it fails the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.simulation.steps import History, Step

LIMIT = 2000
_DETAILS = re.compile(r"'[^']*'|[0-9a-f]{8}-[0-9a-f-]{27}|/\d+|\b[0-9a-f]{12,}\b")


def family(finding: str) -> str:
    """A finding without the records and values it names: two findings of one family are one bug, as a rule."""
    return _DETAILS.sub("", finding).split("(")[0].strip()


def shrink(history: History, fails: Callable[[History], bool], *, limit: int = LIMIT) -> History:
    """The smallest history found within `limit` tries that still fails."""
    tries = 0
    best = history
    progress = True
    while progress:
        progress = False
        for candidate in _smaller(best):
            tries += 1
            if tries > limit:
                return best
            if fails(candidate):
                best, progress = candidate, True
                break
    return best


def _smaller(history: History) -> Iterator[History]:
    steps = history.steps
    size = len(steps) // 2
    while size >= 1:
        for start in range(0, len(steps), size):
            yield History(history.profile, steps[:start] + steps[start + size :])
        size //= 2
    for place, step in enumerate(steps):
        for simpler in _simpler(step):
            yield History(history.profile, (*steps[:place], simpler, *steps[place + 1 :]))


def _simpler(step: Step) -> Iterator[Step]:
    if step[0] == "slice":
        yield from _simpler_slice(step)
        return
    for place, part in enumerate(step[1:], start=1):
        for smaller in _lower(part):
            yield (*step[:place], smaller, *step[place + 1 :])


def _lower(part: Any) -> Iterator[Any]:
    if isinstance(part, bool) or not isinstance(part, int | float):
        return
    if part > 0:
        yield 0
        if part > 2:
            yield type(part)(part // 2)
        if isinstance(part, int):
            yield part - 1


def _simpler_slice(step: Step) -> Iterator[Step]:
    _, worker, troubles = step
    for place in range(len(troubles)):
        yield ("slice", worker, troubles[:place] + troubles[place + 1 :])
    for place, (channel, at, kind, inner) in enumerate(troubles):
        for inner_place in range(len(inner)):
            shorter = inner[:inner_place] + inner[inner_place + 1 :]
            yield ("slice", worker, (*troubles[:place], (channel, at, kind, shorter), *troubles[place + 1 :]))
            for simpler in _simpler(inner[inner_place]):
                changed = (*inner[:inner_place], simpler, *inner[inner_place + 1 :])
                yield ("slice", worker, (*troubles[:place], (channel, at, kind, changed), *troubles[place + 1 :]))
    if worker != "a":
        yield ("slice", "a", troubles)
