"""A lane's durable state, packed into one partition of a table: lease, inbox, batches, links, cursors.

`LaneStore` finds a lane, `Held` is the lease on it. See docs/adr/0002-state-in-packed-pages.md.
"""

from shared.state.errors import AlreadyLinked, StateDamaged
from shared.state.lane import Held, LaneStore
from shared.state.model import (
    Batch,
    BatchState,
    Command,
    CursorState,
    Entry,
    Fact,
    LaneChanges,
    LaneId,
    LaneView,
    MatchEntry,
    Result,
)

__all__ = [
    "AlreadyLinked",
    "Batch",
    "BatchState",
    "Command",
    "CursorState",
    "Entry",
    "Fact",
    "Held",
    "LaneChanges",
    "LaneId",
    "LaneStore",
    "LaneView",
    "MatchEntry",
    "Result",
    "StateDamaged",
]
