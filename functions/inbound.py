"""HTTP triggers that other systems call (webhooks, flow steps, notifications).

They are open to the world: what opens them is the key in their address. They take in, answer, and leave the work to the
queue. A vendor's webhook is switched off for good by one 410, so none of them ever answers that.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

import azure.functions as func

from functions.answers import answering, failed, ok
from functions.api.route import VERSIONS
from functions.shapes import request_body
from functions.tracing import event, traceparent
from shared.bootstrap import application
from shared.errors import AuthError

blueprint = func.Blueprint()
_log = logging.getLogger("dynasync.inbound")

EVENTS = "events"


@blueprint.route(
    route="hooks/activecampaign/{connection}/{what}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS
)
@blueprint.queue_output(arg_name="message", queue_name="contact-requests", connection="AzureWebJobsStorage")
@answering
def activecampaign_hook(req: func.HttpRequest, message: func.Out[str], context: func.Context) -> func.HttpResponse:
    """`what` is an entity ("lead", "contact"): create it in Dynamics. Or `events`: look at this contact.

    202 with the address where the request's state can be read. A repeat while it is under way is the same request.
    """
    from shared.connectors.activecampaign.hooks import parse_hook

    app = application()
    connection, what = req.route_params["connection"], req.route_params["what"]
    parent = traceparent(context)
    stored = app.connections.store.get(connection)
    if stored is None or not app.desk.hook_opens(stored.config, req.params.get("key", "")):
        return failed(closed())
    hook = parse_hook(req.get_body(), req.headers.get("Content-Type", ""))
    requests = app.desk.contact_requests(stored.config)
    if what == EVENTS:
        requests.hint(hook.contact, parent, *((hook.event, hook.source) if hook.tells else ()))
        event(_log, "hint_taken", connection=connection, record=hook.contact)
        return ok({"status": "accepted"}, HTTPStatus.ACCEPTED)
    request, fresh = requests.receive(what, hook.contact.id, parent)
    if fresh:
        message.set(json.dumps(app.desk.request_message(connection, request)))
    event(_log, "request_taken", connection=connection, request=request.id, record=hook.contact, repeat=not fresh)
    return accepted(req, connection, request_body(request))


def root(req: func.HttpRequest) -> str:
    """This app's own address, as the caller named it."""
    address: str = req.url
    return address.partition("/api/")[0]


def accepted(req: func.HttpRequest, connection: str, body: dict[str, object]) -> func.HttpResponse:
    """202, and where to ask how it stands."""
    address = f"{root(req)}/api/connections/{connection}/requests/{body['id']}?api-version={VERSIONS[-1]}"
    response = ok({**body, "statusUrl": address}, HTTPStatus.ACCEPTED)
    response.headers["Operation-Location"] = address
    return response


def closed() -> AuthError:
    """The same words for a wrong key and for no such connection."""
    return AuthError(
        "the key in this address is not, or no longer, the connection's",
        code="hook_key",
        next_step="Copy the address again from the connection (GET /api/connections/{id}/hooks) into the webhook.",
    )
