"""What is kept beside the lane state: connections, and the record of what happened to them.

The engine tells runs by `shared.ports.report.Journal`; the Protocols here are for those who read, decide and clean up.
Records are named by their ids and by their link's key in hexadecimal; no key holds anything of a person. Every method
may raise Transient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Protocol

from shared.domain.connection import ConnectionConfig
from shared.domain.records import Ref, Side
from shared.errors import ConfigError
from shared.ports.report import RecordOutcome


@dataclass(frozen=True, slots=True)
class Listing[T]:
    """One page of a list. `next` continues it, and is "" at its end; it is opaque and safe in a URL.

    A page may hold fewer items than asked for, even none, and still go on: a filter looks at a bounded number of rows.
    """

    items: Sequence[T]
    next: str = ""


def each[T](page: Callable[[str], Listing[T]], most: int | None = None) -> Iterator[T]:
    """The items of a list, read page by page as they are asked for, at most so many pages. `page` reads what follows
    a place."""
    place = ""
    for _ in count() if most is None else range(most):
        listing = page(place)
        yield from listing.items
        place = listing.next
        if not place:
            return


class AlreadyThere(Exception):
    """A connection with the same environment, account and kind exists; `id` names it."""

    def __init__(self, connection_id: str) -> None:
        super().__init__(f"connection {connection_id} joins the same environment and account")
        self.id = connection_id


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """A connection and the version it was read with; `etag` is opaque."""

    config: ConnectionConfig
    etag: str


class ConnectionStore(Protocol):
    """The connections of this installation. Every method may raise Transient."""

    def create(self, config: ConnectionConfig, *, unique: str) -> StoredConnection:
        """Stores a new connection. `unique` is a digest of environment, account and kind: a second one with the same
        raises AlreadyThere, also when both are created at the same moment."""
        ...

    def get(self, connection_id: str) -> StoredConnection | None: ...

    def list(self) -> Sequence[StoredConnection]:
        """All connections, by id. Raises ConfigError for one that cannot be read."""
        ...

    def readable(self) -> tuple[Sequence[StoredConnection], Mapping[str, ConfigError]]:
        """The connections that can be read, by id, and what is wrong with each of the others, by its id: work in the
        background goes on for everybody else."""
        ...

    def update(self, config: ConnectionConfig, etag: str) -> StoredConnection:
        """Replaces a connection's settings while it still has `etag`; raises StaleRevision when it has not."""
        ...

    def delete(self, connection_id: str) -> None:
        """Removes the connection and frees its unique key; succeeds when it is already gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run as it stands. `state`: running, succeeded, partly_failed, failed, stopped. `counts` by outcome code."""

    id: str
    slot: str
    reason: str
    state: str
    started: datetime
    ended: datetime | None = None
    code: str = ""
    message: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


class RunLog(Protocol):
    """The runs of one connection, to be read."""

    def runs(self, limit: int = 50) -> Sequence[RunRecord]:
        """The newest runs first."""
        ...

    def list_runs(self, *, limit: int = 50, after: str = "") -> Listing[RunRecord]:
        """The newest runs first, page by page."""
        ...

    def run(self, run_id: str) -> RunRecord | None: ...

    def outcomes(self, run_id: str) -> Iterable[RecordOutcome]:
        """What became of each record of the run that was more than unchanged, in the order it was told."""
        ...

    def list_outcomes(
        self, run_id: str, *, codes: Iterable[str] = (), limit: int = 100, after: str = ""
    ) -> Listing[RecordOutcome]:
        """The same page by page; `codes` leaves in only those whose code, or the part before its colon, is named."""
        ...

    def delete_before(self, moment: datetime, limit: int = 20) -> int:
        """Removes up to `limit` runs that began before, with their outcomes; answers how many. Call until 0."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a record. `field` is "" when it is the whole record; `message` is masked."""

    code: str
    field: str = ""
    vendor_code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A record that failed and was not seen well since. What to do next follows from the codes (`outcomes`).

    `dismissed`: a person wants to see it no more, until its code changes.
    """

    link: str
    entity: str
    problems: tuple[Problem, ...]
    crm: Ref | None = None
    partner: Ref | None = None
    at: datetime
    run: str = ""
    tries: int = 0
    retry_at: datetime | None = None
    dismissed: bool = False

    @property
    def code(self) -> str:
        return self.problems[0].code


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureFilter:
    """Which failures to list; what is empty is not asked for. `code` also takes the part before the colon."""

    entity: str = ""
    code: str = ""
    field: str = ""
    dismissed: bool | None = False

    def matches(self, failure: Failure) -> bool:
        return (
            self.entity in {"", failure.entity}
            and self.dismissed in {None, failure.dismissed}
            and any(
                self.code in {"", problem.code, problem.code.partition(":")[0]} and self.field in {"", problem.field}
                for problem in failure.problems
            )
        )


class FailureStore(Protocol):
    """The failing records of one connection, one row each."""

    def put(self, failures: Sequence[Failure]) -> None:
        """Stores or replaces; a dismissal stays while the code stays."""
        ...

    def clear(self, links: Iterable[str]) -> None:
        """Takes rows out, those of records that are well again; a row that is not there is no error."""
        ...

    def get(self, link: str) -> Failure | None: ...

    def list(self, where: FailureFilter, *, limit: int = 50, after: str = "") -> Listing[Failure]:
        """In a stable order."""
        ...

    def dismiss(self, links: Iterable[str], *, actor: str) -> int:
        """Hides failures until their code changes; answers how many there were."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptConflict:
    """Two values of one field, as kept. `crm_value` and `partner_value` are sealed by the caller; None once expired.

    `winner` is None for a question that waits for a person. `actor` decided it ("" for the policy).
    """

    id: str
    link: str
    entity: str
    field: str
    policy: str
    winner: Side | None
    crm: Ref | None = None
    partner: Ref | None = None
    crm_value: bytes | None = None
    partner_value: bytes | None = None
    at: datetime
    run: str = ""
    actor: str = ""
    decided_at: datetime | None = None
    crm_digest: bytes = b""
    partner_digest: bytes = b""


class ConflictStore(Protocol):
    """The conflicts of one connection: open questions, and decisions that were made."""

    def add(self, conflicts: Sequence[KeptConflict]) -> None:
        """Stores those whose id is new; repeating it changes nothing. An open question on a field of a link takes the
        place of an older one on the same."""
        ...

    def get(self, conflict_id: str) -> KeptConflict | None: ...

    def list(
        self, *, waiting: bool, entity: str = "", field: str = "", link: str = "", limit: int = 50, after: str = ""
    ) -> Listing[KeptConflict]:
        """Open questions (`waiting`), or decisions; the newest first."""
        ...

    def decide(self, conflict_id: str, winner: Side, *, actor: str, now: datetime) -> KeptConflict:
        """Answers a question once. Raises StaleRevision when it was answered, or is not there."""
        ...

    def forget(self, links: Iterable[str]) -> None:
        """Removes everything kept about some links."""
        ...

    def expire(self, before: datetime, limit: int = 500) -> int:
        """Forgets the values of what is older: decisions go whole, open questions lose their values. Answers how many
        rows it touched; call until 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that somebody did. `actor` is the signed-in person's or app's object id; `details` hold no values."""

    id: str
    at: datetime
    actor: str
    action: str
    target: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


class AuditLog(Protocol):
    """The timeline of one connection (or, under the id "app", of the installation)."""

    def append(self, entry: AuditEntry) -> None:
        """Repeating it with the same id changes nothing."""
        ...

    def list(self, *, limit: int = 50, after: str = "", action: str = "") -> Listing[AuditEntry]:
        """The newest first. `action` also takes a prefix that ends before a dot (`connection` for all of
        `connection.created`)."""
        ...
