"""Writing people: 300 a call, each with its own status. Creates never update, updates never create."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from shared.connectors.marketo.client import PAGE, Client, Reply
from shared.connectors.marketo.errors import (
    NO_LEAD,
    NOT_EXECUTED,
    PASSING,
    SEVERAL,
    TAKEN,
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
from shared.connectors.marketo.fields import EMAIL, BadFieldError, body_of
from shared.connectors.marketo.importer import Importer, importable
from shared.connectors.marketo.people import PeopleReader, lead_ref
from shared.domain.records import Schema
from shared.errors import OutcomeUnknown, SyncError
from shared.http.parallel import raised, run_all
from shared.ports.connector import Op, Outcome, Write, WriteResult

type Row = dict[str, Any]


class PeopleWriter:
    """Writes people of one subscription."""

    def __init__(
        self,
        client: Client,
        schema: Schema,
        *,
        importer: Importer,
        import_from: int,
        partition: str,
        concurrency: int,
    ) -> None:
        self._client, self._schema, self._partition = client, schema, partition
        self._importer, self._import_from = importer, import_from
        self._concurrency = concurrency

    def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """One result each, in order. Raises only when nothing was sent.

        Many new people go by import; the others, and all while imports rest, by calls of 300.
        """
        results: dict[str, WriteResult] = {}
        rows: list[tuple[Write, Row]] = []
        for write in writes:
            try:
                rows.append((write, self._row(write)))
            except BadFieldError as bad:
                results[write.key] = local(write, bad.code, str(bad), bad.field)
        bulk = [item for item in rows if importable(*item)] if self._import_from else []
        if bulk and len(bulk) >= self._import_from:
            results |= self._importer.send(bulk)
        left = [item for item in rows if item[0].key not in results]
        parts = [left[start : start + PAGE] for start in range(0, len(left), PAGE)]
        results |= self._parts(writes[0].op, parts, results) if parts else {}
        return [results[write.key] for write in writes]

    def _parts(
        self, op: Op, parts: Sequence[Sequence[tuple[Write, Row]]], before: Mapping[str, WriteResult]
    ) -> dict[str, WriteResult]:
        """The first call alone: what it raises keeps the others back. Then as many at a time as may be in flight."""
        sent = any(result.outcome is not Outcome.REJECTED for result in before.values())
        results = self._part(op, parts[0], sent=sent)
        jobs = [partial(self._part, op, part, sent=True) for part in parts[1:]]
        for found in raised(run_all(jobs, at_once=self._concurrency)):
            results |= found
        return results

    def _part(self, op: Op, rows: Sequence[tuple[Write, Row]], *, sent: bool) -> dict[str, WriteResult]:
        """One call. Once something was sent, what keeps a later one back is an answer for its own people."""
        try:
            return self._send(op, rows)
        except SyncError as error:
            if not sent:
                raise
            return {write.key: not_tried(write, error.code, wait_of(error)) for write, _ in rows}

    def _row(self, write: Write) -> Row:
        if write.op is Op.DELETE:
            return {"id": int(write.ref.id)}
        fields = dict(write.fields)
        if write.op is Op.CREATE:
            if write.match is not None:
                fields.setdefault(EMAIL, write.match)
            return {name: value for name, value in body_of(self._schema, fields).items() if value is not None}
        return {"id": int(write.ref.id), **body_of(self._schema, fields)}

    def _send(self, op: Op, rows: Sequence[tuple[Write, Row]]) -> dict[str, WriteResult]:
        changing = [(write, row) for write, row in rows if op is not Op.UPDATE or len(row) > 1]
        still = {
            write.key: WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref)
            for write, row in rows
            if (write, row) not in changing
        }
        if not changing:
            return still
        try:
            reply = self._call(op, [row for _, row in changing])
        except OutcomeUnknown as lost:
            return still | {write.key: unknown(write, lost.code) for write, _ in changing}
        if isinstance(reply, Refusal):
            return still | self._refused(reply, changing, op)
        return still | self._results(op, changing, reply)

    def _call(self, op: Op, rows: list[Row]) -> Reply | Refusal:
        if op is Op.DELETE:
            return self._client.post("leads/delete.json", "delete", {"input": rows})
        if op is Op.UPDATE:
            body: Row = {"action": "updateOnly", "lookupField": "id", "input": rows}
            return self._client.post("leads.json", "update", body)
        body = {"action": "createOnly", "lookupField": EMAIL, "input": rows}
        if self._partition:
            body["partitionName"] = self._partition
        return self._client.post("leads.json", "create", body)

    def _refused(self, refusal: Refusal, rows: Sequence[tuple[Write, Row]], op: Op) -> dict[str, WriteResult]:
        """The whole call was refused. What leaves open whether it was done is unknown."""
        if refusal.code in NOT_EXECUTED:
            return {write.key: not_tried(write, f"mkto_{refusal.code}", 5.0) for write, _ in rows}
        if refusal.code in PASSING or not refusal.code:
            return {write.key: unknown(write, f"mkto_{refusal.code}") for write, _ in rows}
        if refusal.code == "413" and len(rows) > 1:
            half = len(rows) // 2
            sent = self._send(op, rows[:half])
            return sent | self._part(op, rows[half:], sent=True)
        raise raise_for(refusal, f"to {op.value} people")

    def _results(self, op: Op, rows: Sequence[tuple[Write, Row]], reply: Reply) -> dict[str, WriteResult]:
        """Results stand in the order of the input; an answer of another length says nothing."""
        answers: list[Mapping[str, Any]] = reply.rows
        if len(answers) != len(rows):
            return {write.key: unknown(write, "unreadable_answer") for write, _ in rows}
        results = {
            write.key: _result(op, write, row, answer) for (write, row), answer in zip(rows, answers, strict=True)
        }
        taken = [write for write, _ in rows if results[write.key].outcome is Outcome.EXISTS]
        return results | self._holders(taken) if taken else results

    def _holders(self, taken: Sequence[Write]) -> dict[str, WriteResult]:
        """Who has the e-mail addresses that were taken: the refusal does not say."""
        reader = PeopleReader(self._client, self._schema, [EMAIL], concurrency=self._concurrency)
        emails = {write.key: str(write.match or write.fields.get(EMAIL) or "") for write in taken}
        try:
            found = reader.by_email(list(emails.values()))
        except SyncError as error:
            return {write.key: not_tried(write, error.code) for write in taken}
        results: dict[str, WriteResult] = {}
        for write in taken:
            holders = found[emails[write.key]]
            result = WriteResult(key=write.key, outcome=Outcome.EXISTS, code="email_taken")
            if len(holders) == 1:
                results[write.key] = replace(result, ref=holders[0].ref)
            elif holders:
                text = f"{len(holders)} people in Marketo have this e-mail address"
                results[write.key] = local(write, "several_match", text, EMAIL)
            else:
                results[write.key] = not_tried(write, "email_free_again")
        return results


def _result(op: Op, write: Write, row: Row, answer: Mapping[str, Any]) -> WriteResult:
    status = answer.get("status")
    if status in {"created", "updated", "deleted"}:
        ref = lead_ref(answer.get("id")) if answer.get("id") is not None else write.ref
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=ref)
    refusal = first(answer.get("reasons"))
    if refusal.code == NO_LEAD:
        done = Outcome.APPLIED if op is Op.DELETE else Outcome.GONE
        return WriteResult(key=write.key, outcome=done, ref=write.ref, code="gone")
    if op is Op.CREATE and refusal.code in {TAKEN, SEVERAL}:
        return WriteResult(key=write.key, outcome=Outcome.EXISTS)
    if refusal.code == TWICE:
        return not_tried(write, refusal.name)
    return rejected(write, refusal, row)
