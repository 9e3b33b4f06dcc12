"""Requests of one connection: a row each, under a letter that says where it stands, so that each list is one key range.

`q-<id>` queued or held, `w-<id>` waiting for a run, `x-<id>` poison, `f-<id>` finished.
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
from shared.ports.state import Cell, Conflict, Insert, Operation, PartitionStore, Remove, Replace, Row
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
            try:
                self._store.transact(self._partition, _moved(row, request))
            except Conflict:
                continue
            return request, True
        raise _contended(request.id)

    def get(self, request_id: str) -> ContactRequest | None:
        row = self._row(request_id) if _ID.fullmatch(request_id) else None
        return self._request(row) if row is not None else None

    def save(self, request: ContactRequest) -> bool:
        for _ in range(_TRIES):
            row = self._row(request.id)
            if row is None or self._request(row).state is RequestState.FINISHED:
                return False
            try:
                self._store.transact(self._partition, _moved(row, request))
            except Conflict:
                continue
            return True
        raise _contended(request.id)

    def requeue(self, request_id: str, now: datetime) -> ContactRequest | None:
        row = self._store.get(self._partition, f"x-{request_id}") if _ID.fullmatch(request_id) else None
        if row is None:
            return None
        fresh = replace(
            self._request(row), state=RequestState.QUEUED, changed=now, tries=0, code="", message="", next_step=""
        )
        try:
            self._store.transact(self._partition, _moved(row, fresh))
        except Conflict:
            return None  # somebody else did it at the same moment
        return fresh

    def purge(self, request_ids: Sequence[str]) -> int:
        keys = [f"x-{request_id}" for request_id in request_ids if _ID.fullmatch(request_id)]
        found = self._store.get_many(self._partition, keys)
        in_transactions(self._store, self._partition, [Remove(key) for key in found])
        return len(found)

    def list(self, state: RequestState, *, limit: int = 50, after: str = "") -> Listing[ContactRequest]:
        letter = _LETTER[state]

        def read(rows: Sequence[Row]) -> Iterable[ContactRequest | None]:
            for request in map(self._request, rows):
                yield request if request.state is state else None

        return list_rows(
            self._store, self._partition, (f"{letter}-", f"{letter}."), limit=limit, after=after, read=read
        )

    def delete_before(self, moment: datetime, limit: int = 500) -> int:
        rows = scan_all(self._store, self._partition, "f-", "f.")
        old = list(islice((row.key for row in rows if self._request(row).changed < moment), limit))
        in_transactions(self._store, self._partition, [Remove(key) for key in old])
        return len(old)

    def _row(self, request_id: str) -> Row | None:
        """Where it stands; under way before ended, should a crash have left both."""
        found = self._store.get_many(self._partition, [f"{letter}-{request_id}" for letter in "qwxf"])
        return next((found[key] for letter in "qwxf" if (key := f"{letter}-{request_id}") in found), None)

    def _request(self, row: Row) -> ContactRequest:
        body: Any = envelope.read(self._partition, row)
        entity, ref, state, at, changed, run_at, tries, code, message, next_step, trace = body
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
        )


def _moved(row: Row | None, request: ContactRequest) -> list[Operation]:
    """Puts a request where its state belongs, in one transaction with leaving the place it had."""
    key, cells = f"{_LETTER[request.state]}-{request.id}", _cells(request)
    if row is None:
        return [Insert(key, cells)]
    if row.key == key:
        return [Replace(key, cells, row.etag)]
    return [Remove(row.key, row.etag), Insert(key, cells)]


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
    ]
    return packed(body)


def _contended(request_id: str) -> Transient:
    return Transient(f"request {request_id} changes too often", code="request_contended")
