"""The words of lane state: what is handed to `Held` and what comes back.

Nothing in here names a person: records are named by their ids, values by keyed digests. `Fact` values must keep to
that too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.domain.identity import Agreed, Digest, Link, LinkKey, MatchKey
from shared.domain.records import Kind, Ref, RemoteId, Side
from shared.ports.connector import Op, Outcome
from shared.state.errors import AlreadyLinked, StateDamaged

__all__ = [
    "AlreadyLinked",
    "Awaited",
    "Batch",
    "BatchState",
    "Command",
    "CursorState",
    "Entry",
    "Fact",
    "LaneChanges",
    "LaneId",
    "LaneView",
    "MatchEntry",
    "Result",
    "StateDamaged",
    "Telling",
    "about_pair",
]

type Fact = str | int | float | bool | bytes | datetime | None
"""A small value stored as it is; `datetime` is aware and comes back in UTC, to the microsecond."""

_SAFE: Final = re.compile(r"[0-9A-Za-z_-]{1,120}")


@dataclass(frozen=True, slots=True, order=True)
class LaneId:
    """One lane: a connection and one of its shards. Both are opaque ids (letters, digits, `_`, `-`, at most 120).

    They become a partition key, so a mailbox's shard is an id of ours, never its address.
    """

    connection: str
    shard: str = "main"

    def __post_init__(self) -> None:
        for name in ("connection", "shard"):
            if not _SAFE.fullmatch(getattr(self, name)):
                raise ValueError(f"the lane's {name} must be 1 to 120 letters, digits, '_' or '-'")

    @property
    def partition(self) -> str:
        return f"{self.connection}.{self.shard}"

    def __str__(self) -> str:
        return self.partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something a lane is asked to do: a request, a retry, a decision. Anyone may leave one in the inbox.

    `key` is its idempotency key: while a command of that key waits, another one only renews it. It and `payload`
    carry ids, never values. `not_before` holds it back (None: at once). `trace` is the W3C traceparent of who asked.
    """

    key: str
    op: str
    side: Side | None = None
    ref: Ref | None = None
    kind: Kind | None = None
    payload: Mapping[str, Fact] = field(default_factory=dict)
    not_before: datetime | None = None
    tries: int = 0
    trace: str = ""
    put_at: datetime | None = None

    @property
    def partner(self) -> Ref | None:
        """The partner record that `about_pair` named."""
        kind, name = str(self.payload.get("partner_kind", "")), str(self.payload.get("partner_id", ""))
        return Ref(Kind(kind), RemoteId(name)) if kind and name else None


def about_pair(entity: str, partner: Ref | None) -> dict[str, Fact]:
    """What the payload of a command says of the pair that it is about: its entity, and its partner record if any."""
    return {
        "entity": entity,
        "partner_kind": partner.kind if partner is not None else "",
        "partner_id": partner.id if partner is not None else "",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorState:
    """Where a feed was left, and what it was left with.

    `digest` covers what the token was made with (columns, mapping, account); another one means another walk.
    `position` and `phase` are the engine's own words for a walk under way; `facts` what else it must not forget.
    """

    token: str
    digest: str = ""
    position: str = ""
    phase: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MatchEntry:
    """What is known of one match value: links agreed on it, and unlinked partner records that carry it.

    `more` says that there were too many to remember (over 32): the match is ambiguous whatever else is known.
    """

    links: tuple[LinkKey, ...] = ()
    candidates: tuple[Ref, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a feed told of a partner record without a link, while a first load is under way.

    `digests` are keyed, 8 bytes a column, b"" for a cleared one. A `whole` telling takes the place of earlier ones, any
    other adds its columns to them. `labels` are those that decide anything, None when they were not told.
    """

    ref: Ref
    digests: Mapping[str, bytes]
    whole: bool = True
    labels: frozenset[str] | None = None
    revision: str = ""


class BatchState(StrEnum):
    """INTENT: the call is not known to have ended. ACCEPTED: some outcomes come later (the ticket). DONE: all known."""

    INTENT = "intent"
    ACCEPTED = "accepted"
    DONE = "done"


@dataclass(slots=True, kw_only=True)  # not frozen: one a record is made, in a quarter of the time
class Entry:
    """One intended write of a batch, with all that its recovery and its fold need.

    `before` is what the written side stored of each written field before the call, `intended` what both sides store
    of it once the write was applied, `settled` what was agreed without a write. `expect` is the revision the write
    insists on. `facts` are the engine's own.
    """

    key: LinkKey
    crm: Ref
    partner: Ref | None = None
    op: Op
    entity: str = ""
    before: Mapping[str, Digest] = field(default_factory=dict)
    intended: Mapping[str, Agreed] = field(default_factory=dict)
    settled: Mapping[str, Agreed] = field(default_factory=dict)
    match: MatchKey | None = None
    add_labels: frozenset[str] = frozenset()
    remove_labels: frozenset[str] = frozenset()
    expect: str = ""
    incarnation: int = 0
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)  # not frozen: one a record is made, in a quarter of the time
class Result:
    """What became of one entry of a batch. `message` is the vendor's, with the record's values masked. `at` is the
    system's own time (epoch seconds) when it accepted the write, 0 for none."""

    key: LinkKey
    outcome: Outcome
    ref: Ref | None = None
    revision: str = ""
    code: str = ""
    message: str = ""
    field: str = ""
    ticket: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A set of writes of one call. `id` is fresh and sortable (`IdSource.new_id`); no two entries share a key.

    `state` and `results` are what `Held.batches` answers; `Held.begin` starts every batch as an intent.
    """

    id: str
    kind: Kind
    side: Side
    op: Op
    entries: tuple[Entry, ...]
    ticket: str = ""
    results: Mapping[LinkKey, Result] = field(default_factory=dict)
    state: BatchState = BatchState.INTENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A batch without its writes: what it takes to ask what became of them. `accepted`: some of them were, under
    `tickets`. `size` is how many writes there are."""

    id: str
    side: Side
    op: Op
    size: int
    accepted: bool = False
    tickets: tuple[str, ...] = ()

    @staticmethod
    def of(batch: Batch) -> Awaited:
        start = Awaited(id=batch.id, side=batch.side, op=batch.op, size=len(batch.entries))
        return start.told(batch.results.values())

    def told(self, results: Iterable[Result]) -> Awaited:
        """With these answers in place of any before."""
        later = [result for result in results if result.outcome is Outcome.ACCEPTED]
        tickets = dict.fromkeys(result.ticket for result in later if result.ticket)
        return replace(self, accepted=bool(later), tickets=tuple(tickets))


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneChanges:
    """What one fold makes true.

    `links` are put as they are; `links_removed` are taken out. Reverse pages follow by themselves. `candidates` says
    of partner records without a link which match key they carry now (None: none, or the record is gone).
    `tellings` are kept until `Held.forget_tellings`; for those who are candidates.
    `commands_postponed` replace the commands of the same key that this worker read. A cursor of None is removed.
    `facts` are merged into the lane's facts, a fact of None is removed.
    """

    links: Collection[Link] = ()
    links_removed: Collection[LinkKey] = ()
    candidates: Mapping[Ref, MatchKey | None] = field(default_factory=dict)
    tellings: Collection[Telling] = ()
    batches_dropped: Collection[str] = ()
    commands_done: Collection[str] = ()
    commands_postponed: Collection[Command] = ()
    cursors: Mapping[str, CursorState | None] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneView:
    """The lane row, for people, the timer and the HTTP API.

    `running` is judged by storage time: somebody holds the lease and it has not run out. `wanted`: somebody met the
    lane busy. `counts` are kept exactly, by entity and state: `contact.linked`, `contact.parked`, `contact.is:FLAG`.
    """

    running: bool = False
    owner: str = ""
    until: datetime | None = None
    wanted: bool = False
    not_before: datetime | None = None
    fence: int = 0
    facts: Mapping[str, Fact] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
