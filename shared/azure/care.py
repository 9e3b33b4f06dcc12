"""Jobs and suppressions in tables.

Jobs: `o-<id>` while open, `d-<id>` once ended, `g-<group>-<id>` names the parts of a request; an id begins with its
time. Suppressions: `s-<digest>`; its body is the time, and the digest of the address it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from shared.azure.log_rows import in_transactions, packed, scan_all
from shared.ports.care import Job
from shared.ports.state import Cell, Operation, PartitionStore, Put, Remove, Row
from shared.state import envelope

_ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_JOBS: Final = "jobs"
_ALL: Final = "all"


class TableJobs:
    """`JobStore`."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store

    def put(self, job: Job) -> None:
        if not _ID.fullmatch(job.id) or not _ID.fullmatch(job.group or job.id):
            raise ValueError("a job's id and group are letters and digits")
        ended = job.state != "open"
        operations: list[Operation] = [Put(f"{'d' if ended else 'o'}-{job.id}", _cells(job))]
        if ended and self._store.get(_JOBS, f"o-{job.id}") is not None:
            operations.append(Remove(f"o-{job.id}"))
        if job.group:
            operations.append(Put(f"g-{job.group}-{job.id}", packed([job.id])))
        self._store.transact(_JOBS, operations)

    def get(self, job_id: str) -> Job | None:
        if not _ID.fullmatch(job_id):
            return None
        # The open one first: a job that ends between the two reads is found by the second.
        row = self._store.get(_JOBS, f"o-{job_id}") or self._store.get(_JOBS, f"d-{job_id}")
        return _job(row) if row is not None else None

    def open(self) -> Sequence[Job]:
        return [_job(row) for row in scan_all(self._store, _JOBS, "o-", "o.")]

    def of_group(self, group: str) -> Sequence[Job]:
        if not _ID.fullmatch(group):
            return []
        names = [row.key.rpartition("-")[2] for row in scan_all(self._store, _JOBS, f"g-{group}-", f"g-{group}.")]
        return [job for name in names if (job := self.get(name)) is not None]

    def delete_before(self, moment: datetime, limit: int = 200) -> int:
        """See `JobStore.delete_before`."""
        ended = (_job(row) for row in scan_all(self._store, _JOBS, "d-", "d."))
        old = list(islice((job for job in ended if job.ended is not None and job.ended < moment), limit))
        gone = [Remove(f"d-{job.id}") for job in old]
        gone += [Remove(f"g-{job.group}-{job.id}") for job in old if job.group]
        in_transactions(self._store, _JOBS, gone)
        return len(old)


class TableSuppressions:
    """`Suppressions`."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store

    def add(self, keys: Iterable[bytes], *, at: datetime, person: bytes = b"") -> None:
        cells = packed([at.astimezone(UTC), person])
        in_transactions(self._store, _ALL, [Put(_key(key), cells) for key in sorted(set(keys))])

    def all(self) -> frozenset[bytes]:
        return frozenset(bytes.fromhex(row.key[2:]) for row in scan_all(self._store, _ALL, "s-", "s.", step=1000))

    def lift(self, person: bytes) -> int:
        rows = [row.key for row in scan_all(self._store, _ALL, "s-", "s.", step=1000) if _belongs(row, person)]
        in_transactions(self._store, _ALL, [Remove(name) for name in rows])
        return len(rows)


def _belongs(row: Row, person: bytes) -> bool:
    """A row of the first release says nothing but its time."""
    return row.key == _key(person) or (len(body := envelope.read(_ALL, row)) > 1 and body[1] == person)


def _key(digest: bytes) -> str:
    return f"s-{digest.hex()}"


def _cells(job: Job) -> dict[str, Cell]:
    body: list[Any] = [
        job.kind,
        job.connection,
        job.group,
        job.state,
        job.actor,
        job.at.astimezone(UTC),
        job.ended.astimezone(UTC) if job.ended is not None else None,
        dict(job.spec),
        job.sealed,
        job.position,
        dict(job.counts),
        list(job.problems),
    ]
    return packed(body)


def _job(row: Row) -> Job:
    body = envelope.read(_JOBS, row)
    kind, connection, group, state, actor, at, ended, spec, sealed, position, counts, problems = body
    return Job(
        id=row.key[2:],
        kind=kind,
        connection=connection,
        group=group,
        state=state,
        actor=actor,
        at=at,
        ended=ended,
        spec=spec,
        sealed=sealed,
        position=position,
        counts=counts,
        problems=tuple(problems),
    )
