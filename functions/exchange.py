"""The configuration as one file: export, difference, apply. Without ids, secrets and switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from functions.api.call import Answer, Call, etag_of
from functions.api.route import Role, route
from shared import trust

if TYPE_CHECKING:
    from shared.manage.configuration import Change


@route("GET", "configuration", Role.READER, answer="exchange.Configuration")
def export_configuration(call: Call) -> Answer:
    """All connections in their file form, with an ETag over all of them."""
    body, _ = current_configuration(call)
    return Answer(body=body, etag=etag_of(body))


def current_configuration(call: Call) -> tuple[Mapping[str, object], None]:
    """The file as it would be exported now."""
    return trust.configuration(call.app).export(), None


@route(
    "POST",
    "configuration/diff",
    Role.READER,
    body="exchange.ConfigurationFile",
    answer="exchange.Changes",
    codes=("config", "map", "unknown_field"),
)
def diff_configuration(call: Call) -> Answer:
    """What applying a file would change, part by part."""
    return _told(trust.configuration(call.app).diff(call.body))


@route(
    "POST",
    "configuration/apply",
    Role.ADMIN,
    body="exchange.ConfigurationFile",
    answer="exchange.Changes",
    codes=("config", "map", "unknown_field", "connection_ground"),
    current=current_configuration,
    audit="configuration.applied",
)
def apply_configuration(call: Call) -> Answer:
    """Makes the installation as the file says, all or nothing. Twice changes nothing. Connections that the file does
    not name are left alone; new ones are off, and their secrets are entered afterwards."""
    return _told(trust.configuration(call.app).apply(call.body))


def _told(changes: list[Change]) -> Answer:
    shown = [
        {
            "act": change.act,
            "id": change.id,
            "name": change.name,
            "system": change.system,
            "differences": [{"place": item.place, "now": item.now, "then": item.then} for item in change.differences],
        }
        for change in changes
    ]
    return Answer(body={"changed": any(change.act in {"create", "update"} for change in changes), "value": shown})
