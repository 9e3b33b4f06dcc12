"""HTTP triggers for people and probes: whether the app is alive."""

from __future__ import annotations

import azure.functions as func

from functions.answers import answering, ok
from shared.bootstrap import application

blueprint = func.Blueprint()


@blueprint.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answering
def health(req: func.HttpRequest) -> func.HttpResponse:
    """Alive, and the state tables answer. Says nothing about any connection."""
    application().probe()
    return ok({"status": "ok"})
