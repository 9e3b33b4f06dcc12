"""HTTP answers in one shape: JSON, and errors as the Azure REST guidelines have them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from http import HTTPStatus

import azure.functions as func

from shared.errors import AuthError, ConfigError, Rejected, StaleRevision, SyncError, Throttled, Transient

_log = logging.getLogger("dynasync.http")

_STATUS: Mapping[type[SyncError], HTTPStatus] = {
    ConfigError: HTTPStatus.BAD_REQUEST,
    Rejected: HTTPStatus.CONFLICT,
    StaleRevision: HTTPStatus.PRECONDITION_FAILED,
    AuthError: HTTPStatus.BAD_GATEWAY,
    Throttled: HTTPStatus.SERVICE_UNAVAILABLE,
    Transient: HTTPStatus.SERVICE_UNAVAILABLE,
}
_NOT_FOUND = frozenset({"connection_not_found", "run_not_found"})


def ok(body: object, status: HTTPStatus = HTTPStatus.OK, *, etag: str = "") -> func.HttpResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if etag:
        headers["ETag"] = etag
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False), status_code=status, headers=headers, mimetype="application/json"
    )


def listed(items: Sequence[object], next_link: str = "") -> func.HttpResponse:
    return ok({"value": items, **({"nextLink": next_link} if next_link else {})})


def failed(error: SyncError) -> func.HttpResponse:
    """The error a caller can act on: stable code, what happened, what to do next."""
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    if error.code in _NOT_FOUND:
        status = HTTPStatus.NOT_FOUND
    details: dict[str, object] = {"code": error.code, "message": str(error)}
    if isinstance(error, ConfigError) and error.setting:
        details["target"] = error.setting
    if error.next_step:
        details["nextStep"] = error.next_step
    response = ok({"error": details}, status)
    response.headers["x-ms-error-code"] = error.code
    if isinstance(error, Throttled | Transient) and error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


def body_of(request: func.HttpRequest) -> Mapping[str, object]:
    """The JSON object in the body. Raises ConfigError for anything else."""
    if len(request.get_body()) > 1_000_000:  # noqa: PLR2004 - settings are small; this is not an upload
        raise ConfigError("The body is over 1 MB", code="body_too_large", next_step="Send less at once.")
    try:
        data = request.get_json()
    except ValueError:
        raise ConfigError(
            "The body is not JSON",
            code="body_not_json",
            next_step="Send a JSON object with Content-Type application/json.",
        ) from None
    if not isinstance(data, dict):
        raise ConfigError("The body is not a JSON object", code="body_not_json", next_step="Send a JSON object.")
    return data


def answering(
    handler: Callable[[func.HttpRequest], func.HttpResponse],
) -> Callable[[func.HttpRequest], func.HttpResponse]:
    """Turns what the use cases raise into answers. A bug stays a bug: it is logged and answers 500 without details."""

    @wraps(handler)
    def answered(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return handler(req)
        except SyncError as error:
            return failed(error)
        except Exception:
            _log.exception("an HTTP function failed")
            body = {"error": {"code": "internal", "message": "Something went wrong here; the log says what."}}
            return ok(body, HTTPStatus.INTERNAL_SERVER_ERROR)

    return answered
