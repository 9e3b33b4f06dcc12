"""Results of writes, made short."""

from __future__ import annotations

from shared.domain.records import FieldName
from shared.errors import SyncError, Throttled, Transient
from shared.ports.connector import Outcome, Write, WriteResult


def unknown(write: Write, code: str) -> WriteResult:
    return WriteResult(key=write.key, outcome=Outcome.UNKNOWN, ref=write.ref if write.ref.id else None, code=code)


def rejected(write: Write, code: str, message: str, field: FieldName | None = None) -> WriteResult:
    return WriteResult(key=write.key, outcome=Outcome.REJECTED, code=code, message=message, field=field)


def not_tried(write: Write, error: SyncError) -> WriteResult:
    wait = error.retry_after if isinstance(error, Throttled | Transient) else None
    return WriteResult(key=write.key, outcome=Outcome.NOT_TRIED, code=error.code, retry_after=wait)
