"""One call from the door to the answer, in an order that never leaves anything half done.

Who asks, may they, did their own page send it; version, path, parameters, body; what is to be changed and whether it
is still what the caller read; then the use case; then the line of the activity log. What the handler leaves for the
queues goes out with the answer.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import azure.functions as func

from functions.answers import ok
from functions.api.audit import note
from functions.api.call import Answer, Call, etag_of
from functions.api.codes import CODES, code_of
from functions.api.judging import judge_parameters, judge_places, judge_version, judged_body
from functions.api.problems import Refusal, refused, unforeseen
from functions.api.route import Role, Route
from functions.api.signin import KEY, NOBODY, Caller, guard, guard_origin, signed_in
from functions.tracing import traced, traceparent
from shared.bootstrap import application
from shared.errors import StaleRevision, SyncError

_log = logging.getLogger("dynasync.http")
SIGNED_IN = "signed-in"
"""The door of people and of apps with a token: `/api/signed-in/...`. `/api/...` is that of function keys."""


def serve(
    route: Route, request: func.HttpRequest, context: object, *, door: str = "", places: Mapping[str, str] | None = None
) -> tuple[func.HttpResponse, Call]:
    """Answers a call; the messages it leaves stand on the call. `door`: "" for function keys, SIGNED_IN."""
    call = Call(
        request=request,
        route=route,
        caller=NOBODY,
        context=context,
        root=root_of(request, door),
        places=places if places is not None else dict(request.route_params),
    )
    with traced(traceparent(context), route.name, last=False):
        try:
            call.caller = _caller(route, request, door)
            return _served(call), call
        except SyncError as error:
            return _refused(call, error), call
        except Exception:
            _log.exception("an HTTP function failed")
            return unforeseen(), call


def root_of(request: func.HttpRequest, door: str) -> str:
    """The address of the API as the caller named it."""
    address: str = request.url
    start = f"{address.partition('/api/')[0]}/api"
    return f"{start}/{door}" if door else start


def _caller(route: Route, request: func.HttpRequest, door: str) -> Caller:
    if door != SIGNED_IN:
        return NOBODY if route.role is Role.OPEN else KEY  # the host let nobody in without a key
    caller = signed_in(request, easy_auth=application().settings.easy_auth)
    guard(caller, route.role)
    guard_origin(request)
    return caller


def _served(call: Call) -> func.HttpResponse:
    route = call.route
    if route.role is not Role.OPEN:
        judge_version(call.request)
    judge_places(route, call.places)
    judge_parameters(route, call.request.params)
    call.body = judged_body(route, call.request)
    if route.current is not None:
        _expect(call)
    with call.app.asking():
        answer = route.handler(call)
    response = _response(answer, route)
    if route.audit:
        note(call, answer)
    return response


def _expect(call: Call) -> None:
    """Raises Refusal unless the caller changes what it has read."""
    wanted = call.request.headers.get("if-match", "")
    if call.route.lenient and not wanted:
        return
    try:
        body, call.found = call.route.current(call) if call.route.current is not None else ({}, None)
    except SyncError as error:
        if call.route.lenient and CODES[code_of(error)].status == HTTPStatus.NOT_FOUND:
            return
        raise
    if not wanted:
        raise Refusal(
            "if_match_missing",
            "a change to settings needs If-Match",
            target="If-Match",
            next_step="GET it, and send its ETag in If-Match with your change.",
        )
    if wanted.strip() != "*" and etag_of(body) not in {tag.strip() for tag in wanted.split(",")}:
        raise StaleRevision(
            "it was changed since you read it",
            code="changed_meanwhile",
            next_step="Look at `current`, join your change to it, and send it with the new ETag.",
        )


def _refused(call: Call, error: SyncError) -> func.HttpResponse:
    """A stale change is answered with how the thing stands now."""
    if code_of(error) != "changed_meanwhile" or call.route.current is None:
        return refused(error)
    try:
        body, _ = call.route.current(call)
    except SyncError:  # it is gone
        return refused(error)
    return refused(error, current=body, etag=etag_of(body))


def _response(answer: Answer, route: Route) -> func.HttpResponse:
    if isinstance(answer.body, bytes):
        response = func.HttpResponse(answer.body, status_code=answer.status, mimetype=answer.media or route.media)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
    elif answer.body is None:
        response = func.HttpResponse(status_code=answer.status)
    else:
        response = ok(answer.body, answer.status, etag=answer.etag)
    if answer.where:
        response.headers["Operation-Location"] = answer.where
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


def describe(handler: Any) -> str:
    """A handler's docstring: what the document and the lists say of the route."""
    return inspect.getdoc(handler) or ""


__all__ = ["CODES", "SIGNED_IN", "describe", "root_of", "serve"]
