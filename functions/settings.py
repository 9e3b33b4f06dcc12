"""HTTP triggers of the REST API: connections, their check, their state and their runs."""

from __future__ import annotations

from http import HTTPStatus

import azure.functions as func

from functions.answers import answering, body_of, listed, ok
from functions.audited import audited
from functions.shapes import connection_body, lane_body, run_body, step_body
from shared.bootstrap import application
from shared.domain.connection import Switch
from shared.errors import ConfigError

blueprint = func.Blueprint()


@blueprint.route(route="connections", methods=["POST"])
@audited("connection.created")
@answering
def create_connection(req: func.HttpRequest) -> func.HttpResponse:
    stored = application().connections.create(body_of(req))
    return ok(connection_body(stored.config), HTTPStatus.CREATED, etag=stored.etag)


@blueprint.route(route="connections", methods=["GET"])
@answering
def list_connections(req: func.HttpRequest) -> func.HttpResponse:
    return listed([connection_body(stored.config) for stored in application().connections.all()])


@blueprint.route(route="connections/{connection}", methods=["GET"])
@answering
def get_connection(req: func.HttpRequest) -> func.HttpResponse:
    stored = application().connections.get(req.route_params["connection"])
    return ok(connection_body(stored.config), etag=stored.etag)


@blueprint.route(route="connections/{connection}", methods=["PATCH"])
@audited("connection.edited")
@answering
def edit_connection(req: func.HttpRequest) -> func.HttpResponse:
    """Changes settings; `switch` ("on", "off") pauses and resumes. `If-Match` guards against another administrator."""
    connection, changes = req.route_params["connection"], dict(body_of(req))
    to = changes.pop("switch", None)
    use_cases = application().connections
    stored = use_cases.get(connection)
    if changes:
        stored = use_cases.edit(connection, changes, req.headers.get("If-Match"))
    if to is not None:
        if to not in {Switch.ON.value, Switch.OFF.value}:
            raise ConfigError('switch must be "on" or "off"', setting="switch")
        stored = use_cases.switch(connection, Switch(str(to)))
        application().give_back_budgets()
    return ok(connection_body(stored.config), etag=stored.etag)


@blueprint.route(route="connections/{connection}", methods=["DELETE"])
@audited("connection.deleted")
@answering
def delete_connection(req: func.HttpRequest) -> func.HttpResponse:
    application().connections.delete(req.route_params["connection"])
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT)


@blueprint.route(route="connections/{connection}/check", methods=["POST"])
@audited("connection.checked")
@answering
def check_connection(req: func.HttpRequest) -> func.HttpResponse:
    """Every step in order, each passed, failed or skipped, with reason and next step."""
    steps = [step_body(item) for item in application().check(req.route_params["connection"])]
    application().give_back_budgets()
    return ok({"passed": all(step["state"] != "failed" for step in steps), "steps": steps})


@blueprint.route(route="connections/{connection}/status", methods=["GET"])
@answering
def connection_status(req: func.HttpRequest) -> func.HttpResponse:
    """How the lane stands: running, next run, counts of links, what is broken and what to do."""
    connection = req.route_params["connection"]
    app = application()
    config = app.connections.get(connection).config
    lane = app.lane(connection).peek()
    running = str(lane.facts.get("run", ""))
    run = app.journal(connection).run(running) if running else None
    return ok(lane_body(config, lane, late=app.desk.lateness(config, lane), run=run))


@blueprint.route(route="connections/{connection}/runs", methods=["GET"])
@answering
def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    connection = req.route_params["connection"]
    app = application()
    app.connections.get(connection)
    return listed([run_body(run) for run in app.journal(connection).runs()])
