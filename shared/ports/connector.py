"""What the engine asks of a system, and what a system declares about itself.

The engine branches on `Capabilities`, never on a system's name. `shared.connectors.memory` defines the reference
semantics; every connector passes the same contract suite (`tests/contract`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, Protocol, runtime_checkable

from shared.domain.records import FieldName, Gone, Kind, Record, Ref, RemoteId, Schema, Value

Cursor = NewType("Cursor", str)
"""Where a feed was left: opaque text, made and read only by its connector, at most 16 kB."""

Ticket = NewType("Ticket", str)
"""Names an accepted write whose outcome comes later (a bulk import's batch id)."""


class FeedKind(StrEnum):
    """How a kind tells its changes."""

    DELTA = "delta"  # a token that covers everything since; deletes are told
    SINCE = "since"  # a changed-since filter with a resolution; needs an overlap
    LOG = "log"  # an activity log with its own retention
    WALK = "walk"  # no filter at all: every row, every time
    NONE = "none"  # cannot be read as a feed


class Deletes(StrEnum):
    """How a kind lets deletions be known."""

    TOLD = "told"
    ABSENCE = "absence"  # only missing from a complete, verified walk, then confirmed by one read
    NEVER = "never"


class CreateKey(StrEnum):
    """What makes a repeated create harmless."""

    CALLER_ID = "caller_id"  # the id is ours; a second create answers "exists"
    UNIQUE_MATCH = "unique_match"  # the match field (e-mail) is unique there
    NONE = "none"


class ClearBy(StrEnum):
    """How a field is emptied. IMPOSSIBLE: the plan says `cannot_clear`."""

    NULL = "null"
    EMPTY = "empty"
    IMPOSSIBLE = "impossible"


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCapabilities:
    """What can be done with one kind of record.

    `match_field` is the field a person is found by. `asynchronous_create`: a create is only *accepted*; the id is
    learnt when the feed brings the record, and refusals when the ticket is settled. Where it may also meet a record
    of that match value and change that one, nothing says so: records of such a kind tell `created_at`, and acceptance
    its time (`WriteResult.at`). `partial_rows`: rows of the feed
    and of walks lack `partial_fields` (they are absent there, and come by `read`). `create_only`: activities. As a
    source they are told by their feed alone (`read` may answer HIDDEN), each the same for ever; as a target they are
    made, perhaps deleted, and never changed. `bulk_size` and `find_size` are records per `write` and keys per `find`
    that fit one call; the engine hands over at most that many at a time. `coarse`: the resolution of `modified_at`.
    `look_back`: how far behind its mark a run of the feed asks again, so that what changed just before comes twice.
    `deactivate` holds the field values that make a record inactive (empty: there is no such thing).
    """

    feed: FeedKind
    deletes: Deletes
    writes: frozenset[Op] = frozenset(Op)
    conditional_write: bool = False
    create_key: CreateKey = CreateKey.NONE
    match_field: FieldName | None = None
    asynchronous_create: bool = False
    partial_rows: bool = False
    create_only: bool = False
    labels: bool = False
    stamp: FieldName | None = None
    bulk_size: int = 100
    find_size: int = 1
    clear: ClearBy = ClearBy.NULL
    coarse: timedelta = timedelta(seconds=1)
    look_back: timedelta = timedelta(0)
    tells_merges: bool = False
    deactivate: Mapping[FieldName, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one system can do, frozen, printed in the docs.

    `kinds` in dependency order: parents first. `shards` is true when changes come per mailbox (or the like) and each
    shard is a lane of its own. `keeps_log`: the connector is a `shared.ports.logbook.Logbook`, and what the other side
    refuses is told in the log of its record.
    """

    system: str
    title: str
    kinds: Mapping[Kind, KindCapabilities]
    shards: bool = False
    concurrency: int = 1
    keeps_log: bool = False


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One page of a feed.

    `cursor` continues after this page, also when nothing changed; saving it says that everything before was taken
    over. `more` says that the next page can be asked for at once. `walked` is true on the last page of a walk over
    *all* rows of the kind (a first load, or a compare-only pass): only then may absence mean deletion.
    """

    items: Sequence[Record | Gone]
    cursor: Cursor
    more: bool
    walked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One intended write. `key` is unique within its call and comes back in the result.

    A create names its kind and, where the system lets the caller choose, its id; otherwise `ref.id` is "".
    `fields` holds only what changes; `None` clears. `expect` is the revision an update or delete insists on (None:
    the connector writes without a condition, where its system knows none). `match` is the value of the match field
    for systems that create by unique match. `stamp` is stored in the same write where the kind has a stamp field.
    """

    key: str
    op: Op
    ref: Ref
    fields: Mapping[FieldName, Value | None] = field(default_factory=dict)
    expect: str | None = None
    match: str | None = None
    add_labels: frozenset[str] = frozenset()
    remove_labels: frozenset[str] = frozenset()
    stamp: str | None = None


class Outcome(StrEnum):
    """What became of one write; each value says what the engine does next."""

    APPLIED = "applied"
    ACCEPTED = "accepted"  # will be applied; settle the ticket, and take the id from the feed
    EXISTS = "exists"  # a create met a record with that id or match: adopt it
    STALE = "stale"  # the condition failed: read and merge again
    GONE = "gone"  # no such record any more
    REJECTED = "rejected"  # this record is invalid there: park it (or its field)
    UNKNOWN = "unknown"  # sent, no answer: recover by reading
    NOT_TRIED = "not_tried"  # nothing was sent for this one: later


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """The answer to one write.

    `ref` is the record written or found (`EXISTS`), when known; `revision` its new revision, when told. `stored` is the
    representation from the same transaction, when the system gives one. `code` and `message` are the vendor's own
    words with the record's values masked; `field` is the column at fault when known. `retry_after` in seconds goes
    with NOT_TRIED. `at` goes with ACCEPTED: the system's own time when it took the write (None: it did not say).
    """

    key: str
    outcome: Outcome
    ref: Ref | None = None
    revision: str | None = None
    stored: Mapping[FieldName, Value | None] | None = None
    ticket: Ticket | None = None
    code: str = ""
    message: str = ""
    field: FieldName | None = None
    retry_after: float | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The outcome of one ticket. `running`: ask again later. `refused` maps refused match values to their code."""

    ticket: Ticket
    running: bool
    refused: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False


class CheckState(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStep:
    """One step of a connection check: a stable `name`, what came out, why, and what to do next."""

    name: str
    state: CheckState
    reason: str = ""
    next_step: str = ""
    code: str = ""


@runtime_checkable
class Witness(Protocol):
    """A connector whose system tells some things only by an event, never by a later look."""

    def witnessed(self, kind: Kind, row: RemoteId, event: str, source: str) -> Mapping[FieldName, Value]:
        """What `event` (the vendor's word, caused by `source`) tells about a record beyond what can be read of it.

        Nothing when the record's state now does not bear it out, or when it was not the person's own act.
        """
        ...


@runtime_checkable
class StampFinder(Protocol):
    """A connector whose system finds records by the stamp they were written with. One whose kinds have a stamp field
    should be it: a create whose answer was lost is known by its stamp, whatever users changed since."""

    def stamped(self, kind: Kind, stamp: str, fields: Sequence[FieldName]) -> Record | None:
        """The record that carries `stamp` now; None when none does."""
        ...


@runtime_checkable
class Portioned(Protocol):
    """A connector whose calls are bounded in bytes beside `bulk_size`."""

    def portion(self, writes: Sequence[Write]) -> int:
        """How many of these writes, all of one kind and operation, fit one call on the average: 1 to `bulk_size`. Where
        more than fit are handed over, the connector makes several calls of them."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A connector whose system takes so many large calls in a time, whatever its limit of calls is."""

    def pause(self, kind: Kind, writes: int) -> float:
        """Seconds until so many writes of a kind can be sent without meeting that bound; 0.0: now. Calls nobody."""
        ...


@runtime_checkable
class Labelled(Protocol):
    """A connector whose feed may tell records without their labels, and whose system lists who carries a label."""

    def labelled(self, kind: Kind, labels: Collection[str], after: RemoteId | None) -> Sequence[RemoteId]:
        """Ids of the next records that carry any of these labels, in whatever spelling, in an order that lasts: from
        the first one, or those behind `after`. A page of them; none when there are no more."""
        ...


@runtime_checkable
class Counter(Protocol):
    """A connector whose system counts rows by a filter in its own words (`shared.domain.criteria.to_odata`)."""

    def count(self, kind: Kind, where: str, *, exact: bool) -> tuple[int, bool]:
        """How many rows there are, and whether there are more than that: the system stops counting at a limit.

        `exact` walks the keys instead, up to a limit of its own.
        """
        ...


class Connector(Protocol):
    """One account of one system. Instances are cheap, hold no state that matters, and are used by several threads.

    Every method may raise AuthError, Transient, Throttled and ConfigError; other errors are named where they occur.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def check(self) -> Iterable[CheckStep]:
        """Looks at settings, token, account, privileges and quota, in order, and yields each step as it ends.

        After a step that failed, those that need it are yielded as skipped. Never raises for what a user can mend.
        """
        ...

    def identity(self) -> str:
        """Names the account behind the address (organisation id, account name); another answer is changed ground."""
        ...

    def describe(self, kind: Kind) -> Schema:
        """The kind's fields as they are now, permissions included. Raises Rejected for a kind the account lacks."""
        ...

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        """The next page of what changed since `cursor`; with no cursor, every row there is, then its changes.

        A record may come twice, in any order; each comes with its values now. Nothing that was committed before
        `walked` turned true, or before the cursor was taken, is missed in a later page. `fields` must be those the
        cursor was made with. Raises CursorExpired when the cursor is no longer good.
        """
        ...

    def read(
        self, kind: Kind, ids: Sequence[RemoteId], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        """Each id's record as it is now, all of `fields` told (a field that may not be read stays absent)."""
        ...

    def find(self, kind: Kind, values: Sequence[str], fields: Sequence[FieldName]) -> Mapping[str, Sequence[Record]]:
        """The records whose match field equals each value by the system's own comparison; every value has an entry."""
        ...

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """Writes records of one kind and one operation, at most `bulk_size`; one result each, in the same order.

        Creates are create-only, updates never create, deletes succeed when the record is already gone. Never raises
        after something may have been sent: what is not known is UNKNOWN, what was not sent is NOT_TRIED.
        """
        ...

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        """Asks what became of accepted writes, in the same order. A ticket the system no longer knows is `lost`."""
        ...
