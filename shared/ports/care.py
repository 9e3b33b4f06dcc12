"""Long pieces of work that look after data (clean-up, erasure), and the list of people who must stay away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

WAITS: Final = "waiting"
NEXT_TRY: Final = "next_try"
"""Words of a job's `spec`: the code of what somebody has to mend first, and when it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work on one connection, done in steps; every step may be repeated.

    `group` joins the parts of one request over several connections. `state`: open, done, stopped. `spec` and `counts`
    hold no personal data; `sealed` does (encrypted), and is dropped when the job ends. `position` is where it goes on.
    `problems` are codes with record ids.
    """

    id: str
    kind: str
    connection: str
    group: str = ""
    state: str = "open"
    actor: str = ""
    at: datetime
    ended: datetime | None = None
    spec: Mapping[str, str] = field(default_factory=dict)
    sealed: bytes = b""
    position: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class JobStore(Protocol):
    """The jobs of the installation. Every method may raise Transient."""

    def put(self, job: Job) -> None:
        """Stores a job, new or changed; one that ended leaves the open ones in the same step."""
        ...

    def get(self, job_id: str) -> Job | None: ...

    def open(self) -> Sequence[Job]:
        """All that is still to be done, the oldest first."""
        ...

    def of_group(self, group: str) -> Sequence[Job]:
        """All parts of a request, ended or not."""
        ...

    def delete_before(self, moment: datetime, limit: int = 200) -> int:
        """Forgets what ended before; answers how many jobs. Call until 0."""
        ...


class Suppressions(Protocol):
    """Keyed digests of people, and of their records, that are never taken up again."""

    def add(self, keys: Iterable[bytes], *, at: datetime, person: bytes = b"") -> None:
        """`person`: the key of the address they belong to, by which all of them are lifted. Repeating it changes
        nothing."""
        ...

    def all(self) -> frozenset[bytes]: ...

    def lift(self, person: bytes) -> int:
        """Takes an address and all that belongs to it off the list; answers how many keys. 0: it was not there."""
        ...
