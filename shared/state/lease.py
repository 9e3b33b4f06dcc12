"""The lane row, the lease on it, and the fence that every commit passes.

The lane row is part of every transaction, under its ETag. A worker that lost the lease therefore changes nothing,
whatever it believes (sync-semantics 1.23). The row carries the number of the last commit, so that a commit whose
answer was lost is decided exactly: its number is there, or it is not and can no longer come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.errors import LeaseLost, SyncError, Transient
from shared.ports.ambient import Clock
from shared.ports.state import Cell, Conflict, Insert, Operation, PartitionStore, Replace, Row
from shared.state import envelope
from shared.state.errors import StateDamaged
from shared.state.model import Fact, LaneView
from shared.state.words import pack_facts

LANE_KEY: Final = "lane"
NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)

_PAUSES: Final = (0.2, 1.0, 3.0)
"""Seconds between tries of a commit whose answer was lost; with the store's own time-outs about 20 s in all."""

_ROUNDS: Final = 50
"""Times a commit may find the lane row touched by others (each acquire touches it at most once)."""


_CELLS: Final[Mapping[str, type]] = {
    "fence": int,
    "commit": int,
    "owner": str,
    "token": str,
    "until": datetime,
    "wanted": bool,
}


def _typed(cell: object, kind: type) -> Any:
    if not isinstance(cell, kind):
        raise TypeError(f"a cell is no {kind.__name__}")
    return cell


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """The lane row as cells say it. `commit` numbers the commits under one `fence`; `token` names the acquisition."""

    fence: int = 0
    commit: int = 0
    owner: str = ""
    token: str = ""
    until: datetime = NEVER
    wanted: bool = False
    not_before: datetime | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def cells(self) -> dict[str, Cell]:
        body = envelope.pack([pack_facts(self.facts), dict(self.counts)])
        cells = envelope.to_cells(
            body,
            fence=self.fence,
            commit=self.commit,
            owner=self.owner,
            token=self.token,
            until=self.until,
            wanted=self.wanted,
        )
        if self.not_before is not None:
            cells["not_before"] = self.not_before
        return cells

    @staticmethod
    def of(partition: str, row: Row) -> LaneRow:
        """Raises StateDamaged or ConfigError as `envelope.read` does."""
        packed = envelope.read(partition, row)
        cells: Mapping[str, Any] = row.cells
        try:
            facts, counts = packed
            return LaneRow(
                **{name: _typed(cells[name], kind) for name, kind in _CELLS.items()},
                not_before=cells.get("not_before"),
                facts=dict(facts),
                counts=dict(counts),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StateDamaged(partition, row.key, "it does not hold a lane row") from error

    def held_at(self, now: datetime) -> bool:
        return bool(self.owner) and self.until > now

    def view(self, now: datetime) -> LaneView:
        return LaneView(
            running=self.held_at(now),
            owner=self.owner,
            until=self.until if self.owner else None,
            wanted=self.wanted,
            not_before=self.not_before,
            fence=self.fence,
            facts=self.facts,
            counts=self.counts,
        )

    @staticmethod
    def in_place_of(row: Row, fault: StateDamaged, now: datetime) -> LaneRow:
        """A fresh row in place of one that cannot be read, which says so. Numbers that have to grow go on from where
        none can have come: the fence from the damaged row's, if that cell is sound, else from the seconds of the
        calendar, and so do the walks."""
        seconds, fence = int(now.timestamp()), row.cells.get("fence")
        facts: dict[str, Fact] = {**stopped_by(fault), "epoch": seconds}
        return LaneRow(fence=fence if isinstance(fence, int) and fence >= 0 else seconds, facts=facts)

    def counted(self, deltas: Mapping[str, int], facts: Mapping[str, Fact]) -> LaneRow:
        """With counters moved and facts merged."""
        counts = dict(self.counts)
        for name, delta in deltas.items():
            counts[name] = counts.get(name, 0) + delta
        merged = {name: value for name, value in {**self.facts, **facts}.items() if value is not None}
        return replace(self, facts=merged, counts={name: count for name, count in counts.items() if count})


def stopped_by(fault: SyncError) -> dict[str, Fact]:
    """The facts of a lane that stopped, in the words of the fault."""
    return {"broken": fault.code, "broken_message": str(fault), "broken_next": fault.next_step}


class Fence:
    """The lease in hand: commits under it, renewals, and its end. Used by several threads of one worker."""

    def __init__(
        self,
        store: PartitionStore,
        partition: str,
        row: LaneRow,
        etag: str,
        *,
        clock: Clock,
        seconds: float,
        taken: float,
    ) -> None:
        self._store = store
        self._partition = partition
        self._row = row
        self._etag = etag
        self._clock = clock
        self._seconds = seconds
        self._deadline = taken + seconds
        self._number = row.commit
        self._undecided = False
        self._lost = False
        self.lock = threading.RLock()
        self.commits = 0

    @property
    def row(self) -> LaneRow:
        return self._row

    def remaining(self) -> float:
        """Seconds of the lease that are left for sure; 0 when it is lost."""
        return 0.0 if self._lost else max(0.0, self._deadline - self._clock.monotonic())

    def check(self) -> None:
        """Makes sure that what is read now may be believed. Raises LeaseLost; settles a commit left undecided."""
        with self.lock:
            if self._lost:
                raise self._loss()
            if self._undecided:
                self._settle()
            elif self.remaining() <= 0:
                self._commit((), None)

    def commit(self, operations: Sequence[Operation] = (), edit: Callable[[LaneRow], LaneRow] | None = None) -> LaneRow:
        """One transaction: `operations` and the lane row, edited, its lease renewed. Answers the lane row as written.

        Raises LeaseLost when the fence is gone, Conflict when one of `operations` was refused (nothing was applied),
        Transient when it cannot be known within about 20 s whether it was applied: then nothing that was read before
        may be believed, and the next call settles it first.
        """
        with self.lock:
            if self._lost:
                raise self._loss()
            if self._undecided:
                self._settle()
            return self._commit(operations, edit)

    def release(self, not_before: datetime | None, facts: Mapping[str, Fact]) -> LaneRow:
        """Commits the end of the lease; the lane row as written, with what others wanted of it."""

        def freed(row: LaneRow) -> LaneRow:
            return replace(row.counted({}, facts), owner="", until=NEVER, not_before=not_before)

        return self.commit((), freed)

    def give_up(self) -> None:
        """Forgets the lease without a word to the store (it was released)."""
        self._lost = True

    def _commit(self, operations: Sequence[Operation], edit: Callable[[LaneRow], LaneRow] | None) -> LaneRow:
        self._number += 1
        number = self._number
        pauses = iter(_PAUSES)
        for _ in range(_ROUNDS):
            began = self._clock.monotonic()
            wanted = self._next(number, edit)
            try:
                etags = self._store.transact(
                    self._partition, [*operations, Replace(LANE_KEY, wanted.cells(), self._etag)]
                )
            except Conflict:
                before = self._etag
                if self._applied(number):
                    return self._row
                if self._etag == before:
                    raise
            except Transient as lost:
                if self._decided(number, lost, pauses):
                    return self._row
            else:
                self._adopt(wanted, etags[LANE_KEY], began)
                return self._row
        raise Transient("the lane row changes too often to be committed", code="lane_contended")

    def _next(self, number: int, edit: Callable[[LaneRow], LaneRow] | None) -> LaneRow:
        until = self._store.now() + timedelta(seconds=self._seconds)
        row = replace(self._row, commit=number, until=until)
        return edit(row) if edit else row

    def _decided(self, number: int, lost: Transient, pauses: Any) -> bool:
        """After a lost answer: true when the commit was applied, false to send it again (the same ETag decides)."""
        pause = next(pauses, None)
        if pause is None:
            self._undecided = True
            raise lost
        self._clock.sleep(min(lost.retry_after or pause, 5.0))
        try:
            return self._applied(number)
        except Transient:
            return False

    def _settle(self) -> None:
        """Decides an earlier commit: a commit of ours takes its ETag away, so that it has come by now or never will."""
        self._commit((), None)
        self._undecided = False

    def _applied(self, number: int) -> bool:
        """Reads the lane row again; whether our commit `number` stands in it. Raises LeaseLost when it is not ours."""
        found = self._store.get(self._partition, LANE_KEY)
        row = LaneRow.of(self._partition, found) if found else None
        if found is None or row is None or (row.fence, row.token) != (self._row.fence, self._row.token):
            self._lost = True
            raise self._loss()
        self._row, self._etag = row, found.etag
        return row.commit == number

    def _adopt(self, row: LaneRow, etag: str, began: float) -> None:
        self._row, self._etag = row, etag
        self._deadline = began + self._seconds
        self.commits += 1

    def _loss(self) -> LeaseLost:
        return LeaseLost(
            f"another worker holds lane {self._partition}, or it was released",
            next_step="Nothing to do: the worker that holds the lane goes on.",
        )


def take(
    store: PartitionStore, partition: str, *, owner: str, token: str, seconds: float, clock: Clock
) -> tuple[Fence, LaneView] | None:
    """Takes the lane when it is free or its lease ran out by storage time, raising its fence; else raises `wanted`.

    Answers the fence and how the lane stood before. `token` is fresh for each call. Raises ConfigError for a lane row
    of a newer release, StateDamaged for one that cannot be read, Transient when the store does not answer.
    """
    began = clock.monotonic()
    pauses = iter(_PAUSES)
    before = LaneView()
    for _ in range(_ROUNDS):
        found = store.get(partition, LANE_KEY)
        row = LaneRow.of(partition, found) if found else LaneRow()
        if found and row.token == token:  # an earlier round took it, and its answer was lost
            return Fence(store, partition, row, found.etag, clock=clock, seconds=seconds, taken=began), before
        now = store.now()
        before, busy = row.view(now), row.held_at(now)
        if busy and row.wanted:
            return None
        wanted = replace(row, wanted=True) if busy else _taken(row, owner, token, now + timedelta(seconds=seconds))
        try:
            etag = _swapped(store, partition, found, wanted)
        except Transient as lost:
            if (pause := next(pauses, None)) is None:
                raise
            clock.sleep(min(lost.retry_after or pause, 5.0))
            continue
        if etag and busy:
            return None
        if etag:
            return Fence(store, partition, wanted, etag, clock=clock, seconds=seconds, taken=began), before
    raise Transient(f"lane {partition} changes too often to be taken", code="lane_contended")


def _taken(row: LaneRow, owner: str, token: str, until: datetime) -> LaneRow:
    return replace(row, fence=row.fence + 1, commit=0, owner=owner, token=token, until=until, wanted=False)


def _swapped(store: PartitionStore, partition: str, found: Row | None, row: LaneRow) -> str:
    """Writes the lane row over the one found; its new ETag, or "" when somebody was quicker."""
    write: Operation = Replace(LANE_KEY, row.cells(), found.etag) if found else Insert(LANE_KEY, row.cells())
    try:
        return store.transact(partition, [write])[LANE_KEY]
    except Conflict:
        return ""
