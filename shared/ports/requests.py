"""Requests about one record: what was asked, and what became of it.

Either a partner record is to be made in Dynamics ("make a lead of this contact"), or the counterpart of a Dynamics row
is to be taken into an automation of the partner's (an enrolment). A request has one key: connection, entity, record
and automation. While it is under way every repeat is the same request. Nothing of a person stands in it: records are
named by their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Protocol

from shared.domain.records import Ref
from shared.ports.journal import Listing


class RequestState(StrEnum):
    """QUEUED: a message is on its way. HELD: something has to change first: the connection is off or stopped, or (until
    `run_at`) the record of an enrolment has no counterpart yet. WAITING: taken over, for the next scheduled run.
    FINISHED: `code` says how. POISON: it failed five times."""

    QUEUED = "queued"
    HELD = "held"
    WAITING = "waiting"
    FINISHED = "finished"
    POISON = "poison"

    @property
    def under_way(self) -> bool:
        return self in {RequestState.QUEUED, RequestState.HELD, RequestState.WAITING}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRequest:
    """One request as it stands.

    `code` is an outcome code once it finished, else the code of the last error; `message` and `next_step` belong to
    that error. `run_at` is the scheduled run that takes it up. `tries` counts the attempts of the current message.

    Of an enrolment: `automation` is its id and `ref` the Dynamics row; else `automation` is "" and `ref` the partner's
    record. `seen` is what the partner told of earlier entries before the record was added, None until then; `adding`
    is since when an attempt that nobody has heard of again is at it.
    """

    id: str
    entity: str
    ref: Ref
    state: RequestState
    at: datetime
    changed: datetime
    run_at: datetime | None = None
    tries: int = 0
    code: str = ""
    message: str = ""
    next_step: str = ""
    trace: str = ""
    automation: str = ""
    seen: int | None = None
    adding: datetime | None = None


def request_id(entity: str, ref: Ref, automation: str = "") -> str:
    """The key of a request within its connection, 32 hexadecimal digits; the same question has the same key."""
    what = f"{entity}|{ref.kind}|{ref.id}" + (f"|{automation}" if automation else "")
    return blake2b(what.encode(), digest_size=16).hexdigest()


class RequestStore(Protocol):
    """The requests of one connection. Every method may raise Transient."""

    def open(self, request: ContactRequest) -> tuple[ContactRequest, bool]:
        """Stores a request unless one of its key is under way; answers the one that counts, and whether it is new."""
        ...

    def get(self, request_id: str) -> ContactRequest | None: ...

    def save(self, request: ContactRequest) -> bool:
        """Replaces a request that is under way or poison; one that finished stays as it ended, and False comes back."""
        ...

    def begin(self, request: ContactRequest, *, seen: int, now: datetime) -> ContactRequest | None:
        """Notes that the record is about to be added, where nobody noted it since `request` was read; else None."""
        ...

    def requeue(self, request_id: str, now: datetime) -> ContactRequest | None:
        """Takes a request out of the poison list, once, however many ask at the same time; None for the others."""
        ...

    def purge(self, request_ids: Sequence[str]) -> int:
        """Forgets poison requests; answers how many there were."""
        ...

    def list(self, state: RequestState, *, limit: int = 50, after: str = "") -> Listing[ContactRequest]:
        """Those of one state, in a stable order."""
        ...

    def delete_before(self, moment: datetime, limit: int = 500) -> int:
        """Forgets requests that finished before; answers how many. Call until 0."""
        ...
