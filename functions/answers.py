"""HTTP answers of functions that other systems call; those of the API are made by `functions.api`."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

import azure.functions as func

from functions.tracing import traced, traceparent
from shared.errors import SyncError

_log = logging.getLogger("dynasync.http")


def ok(body: object, status: int = HTTPStatus.OK, *, etag: str = "") -> func.HttpResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if etag:
        headers["ETag"] = etag
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False), status_code=status, headers=headers, mimetype="application/json"
    )


def failed(error: SyncError) -> func.HttpResponse:
    """The error a caller can act on: stable code, what happened, what to do next."""
    from functions.api.problems import refused

    return refused(error)


def answering[**Given](handler: Callable[Given, func.HttpResponse]) -> Callable[Given, func.HttpResponse]:
    """Turns what the use cases raise into answers. A bug stays a bug: it is logged and answers 500 without details.

    All of it belongs to one span of the caller's trace, which the host tells in the invocation's context.
    """
    from functions.api.problems import unforeseen

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
                return unforeseen()

    if not takes_context:  # the worker library hands it to who names it
        asked = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=func.Context)
        answered.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), asked]
        )
        answered.__annotations__ = {**handler.__annotations__, "context": func.Context}
    return answered
