"""The schedule of a connection: its rhythm, and how it keeps to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from functions.api.call import Answer, Call, etag_of
from functions.api.route import Role, route

if TYPE_CHECKING:
    from shared.domain.connection import ConnectionConfig
    from shared.ports.journal import StoredConnection


@route("GET", "connections/{connection}/schedule", Role.READER, answer="mapping.Schedule")
def get_schedule(call: Call) -> Answer:
    """The rhythm, last and next run, and whether it is late. The ETag is the rhythm's."""
    config = call.config()
    return Answer(body=_schedule(call, config), etag=etag_of(_rhythm(config)))


def current_rhythm(call: Call) -> tuple[Mapping[str, object], StoredConnection]:
    """The rhythm as it stands, and the connection as it is stored."""
    stored = call.app.connections.get(call.connection)
    return _rhythm(stored.config), stored


@route(
    "PUT",
    "connections/{connection}/schedule",
    Role.ADMIN,
    body="mapping.ScheduleEdit",
    answer="mapping.Schedule",
    codes=("map", "config"),
    current=current_rhythm,
    audit="schedule.edited",
)
def put_schedule(call: Call) -> Answer:
    """Sets the rhythm; only those that the partner's own integration knows."""
    stored = call.app.connections.edit(call.found, {"rhythm": call.body["rhythm"]})
    return Answer(body=_schedule(call, stored.config), etag=etag_of(_rhythm(stored.config)))


def _rhythm(config: ConnectionConfig) -> dict[str, object]:
    return {"rhythm": dict(config.rhythm)}


def _schedule(call: Call, config: ConnectionConfig) -> dict[str, object]:
    from shared.domain.schedule import intervals_late, parse_rhythm

    app, lane = call.app, call.app.lane(config.id).peek()
    ended = lane.facts.get("last_end")
    last_end = datetime.fromisoformat(ended) if isinstance(ended, str) else None
    late = intervals_late(
        parse_rhythm(config.rhythm),
        last_slot=str(lane.facts.get("last_slot", "")),
        last_end=last_end,
        now=app.clock.now(),
    )
    when = app.desk.operations.next_run(config) if config.switch.value == "on" else None
    return {
        **_rhythm(config),
        "kinds": list(app.rhythm_kinds(config.system)),
        "running": lane.running,
        "lastRun": str(lane.facts.get("last_run", "")),
        "lastEnd": str(lane.facts.get("last_end", "")),
        "nextRun": when.isoformat() if when is not None else "",
        "late": app.desk.lateness(config, lane),
        "intervalsLate": round(late, 2) if config.switch.value == "on" else 0.0,
    }
