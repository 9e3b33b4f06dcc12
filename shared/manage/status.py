"""How a connection stands, judged from its lane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from shared.state.model import Command, LaneView

SETS_GOING = frozenset({"resume", "release_guard", "sync_now", "initial"})
"""Commands that are for the lane itself, not for a record: they are served even when the connection stopped."""

_LOOKED_AT = 1000


def wants_worker(lane: LaneView, now: datetime, commands: Callable[[int], Sequence[Command]]) -> bool:
    """Whether the timer should send a worker: work is due, asked for, or was left by a worker that died.

    A connection that stopped is only sent one when somebody set it going again. `commands` reads the lane's inbox.
    """
    if lane.running:
        return False
    if lane.facts.get("broken"):
        return any(command.op in SETS_GOING for command in commands(_LOOKED_AT))
    return lane.not_before is None or lane.not_before <= now
