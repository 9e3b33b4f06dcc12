"""Results of writes: one call each, and what refusals mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus

from shared.connectors.activecampaign.errors import VendorError, outcome_of, raise_for
from shared.domain.records import FieldName, Ref
from shared.errors import OutcomeUnknown, SyncError, Throttled, Transient
from shared.http.parallel import run_all
from shared.http.redaction import mask
from shared.ports.connector import Outcome, Write, WriteResult


def each(writes: Sequence[Write], one: Callable[[Write], WriteResult], *, at_once: int) -> list[WriteResult]:
    """One result a write, in order. Raises only when nothing at all was sent."""
    told = run_all([partial(_settled, one, write) for write in writes], at_once=at_once)
    errors = [found for found in told if isinstance(found, SyncError)]
    if errors and len(errors) == len(writes):
        raise errors[0]
    return [
        not_tried(write, found) if isinstance(found, SyncError) else found
        for write, found in zip(writes, told, strict=True)
    ]


def _settled(one: Callable[[Write], WriteResult], write: Write) -> WriteResult:
    try:
        return one(write)
    except OutcomeUnknown as lost:
        return unknown(write, lost.code)


def refusal(write: Write, error: VendorError, what: str, field: FieldName | None) -> WriteResult:
    """The result of a refused call; `what` names the records, `field` is the one at fault.

    Raises AuthError for a bad key and Transient for a limit: then it is not the record's fault.
    """
    outcome = outcome_of(error)
    if outcome is Outcome.UNKNOWN:
        return unknown(write, error.name)
    if outcome is Outcome.NOT_TRIED:
        raise Transient("ActiveCampaign asks to wait", code=error.name)
    if error.html or (error.status == HTTPStatus.FORBIDDEN and not error.is_missing and not error.is_contact_limit):
        raise raise_for(error, f"to write {what}")
    if outcome is Outcome.GONE:
        return WriteResult(key=write.key, outcome=Outcome.GONE, ref=write.ref, code=error.name)
    values = [value for value in (*write.fields.values(), write.match) if not isinstance(value, Ref | bool)]
    return rejected(write, error.name, mask(error.message, values, write.fields), field)


def unknown(write: Write, code: str) -> WriteResult:
    return WriteResult(key=write.key, outcome=Outcome.UNKNOWN, ref=write.ref if write.ref.id else None, code=code)


def rejected(write: Write, code: str, message: str, field: FieldName | None = None) -> WriteResult:
    return WriteResult(key=write.key, outcome=Outcome.REJECTED, code=code, message=message, field=field)


def not_tried(write: Write, error: SyncError) -> WriteResult:
    wait = error.retry_after if isinstance(error, Throttled | Transient) else None
    return WriteResult(key=write.key, outcome=Outcome.NOT_TRIED, code=error.code, retry_after=wait)
