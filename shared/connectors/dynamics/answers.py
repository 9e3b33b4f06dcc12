"""What the answers to single writes mean, one result a write."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus

from shared.connectors.dynamics.batch import BatchAnswer, PartAnswer
from shared.connectors.dynamics.errors import VendorError, outcome_of, parse_error
from shared.connectors.dynamics.metadata import TableMeta
from shared.domain.records import FieldName, Ref
from shared.errors import SyncError, Throttled, Transient
from shared.http.redaction import mask
from shared.http.retry import parse_retry_after
from shared.ports.connector import Op, Outcome, Write, WriteResult

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_THROTTLED_SECONDS = 30.0
_STATE = ("statecode", "statuscode")


def split_state(body: dict[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """The members a create takes, and those that can only follow it: a row is born in its first state."""
    late = {name: body[name] for name in _STATE if name in body} if "statecode" in body else {}
    return {name: value for name, value in body.items() if name not in late}, late


class Judge:
    """Results of a batch of writes to one table."""

    def __init__(self, meta: TableMeta) -> None:
        self._meta = meta

    def results(
        self, writes: Sequence[Write], batch: BatchAnswer, *, close_budget: Callable[[float], None]
    ) -> dict[str, WriteResult]:
        """One result a write, by position. Where the answers cannot be told apart, nothing is certain."""
        if len(batch.parts) > len(writes) or (batch.whole and len(batch.parts) < len(writes)):
            return {write.key: unknown(write, "answers_missing") for write in writes}
        results: dict[str, WriteResult] = {}
        for place, write in enumerate(writes):
            if place >= len(batch.parts):
                results[write.key] = unknown(write, "answer_cut_off")
                continue
            part = batch.parts[place]
            if _is_of_another(part, write):
                return {each.key: unknown(each, "answers_mixed_up") for each in writes}
            results[write.key] = self._result(write, part, close_budget)
        return results

    def _result(self, write: Write, part: PartAnswer, close_budget: Callable[[float], None]) -> WriteResult:
        if part.status // 100 == HTTPStatus.OK // 100:
            return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref, revision=part.headers.get("etag"))
        error = parse_error(part.status, part.body)
        outcome = self._outcome(write, error)
        if outcome is Outcome.NOT_TRIED:
            asked = parse_retry_after(part.headers.get("retry-after"), now=None)
            wait = asked if asked is not None else _THROTTLED_SECONDS
            close_budget(wait)
            return WriteResult(key=write.key, outcome=outcome, code=error.code, retry_after=wait)
        if outcome is Outcome.GONE and write.op is Op.DELETE:
            return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=write.ref)
        return WriteResult(
            key=write.key,
            outcome=outcome,
            ref=write.ref if outcome is not Outcome.REJECTED else None,
            code=error.code,
            message=mask(error.message, _values(write), write.fields),
            field=self._field(write, error) if outcome is Outcome.REJECTED else None,
        )

    def _outcome(self, write: Write, error: VendorError) -> Outcome:
        """As the table of codes has it; but a 404 may also be about the row that a lookup of ours points to."""
        outcome = outcome_of(error, write.op)
        if outcome is Outcome.GONE and _blamed_reference(write, error) is not None:
            return Outcome.REJECTED
        return outcome

    def _field(self, write: Write, error: VendorError) -> FieldName | None:
        blamed = error.field_of([*write.fields, *self._navigation(write)])
        if blamed is None:
            return _blamed_reference(write, error)
        return self._navigation(write).get(blamed, FieldName(blamed))

    def _navigation(self, write: Write) -> dict[str, FieldName]:
        """Navigation properties of the lookups that are written, to their columns."""
        return {
            target: name
            for name in write.fields
            if name in self._meta.columns
            for target in self._meta.columns[name].navigation.values()
        }


def _blamed_reference(write: Write, error: VendorError) -> FieldName | None:
    """The lookup whose target a message about a missing row names, when it is not the row itself."""
    told = {found.lower() for found in _GUID.findall(error.message)}
    if write.ref.id.lower() in told:
        return None
    for name, value in write.fields.items():
        if isinstance(value, Ref) and value.id.lower() in told:
            return name
    return None


def _is_of_another(part: PartAnswer, write: Write) -> bool:
    """Does the answer name another row than the one that was written?"""
    found = _GUID.findall(part.headers.get("odata-entityid", ""))
    return bool(found) and found[-1].lower() != write.ref.id.lower()


def _values(write: Write) -> list[object]:
    return [value for value in write.fields.values() if not isinstance(value, Ref | bool)]


def unknown(write: Write, code: str) -> WriteResult:
    return WriteResult(key=write.key, outcome=Outcome.UNKNOWN, ref=write.ref, code=code)


def rejected(write: Write, code: str, message: str, field: FieldName | None) -> WriteResult:
    return WriteResult(key=write.key, outcome=Outcome.REJECTED, code=code, message=message, field=field)


def not_tried(write: Write, error: SyncError) -> WriteResult:
    wait = error.retry_after if isinstance(error, Throttled | Transient) else None
    return WriteResult(key=write.key, outcome=Outcome.NOT_TRIED, code=error.code, retry_after=wait)
