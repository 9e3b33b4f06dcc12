"""How slow the machine is at this moment, so that a promise in seconds is judged as on a usual one.

Where a test can count or drive time it does; this is for what can only be measured. Waits for something to happen need
no pace: they have a deadline that is far away (`PATIENCE`) and end as soon as it happened.
"""

from __future__ import annotations

import json
import time

PATIENCE = 180.0
"""Seconds that a test waits for what must come, also on a slow and busy machine."""

USUAL = 0.1
"""Seconds that the work below takes on one core of a usual server."""


def slowness() -> float:
    """How many times longer than usual Python takes for a fixed piece of work; 1 at least."""
    began = time.perf_counter()
    rows = [{"id": number, "name": f"person {number}", "tags": ["a", "b"]} for number in range(40_000)]
    found = {row["name"]: row for row in json.loads(json.dumps(rows))}
    assert len(found) == len(rows)
    return max(1.0, (time.perf_counter() - began) / USUAL)


def within(took: float, seconds: float) -> bool:
    """Whether something took less than these seconds, or would have on a usual machine."""
    return took < seconds or took < seconds * slowness()
