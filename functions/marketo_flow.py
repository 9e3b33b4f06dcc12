"""HTTP triggers that Marketo calls for self-service flow steps: one service a step, all under one address a connection.

`/api/hooks/marketo/{connection}/{step}/...` with `openapi` (the address to paste into Marketo), and what that document
names. The connection's hook key opens them, in the header that it names. `.../enqueue` is for webhooks.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, List

import azure.functions as func

from functions.answers import answering, ok
from functions.inbound import accepted, closed, root
from functions.tracing import event, traceparent
from shared.bootstrap import application
from shared.desk import EVERY_PAGE
from shared.domain.connection import ConnectionConfig, Switch
from shared.errors import GuardTripped, Rejected

if TYPE_CHECKING:
    from shared.connectors.marketo.flow.body import Submitted
    from shared.manage.flow_steps import FlowSteps

blueprint = func.Blueprint()
_log = logging.getLogger("dynasync.inbound")
_ANONYMOUS = func.AuthLevel.ANONYMOUS
_PLACE = "hooks/marketo/{connection}/{step}"
_STORAGE = "AzureWebJobsStorage"
_SYSTEM = "marketo"


@blueprint.route(route=_PLACE + "/{what}", methods=["GET"], auth_level=_ANONYMOUS)
@answering
def marketo_flow_read(req: func.HttpRequest) -> func.HttpResponse:
    """What Marketo reads of a service. The OpenAPI document, the instructions and the icons say nothing of a connection
    and are open; definition and status need the key."""
    from shared.connectors.marketo.flow import definition, document, instructions

    what = req.route_params["what"]
    service = definition.SERVICES.get(req.route_params["step"])
    place = _root(req)
    if service is None:
        raise _unknown_step()
    if what == "openapi":
        return ok(document.openapi_document(service, place))
    if what == "providerInstructions":
        return func.HttpResponse(instructions.page(service), mimetype="text/html", headers=_SAFE)
    if what in {"brandIcon", "serviceIcon"}:
        return func.HttpResponse(instructions.icon(), mimetype="image/png", headers=_SAFE)
    config = _opened(req)
    if what == "getServiceDefinition":
        return ok(definition.service_definition(service, place))
    if what == "status":
        return ok(_status(config))
    raise _unknown_step()


@blueprint.route(route=_PLACE + "/submitAsyncAction", methods=["POST"], auth_level=_ANONYMOUS)
@blueprint.queue_output(arg_name="messages", queue_name="contact-requests", connection=_STORAGE)
@answering
def marketo_flow_submit(
    req: func.HttpRequest, messages: func.Out[List[str]], context: func.Context
) -> func.HttpResponse:
    """Takes a call of a flow step in: 201 at once, however many people it hands over. A repeat is the same call."""
    from shared.connectors.marketo.flow.body import parse_submit
    from shared.manage.flow_pages import Wanted
    from shared.ports.flow import AnswerTo

    app, (config, steps, step, attributes) = application(), _entered(req)
    given = parse_submit(req.get_body(), attributes=attributes, campaigns=_campaigns(config))
    _check_call(config, given)
    call, fresh = steps.receive(
        step,
        [Wanted(id=one.id, choices=one.choices, live=one.live) for one in given.people],
        call_id=given.call_id(step, app.settings.state_key),
        batch=given.batch_digest,
        campaign=given.campaign,
        answer=AnswerTo(url=given.url, key=given.key, token=given.token, account=given.munchkin),
        trace=traceparent(context),
    )
    if fresh:
        pages: list[int | None] = [None] if not call.pages else [0] if call.pages == 1 else [EVERY_PAGE]
        messages.set([json.dumps(app.desk.flow_message(config.id, call, page)) for page in pages])
    event(_log, "flow_taken", connection=config.id, request=call.id, step=step, people=call.total, repeat=not fresh)
    return ok({"status": "accepted", "id": call.id}, HTTPStatus.CREATED)


@blueprint.route(route=_PLACE + "/enqueue", methods=["POST"], auth_level=_ANONYMOUS)
@blueprint.queue_output(arg_name="message", queue_name="contact-requests", connection=_STORAGE)
@answering
def marketo_flow_enqueue(req: func.HttpRequest, message: func.Out[str], context: func.Context) -> func.HttpResponse:
    """The same for one person, for a webhook: 202 with where to ask how it stands. No callback follows."""
    from functions.shapes import request_body
    from shared.connectors.marketo.flow.body import parse_enqueue
    from shared.manage.flow_pages import Wanted

    app, (config, steps, step, attributes) = application(), _entered(req)
    given = parse_enqueue(req.get_body(), attributes=attributes)
    people = [Wanted(id=one.id, choices=one.choices, live=one.live) for one in given.people]
    call, fresh = steps.receive(
        step, people, call_id=given.call_id(step, app.settings.state_key), trace=traceparent(context)
    )
    if fresh:
        message.set(json.dumps(app.desk.flow_message(config.id, call, 0)))
    event(_log, "flow_taken", connection=config.id, request=call.id, step=step, people=1, repeat=not fresh)
    shown = app.desk.request_lists(config).call(call.id)
    body: dict[str, object] = request_body(shown) if shown is not None else {"id": call.id, "status": "queued"}
    return accepted(req, config.id, {**body, "jobId": call.id})


@blueprint.route(route=_PLACE + "/getPicklist", methods=["POST"], auth_level=_ANONYMOUS)
@answering
def marketo_flow_picklist(req: func.HttpRequest) -> func.HttpResponse:
    """The choices of one attribute; owners are asked of Dynamics."""
    from shared.connectors.marketo.flow import definition
    from shared.connectors.marketo.flow.body import malformed, parse_picklist
    from shared.domain.records import Kind

    config = _opened(req)
    name = parse_picklist(req.get_body())
    fixed = definition.fixed_choices(name)
    if fixed is not None:
        return ok({"choices": fixed})
    tables = definition.LISTED.get(name)
    if tables is None:
        raise malformed("no attribute of that name has choices")
    found = application().desk.crm_choices(config, [Kind(table) for table in tables], definition.MOST_CHOICES)
    return ok({"choices": [definition.choice(title, f"{ref.kind}:{ref.id}") for ref, title in found]})


# ----------------------------------------------------------------------------------------------------------------------

_SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


def _root(req: func.HttpRequest) -> str:
    """The address of this service's endpoints, as the caller named it."""
    return f"{root(req)}/api/hooks/marketo/{req.route_params['connection']}/{req.route_params['step']}"


def _opened(req: func.HttpRequest) -> ConnectionConfig:
    """The connection that the key opens; AuthError unless it is one of Marketo's."""
    from shared.connectors.marketo.flow.definition import KEY_HEADER

    app = application()
    stored = app.connections.store.get(req.route_params["connection"])
    given = req.headers.get(KEY_HEADER) or req.params.get("key", "")
    if stored is None or stored.config.system != _SYSTEM or not app.desk.hook_opens(stored.config, given):
        raise closed()
    return stored.config


def _entered(req: func.HttpRequest) -> tuple[ConnectionConfig, FlowSteps, str, list[str]]:
    """Who calls a step: the connection, its steps, the step's name and what it takes. Raises AuthError for a wrong key,
    Rejected for a step there is not."""
    from shared.connectors.marketo.flow.definition import SERVICES

    config, name = _opened(req), req.route_params["step"]
    steps = application().desk.flow_steps(config)
    if steps is None:
        raise closed()
    if name not in SERVICES:
        raise _unknown_step()
    return config, steps, name, [item.name for item in SERVICES[name].attributes]


def _campaigns(config: ConnectionConfig) -> str:
    return str(config.partner.get("flow_campaigns") or "by_context")


def _check_call(config: ConnectionConfig, given: Submitted) -> None:
    """People of another subscription, and an address that nothing will be sent to, are refused before anything is taken
    in."""
    from shared.connectors.marketo.flow.answer import callback_origin
    from shared.connectors.marketo.flow.body import check_subscription
    from shared.connectors.marketo.settings import parse_settings

    trusted = application().settings.trusted_hosts
    settings = parse_settings(config.partner, trusted)
    check_subscription(given, settings.subscription)
    try:
        callback_origin(given.url, settings, trusted)
    except GuardTripped as foreign:
        event(_log, "flow_callback_refused", connection=config.id, people=len(given.people))
        raise Rejected(str(foreign), code="body_malformed", next_step=foreign.next_step) from None


def _status(config: ConnectionConfig) -> dict[str, list[str]]:
    """What Marketo's nightly poll writes to its service log."""
    facts = application().lane(config.id).peek().facts
    broken = str(facts.get("broken_message") or "") if facts.get("broken") else ""
    off = config.switch is not Switch.ON
    return {
        "info": [] if broken or off else [f"{config.name}: Dynamics 365 and Marketo are kept in step."],
        "warnings": [f"{config.name}: the sync is switched off; flow steps fail meanwhile."] if off else [],
        "errors": [f"{config.name}: the sync stopped. {broken}"] if broken else [],
    }


def _unknown_step() -> Rejected:
    return Rejected(
        "there is no such flow step",
        code="route_not_found",
        next_step="Copy the address again from the connection (GET /api/connections/{id}/hooks).",
    )
