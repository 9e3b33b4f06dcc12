"""HTTP triggers that set a connection going: run now, start anew, go on after a stop, confirm another ground."""

from __future__ import annotations

import json
from http import HTTPStatus

import azure.functions as func

from functions.answers import answering, body_of, ok
from functions.audited import audited
from functions.shapes import connection_body
from functions.tracing import traceparent
from shared.bootstrap import application

blueprint = func.Blueprint()
_QUEUE = "sync-work"


@blueprint.route(route="connections/{connection}/sync", methods=["POST"])
@blueprint.queue_output(arg_name="work", queue_name=_QUEUE, connection="AzureWebJobsStorage")
@audited("run.requested")
@answering
def sync_now(req: func.HttpRequest, work: func.Out[str], context: func.Context) -> func.HttpResponse:
    """A run at once. 409 with the next run's time where the partner's own integration knows no such thing."""
    connection = req.route_params["connection"]
    application().desk.operations.sync_now(connection)
    return _going(connection, work, context)


@blueprint.route(route="connections/{connection}/initial-sync", methods=["POST"])
@blueprint.queue_output(arg_name="work", queue_name=_QUEUE, connection="AzureWebJobsStorage")
@audited("run.initial_requested")
@answering
def start_anew(req: func.HttpRequest, work: func.Out[str], context: func.Context) -> func.HttpResponse:
    """`{"repeat": true}`: the initial sync once more, on purpose: reads everything, writes what differs."""
    connection = req.route_params["connection"]
    repeat = body_of(req).get("repeat") is True if req.get_body() else False
    application().desk.operations.start_anew(connection, repeat=repeat)
    return _going(connection, work, context)


@blueprint.route(route="connections/{connection}/resume", methods=["POST"])
@blueprint.queue_output(arg_name="work", queue_name=_QUEUE, connection="AzureWebJobsStorage")
@audited("connection.resumed")
@answering
def resume(req: func.HttpRequest, work: func.Out[str], context: func.Context) -> func.HttpResponse:
    """Goes on after a stop. `{"releaseGuard": true}` lets one run pass the guard against mass deletes."""
    connection = req.route_params["connection"]
    release = body_of(req).get("releaseGuard") is True if req.get_body() else False
    application().desk.operations.resume(connection, release_guard=release)
    return _going(connection, work, context)


@blueprint.route(route="connections/{connection}/confirm-ground", methods=["POST"])
@blueprint.queue_output(arg_name="work", queue_name=_QUEUE, connection="AzureWebJobsStorage")
@audited("connection.ground_confirmed")
@answering
def confirm_ground(req: func.HttpRequest, work: func.Out[str], context: func.Context) -> func.HttpResponse:
    """The accounts that answer now are the connection's own from here on; everything is compared again."""
    connection = req.route_params["connection"]
    stored = application().desk.operations.confirm_ground(connection)
    _going(connection, work, context)
    return ok(connection_body(stored.config), etag=stored.etag)


def _going(connection: str, work: func.Out[str], context: func.Context) -> func.HttpResponse:
    """A worker is sent at once; the lane's inbox says what for."""
    work.set(json.dumps({"connection": connection, "traceparent": traceparent(context)}))
    return ok({"status": "accepted"}, HTTPStatus.ACCEPTED)
