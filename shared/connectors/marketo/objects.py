"""Sales persons, companies and opportunities: written by a key of ours, read back by it, never fed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from shared.connectors.marketo.client import PAGE, Client
from shared.connectors.marketo.errors import (
    EXISTS,
    NATIVE,
    NOT_EXECUTED,
    NOT_THERE,
    PASSING,
    TWICE,
    Refusal,
    first,
    local,
    not_tried,
    raise_for,
    rejected,
    unknown,
    wait_of,
)
from shared.connectors.marketo.fields import COMPANY, LEAD, OPPORTUNITY, SALES_PERSON, BadFieldError, body_of, told
from shared.connectors.marketo.native import locked
from shared.connectors.marketo.roles import CONTACT, Roles
from shared.domain.records import FieldName, Gone, GoneReason, Kind, Record, Ref, RemoteId, Schema
from shared.errors import OutcomeUnknown, SyncError
from shared.http.parallel import raised, run_all
from shared.ports.connector import Op, Outcome, Write, WriteResult


@dataclass(frozen=True, slots=True)
class Family:
    """One kind: where it lives, and the field that holds the id we chose."""

    kind: Kind
    path: str
    key: str


FAMILIES: Mapping[Kind, Family] = {
    SALES_PERSON: Family(SALES_PERSON, "salespersons", "externalSalesPersonId"),
    COMPANY: Family(COMPANY, "companies", "externalCompanyId"),
    OPPORTUNITY: Family(OPPORTUNITY, "opportunities", "externalOpportunityId"),
}
_ACTIONS = {Op.CREATE: "createOnly", Op.UPDATE: "updateOnly"}
_DONE = frozenset({"created", "updated", "deleted"})
_UNKNOWN_OWNER = "718"


class ObjectStore:
    """Reads and writes one kind."""

    def __init__(
        self, client: Client, family: Family, schema: Schema, *, concurrency: int, roles: Roles | None = None
    ) -> None:
        self._client, self._family, self._schema, self._concurrency = client, family, schema, concurrency
        self._roles = roles

    def read(self, ids: Sequence[RemoteId], fields: Sequence[FieldName]) -> Mapping[RemoteId, Record | Gone]:
        """Each id's record, or that it is gone."""
        wanted = list(dict.fromkeys(ids))
        jobs = [partial(self._ask, wanted[start : start + PAGE], fields) for start in range(0, len(wanted), PAGE)]
        rows = [row for page in raised(run_all(jobs, at_once=self._concurrency)) for row in page]
        found = {str(row.get(self._family.key, "")).casefold(): row for row in rows}
        answers: dict[RemoteId, Record | Gone] = {}
        for row_id in wanted:
            ref, row = Ref(self._family.kind, row_id), found.get(row_id.casefold())
            gone = Gone(ref, GoneReason.CONFIRMED)
            answers[row_id] = gone if row is None else Record(ref, told(self._schema, fields, row))
        return self._with_roles(answers) if self._roles is not None and CONTACT in fields else answers

    def _with_roles(self, answers: Mapping[RemoteId, Record | Gone]) -> Mapping[RemoteId, Record | Gone]:
        there = [row for row, record in answers.items() if isinstance(record, Record)]
        people = self._roles.of(there) if self._roles is not None and there else {}

        def contact(row: RemoteId) -> Ref | None:
            found = people.get(row.casefold())
            return Ref(LEAD, min(found, key=int)) if found else None

        return {
            row: replace(record, fields={**record.fields, CONTACT: contact(row)})
            if isinstance(record, Record)
            else record
            for row, record in answers.items()
        }

    def _ask(self, ids: Sequence[RemoteId], fields: Sequence[FieldName]) -> list[Mapping[str, Any]]:
        asked = (name for name in fields if name in self._schema.fields and name != CONTACT)
        names = ",".join(dict.fromkeys([self._family.key, *asked]))
        query = [("filterType", self._family.key), ("filterValues", ",".join(ids)), ("fields", names)]
        return self._client.get(f"{self._family.path}.json", "read", query).rows

    def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """One result each, in order. Raises only when nothing was sent."""
        results: dict[str, WriteResult] = {}
        rows: list[tuple[Write, dict[str, Any]]] = []
        for write in writes:
            try:
                sent = body_of(self._schema, write.fields) if write.op is not Op.DELETE else {}
                sent.pop(CONTACT, None)
            except BadFieldError as bad:
                results[write.key] = local(write, bad.code, str(bad), bad.field)
            else:
                rows.append((write, {**sent, self._family.key: str(write.ref.id)}))
        if rows and writes[0].op is Op.DELETE and self._roles is not None:
            self._roles.clear([write for write, _ in rows])
        if rows:
            results |= self._send(writes[0].op, rows)
        if rows and writes[0].op is not Op.DELETE and self._roles is not None:
            results = self._roles.follow([write for write, _ in rows], results)
        return [results[write.key] for write in writes]

    def _send(self, op: Op, rows: Sequence[tuple[Write, dict[str, Any]]]) -> dict[str, WriteResult]:
        body: dict[str, Any] = {"input": [row for _, row in rows]}
        path = f"{self._family.path}.json"
        if op is Op.DELETE:
            path = f"{self._family.path}/delete.json"
        else:
            body |= {"action": _ACTIONS[op], "dedupeBy": "dedupeFields"}
        try:
            reply = self._client.post(path, op.value, body)
        except OutcomeUnknown as lost:
            return {write.key: unknown(write, lost.code) for write, _ in rows}
        if isinstance(reply, Refusal):
            return self._refused(op, reply, rows)
        answers = reply.rows
        if len(answers) != len(rows):
            return {write.key: unknown(write, "unreadable_answer") for write, _ in rows}
        if all(first(answer.get("reasons")).code == NATIVE for answer in answers):
            raise locked(self._family.kind)  # nothing of it was done, and nothing of the kind will be
        pairs = zip(rows, answers, strict=True)
        return {write.key: _result(op, write, row, answer) for (write, row), answer in pairs}

    def _refused(
        self, op: Op, refusal: Refusal, rows: Sequence[tuple[Write, dict[str, Any]]]
    ) -> dict[str, WriteResult]:
        if refusal.code in NOT_EXECUTED:
            return {write.key: not_tried(write, f"mkto_{refusal.code}", 5.0) for write, _ in rows}
        if refusal.code in PASSING or not refusal.code:
            return {write.key: unknown(write, f"mkto_{refusal.code}") for write, _ in rows}
        if refusal.code in {_UNKNOWN_OWNER, "413"}:
            # One record fails the whole call: halves find it.
            if len(rows) == 1:
                return {rows[0][0].key: rejected(rows[0][0], refusal, rows[0][1])}
            half = len(rows) // 2
            return self._half(op, rows[:half], refusal) | self._half(op, rows[half:], refusal)
        raise raise_for(refusal, f"to {op.value} {self._family.path}")

    def _half(self, op: Op, rows: Sequence[tuple[Write, dict[str, Any]]], refusal: Refusal) -> dict[str, WriteResult]:
        """What keeps a half back is an answer for its records: something was sent. A call that an owner failed may have
        taken the records before that one."""
        try:
            return self._send(op, rows)
        except SyncError as error:
            if refusal.code == _UNKNOWN_OWNER:
                return {write.key: unknown(write, error.code) for write, _ in rows}
            return {write.key: not_tried(write, error.code, wait_of(error)) for write, _ in rows}


def _result(op: Op, write: Write, row: Mapping[str, Any], answer: Mapping[str, Any]) -> WriteResult:
    if answer.get("status") in _DONE:
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref)
    refusal = first(answer.get("reasons"))
    if refusal.code == NOT_THERE and op is Op.DELETE:
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref, code="gone")
    if refusal.code == NOT_THERE and op is Op.UPDATE and "not found for" not in refusal.message:
        return WriteResult(key=write.key, outcome=Outcome.GONE, ref=write.ref, code="gone")
    if refusal.code == EXISTS and op is Op.CREATE:
        return WriteResult(key=write.key, outcome=Outcome.EXISTS, ref=write.ref)
    if refusal.code == TWICE:
        return not_tried(write, refusal.name)
    return rejected(write, refusal, row)
