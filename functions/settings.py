"""Connections: make, show, change, switch, check, delete; their state and their runs."""

from __future__ import annotations

from collections.abc import Mapping

from functions.api.call import Answer, Call, etag_of
from functions.api.problems import Refusal
from functions.api.route import Role, route
from functions.shapes import connection_body, lane_body, run_body, step_body
from shared import trust
from shared.domain.connection import Switch
from shared.ports.journal import StoredConnection

_SETTINGS = ("config", "map", "unknown_field", "invalid_value", "missing_field")


@route(
    "POST",
    "connections",
    Role.ADMIN,
    body="connections.ConnectionCreate",
    answer="connections.Connection",
    status=201,
    codes=(*_SETTINGS, "connection_exists"),
    audit="connection.created",
)
def create_connection(call: Call) -> Answer:
    """Makes a connection. Nothing is called, nothing flows until it is switched on."""
    return _shown(call.app.connections.create(call.body), status=201)


@route("GET", "connections", Role.READER, answer="connections.Connections")
def list_connections(call: Call) -> Answer:
    """All connections, by id."""
    return call.listed([connection_body(stored.config) for stored in call.app.connections.all()])


@route("GET", "connections/{connection}", Role.READER, answer="connections.Connection")
def get_connection(call: Call) -> Answer:
    """One connection, with its ETag."""
    return _shown(call.app.connections.get(call.connection))


def current(call: Call) -> tuple[Mapping[str, object], StoredConnection]:
    """A connection as it is shown and as it is stored."""
    stored = call.app.connections.get(call.connection)
    return connection_body(stored.config), stored


@route(
    "PATCH",
    "connections/{connection}",
    Role.ADMIN,
    body="connections.ConnectionEdit",
    answer="connections.Connection",
    codes=(*_SETTINGS, "connection_ground", "check_failed", "changed_ground", "plan_needed", "plan_differs"),
    current=current,
    audit="connection.edited",
)
def edit_connection(call: Call) -> Answer:
    """Changes the settings that are sent, all or none; `switch` ("on", "off") pauses and resumes, and is sent alone."""
    stored: StoredConnection = call.found
    changes = {name: value for name, value in call.body.items() if value is not None}
    to, plan = changes.pop("switch", None), str(changes.pop("plan", ""))
    if changes and (to is not None or plan):
        raise Refusal(
            "invalid_value",
            "switch is sent alone",
            target="switch",
            next_step="Save the settings first, then switch.",
        )
    if to is None and plan:
        raise Refusal("invalid_value", "plan goes with switch", target="plan", next_step="Send both, or neither.")
    if to is None:
        return _shown(call.app.connections.edit(stored, changes) if changes else stored)
    if to == Switch.ON.value:
        trust.confirm_plan(call.app, stored.config, plan)
    switched = call.app.connections.switch(stored, Switch(str(to)))
    return _shown(switched)


@route(
    "DELETE",
    "connections/{connection}",
    Role.ADMIN,
    status=204,
    codes=("connection_on",),
    current=current,
    lenient=True,
    audit="connection.deleted",
)
def delete_connection(call: Call) -> Answer:
    """Forgets a connection and its secrets; data on both sides stays as it is. It must be off, and where `If-Match` is
    sent, stand as it was read. Repeating it is safe."""
    call.app.connections.delete(call.connection)
    return Answer(status=204)


@route(
    "POST",
    "connections/{connection}/check",
    Role.ADMIN,
    answer="connections.Check",
    audit="connection.checked",
)
def check_connection(call: Call) -> Answer:
    """Every step in order, each passed, failed or skipped, with reason and next step."""
    steps = [step_body(item) for item in call.app.check(call.connection)]
    return Answer(body={"passed": all(step["state"] != "failed" for step in steps), "steps": steps})


@route("GET", "connections/{connection}/status", Role.READER, answer="connections.Status")
def connection_status(call: Call) -> Answer:
    """How the connection stands: running, next run, counts of links, what is broken and what to do."""
    app, config = call.app, call.config()
    lane = app.lane(config.id).peek()
    running = str(lane.facts.get("run", ""))
    run = app.journal(config.id).run(running) if running else None
    late, on_request = app.desk.lateness(config, lane), app.desk.operations.on_request(config)
    return Answer(body=lane_body(config, lane, late=late, on_request=on_request, run=run))


@route("GET", "connections/{connection}/runs", Role.READER, answer="connections.Runs", paged=True)
def list_runs(call: Call) -> Answer:
    """The newest runs first."""
    journal = call.app.journal(call.config().id)
    return call.page(lambda limit, after: journal.list_runs(limit=limit, after=after), run_body, size=50)


def _shown(stored: StoredConnection, status: int = 200) -> Answer:
    body = connection_body(stored.config)
    return Answer(body=body, status=status, etag=etag_of(body))
