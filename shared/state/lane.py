"""Lanes: who holds one, what lies in its inbox, how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from shared.errors import ConfigError
from shared.ports.ambient import Clock, IdSource
from shared.ports.state import Conflict, PartitionStore, Remove, Replace
from shared.state import cursors, inbox
from shared.state.errors import StateDamaged
from shared.state.held import Held
from shared.state.lease import LANE_KEY, LaneRow, stopped_by, take
from shared.state.model import Command, CursorState, LaneId, LaneView
from shared.state.reader import LaneReader

__all__ = ["Held", "LaneStore"]

LEASE_SECONDS = 60.0
_ERASED = 90


class LaneStore:
    """One lane's state. Cheap to make; holds nothing between calls."""

    def __init__(self, store: PartitionStore, lane: LaneId, *, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._lane = lane
        self._clock = clock
        self._ids = ids

    @property
    def lane(self) -> LaneId:
        return self._lane

    def acquire(self, owner: str, seconds: float = LEASE_SECONDS) -> Held | None:
        """Takes the lane for `seconds` of storage time; None when it is busy, and then it is marked as wanted.

        `owner` names the worker for people. A lane whose lease ran out is taken over, its fence number raised: what
        its former holder still writes is refused.
        """
        partition = self._lane.partition
        token = self._ids.new_id()
        taken = take(self._store, partition, owner=owner, token=token, seconds=seconds, clock=self._clock)
        if taken is None:
            return None
        fence, found = taken
        return Held(self._store, partition, fence, clock=self._clock, found=found)

    def put_command(self, command: Command) -> None:
        """Leaves a command in the inbox, lease or not. One of the same key that waits already is renewed."""
        self.put_commands([command])

    def put_commands(self, commands: Sequence[Command]) -> None:
        """Leaves several commands; after a Transient some may lie there, and the call may be repeated."""
        inbox.put_commands(self._store, self._lane.partition, commands, self._clock.now())

    def commands(self, limit: int = 1000) -> list[Command]:
        """Commands that wait, due or not, in the order they fall due."""
        return inbox.pending(self._store, self._lane.partition, limit)

    def waits(self, command_key: str) -> bool:
        """Whether a command lies in the inbox, due or not; no other one is read."""
        return inbox.lies(self._store, self._lane.partition, command_key)

    def peek(self) -> LaneView:
        """How the lane stands; an empty view for one that never ran, a broken one where its row cannot be read."""
        row = self._store.get(self._lane.partition, LANE_KEY)
        if row is None:
            return LaneView()
        try:
            return LaneRow.of(self._lane.partition, row).view(self._store.now())
        except (StateDamaged, ConfigError) as fault:
            return LaneView(facts=stopped_by(fault))

    def readable(self) -> None:
        """Raises StateDamaged or ConfigError for a lane row that cannot be read."""
        row = self._store.get(self._lane.partition, LANE_KEY)
        if row is not None:
            LaneRow.of(self._lane.partition, row)

    def start_over(self) -> None:
        """Puts a fresh lane row in place of one that is damaged: of a lane that is broken, with nobody's lease and no
        memory of earlier runs. Only for a resync. Whoever still works under the damaged row loses the lane."""
        partition = self._lane.partition
        row = self._store.get(partition, LANE_KEY)
        if row is None:
            return
        try:
            LaneRow.of(partition, row)
        except StateDamaged as fault:
            fresh = LaneRow.in_place_of(row, fault, self._store.now())
            with suppress(Conflict):  # somebody was quicker
                self._store.transact(partition, [Replace(LANE_KEY, fresh.cells(), row.etag)])

    def cursor(self, name: str) -> CursorState | None:
        """A feed's cursor, read without the lease."""
        return cursors.read_cursor(self._store, self._lane.partition, name)

    def cursors(self) -> dict[str, CursorState]:
        """All of them by name, read without the lease."""
        return cursors.read_cursors(self._store, self._lane.partition)

    def reader(self) -> LaneReader:
        """Reads links without the lease, as HTTP functions do. Make one a request: it remembers what it read."""
        return LaneReader(self._store, self._lane.partition)

    def erase(self) -> int:
        """Deletes every row of the lane, the lane row last; answers how many. Only for a connection that is gone, or
        that has got other accounts."""
        partition, gone = self._lane.partition, 0
        while rows := self._store.scan(partition, "!", "~", limit=_ERASED + 1):
            keys = [row.key for row in rows if row.key != LANE_KEY][:_ERASED] or [LANE_KEY]
            self._store.transact(partition, [Remove(key) for key in keys])
            gone += len(keys)
        return gone
