"""Whom the app tells of trouble: a webhook, its events, the daily digest; and the episodes that are open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from functions.api.call import Answer, Call, etag_of
from functions.api.route import Role, route
from shared import notices

if TYPE_CHECKING:
    from shared.manage.notifying import Wanted


def current_notifications(call: Call) -> tuple[Mapping[str, object], tuple[Wanted, str]]:
    """The settings as shown, and as stored with their version."""
    found = notices.episodes(call.app).settings()
    return _settings(found[0]), found


@route("GET", "notifications", Role.READER, answer="notifications.Notifications")
def get_notifications(call: Call) -> Answer:
    """The settings, and what is wrong now. The ETag is that of the settings; the address is never shown."""
    body, _ = current_notifications(call)
    return Answer(body={**body, "episodes": _episodes(call)}, etag=etag_of(body))


@route(
    "PUT",
    "notifications",
    Role.ADMIN,
    body="notifications.NotificationsEdit",
    answer="notifications.Notifications",
    codes=("config",),
    current=current_notifications,
    audit="notifications.edited",
)
def put_notifications(call: Call) -> Answer:
    """Sets what is told, and where to. Without `webhook` the address stays; an empty one forgets it."""
    wanted, version = call.found
    address = call.body.get("webhook")
    if address is not None:
        notices.check_address(call.app, str(address))
        wanted = replace(wanted, address=bool(address))
    hour = call.body.get("digestHour")
    wanted = replace(wanted, events=tuple(dict.fromkeys(call.body["events"])), digest_hour=hour)
    notices.episodes(call.app).save(wanted, version)
    if address is not None:
        notices.set_address(call.app, str(address))
    body = _settings(wanted)
    return Answer(body={**body, "episodes": _episodes(call)}, etag=etag_of(body))


def _settings(wanted: Wanted) -> dict[str, object]:
    return {"events": list(wanted.events), "digestHour": wanted.digest_hour, "webhookStored": wanted.address}


def _episodes(call: Call) -> list[dict[str, object]]:
    return [
        {
            "event": item.condition.event,
            "connection": item.condition.connection,
            "reason": item.condition.reason,
            "nextStep": item.condition.next_step,
            "since": item.since.isoformat(),
            "told": item.told,
        }
        for item, _ in notices.episodes(call.app).all()
        if item.over is None
    ]
