"""HTTP triggers about requests for one record: ask, read how it stands, the poison list; and the addresses of hooks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import List

import azure.functions as func

from functions.answers import answering, body_of, listed, next_page, ok, texts
from functions.audited import audited
from functions.inbound import accepted, root
from functions.shapes import request_body
from functions.tracing import traceparent
from shared.bootstrap import application
from shared.domain.records import RemoteId
from shared.errors import ConfigError, Rejected

blueprint = func.Blueprint()
_QUEUE = "contact-requests"


@blueprint.route(route="connections/{connection}/requests", methods=["POST"])
@blueprint.queue_output(arg_name="message", queue_name=_QUEUE, connection="AzureWebJobsStorage")
@answering
def ask(req: func.HttpRequest, message: func.Out[str], context: func.Context) -> func.HttpResponse:
    """`{"entity": "lead", "record": "17"}`: make this partner record in Dynamics. 202; a repeat is the same request."""
    app, connection = application(), req.route_params["connection"]
    config = app.connections.get(connection).config
    data = body_of(req)
    entity, record = _text(data, "entity"), _text(data, "record")
    request, fresh = app.desk.contact_requests(config).receive(entity, RemoteId(record), traceparent(context))
    if fresh:
        message.set(json.dumps(app.desk.request_message(connection, request)))
    return accepted(req, connection, request_body(request))


@blueprint.route(route="connections/{connection}/requests", methods=["GET"])
@answering
def list_requests(req: func.HttpRequest) -> func.HttpResponse:
    """`state` is one of queued, held, waiting, finished, poison (the default)."""
    from shared.ports.requests import RequestState

    app, connection = application(), req.route_params["connection"]
    app.connections.get(connection)
    try:
        state = RequestState(req.params.get("state", RequestState.POISON.value))
    except ValueError:
        known = ", ".join(item.value for item in RequestState)
        raise ConfigError("there is no such state", setting="state", next_step=f"Use one of: {known}.") from None
    found = app.desk.requests(connection).list(state, limit=50, after=req.params.get("after", ""))
    return listed([request_body(item) for item in found.items], next_page(req, found.next))


@blueprint.route(route="connections/{connection}/requests/{request}", methods=["GET"])
@answering
def get_request(req: func.HttpRequest) -> func.HttpResponse:
    """The state of one request, by its key."""
    app = application()
    config = app.connections.get(req.route_params["connection"]).config
    found = app.desk.contact_requests(config).status(req.route_params["request"])
    if found is None:
        raise Rejected(
            "there is no such request",
            code="request_not_found",
            next_step="Requests that ended are kept for 30 days. Ask again: the same question has the same key.",
        )
    return ok(request_body(found))


@blueprint.route(route="connections/{connection}/requests/requeue", methods=["POST"])
@blueprint.queue_output(arg_name="messages", queue_name=_QUEUE, connection="AzureWebJobsStorage")
@audited("request.requeued")
@answering
def requeue_requests(req: func.HttpRequest, messages: func.Out[List[str]]) -> func.HttpResponse:
    """`{"ids": [...]}`: takes these out of the poison list and tries them again, each once."""
    app, connection = application(), req.route_params["connection"]
    config = app.connections.get(connection).config
    found = app.desk.contact_requests(config).requeue(texts(body_of(req), "ids"))
    if found:
        messages.set([json.dumps(app.desk.request_message(connection, request)) for request in found])
    return ok({"requeued": [request.id for request in found]})


@blueprint.route(route="connections/{connection}/requests/purge", methods=["POST"])
@audited("request.purged")
@answering
def purge_requests(req: func.HttpRequest) -> func.HttpResponse:
    """`{"ids": [...]}`: forgets these requests of the poison list."""
    app, connection = application(), req.route_params["connection"]
    app.connections.get(connection)
    return ok({"purged": app.desk.requests(connection).purge(texts(body_of(req), "ids"))})


@blueprint.route(route="connections/{connection}/hooks", methods=["GET"])
@answering
def list_hooks(req: func.HttpRequest) -> func.HttpResponse:
    """The addresses to enter in the partner system. Whoever has one can use it: they are for administrators only."""
    return _hooks(req)


@blueprint.route(route="connections/{connection}/hooks/renew", methods=["POST"])
@audited("connection.hooks_renewed")
@answering
def renew_hooks(req: func.HttpRequest) -> func.HttpResponse:
    """Gives the addresses another key. The one before opens until the next renewal."""
    application().desk.operations.renew_hooks(req.route_params["connection"])
    return _hooks(req)


def _hooks(req: func.HttpRequest) -> func.HttpResponse:
    app = application()
    config = app.connections.get(req.route_params["connection"]).config
    start = f"{root(req)}/api/hooks/{config.system}/{config.id}"
    key = app.desk.hook_key(config)
    entities = app.desk.contact_requests(config).entities()
    return ok({"value": [{"what": what, "url": f"{start}/{what}?key={key}"} for what in (*entities, "events")]})


def _text(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 100:  # noqa: PLR2004 - ids are shorter than that
        raise ConfigError(f"{name} must be a text", setting=name, next_step=f"Send {name} as a text.")
    return value
