"""Writes a line of the activity log for each request that changed something."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

import azure.functions as func

from functions.answers import actor_of
from shared import trust
from shared.bootstrap import application
from shared.errors import SyncError

_log = logging.getLogger("dynasync.http")
_SHOWN = frozenset({"switch", "repeat", "releaseGuard", "winner"})
"""Settings whose value says what was done; of all others the log holds the name only."""


def audited[**Given](
    action: str,
) -> Callable[[Callable[Given, func.HttpResponse]], Callable[Given, func.HttpResponse]]:
    """Notes `action` with the caller, the connection and the names of what was sent, once the request succeeded."""

    def mark(handler: Callable[Given, func.HttpResponse]) -> Callable[Given, func.HttpResponse]:
        @wraps(handler)
        def told(*args: Given.args, **kwargs: Given.kwargs) -> func.HttpResponse:
            response = handler(*args, **kwargs)
            request = next(item for item in (*args, *kwargs.values()) if isinstance(item, func.HttpRequest))
            if response.status_code < HTTPStatus.BAD_REQUEST:
                _note(action, request, response)
            return response

        return told

    return mark


def _note(action: str, request: func.HttpRequest, response: func.HttpResponse) -> None:
    """The change is made already: a log that cannot be written is told in the application's own log, not to the
    caller, who would make the change once more."""
    made = _made(response) if action.startswith("connection.") else ""
    connection = request.route_params.get("connection") or made or trust.APP
    try:
        trust.note(application(), connection, actor_of(request), action, _details(request))
    except SyncError:
        _log.exception("activity_lost action=%s connection=%s", action, connection)


def _made(response: func.HttpResponse) -> str:
    data = json.loads(response.get_body() or b"{}")
    return str(data.get("id", "")) if isinstance(data, dict) else ""


def _details(request: func.HttpRequest) -> dict[str, str]:
    try:
        data = request.get_json() if request.get_body() else {}
    except ValueError:
        data = {}
    if not isinstance(data, dict):
        return {}
    details = {name: str(value)[:20] for name, value in data.items() if name in _SHOWN}
    names = sorted(str(name)[:40] for name in data if name not in _SHOWN)
    return {**details, **({"fields": ",".join(names)[:400]} if names else {})}
