"""What Marketo says when it refuses: codes inside HTTP 200, for a whole call or for one record.

Source: the vendor's page on error codes. 6xx: not executed; 7xx: nothing found or a wrong parameter; 1xxx: a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from shared.domain.records import FieldName, Ref
from shared.errors import AuthError, ConfigError, Rejected, SyncError, Throttled, Transient
from shared.http.redaction import mask
from shared.ports.connector import Outcome, Write, WriteResult

TITLE: Final = "Marketo"
STALE_TOKEN: Final = frozenset({"601", "602"})
NO_TOKEN, DENIED = "600", "603"
RATE, QUOTA, BUSY = "606", "607", "615"
PASSING: Final = frozenset({"500", "502", "604", "608", "611", "614", "713", "719"})
"""Worth another try by themselves; 604, 611, 713 and the 50x leave open whether a write took effect."""
NOT_EXECUTED: Final = frozenset({"608", "614"})
NO_LEAD, TAKEN, SEVERAL, TWICE, NATIVE = "1004", "1005", "1007", "1036", "1018"
NOT_THERE, EXISTS = "1013", "1017"
QUEUE: Final = frozenset({"1016", "1019", "1029"})
"""A line of jobs is full, or one of its own kind is under way: later, and nothing is lost."""

_QUEUE_PAUSE = 60.0

_FIELD = re.compile(r"'([A-Za-z_][A-Za-z0-9_]*)'")
_NEXT: Mapping[str, str] = {
    "600": "Run the check again.",
    "601": "Check client id and secret of the custom service under Admin, LaunchPoint.",
    "602": "Check client id and secret of the custom service under Admin, LaunchPoint.",
    "603": "Give the API user's role the Access API permission for it under Admin, Users & Roles; if it has that, add "
    "this app's addresses to the IP allow-list.",
    "610": "Check the REST address: copy it again from Admin, Web Services, without /rest.",
}
_AUTH = frozenset({"600", "601", "602", "603"})
_WORDS: Mapping[str, str] = {
    "1001": "wrong_type",
    "1002": "required_missing",
    "1003": "invalid_data",
    "1006": "unknown_field",
    "1007": "several_match",
    "1008": "partition_denied",
    "1009": "partition_needed",
    "1010": "partition_fixed",
    "1011": "field_not_supported",
    "1016": "import_queue_full",
    "1018": "native_sync",
    "1019": "import_running",
    "1021": "company_field",
    "1022": "in_use",
    "1029": "export_queue_full",
    "1036": "duplicate_input",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A code and what it says."""

    code: str
    message: str

    @property
    def name(self) -> str:
        """A word for the codes people meet, else the code."""
        return _WORDS.get(self.code, f"mkto_{self.code}")


def first(errors: object) -> Refusal:
    """The first of a list of errors or reasons."""
    found = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(found, Mapping):
        return Refusal("", "")
    return Refusal(str(found.get("code", "")), str(found.get("message", "")))


def raise_for(refusal: Refusal, what: str) -> SyncError:
    """The exception for a call that was refused as a whole. `what` names it in words of ours."""
    said = f"{TITLE} refused {what} ({refusal.code or 'no code'})"
    if refusal.code in _AUTH:
        code = "access_denied" if refusal.code == "603" else "bad_token"
        return AuthError(f"{said}: the API user has no access", code=code, next_step=_NEXT[refusal.code])
    if refusal.code in PASSING or not refusal.code:
        return Transient(said, code=f"mkto_{refusal.code or 'unreadable'}")
    if refusal.code in QUEUE:
        return Transient(
            f"{said}: its line of bulk jobs is full",
            retry_after=_QUEUE_PAUSE,
            code=refusal.name,
            next_step="Nothing to do: it goes on when other clients' jobs have ended.",
        )
    if refusal.code == NATIVE:
        return Rejected(
            f"{said}: Marketo's own CRM sync owns these records",
            code="native_sync",
            next_step="Switch this entity off here, or end the native sync; people and custom objects still work.",
        )
    if refusal.code == "610":
        return ConfigError(f"{said}: there is no such resource", code="wrong_address", next_step=_NEXT["610"])
    return ConfigError(
        f"{said}: {mask(refusal.message)}",
        code=refusal.name,
        next_step="Run the connection check; it names what has to be corrected.",
    )


_MARGIN = 5.0
"""Seconds after midnight: who asks a moment too early is refused for another day."""


def until_midnight(now: datetime) -> tuple[float, datetime]:
    """Seconds until the quota has begun anew at 00:00 US Central, and that moment in UTC."""
    from datetime import UTC
    from zoneinfo import ZoneInfo

    central = now.astimezone(ZoneInfo("America/Chicago"))
    midnight = (central + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    reset = midnight.astimezone(UTC)
    return max(0.0, (reset - now).total_seconds()) + _MARGIN, reset


def field_of(refusal: Refusal, known: Iterable[str]) -> FieldName | None:
    """The field a refusal names, when it is one we sent."""
    names = set(known)
    return next((FieldName(name) for name in _FIELD.findall(refusal.message) if name in names), None)


def field_of_value(refusal: Refusal, row: Mapping[str, Any]) -> FieldName | None:
    """1001 quotes the value, not the field: the one field that holds it."""
    if refusal.code != "1001":
        return None
    found = [name for name, value in row.items() if value not in (None, "") and f"'{value}'" in refusal.message]
    return FieldName(found[0]) if len(found) == 1 else None


def rejected(write: Write, refusal: Refusal, row: Mapping[str, Any]) -> WriteResult:
    """The record is at fault; the vendor's words come with its values masked."""
    values = [value for value in (*write.fields.values(), write.match) if not isinstance(value, Ref | bool)]
    return WriteResult(
        key=write.key,
        outcome=Outcome.REJECTED,
        code=refusal.name,
        message=mask(refusal.message, values, write.fields),
        field=field_of(refusal, row) or field_of_value(refusal, row),
    )


def local(write: Write, code: str, message: str, field: FieldName) -> WriteResult:
    """Refused here, before anything was sent."""
    return WriteResult(key=write.key, outcome=Outcome.REJECTED, code=code, message=message, field=field)


def unknown(write: Write, code: str) -> WriteResult:
    """Sent, and no answer that says what became of it."""
    return WriteResult(key=write.key, outcome=Outcome.UNKNOWN, ref=write.ref if write.ref.id else None, code=code)


def not_tried(write: Write, code: str, wait: float | None = None) -> WriteResult:
    """Nothing was done for this one."""
    return WriteResult(key=write.key, outcome=Outcome.NOT_TRIED, code=code, retry_after=wait)


def wait_of(error: SyncError) -> float | None:
    """How long an error says to wait."""
    return error.retry_after if isinstance(error, Throttled | Transient) else None
