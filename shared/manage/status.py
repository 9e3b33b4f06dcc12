"""How a connection stands, judged from its lane."""

from __future__ import annotations

from datetime import datetime

from shared.state.model import LaneView


def wants_worker(lane: LaneView, now: datetime) -> bool:
    """Whether the timer should send a worker: work is due, asked for, or was left by a worker that died."""
    if lane.running:
        return False
    if lane.wanted or lane.facts.get("run"):
        return lane.not_before is None or lane.not_before <= now
    if lane.facts.get("broken"):
        return False
    return lane.not_before is None or lane.not_before <= now
