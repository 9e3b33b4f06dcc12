"""Requests of one connection: `r-<id>` is a request, and a row under a letter says which list it stands on.

`q-<id>` queued or held, `w-<id>` waiting for a run, `x-<id>` poison, `f-<id>` finished: each list is one key range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from shared.azure.log_rows import in_transactions, list_rows, packed, pair_ref, ref_pair, scan_all
from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import Transient
from shared.ports.journal import Listing
from shared.ports.requests import ContactRequest, RequestState
from shared.ports.state import Cell, Conflict, Insert, Operation, PartitionStore, Put, Remove, Replace, Row
from shared.state import envelope

_ID: Final = re.compile(r"[0-9a-f]{32}")
_TRIES: Final = 10
_LETTER: Final[Mapping[RequestState, str]] = {
    RequestState.QUEUED: "q",
    RequestState.HELD: "q",
    RequestState.WAITING: "w",
    RequestState.POISON: "x",
    RequestState.FINISHED: "f",
}


class TableRequests:
    """`RequestStore` of one connection."""

    def __init__(self, store: PartitionStore, connection: str) -> None:
        self._store = store
        self._partition = connection

    def open(self, request: ContactRequest) -> tuple[ContactRequest, bool]:
        for _ in range(_TRIES):
            row = self._row(request.id)
            known = self._request(row) if row is not None else None
            if known is not None and known.state.under_way:
                return known, False
            if self._moved(row, known, request):
                return request, True
        raise _contended(request.id)

    def get(self, request_id: str) -> ContactRequest | None:
        row = self._row(request_id) if _ID.fullmatch(request_id) else None
        return self._request(row) if row is not None else None

    def save(self, request: ContactRequest) -> bool:
        for _ in range(_TRIES):
            row = self._row(request.id)
            known = self._request(row) if row is not None else None
            if known is None or known.state is RequestState.FINISHED:
                return False
            if self._moved(row, known, request):
                return True
        raise _contended(request.id)

    def begin(self, request: ContactRequest, *, seen: int, now: datetime) -> ContactRequest | None:
        row = self._row(request.id)
        if row is None or self._request(row) != request:
            return None
        begun = replace(request, seen=seen, adding=now)
        return begun if self._moved(row, request, begun) else None

    def requeue(self, request_id: str, now: datetime) -> ContactRequest | None:
        row = self._row(request_id) if _ID.fullmatch(request_id) else None
        known = self._request(row) if row is not None else None
        if known is None or known.state is not RequestState.POISON:
            return None
        fresh = replace(known, state=RequestState.QUEUED, changed=now, tries=0, code="", message="", next_step="")
        return fresh if self._moved(row, known, fresh) else None  # refused: somebody else did it at the same moment

    def purge(self, request_ids: Sequence[str]) -> int:
        gone = 0
        for request_id in dict.fromkeys(request_ids):
            row = self._row(request_id) if _ID.fullmatch(request_id) else None
            if row is not None and self._request(row).state is RequestState.POISON:
                in_transactions(self._store, self._partition, [Remove(row.key), Remove(f"x-{request_id}")])
                gone += 1
        return gone

    def list(self, state: RequestState, *, limit: int = 50, after: str = "") -> Listing[ContactRequest]:
        letter = _LETTER[state]

        def read(rows: Sequence[Row]) -> Iterable[ContactRequest | None]:
            found = self._store.get_many(self._partition, [_key(row) for row in rows])
            for row in rows:
                request = self._request(found[_key(row)]) if _key(row) in found else None
                yield request if request is not None and request.state is state else None

        return list_rows(
            self._store, self._partition, (f"{letter}-", f"{letter}."), limit=limit, after=after, read=read
        )

    def delete_before(self, moment: datetime, limit: int = 500) -> int:
        rows = scan_all(self._store, self._partition, "r-", "r.")
        ended = (found for found in map(self._request, rows) if found.state is RequestState.FINISHED)
        old = list(islice((request.id for request in ended if request.changed < moment), limit))
        gone = [Remove(f"{letter}-{request_id}") for request_id in old for letter in "rf"]
        in_transactions(self._store, self._partition, gone)
        return len(old)

    def _row(self, request_id: str) -> Row | None:
        return self._store.get(self._partition, f"r-{request_id}")

    def _moved(self, row: Row | None, known: ContactRequest | None, request: ContactRequest) -> bool:
        """Writes a request and puts it on its list; False when somebody else wrote it meanwhile."""
        key, letter = f"r-{request.id}", _LETTER[request.state]
        operations: list[Operation] = [Put(f"{letter}-{request.id}", packed([]))]
        if row is None or known is None:
            operations.append(Insert(key, _cells(request)))
        else:
            operations.append(Replace(key, _cells(request), row.etag))
            if _LETTER[known.state] != letter:
                operations.append(Remove(f"{_LETTER[known.state]}-{request.id}"))
        try:
            self._store.transact(self._partition, operations)
        except Conflict:
            return False
        return True

    def _request(self, row: Row) -> ContactRequest:
        body: Any = envelope.read(self._partition, row)
        entity, ref, state, at, changed, run_at, tries, code, message, next_step, trace, *more = body
        automation, seen, adding = more or ("", None, None)  # an earlier release knew no enrolments
        return ContactRequest(
            id=row.key[2:],
            entity=entity,
            ref=pair_ref(ref) or Ref(Kind(""), RemoteId("")),
            state=RequestState(state),
            at=at,
            changed=changed,
            run_at=run_at,
            tries=tries,
            code=code,
            message=message,
            next_step=next_step,
            trace=trace,
            automation=automation,
            seen=seen,
            adding=adding,
        )


def _key(row: Row) -> str:
    """The request that a row of a list stands for."""
    return f"r-{row.key[2:]}"


def _cells(request: ContactRequest) -> dict[str, Cell]:
    body: list[Any] = [
        request.entity,
        ref_pair(request.ref),
        request.state.value,
        request.at.astimezone(UTC),
        request.changed.astimezone(UTC),
        request.run_at.astimezone(UTC) if request.run_at else None,
        request.tries,
        request.code,
        request.message[:500],
        request.next_step[:300],
        request.trace,
        request.automation,
        request.seen,
        request.adding.astimezone(UTC) if request.adding else None,
    ]
    return packed(body)


def _contended(request_id: str) -> Transient:
    return Transient(f"request {request_id} changes too often", code="request_contended")
