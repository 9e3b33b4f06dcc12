"""Where the engine tells what became of each record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.records import FieldName, FieldState, Ref, Side, Value
from shared.ports.connector import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOutcome:
    """What became of one record in one run.

    `code` is one of `shared.domain.outcomes`; `vendor_code` and `message` are the vendor's own words with the record's
    values masked; `field` is the mapped field at fault; `retry_at` is when it is tried again, None when it is not.
    """

    link: str
    entity: str
    code: str
    crm: Ref | None = None
    partner: Ref | None = None
    field: str = ""
    vendor_code: str = ""
    message: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictEntry:
    """Two values for one field, and what was decided. Values are kept encrypted, for 30 days.

    `winner` is "crm", "partner", or "" for a question that waits for a person. The digests tell later whether an answer
    is still about these values.
    """

    link: str
    entity: str
    field: str
    policy: str
    winner: str
    crm: Ref | None
    partner: Ref | None
    crm_value: object
    partner_value: object
    crm_digest: bytes = b""
    partner_digest: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One write of a run: what stood in each field before (ABSENT: not known) and what was written. Kept encrypted, for
    30 days. Of a created record no value is kept: its link says what both sides agreed on."""

    link: str
    entity: str
    side: Side
    op: Op
    ref: Ref
    before: Mapping[FieldName, FieldState] = field(default_factory=dict)
    after: Mapping[FieldName, Value | None] = field(default_factory=dict)


class Journal(Protocol):
    """The runs of one connection. Every method is idempotent: a repeated call after a crash changes nothing twice."""

    def begin_run(self, run_id: str, *, slot: str, reason: str) -> None:
        """Opens a run (or finds it open already)."""
        ...

    def tell(
        self,
        run_id: str,
        part: str,
        outcomes: Sequence[RecordOutcome],
        counts: Mapping[str, int],
        *,
        unless: str = "",
    ) -> bool:
        """Adds one page's outcomes and counters (by code). `part` makes a repeat recognisable: the first one counts.

        Nothing is added when the part `unless` was told in this run: it said the same. Answers whether it was added.
        """
        ...

    def conflicts(self, run_id: str, part: str, entries: Sequence[ConflictEntry]) -> None: ...

    def well(self, links: Sequence[str]) -> None:
        """Records that were failing, by their links' keys in hexadecimal, and are so no more."""
        ...

    def end_run(self, run_id: str, *, state: str, code: str = "", message: str = "") -> None:
        """Closes a run as `succeeded`, `failed` or `stopped`; one that succeeded with failures is `partly_failed`."""
        ...
