"""Runs and what became of each record in them: a row a run with its counters, packed rows of outcomes beside it.

Partition: the connection. `r-<time, newest first>-<run>` is a run, `o-<run>-<part>-<number>` some outcomes of one
page. The first row of a part is inserted in the transaction that adds the part's counters, so a repeat after a crash
counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import batched
from typing import Any, Final

from shared.azure.log_rows import (
    in_transactions,
    list_rows,
    newest_first,
    packed,
    pair_ref,
    ref_pair,
    run_time,
    scan_all,
)
from shared.azure.values import pack_value
from shared.domain.outcomes import Status
from shared.domain.records import Side
from shared.errors import Transient
from shared.ports.ambient import Clock
from shared.ports.journal import ConflictStore, Failure, FailureStore, KeptConflict, Listing, Problem, RunRecord
from shared.ports.report import ConflictEntry, RecordOutcome
from shared.ports.state import Cell, Conflict, Insert, PartitionStore, Put, Remove, Replace, Row
from shared.state import envelope

__all__ = ["Beside", "RunRecord", "TableJournal"]

type Seal = Callable[[bytes, str], bytes]
"""Encrypts bytes and binds them to a place; what it gives is opaque here."""

_TRIES: Final = 20
_A_ROW: Final = 400
"""Outcomes of one row: with messages of `_MESSAGE` characters still well below what a row holds."""

_MESSAGE: Final = 500
_FAILING: Final = frozenset({Status.FAILED.value, Status.CONFLICTED.value, Status.BROKEN.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Where failures and conflicts go, and how the values of a conflict are sealed."""

    failures: FailureStore
    conflicts: ConflictStore
    seal: Seal


class TableJournal:
    """`Journal` of one connection, and its `RunLog`.

    Without `beside` failures stand only among the outcomes, and conflicts are only counted.
    """

    def __init__(self, store: PartitionStore, connection: str, clock: Clock, beside: Beside | None = None) -> None:
        self._store = store
        self._partition = connection
        self._clock = clock
        self._beside = beside

    # -- telling -------------------------------------------------------------------------------------------------------

    def begin_run(self, run_id: str, *, slot: str, reason: str) -> None:
        cells = _run_cells(RunRecord(id=run_id, slot=slot, reason=reason, state="running", started=self._clock.now()))
        try:
            self._store.transact(self._partition, [Insert(_run_key(run_id), cells)])
        except Conflict:
            return  # a repeat of this call: the run is open already

    def tell(
        self,
        run_id: str,
        part: str,
        outcomes: Sequence[RecordOutcome],
        counts: Mapping[str, int],
        *,
        unless: str = "",
    ) -> bool:
        """See `Journal.tell`. Failing records get a row of their own, until `FailureStore.clear` takes it away."""
        if unless and self._store.get(self._partition, _rows(run_id, unless, ())[0].key) is not None:
            return False
        first, *more = _rows(run_id, part, outcomes)
        for row in more:
            self._store.transact(self._partition, [Put(row.key, row.cells)])

        def counted(run: RunRecord) -> RunRecord:
            known = Counter(run.counts)
            known.update(counts)
            return replace(run, counts=dict(known))

        added = self._change(run_id, counted, first)
        if self._beside is not None:
            self._beside.failures.put(_failures(run_id, outcomes, self._clock.now()))
        return added

    def conflicts(self, run_id: str, part: str, entries: Sequence[ConflictEntry]) -> None:
        """See `Journal.conflicts`. The same values in one run are one conflict, with whatever others they are told."""
        if self._beside is not None:
            now = self._clock.now()
            self._beside.conflicts.add([_kept(run_id, part, entry, now, self._beside.seal) for entry in entries])

    def well(self, links: Sequence[str]) -> None:
        """See `Journal.well`."""
        if self._beside is not None:
            self._beside.failures.clear(links)

    def end_run(self, run_id: str, *, state: str, code: str = "", message: str = "") -> None:
        """See `Journal.end_run`. A run that ended stays as it ended."""

        def ended(run: RunRecord) -> RunRecord | None:
            if run.ended is not None:
                return None
            failed = any(count and name.startswith(f"{Status.FAILED}:") for name, count in run.counts.items())
            final = "partly_failed" if state == "succeeded" and failed else state
            return replace(run, state=final, ended=self._clock.now(), code=code, message=message[:_MESSAGE])

        if self._store.get(self._partition, _run_key(run_id)) is not None:
            self._change(run_id, ended, None)

    # -- reading -------------------------------------------------------------------------------------------------------

    def runs(self, limit: int = 50) -> list[RunRecord]:
        """The newest runs first."""
        return list(self.list_runs(limit=limit).items)

    def list_runs(self, *, limit: int = 50, after: str = "") -> Listing[RunRecord]:
        """The newest runs first, page by page."""
        return list_rows(
            self._store, self._partition, ("r-", "r."), limit=limit, after=after, read=lambda rows: map(self._run, rows)
        )

    def run(self, run_id: str) -> RunRecord | None:
        row = self._store.get(self._partition, _run_key(run_id))
        return self._run(row) if row is not None else None

    def outcomes(self, run_id: str) -> Iterator[RecordOutcome]:
        """What became of each record of the run that was more than unchanged."""
        for row in scan_all(self._store, self._partition, f"o-{run_id}-", f"o-{run_id}.", step=20):
            yield from self._unpacked(row)

    def list_outcomes(
        self, run_id: str, *, codes: Iterable[str] = (), limit: int = 100, after: str = ""
    ) -> Listing[RecordOutcome]:
        """See `RunLog.list_outcomes`."""
        wanted = set(codes)
        key, _, number = after.rpartition(".")
        first = key if key.startswith(f"o-{run_id}-") and number.isdigit() else f"o-{run_id}-"
        if after and first != key:
            raise ValueError("this list has no such continuation")
        skip = int(number) if after else 0
        found: list[RecordOutcome] = []
        for row in scan_all(self._store, self._partition, first, f"o-{run_id}.", step=5):
            for place, outcome in enumerate(self._unpacked(row)):
                if row.key == key and place < skip:
                    continue
                if wanted and not {outcome.code, outcome.code.partition(":")[0]} & wanted:
                    continue
                if len(found) == limit:
                    return Listing(found, f"{row.key}.{place}")
                found.append(outcome)
        return Listing(found)

    def delete_before(self, moment: datetime, limit: int = 20) -> int:
        """See `RunLog.delete_before`. Outcomes go first, so that a run that is listed has its outcomes."""
        old = self._store.scan(self._partition, f"r-{newest_first(moment)}.", "r.", limit=limit)
        for row in old:
            parts = self._store.scan(self._partition, f"o-{self._run(row).id}-", f"o-{self._run(row).id}.")
            in_transactions(self._store, self._partition, [Remove(part.key) for part in parts])
        in_transactions(self._store, self._partition, [Remove(row.key) for row in old])
        return len(old)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _change(self, run_id: str, edit: Callable[[RunRecord], RunRecord | None], part: Insert | None) -> bool:
        """Rewrites a run's row, and inserts the part that goes with it; False for a part that is there, which was
        counted already, and for a run that stays as it is."""
        for _ in range(_TRIES):
            row = self._store.get(self._partition, _run_key(run_id))
            if row is None:
                self.begin_run(run_id, slot="", reason="unknown")
                continue
            changed = edit(self._run(row))
            if changed is None:
                return False
            replaced = Replace(row.key, _run_cells(changed), row.etag)
            try:
                self._store.transact(self._partition, [replaced] if part is None else [part, replaced])
            except Conflict:
                if part is not None and self._store.get(self._partition, part.key) is not None:
                    return False
                continue
            return True
        raise Transient("the run's row changes too often", code="run_contended")

    def _run(self, row: Row) -> RunRecord:
        slot, reason, state, started, ended, code, message, counts = envelope.read(self._partition, row)
        return RunRecord(
            id=row.key.rpartition("-")[2],
            slot=slot,
            reason=reason,
            state=state,
            started=started,
            ended=ended,
            code=code,
            message=message,
            counts=counts,
        )

    def _unpacked(self, row: Row) -> Iterator[RecordOutcome]:
        for link, entity, code, crm, partner, at, vendor, message, retry in envelope.read(self._partition, row):
            yield RecordOutcome(
                link=link,
                entity=entity,
                code=code,
                crm=pair_ref(crm),
                partner=pair_ref(partner),
                field=at,
                vendor_code=vendor,
                message=message,
                retry_at=retry,
            )


def _run_key(run_id: str) -> str:
    return f"r-{run_time(run_id)}-{run_id}"


def _run_cells(run: RunRecord) -> dict[str, Cell]:
    ended = run.ended.astimezone(UTC) if run.ended else None
    return packed(
        [
            run.slot,
            run.reason,
            run.state,
            run.started.astimezone(UTC),
            ended,
            run.code,
            run.message,
            dict(run.counts),
        ]
    )


def _rows(run_id: str, part: str, outcomes: Sequence[RecordOutcome]) -> list[Insert]:
    """The rows of one part. There is always a first one: it marks the part as counted."""
    name = blake2b(part.encode(), digest_size=10).hexdigest()
    groups = list(batched(outcomes, _A_ROW, strict=False)) or [()]
    return [
        Insert(f"o-{run_id}-{name}-{number:04d}", packed([_pack(item) for item in group]))
        for number, group in enumerate(groups)
    ]


def _pack(item: RecordOutcome) -> list[Any]:
    return [
        item.link,
        item.entity,
        item.code,
        ref_pair(item.crm),
        ref_pair(item.partner),
        item.field,
        item.vendor_code,
        item.message[:_MESSAGE],
        item.retry_at.astimezone(UTC) if item.retry_at else None,
    ]


def _failures(run_id: str, outcomes: Sequence[RecordOutcome], now: datetime) -> list[Failure]:
    """One failure for each record that has a failing outcome, with all of its problems."""
    by_link: dict[str, list[RecordOutcome]] = {}
    for outcome in outcomes:
        if outcome.code.partition(":")[0] in _FAILING:
            by_link.setdefault(outcome.link, []).append(outcome)
    return [
        Failure(
            link=link,
            entity=items[0].entity,
            problems=tuple(Problem(item.code, item.field, item.vendor_code, item.message[:_MESSAGE]) for item in items),
            crm=items[0].crm,
            partner=items[0].partner,
            at=now,
            run=run_id,
            retry_at=max((item.retry_at for item in items if item.retry_at), default=None),
        )
        for link, items in by_link.items()
    ]


def _kept(run_id: str, part: str, entry: ConflictEntry, now: datetime, seal: Seal) -> KeptConflict:
    """A conflict under an id that a repeat makes again: of the same values, whatever else is told with them, or of the
    same part where those are not known."""
    values = f"{entry.winner}|{entry.crm_digest.hex()}|{entry.partner_digest.hex()}"
    told = values if entry.crm_digest or entry.partner_digest else part
    digest = blake2b(f"{run_id}|{told}|{entry.link}|{entry.field}".encode(), digest_size=10).hexdigest()
    conflict_id = f"{run_time(run_id)}-{digest}"
    return KeptConflict(
        id=conflict_id,
        link=entry.link,
        entity=entry.entity,
        field=entry.field,
        policy=entry.policy,
        winner=Side(entry.winner) if entry.winner else None,
        crm=entry.crm,
        partner=entry.partner,
        crm_value=seal(pack_value(entry.crm_value), f"{conflict_id}|crm"),
        partner_value=seal(pack_value(entry.partner_value), f"{conflict_id}|partner"),
        crm_digest=entry.crm_digest,
        partner_digest=entry.partner_digest,
        at=now,
        run=run_id,
    )
