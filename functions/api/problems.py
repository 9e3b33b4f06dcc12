"""Errors as answers: `{"error": {code, message, target, details, innererror}}` with a code of the closed list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import azure.functions as func

from functions.answers import ok
from functions.api.codes import CODES, code_of
from shared.domain.mistakes import MapErrors
from shared.errors import ConfigError, Rejected, SyncError, Throttled, Transient

_NEXT: Final[Mapping[int, str]] = {
    400: "Correct what is named, then send it again. Nothing was changed.",
    401: "Sign in, or send a function key.",
    404: "Take ids from the lists of the API.",
    409: "Read how it stands, then decide.",
    412: "Look at how it stands now, join your change to it, and send it with the new ETag.",
    500: "Look into the app's log for this time; send the request again only if it changes nothing.",
    502: "Check the connection: its steps name what is refused.",
    503: "Send it again after a while.",
}
"""What to do next where an error does not say it more exactly."""


class Refusal(SyncError):
    """A request that the frame itself refuses. `target` names the place."""

    def __init__(self, code: str, message: str, *, target: str = "", next_step: str = "") -> None:
        super().__init__(message, code=code, next_step=next_step)
        self.target = target
        self.details: list[dict[str, str]] = []


def refused(error: SyncError, *, current: Mapping[str, object] | None = None, etag: str = "") -> func.HttpResponse:
    """The error a caller can act on. `current` is how the thing stands that a stale `If-Match` meant to change."""
    code = code_of(error)
    shown: dict[str, object] = {"code": code, "message": str(error)}
    target = _target(error)
    if target:
        shown["target"] = target
    details = _details(error)
    if details:
        shown["details"] = details
    shown["nextStep"] = error.next_step or _NEXT.get(CODES[code].status, _NEXT[500])
    if error.code != code:
        shown["innererror"] = {"code": error.code}
    shown.update(error.facts)
    body: dict[str, object] = {"error": shown}
    if current is not None:
        body["current"] = current
    response = ok(body, CODES[code].status, etag=etag)
    response.headers["x-ms-error-code"] = code
    wait = error.retry_after if isinstance(error, Throttled | Transient) else None
    if wait is not None:
        response.headers["Retry-After"] = str(max(1, round(wait)))
    return response


def unforeseen() -> func.HttpResponse:
    """A bug: the log says what, the caller only that."""
    error = {"code": "internal", "message": "Something went wrong here; the log says what."}
    response = ok({"error": error}, CODES["internal"].status)
    response.headers["x-ms-error-code"] = "internal"
    return response


def _target(error: SyncError) -> str:
    if isinstance(error, Refusal):
        return error.target
    if isinstance(error, ConfigError):
        return error.setting
    return (error.field or "") if isinstance(error, Rejected) else ""


def _details(error: SyncError) -> list[dict[str, str]]:
    if isinstance(error, MapErrors):
        return [{"code": item.code, "message": item.message, "target": item.place} for item in error.mistakes[:100]]
    return error.details if isinstance(error, Refusal) else []
