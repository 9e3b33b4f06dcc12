"""Writes a line of the activity log for each call that changed something."""

from __future__ import annotations

import logging

from functions.api.call import Answer, Call
from shared import trust
from shared.errors import SyncError

_log = logging.getLogger("dynasync.http")
_SHOWN = frozenset({"switch", "repeat", "releaseGuard", "winner", "entity", "automation"})
"""Settings whose value says what was done; of all others the log holds the name only."""


def note(call: Call, answer: Answer) -> None:
    """The change is made already: a log that cannot be written is told in the application's own log, not to the
    caller, who would make the change once more."""
    made = str(answer.body.get("id", "")) if isinstance(answer.body, dict) else ""
    created = made if call.route.audit.startswith("connection.") else ""
    connection = call.places.get("connection") or created or trust.APP
    try:
        trust.note(call.app, connection, call.caller.id, call.route.audit, _details(call))
    except SyncError:
        _log.exception("activity_lost action=%s connection=%s", call.route.audit, connection)


def _details(call: Call) -> dict[str, str]:
    details = {name: str(value)[:20] for name, value in call.body.items() if name in _SHOWN}
    names = sorted(str(name)[:40] for name in call.body if name not in _SHOWN)
    return {**details, **({"fields": ",".join(names)[:400]} if names else {})}
