"""What the lane state holds, as the engine speaks of it (written by the architect; `shared.state` packs it into rows)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.domain.identity import Digest, Link, LinkKey, MatchKey
from shared.domain.records import Ref, Side
from shared.ports.connector import Op, Outcome


@dataclass(frozen=True, slots=True)
class LaneId:
    """A lane is one shard of one connection; most connections have one shard, named "0"."""

    connection: str
    shard: str = "0"

    @property
    def partition(self) -> str:
        return f"{self.connection}~{self.shard}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorState:
    """Where a feed was left. `ground` is a digest of what the cursor was made with (select, account, mapping)."""

    name: str
    token: str
    ground: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something the lane is asked to do: look at a record again, apply a decision, release a guard.

    `key` makes a repeat the same command (the later one replaces it while it waits). `side` and `ref` name the record,
    `link` the pair. `not_before` is when it may be taken. `data` holds ids and codes, never values. `trace` is the W3C
    traceparent of whoever asked.
    """

    key: str
    op: str
    side: Side | None = None
    ref: Ref | None = None
    link: LinkKey | None = None
    not_before: datetime | None = None
    tries: int = 0
    urgent: bool = False
    data: Mapping[str, str] = field(default_factory=dict)
    trace: str = ""


class BatchState(StrEnum):
    """INTENT: about to be sent, or sent without an answer. ACCEPTED: tickets to settle. DONE: every result is known."""

    INTENT = "intent"
    ACCEPTED = "accepted"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One write of a batch. `after` is the whole link as it will be once the write was applied; `before` what the written
    side stored of each written field; `expect` the revision the write insists on; `stamp` the mark written with it."""

    key: str
    after: Link
    op: Op
    before: Mapping[str, Digest] = field(default_factory=dict)
    written: tuple[str, ...] = ()
    expect: str = ""
    stamp: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryResult:
    """What became of one entry: enough to fold it again after a crash."""

    key: str
    outcome: Outcome
    ref: Ref | None = None
    revision: str = ""
    ticket: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Writes of one kind, side and operation that go out in one call."""

    id: str
    side: Side
    kind: str
    op: Op
    entries: tuple[Entry, ...]
    state: BatchState = BatchState.INTENT
    results: Mapping[str, EntryResult] = field(default_factory=dict)

    @property
    def tickets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(result.ticket for result in self.results.values() if result.ticket))


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchEntry:
    """What is known under one match key. Hints: verify a link key against the link's own `match`."""

    links: tuple[LinkKey, ...] = ()
    candidates: tuple[Ref, ...] = ()


@dataclass(slots=True, kw_only=True)
class LaneChanges:
    """One fold: everything a page of work changes. Cursors, finished commands and facts move in the last transaction.

    Reverse rows (partner record -> link, match key -> link) follow from `links` and what was stored before.
    `facts` are merged into the lane's facts (a None value removes the fact).
    """

    links: list[Link] = field(default_factory=list)
    removed: list[LinkKey] = field(default_factory=list)
    remembered: list[tuple[MatchKey, Ref]] = field(default_factory=list)
    forgotten: list[tuple[MatchKey, Ref]] = field(default_factory=list)
    cursors: list[CursorState] = field(default_factory=list)
    dropped_cursors: list[str] = field(default_factory=list)
    dropped_batches: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    facts: dict[str, str | int | float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneView:
    """The lane row as anyone may read it. `facts` are the engine's (phase, run, next run, counts)."""

    fence: int = 0
    owner: str = ""
    leased_until: datetime | None = None
    wanted: bool = False
    not_before: datetime | None = None
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
