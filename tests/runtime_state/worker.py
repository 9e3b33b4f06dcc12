"""A worker process for `test_two_processes`: does what it is told, and stops where it is told.

Reads one JSON command a line, answers one JSON line each: `{"did": ...}`, `{"raised": CLASS}`; and, in between,
`{"paused": N}` before or after the N-th transaction of a command, until it reads `{"go": true}`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import shared.state.envelope
import shared.state.layers
import shared.state.page
import shared.state.writer
from shared.azure.ambient import RandomIds, SystemClock
from shared.azure.tables import Tables
from shared.domain.records import Kind, Side
from shared.errors import SyncError
from shared.ports.connector import Op
from shared.ports.state import Operation, PartitionStore, Row, StoreUsage
from shared.state import Batch, Command, CursorState, Entry, Held, LaneChanges, LaneId, LaneStore
from tests.unit.state.world import crm, key, link

shared.state.page.SPLIT_BYTES = 700  # type: ignore[misc]
shared.state.writer.MAX_SERIES_OPERATIONS = 6  # type: ignore[misc]


class PausingStore:
    """A store that asks for leave before and after a chosen transaction, on a clock that may run ahead."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self.ahead = 0.0
        self.pause: tuple[str, int] = ("", 0)
        self.commits = 0

    @property
    def usage(self) -> StoreUsage:
        return self._store.usage

    def now(self) -> datetime:
        return self._store.now() + timedelta(seconds=self.ahead)

    def get(self, partition: str, key: str) -> Row | None:
        return self._store.get(partition, key)

    def get_many(self, partition: str, keys: Iterable[str]) -> dict[str, Row]:
        return self._store.get_many(partition, keys)

    def scan(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Sequence[Row]:
        return self._store.scan(partition, first, last, limit=limit)

    def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        self.commits += 1
        number = self.commits
        if self.pause == ("before", number):
            _wait(number)
        done = self._store.transact(partition, operations)
        if self.pause == ("after", number):
            _wait(number)
        return done


class Worker:
    def __init__(self, store: PartitionStore) -> None:
        self.store = PausingStore(store)
        self._name = "none"
        self.lane = LaneStore(self.store, LaneId(self._name), clock=SystemClock(), ids=RandomIds())
        self.held: Held | None = None

    def open(self, lane: str) -> None:
        self._name = lane
        self.lane = LaneStore(self.store, LaneId(lane), clock=SystemClock(), ids=RandomIds())
        self.held = None

    def layered(self, on: bool) -> None:
        """Whether folds become layers, which are merged when there are more than ten links in them."""
        shared.state.layers.LARGE_FOLD = 1 if on else 10**6  # type: ignore[misc]
        shared.state.layers.MANY_PAGES = 0  # type: ignore[misc]
        shared.state.layers.MERGE_AT = 10  # type: ignore[misc]
        shared.state.envelope.MAX_BODY_BYTES = 900 if on else 720 * 1024  # type: ignore[misc]

    def acquire(self, ahead: float) -> int | None:
        """The fence, or None when the lane is busy. `ahead`: as if so many seconds had passed for the storage."""
        self.store.ahead = ahead
        self.held = self.lane.acquire("worker", 60)
        return self.held.fence if self.held else None

    def fold(self, numbers: list[int], version: int) -> int:
        changes = LaneChanges(
            links=[link(number, version=version) for number in numbers],
            cursors={"crm": CursorState(token=f"{version}")},
            commands_done=["hint"],
        )
        return self._held().fold(changes)

    def begin(self, name: str) -> None:
        entries = (Entry(key=key(1), crm=crm(1), op=Op.UPDATE),)
        self._held().begin(Batch(id=name, kind=Kind("contact"), side=Side.CRM, op=Op.UPDATE, entries=entries))

    def finish(self, name: str) -> None:
        self._held().finish({name: []})

    def put(self, name: str) -> None:
        self.lane.put_command(Command(key=name, op="sync"))

    def inbox(self) -> list[str]:
        return [command.key for command in self._held().inbox(100, SystemClock().now())]

    def renew(self) -> None:
        self._held().renew()

    def release(self) -> bool:
        return self._held().release()

    def look(self) -> dict[str, Any]:
        """Everything the lane holds, read without the lease."""
        reader = self.lane.reader()
        links = {found.key.hex(): found.crm_revision for found in reader.scan_links()}
        row = self.lane.peek()
        return {"links": links, "counts": dict(row.counts), "fence": row.fence, "wanted": row.wanted}

    def leaves(self) -> list[str]:
        """The keys of the rows that hold links."""
        return [row.key for row in self.store.scan(LaneId(self._name).partition, "l.", "l/")]

    def cursor(self) -> str | None:
        found = self._held().cursor("crm")
        return found.token if found else None

    def _held(self) -> Held:
        assert self.held is not None
        return self.held


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _wait(number: int) -> None:
    _say(paused=number)
    if not json.loads(sys.stdin.readline() or "{}").get("go"):
        raise SystemExit(0)


def main(connection_string: str, table: str) -> None:
    worker = Worker(Tables.by_connection_string(connection_string, SystemClock()).store(table))
    for line in sys.stdin:
        command = json.loads(line)
        worker.store.pause = tuple(command.get("pause", ("", 0)))
        worker.store.commits = 0
        method: Callable[..., object] = getattr(worker, command["do"])
        try:
            _say(did=method(**command.get("with", {})))
        except SyncError as error:
            _say(raised=type(error).__name__)


if __name__ == "__main__":
    main(*sys.argv[1:])
