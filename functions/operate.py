"""Sets a connection going: run now, start anew, go on after a stop, confirm another ground."""

from __future__ import annotations

from functions.api.call import Answer, Call, etag_of
from functions.api.operations import next_run
from functions.api.route import Role, route
from functions.shapes import connection_body


@route(
    "POST",
    "connections/{connection}/sync",
    Role.ADMIN,
    answer="common.Accepted",
    status=202,
    codes=("connection_off", "sync_now_refused"),
    audit="run.requested",
    sends=True,
)
def sync_now(call: Call) -> Answer:
    """A run at once. 409 with the next run's time where the partner's own integration knows no such thing."""
    call.app.desk.operations.sync_now(call.connection)
    return _going(call)


@route(
    "POST",
    "connections/{connection}/initial-sync",
    Role.ADMIN,
    body="connections.Repeat",
    empty=True,
    answer="common.Accepted",
    status=202,
    codes=("connection_off", "initial_done"),
    audit="run.initial_requested",
    sends=True,
)
def start_anew(call: Call) -> Answer:
    """With `repeat` the initial sync once more, on purpose: reads everything, writes what differs."""
    call.app.desk.operations.start_anew(call.connection, repeat=call.body.get("repeat") is True)
    return _going(call)


@route(
    "POST",
    "connections/{connection}/resume",
    Role.ADMIN,
    body="connections.Resume",
    empty=True,
    answer="common.Accepted",
    status=202,
    audit="connection.resumed",
    sends=True,
)
def resume(call: Call) -> Answer:
    """Goes on after a stop. `releaseGuard` lets one run pass the guard against mass deletes."""
    call.app.desk.operations.resume(call.connection, release_guard=call.body.get("releaseGuard") is True)
    return _going(call)


@route(
    "POST",
    "connections/{connection}/confirm-ground",
    Role.ADMIN,
    answer="connections.Connection",
    codes=("auth", "transient"),
    audit="connection.ground_confirmed",
    sends=True,
)
def confirm_ground(call: Call) -> Answer:
    """The accounts that answer now are the connection's own from here on; everything is compared again."""
    stored = call.app.desk.operations.confirm_ground(call.connection)
    call.wake(call.connection)
    body = connection_body(stored.config)
    return Answer(body=body, etag=etag_of(body))


def _going(call: Call) -> Answer:
    operation = next_run(call)
    call.wake(call.connection)
    where = call.address(f"operations/{operation}")
    return Answer(body={"id": operation, "status": "NotStarted"}, status=202, where=where)
