"""Writing rows: creates by CreateMultiple, everything that needs a condition by `$batch`.

* Create: ids are ours. `CreateMultiple` is one transaction, so one bad row refuses all; then each row goes by itself
  as PATCH with `If-None-Match: *` (create only) in a `$batch`, which finds the bad ones and leaves the others created.
* Update: PATCH with `If-Match`, the version the caller expects, or `*` when it expects none: never an upsert.
* Delete: DELETE with `If-Match`; a row that is gone already is a success.

Nothing is sent twice here. A call whose answer was lost makes its rows UNKNOWN; a call that was not sent, NOT_TRIED.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from shared.connectors.dynamics.answers import Judge, not_tried, rejected, split_state, unknown
from shared.connectors.dynamics.batch import Part, read_batch
from shared.connectors.dynamics.client import DataverseClient
from shared.connectors.dynamics.errors import NO_SUCH_MESSAGE, PRIVILEGE_DENIED, VendorError, parse_error, raise_for
from shared.connectors.dynamics.metadata import TableMeta
from shared.connectors.dynamics.reader import Reading
from shared.connectors.dynamics.tables import VERBS
from shared.connectors.dynamics.values import BadValueError, body_of
from shared.connectors.surroundings import Memo
from shared.domain.records import FieldName, Record
from shared.errors import OutcomeUnknown, SyncError
from shared.http.calls import Answer
from shared.http.parallel import run_all
from shared.ports.connector import Op, Outcome, Write, WriteResult

ISOLATE = 500
"""Rows a `$batch` that isolates the bad ones of a refused CreateMultiple."""

_BULK_MEMORY = 6 * 3600.0
_STATECODE, _MADE_BY, _CHANGED_BY = FieldName("statecode"), FieldName("createdby"), FieldName("modifiedby")
_STATE = frozenset({_STATECODE, FieldName("statuscode")})
_MARKS = (_STATECODE, _MADE_BY, _CHANGED_BY)
_END, _COMPLETED = FieldName("actualend"), 1

type Results = dict[str, WriteResult]
type Ready = Sequence[tuple[Write, dict[str, object]]]
"""Writes with their JSON members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Rows a call, and calls in flight."""

    create: int
    update: int
    concurrency: int


class Writing:
    """Writes to one table. `memo` remembers that a table takes no CreateMultiple."""

    def __init__(self, client: DataverseClient, meta: TableMeta, sizes: Sizes, memo: Memo) -> None:
        self._client = client
        self._meta = meta
        self._sizes = sizes
        self._memo = memo
        self._judge = Judge(meta)

    def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """See `Connector.write`."""
        ready, results = self._prepared(writes)
        match writes[0].op:
            case Op.CREATE:
                size, send = self._sizes.create, self._create
            case Op.UPDATE:
                size, send = self._sizes.update, self._update
            case Op.DELETE:
                size, send = self._sizes.update, self._delete
        chunks = _chunks(ready, size)
        told = run_all([partial(send, chunk) for chunk in chunks], at_once=self._sizes.concurrency)
        errors = [item for item in told if isinstance(item, SyncError) and not isinstance(item, OutcomeUnknown)]
        if errors and len(errors) == len(chunks) and not results:
            raise errors[0]
        for chunk, item in zip(chunks, told, strict=True):
            results.update(_not_sent(chunk, item) if isinstance(item, SyncError) else item)
        return [results[write.key] for write in writes]

    def _prepared(self, writes: Sequence[Write]) -> tuple[list[tuple[Write, dict[str, object]]], Results]:
        """What can be sent, with its JSON; and the results of what cannot."""
        ready: list[tuple[Write, dict[str, object]]] = []
        refused: Results = {}
        for write in writes:
            problem = self._forbidden(write)
            if problem is not None:
                refused[write.key] = problem
                continue
            try:
                ready.append((write, self._completed(write) | body_of(write.fields, self._meta.columns)))
            except BadValueError as error:
                refused[write.key] = rejected(write, "bad_value", error.args[0], error.args[1])
        return ready, refused

    def _completed(self, write: Write) -> dict[str, object]:
        """An activity that is made with the moment at which it ended is over: an open one would stand on somebody's
        list of things to do."""
        return self._whole_state({_STATECODE: _COMPLETED}) if self._ended(write) else {}

    def _ended(self, write: Write) -> bool:
        timeline = self._meta.table.timeline and _STATECODE in self._meta.columns
        return timeline and write.op is Op.CREATE and write.fields.get(_END) is not None

    def _forbidden(self, write: Write) -> WriteResult | None:
        if write.op not in self._meta.table.writes:
            return rejected(write, "operation_not_allowed", "this table is only read", None)
        for name in write.fields:
            column = self._meta.columns.get(name)
            if column is None:
                return rejected(write, "unknown_field", "the table has no such column", name)
            open_to_us = column.spec.creatable if write.op is Op.CREATE else column.spec.updatable
            if not open_to_us and not (write.op is Op.CREATE and name in _STATE):
                return rejected(write, "not_writable", "this column may not be written", name)
        return None

    # -- creates ---------------------------------------------------------------------------------------------------

    def _create(self, chunk: Ready) -> Results:
        if len(chunk) == 1 or not self._takes_bulk():
            return self._create_singly(chunk)
        targets = [
            {"@odata.type": self._meta.table.type_name, self._meta.table.key: str(write.ref.id)} | split_state(body)[0]
            for write, body in chunk
        ]
        answer = self._client.post(
            f"{self._meta.table.set_name}/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": targets}, "create"
        )
        if answer.ok:
            return self._close(chunk, _created(chunk, answer))
        error = parse_error(answer.status, answer.body)
        if not error.number and answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return {write.key: unknown(write, error.code) for write, _ in chunk}
        if error.stops_everything:
            raise raise_for(error, f"to create rows of {self._meta.table.kind}")
        if error.number in NO_SUCH_MESSAGE:
            self._memo.put(self._bulk_key(), value=False)
        return self._create_singly(chunk)

    def _takes_bulk(self) -> bool:
        return self._memo.get(self._bulk_key(), _BULK_MEMORY, lambda: True)

    def _bulk_key(self) -> tuple[object, ...]:
        return ("dynamics", "bulk", self._client.http.origin, self._meta.table.kind)

    def _create_singly(self, chunk: Ready) -> Results:
        """Each row by itself, create only; every good one is made, every bad one named."""
        results: Results = {}
        for group in _chunks(chunk, ISOLATE):
            parts = [
                self._client.part("PATCH", self._resource(write), split_state(body)[0], **{"If-None-Match": "*"})
                for write, body in group
            ]
            results.update(self._send([write for write, _ in group], parts, "create"))
        return self._close(chunk, self._judge_existing(chunk, results))

    def _judge_existing(self, chunk: Ready, results: Results) -> Results:
        """A clash may be with our own id (adopt that row) or with another column's uniqueness (refused)."""
        met = [write for write, _ in chunk if results[write.key].outcome is Outcome.EXISTS]
        if not met:
            return results
        marks = _MARKS if self._meta.table.timeline else ()
        try:
            found = Reading(self._client, self._meta).by_ids([write.ref.id for write in met], marks, purpose="adopt")
            ended = {write.ref.id for write in met if self._ended(write)}
            self._complete([row for row in found.values() if isinstance(row, Record) and row.ref.id in ended])
        except SyncError:
            return results | {write.key: unknown(write, "exists") for write in met}
        for write in met:
            row = found[write.ref.id]
            if isinstance(row, Record):
                results[write.key] = WriteResult(
                    key=write.key, outcome=Outcome.EXISTS, ref=row.ref, revision=row.revision
                )
            else:
                results[write.key] = rejected(write, "duplicate_key", "another row has this key already", None)
        return results

    def _complete(self, rows: Sequence[Record]) -> None:
        """Completes activities that nobody but us has touched and that are open still: whoever made them died before.
        Somebody may touch one meanwhile: then it is left to him."""
        born = [row for row in rows if row.value(_STATECODE) == "0" and row.value(_MADE_BY) == row.value(_CHANGED_BY)]
        state = self._whole_state({_STATECODE: _COMPLETED})
        target = f"{self._meta.table.set_name}({{}})"
        for group in _chunks(born, self._sizes.update):
            parts = [
                self._client.part("PATCH", target.format(row.ref.id), state, **{"If-Match": row.revision or "*"})
                for row in group
            ]
            self._client.writes(parts, "update")

    def _close(self, chunk: Ready, results: Results) -> Results:
        """A row is born active; one that is to be inactive is changed right after."""
        late = [
            (write, split_state(body)[1])
            for write, body in chunk
            if split_state(body)[1] and results[write.key].outcome is Outcome.APPLIED
        ]
        if not late:
            return results
        parts = [self._client.part("PATCH", self._resource(write), state, **{"If-Match": "*"}) for write, state in late]
        try:
            return results | self._send([write for write, _ in late], parts, "update")
        except SyncError as error:
            return results | {write.key: unknown(write, error.code) for write, _ in late}

    # -- updates and deletes -----------------------------------------------------------------------------------------

    def _update(self, chunk: Ready) -> Results:
        parts = [
            self._client.part("PATCH", self._resource(write), self._whole_state(body), **_if_match(write))
            for write, body in chunk
        ]
        return self._send([write for write, _ in chunk], parts, "update")

    def _delete(self, chunk: Ready) -> Results:
        parts = [self._client.part("DELETE", self._resource(write), **_if_match(write)) for write, _ in chunk]
        return self._send([write for write, _ in chunk], parts, "delete")

    def _whole_state(self, body: dict[str, object]) -> dict[str, object]:
        """State and status go together: a status left out would keep one that does not fit the state."""
        state = body.get("statecode")
        column = self._meta.columns.get(FieldName("statecode"))
        if state is None or column is None or "statuscode" in body or str(state) not in column.first_status:
            return body
        return body | {"statuscode": int(column.first_status[str(state)])}

    def _resource(self, write: Write) -> str:
        return f"{self._meta.table.set_name}({write.ref.id})"

    def _send(self, writes: Sequence[Write], parts: Sequence[Part], purpose: str) -> Results:
        try:
            answer = self._client.writes(parts, purpose)
        except OutcomeUnknown as lost:  # judged here, because a later part of a ladder must not hide an earlier one
            return {write.key: unknown(write, lost.code) for write in writes}
        found = read_batch(answer.body, answer.headers.get("Content-Type", ""))
        if found is None:
            return self._whole_refused(writes, answer)
        results = self._judge.results(writes, found, close_budget=self._client.http.close_for)
        self._raise_if_none_may(writes, results)
        return results

    def _raise_if_none_may(self, writes: Sequence[Write], results: Results) -> None:
        """A privilege on the whole table that we lack is no matter of one row: nothing was written, and the connection
        has to stop. One that a plug-in lacks for some row is that row's."""
        missing = f"prv{VERBS[writes[0].op]}{self._meta.table.privilege}"
        words = re.compile(rf"\b{missing}\b", re.IGNORECASE)
        denied = VendorError(HTTPStatus.FORBIDDEN, PRIVILEGE_DENIED, missing)
        if all(result.code == denied.code and words.search(result.message) for result in results.values()):
            raise raise_for(denied, f"to write rows of {self._meta.table.kind}")

    def _whole_refused(self, writes: Sequence[Write], answer: Answer) -> Results:
        error = parse_error(answer.status, answer.body)
        if answer.ok or (answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not error.number):
            return {write.key: unknown(write, error.code) for write in writes}
        raise raise_for(error, "a batch of writes")


def _if_match(write: Write) -> dict[str, str]:
    return {"If-Match": write.expect or "*"}


def _created(chunk: Ready, answer: Answer) -> Results:
    """The answer lists the new ids in order. Anything else than ours, in full, and nothing is certain."""
    try:
        ids = [str(row).lower() for row in answer.json()["Ids"]]
    except (SyncError, KeyError, TypeError):
        ids = []
    if ids != [write.ref.id.lower() for write, _ in chunk]:
        return {write.key: unknown(write, "unexpected_ids") for write, _ in chunk}
    return {write.key: WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref) for write, _ in chunk}


def _not_sent(chunk: Ready, error: SyncError) -> Results:
    if isinstance(error, OutcomeUnknown):
        return {write.key: unknown(write, error.code) for write, _ in chunk}
    return {write.key: not_tried(write, error) for write, _ in chunk}


def _chunks[T](items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
