"""Runs and what became of each record in them: a row a run with its counters, packed rows of outcomes beside it.

Partition: the connection. `r-<inverted time>-<run>` is a run (newest first in key order), `o-<run>-<part>` one page's
outcomes. A part is inserted in the transaction that adds its counters, so that a repeat after a crash counts once.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import Transient
from shared.ports.ambient import Clock
from shared.ports.report import ConflictEntry, RecordOutcome
from shared.ports.state import Cell, Conflict, Insert, PartitionStore, Replace, Row

_CELL = 60_000
_LAST_MILLISECOND = 1 << 48
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run as it stands. `state`: running, succeeded, partly_failed, failed, stopped."""

    id: str
    slot: str
    reason: str
    state: str
    started: datetime
    ended: datetime | None = None
    code: str = ""
    message: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


class TableJournal:
    """`Journal` of one connection, and its reader."""

    def __init__(self, store: PartitionStore, connection: str, clock: Clock) -> None:
        self._store = store
        self._partition = connection
        self._clock = clock

    def begin_run(self, run_id: str, *, slot: str, reason: str) -> None:
        cells: dict[str, Cell] = {
            "run": run_id,
            "slot": slot,
            "reason": reason,
            "state": "running",
            "started": self._clock.now(),
            "counts": "{}",
        }
        try:
            self._store.transact(self._partition, [Insert(_run_key(run_id), cells)])
        except Conflict:
            return  # a repeat of this call: the run is open already

    def tell(self, run_id: str, part: str, outcomes: Sequence[RecordOutcome], counts: Mapping[str, int]) -> None:
        packed = _packed(outcomes)
        for _ in range(_TRIES):
            row = self._store.get(self._partition, _run_key(run_id))
            if row is None:
                self.begin_run(run_id, slot="", reason="unknown")
                continue
            known = Counter(json.loads(str(row.cells["counts"])))
            known.update(counts)
            replaced = {**row.cells, "counts": json.dumps(known, separators=(",", ":"))}
            try:
                self._store.transact(
                    self._partition, [Insert(_part_key(run_id, part), packed), Replace(row.key, replaced, row.etag)]
                )
            except Conflict:
                if self._store.get(self._partition, _part_key(run_id, part)) is not None:
                    return
                continue
            return
        raise Transient("the run's counters change too often", code="run_contended")

    def conflicts(self, run_id: str, part: str, entries: Sequence[ConflictEntry]) -> None:
        """Counted with the run; the list of conflicts with its sealed values is a table of its own."""

    def end_run(self, run_id: str, *, state: str, code: str = "", message: str = "") -> None:
        for _ in range(_TRIES):
            row = self._store.get(self._partition, _run_key(run_id))
            if row is None or "ended" in row.cells:
                return
            counts: Mapping[str, int] = json.loads(str(row.cells["counts"]))
            failed = any(count for name, count in counts.items() if name.startswith("failed:"))
            final = "partly_failed" if state == "succeeded" and failed else state
            ended: dict[str, Cell] = {"state": final, "ended": self._clock.now(), "code": code, "message": message}
            try:
                self._store.transact(self._partition, [Replace(row.key, {**row.cells, **ended}, row.etag)])
            except Conflict:
                continue
            return
        raise Transient("the run's row changes too often", code="run_contended")

    # -- reading -------------------------------------------------------------------------------------------------------

    def runs(self, limit: int = 50) -> list[RunRecord]:
        """The newest runs first."""
        return [_run(row) for row in self._store.scan(self._partition, "r-", "r.", limit=limit)]

    def run(self, run_id: str) -> RunRecord | None:
        row = self._store.get(self._partition, _run_key(run_id))
        return _run(row) if row is not None else None

    def outcomes(self, run_id: str) -> Iterator[RecordOutcome]:
        """What became of each record of the run that was more than unchanged."""
        for row in self._store.scan(self._partition, f"o-{run_id}-", f"o-{run_id}."):
            yield from _unpacked(row)


def _run_key(run_id: str) -> str:
    """Newer runs sort first: run ids begin with 48 bits of milliseconds."""
    return f"r-{_LAST_MILLISECOND - int(run_id[:12], 16):012x}-{run_id}"


def _part_key(run_id: str, part: str) -> str:
    return f"o-{run_id}-{part}"


def _run(row: Row) -> RunRecord:
    cells = row.cells
    started, ended = cells["started"], cells.get("ended")
    if not isinstance(started, datetime):
        raise TypeError(f"the run row {row.key} has no start time")
    return RunRecord(
        id=str(cells["run"]),
        slot=str(cells["slot"]),
        reason=str(cells["reason"]),
        state=str(cells["state"]),
        started=started,
        ended=ended if isinstance(ended, datetime) else None,
        code=str(cells.get("code", "")),
        message=str(cells.get("message", "")),
        counts=json.loads(str(cells["counts"])),
    )


def _packed(outcomes: Sequence[RecordOutcome]) -> dict[str, Cell]:
    import msgpack

    rows = [
        [
            item.link,
            item.entity,
            item.code,
            _pair(item.crm),
            _pair(item.partner),
            item.field,
            item.vendor_code,
            item.message,
            int(item.retry_at.timestamp()) if item.retry_at is not None else 0,
        ]
        for item in outcomes
    ]
    body = zlib.compress(msgpack.packb(rows), 6)
    cells: dict[str, Cell] = {"count": len(rows)}
    for number, start in enumerate(range(0, len(body), _CELL)):
        cells[f"body{number}"] = body[start : start + _CELL]
    return cells


def _unpacked(row: Row) -> Iterator[RecordOutcome]:
    import msgpack

    names = sorted((name for name in row.cells if name.startswith("body")), key=lambda name: int(name[4:]))
    body = b"".join(part for name in names if isinstance(part := row.cells[name], bytes))
    for link, entity, code, crm, partner, at, vendor, message, retry in msgpack.unpackb(zlib.decompress(body)):
        yield RecordOutcome(
            link=link,
            entity=entity,
            code=code,
            crm=_ref(crm),
            partner=_ref(partner),
            field=at,
            vendor_code=vendor,
            message=message,
            retry_at=datetime.fromtimestamp(retry, tz=row.stamped.tzinfo) if retry else None,
        )


def _pair(ref: Ref | None) -> list[str] | None:
    return [ref.kind, ref.id] if ref is not None else None


def _ref(pair: Sequence[str] | None) -> Ref | None:
    return Ref(Kind(pair[0]), RemoteId(pair[1])) if pair is not None else None
