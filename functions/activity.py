"""What people did: the activity log of a connection."""

from __future__ import annotations

from functions.api.call import Answer, Call
from functions.api.route import Query, Role, route
from shared import trust
from shared.ports.journal import AuditEntry


@route(
    "GET",
    "connections/{connection}/activity",
    Role.READER,
    query=(Query(name="action", help="One action, or a group: `connection` for all that begin with it."),),
    answer="records.Activities",
    paged=True,
)
def list_activity(call: Call) -> Answer:
    """The newest first. The log outlives its connection; that of the installation stands under the name `app`."""
    log, action = trust.audit(call.app, call.connection), call.query("action")
    return call.page(lambda limit, after: log.list(limit=limit, after=after, action=action), _body)


def _body(item: AuditEntry) -> dict[str, object]:
    return {
        "id": item.id,
        "at": item.at.isoformat(),
        "actor": item.actor,
        "action": item.action,
        "target": item.target,
        "details": dict(item.details),
    }
