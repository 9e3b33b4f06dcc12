"""HTTP triggers about what people did: the activity log of a connection."""

from __future__ import annotations

import azure.functions as func

from functions.answers import answering, listed, next_page
from shared import trust
from shared.bootstrap import application

blueprint = func.Blueprint()


@blueprint.route(route="connections/{connection}/activity", methods=["GET"])
@answering
def list_activity(req: func.HttpRequest) -> func.HttpResponse:
    """The newest first. `action` narrows to one action, or to a group (`connection` for all that begin with it). The
    log outlives its connection; that of the installation stands under the name `app`."""
    log = trust.audit(application(), req.route_params["connection"])
    found = log.list(limit=100, after=req.params.get("after", ""), action=req.params.get("action", ""))
    shown = [
        {
            "id": item.id,
            "at": item.at.isoformat(),
            "actor": item.actor,
            "action": item.action,
            "target": item.target,
            "details": dict(item.details),
        }
        for item in found.items
    ]
    return listed(shown, next_page(req, found.next))
