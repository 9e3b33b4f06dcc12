"""Dataverse's error codes, and what they mean for us.

Source: Microsoft's list "Web service error codes" of Dataverse; the notes beside each say what the runtime does.
Codes are compared as numbers: their hexadecimal text comes in both cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from shared.errors import AuthError, ConfigError, CursorExpired, Rejected, SyncError, Throttled, Transient
from shared.http.body import decode_json
from shared.http.calls import Answer
from shared.ports.connector import Op, Outcome

EXPIRED_TOKEN = 0x80044352
NOT_TRACKED = 0x80072491
MISSING_ROW = 0x80040217
NO_ROW_FOR_KEY = 0x80060891
STALE = 0x80060882
DUPLICATE = 0x80040237
THROTTLES = frozenset({0x80072322, 0x80072321, 0x80072326})
PRIVILEGE_DENIED = 0x80040220
PRIVILEGES = frozenset({PRIVILEGE_DENIED, 0x80048306})
NO_USER = frozenset({0x80072560, 0x80042F09, 0x8004D24B, 0x80040225, 0x80041D1F})
NO_SUCH_MESSAGE = frozenset({0x80060888, 0x80040800, 0x80041D25})  # the table does not know this operation
BLOCKED = frozenset({0x80044150, 0x80044151})  # a deadlock or a time-out of the database
PASSING = BLOCKED | {0x80040216, 0x80040224}

_FIELD = re.compile(
    r"'(?P<a>[\w.@]+)'|attribute (?P<b>\w+)|to an? (?P<c>\w+) secured field|(?P<d>\w+)@odata\.bind",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class VendorError:
    """What a refusal says. `number` is 0 when the server gave no code; `code` is its text in lower case."""

    status: int
    number: int
    message: str

    @property
    def code(self) -> str:
        return f"0x{self.number:08x}" if self.number else f"http_{self.status}"

    @property
    def stops_everything(self) -> bool:
        """Is it we who are refused, not a row?"""
        return self.status == HTTPStatus.UNAUTHORIZED or self.number in NO_USER or self.number == PRIVILEGE_DENIED

    def field_of(self, names: Iterable[str]) -> str | None:
        """The column the message blames, when it is one of `names`."""
        known = {name.lower(): name for name in names}
        for found in _FIELD.finditer(self.message):
            word = next(group for group in found.groups() if group)
            blamed = word.split("@")[0].removeprefix("_").removesuffix("_value").lower()
            if blamed in known:
                return known[blamed]
        return None


def parse_error(status: int, body: bytes) -> VendorError:
    """Reads an error body as far as it is one."""
    try:
        data = decode_json(body)
    except SyncError:
        return VendorError(status, 0, "")
    error = data.get("error") if isinstance(data, Mapping) else None
    if not isinstance(error, Mapping):
        return VendorError(status, 0, "")
    code, message = error.get("code"), error.get("message")
    return VendorError(status, _number(code), message if isinstance(message, str) else "")


def _number(code: object) -> int:
    """`0x80040217`, in either case, or the same as a signed or unsigned number."""
    if isinstance(code, bool) or not isinstance(code, str | int):
        return 0
    try:
        number = code if isinstance(code, int) else int(code, 16) if code.lower().startswith("0x") else int(code or "0")
    except ValueError:
        return 0
    return number & 0xFFFFFFFF


def is_expired_token(answer: Answer) -> bool:
    """Does this answer, whatever its status, say that a delta token is no longer good?"""
    return parse_error(answer.status, answer.body).number == EXPIRED_TOKEN


def outcome_of(error: VendorError, op: Op) -> Outcome:
    """What became of one write that was answered with an error.

    An error with a code of Dataverse's own means that its transaction was rolled back; one without may come from
    anything on the way, and the write may stand.
    """
    if error.number in THROTTLES or error.status == HTTPStatus.TOO_MANY_REQUESTS or error.number in BLOCKED:
        return Outcome.NOT_TRIED
    if error.status == HTTPStatus.PRECONDITION_FAILED and error.number in {0, STALE, DUPLICATE}:
        return _precondition(error, op)
    if error.status == HTTPStatus.NOT_FOUND and error.number in {0, MISSING_ROW, NO_ROW_FOR_KEY}:
        return Outcome.REJECTED if op is Op.CREATE else Outcome.GONE
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not error.number:
        return Outcome.UNKNOWN
    return Outcome.REJECTED


def _precondition(error: VendorError, op: Op) -> Outcome:
    """Old answers carry no code: then the condition we sent tells what failed."""
    if op is Op.CREATE:
        return Outcome.EXISTS
    return Outcome.REJECTED if error.number == DUPLICATE else Outcome.STALE


def raise_for(error: VendorError, what: str, *, scope: str = "") -> SyncError:
    """The exception for a whole request that was refused. `what` names the request in words of ours."""
    said = f"Dynamics 365 refused {what} ({error.code})"
    if error.number == EXPIRED_TOKEN or error.status == HTTPStatus.GONE:
        return CursorExpired(f"{said}: the delta token has expired", code="expired_token")
    if error.number in THROTTLES:
        return Throttled(f"{said}: a service protection limit was reached", retry_after=60.0, scope=scope)
    if error.number == NOT_TRACKED:
        return tracking_off(what)
    if error.number in NO_USER or error.status == HTTPStatus.UNAUTHORIZED:
        return AuthError(
            f"{said}: the application is no user of this environment, or a disabled one",
            code="no_app_user",
            next_step="Create the application user in the Power Platform admin centre (environment, Settings, Users, "
            "Application users), give it the security role, and enable it.",
        )
    if error.number in PRIVILEGES or error.status == HTTPStatus.FORBIDDEN:
        return AuthError(
            f"{said}: {_hint(error.message) or 'a privilege'} is missing",
            code="missing_privilege",
            next_step="Give the application user's role the missing privilege, for reads at organisation level.",
        )
    if error.number in PASSING or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Transient(said, code=error.code)
    if error.status == HTTPStatus.NOT_FOUND:
        return Rejected(said, code="unknown_kind", next_step="Check that this table exists in the environment.")
    return ConfigError(
        f"{said}: {_hint(error.message)}".removesuffix(": "),
        code=error.code,
        next_step="Open the field mapping and save it again: a column may have been removed or renamed.",
    )


def _hint(message: str) -> str:
    """What may be told of a whole request's refusal: names of privileges and of properties, nothing else of it."""
    found = re.findall(r"\bprv[A-Z]\w*|property named '[a-z_0-9]+'|property '[a-z_0-9]+'", message)
    return ", ".join(dict.fromkeys(found))


def tracking_off(what: str) -> ConfigError:
    return ConfigError(
        f"change tracking is off: Dynamics 365 refused {what}",
        code="change_tracking_off",
        next_step="In Power Apps, open the table's properties, advanced options, and tick 'Track changes'.",
    )
