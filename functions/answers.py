"""HTTP answers in one shape: JSON, and errors as the Azure REST guidelines have them."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from http import HTTPStatus
from urllib.parse import urlencode

import azure.functions as func

from functions.tracing import traced, traceparent
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
_BY_CODE: Mapping[str, HTTPStatus] = {
    "connection_not_found": HTTPStatus.NOT_FOUND,
    "run_not_found": HTTPStatus.NOT_FOUND,
    "operation_not_found": HTTPStatus.NOT_FOUND,
    "request_not_found": HTTPStatus.NOT_FOUND,
    "unknown_entity": HTTPStatus.NOT_FOUND,
    "body_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "hook_key": HTTPStatus.UNAUTHORIZED,
}


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
    status = _BY_CODE.get(error.code, status)
    details: dict[str, object] = {"code": error.code, "message": str(error)}
    if isinstance(error, ConfigError) and error.setting:
        details["target"] = error.setting
    if error.next_step:
        details["nextStep"] = error.next_step
    details.update(error.facts)
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
    except (ValueError, RecursionError):  # nested so deeply that the parser gives up: no setting is
        raise ConfigError(
            "The body is not JSON",
            code="body_not_json",
            next_step="Send a JSON object with Content-Type application/json.",
        ) from None
    if not isinstance(data, dict):
        raise ConfigError("The body is not a JSON object", code="body_not_json", next_step="Send a JSON object.")
    return data


def texts(data: Mapping[str, object], name: str, most: int = 1000) -> list[str]:
    """A list of short texts in a body. Raises ConfigError for anything else."""
    given = data.get(name)
    if not isinstance(given, list) or not given or len(given) > most or not all(isinstance(x, str) for x in given):
        raise ConfigError(
            f"{name} must be a list of 1 to {most} texts", setting=name, next_step=f'Send {{"{name}": ["..."]}}.'
        )
    return [str(text) for text in given]


def next_page(request: func.HttpRequest, after: str) -> str:
    """The address of a list's next page; "" at its end. A function key in the query (`code`) is not repeated."""
    if not after:
        return ""
    query = {name: value for name, value in request.params.items() if name not in {"after", "code"}}
    address, _, _ = request.url.partition("?")
    return f"{address}?{urlencode({**query, 'after': after})}"


def actor_of(request: func.HttpRequest) -> str:
    """Who asks: the object id that the platform's sign-in put on the request, else the holder of a key."""
    return request.headers.get("x-ms-client-principal-id", "") or "key"


def answering[**Given](handler: Callable[Given, func.HttpResponse]) -> Callable[Given, func.HttpResponse]:
    """Turns what the use cases raise into answers. A bug stays a bug: it is logged and answers 500 without details.

    All of it belongs to one span of the caller's trace, which the host tells in the invocation's context.
    """
    signature = inspect.signature(handler)
    takes_context = "context" in signature.parameters

    @wraps(handler)
    def answered(*args: Given.args, **kwargs: Given.kwargs) -> func.HttpResponse:
        context = kwargs["context"] if takes_context else kwargs.pop("context", None)
        with traced(traceparent(context), handler.__name__, last=False):
            try:
                return handler(*args, **kwargs)
            except SyncError as error:
                return failed(error)
            except Exception:
                _log.exception("an HTTP function failed")
                body = {"error": {"code": "internal", "message": "Something went wrong here; the log says what."}}
                return ok(body, HTTPStatus.INTERNAL_SERVER_ERROR)

    if not takes_context:  # the worker library hands it to who names it
        asked = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=func.Context)
        answered.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), asked]
        )
        answered.__annotations__ = {**handler.__annotations__, "context": func.Context}
    return answered
