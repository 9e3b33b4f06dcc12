"""Conflicts: the open questions and past decisions with both values, and people's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from functions.api.call import Answer, Call
from functions.api.operations import next_run
from functions.api.route import Query, Role, route
from functions.selecting import selected
from functions.shapes import plain_value, ref_body
from shared import trust
from shared.domain.records import Side

if TYPE_CHECKING:
    from shared.manage.deciding import ConflictFilter, Deciding
    from shared.ports.journal import KeptConflict


@route(
    "GET",
    "connections/{connection}/conflicts",
    Role.READER,
    query=(
        Query(name="state", help="Open questions (the default) or decisions.", values=("waiting", "decided")),
        Query(name="entity", help="The name of an entity of the connection."),
        Query(name="field", help="The id of a field of the map."),
        Query(name="link", help="The link of one record."),
    ),
    answer="records.Conflicts",
    paged=True,
)
def list_conflicts(call: Call) -> Answer:
    """Open questions or decisions, the newest first, with both values for 30 days."""
    conflicts = trust.deciding(call.app, call.config())
    where, waiting = _filter(call.request.params), call.query("state", "waiting") == "waiting"
    return call.page(
        lambda limit, after: conflicts.list(where, waiting=waiting, limit=limit, after=after),
        lambda item: _body(conflicts, item),
    )


@route(
    "POST",
    "connections/{connection}/conflicts/decide",
    Role.ADMIN,
    body="records.Decision",
    answer="records.Decided",
    status=202,
    audit="conflict.decided",
    sends=True,
)
def decide_conflicts(call: Call) -> Answer:
    """Says whose value stays, for `ids` or all that a `filter` finds; `{"filter": {}}` means all open questions.

    Applied when the rhythm next runs. A question that changed meanwhile is named in `stale` and asked anew. More
    than 50 are worked through by the operation: `decided` is 0 then, and `more` true.
    """
    found = selected(call, "ids", "questions", '{"field": "phone"}')
    conflicts = trust.deciding(call.app, call.config())
    winner, actor = Side(str(call.body["winner"])), call.caller.id
    which = found if isinstance(found, list) else _filter(found)
    answered = conflicts.some(which, winner, actor=actor)
    if answered is not None:
        operation = next_run(call)
    else:
        operation = conflicts.later(call.connection, which, winner, actor=actor).id
        call.wake(call.connection)
    body = {
        "decided": answered.count if answered is not None else 0,
        "stale": list(answered.stale) if answered is not None else [],
        "more": answered is None,
        "runsAt": conflicts.when.isoformat(),
    }
    return Answer(body=body, status=202, where=call.address(f"operations/{operation}"))


def _filter(given: Mapping[str, str]) -> ConflictFilter:
    from shared.manage.deciding import ConflictFilter

    return ConflictFilter(entity=given.get("entity", ""), field=given.get("field", ""), link=given.get("link", ""))


def _body(conflicts: Deciding, item: KeptConflict) -> dict[str, object]:
    return {
        "id": item.id,
        "link": item.link,
        "entity": item.entity,
        "field": item.field,
        "policy": item.policy,
        "winner": item.winner.value if item.winner is not None else "",
        "crm": {**ref_body(item.crm), **plain_value(conflicts.value(item, Side.CRM))},
        "partner": {**ref_body(item.partner), **plain_value(conflicts.value(item, Side.PARTNER))},
        "at": item.at.isoformat(),
        "run": item.run,
        "actor": item.actor,
        "decidedAt": item.decided_at.isoformat() if item.decided_at is not None else "",
    }
