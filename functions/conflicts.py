"""HTTP triggers about conflicts: the open questions and past decisions with both values, and people's answers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import azure.functions as func

from functions.answers import actor_of, answering, body_of, listed, next_page, ok, texts
from functions.audited import audited
from functions.shapes import plain_value, ref_body
from shared import trust
from shared.bootstrap import application
from shared.domain.records import Side
from shared.errors import ConfigError

if TYPE_CHECKING:
    from shared.manage.deciding import ConflictFilter, Deciding
    from shared.ports.journal import KeptConflict

blueprint = func.Blueprint()
_NAMES = frozenset({"entity", "field", "link"})
_STATES = {"waiting": True, "decided": False}


@blueprint.route(route="connections/{connection}/conflicts", methods=["GET"])
@answering
def list_conflicts(req: func.HttpRequest) -> func.HttpResponse:
    """`state` is waiting (the default) or decided; filters: `entity`, `field`, `link`."""
    app = application()
    state = req.params.get("state", "waiting")
    if state not in _STATES:
        raise ConfigError("there is no such state", setting="state", next_step="Use waiting or decided.")
    conflicts = trust.deciding(app, app.connections.get(req.route_params["connection"]).config)
    where = _filter({name: value for name, value in req.params.items() if name in _NAMES})
    found = conflicts.list(where, waiting=_STATES[state], limit=100, after=req.params.get("after", ""))
    return listed([_body(conflicts, item) for item in found.items], next_page(req, found.next))


@blueprint.route(route="connections/{connection}/conflicts/decide", methods=["POST"])
@audited("conflict.decided")
@answering
def decide_conflicts(req: func.HttpRequest) -> func.HttpResponse:
    """`{"winner": "crm" or "partner"}` with `"ids"` or a `"filter"`; `{"filter": {}}` means all open questions.

    Applied when the rhythm next runs. A question that changed meanwhile is named in `stale` and asked anew.
    """
    app = application()
    config = app.connections.get(req.route_params["connection"]).config
    data = body_of(req)
    winner = _winner(data)
    wanted = data.get("filter")
    if ("ids" in data) == isinstance(wanted, Mapping):
        raise ConfigError(
            "either ids or a filter says which questions are meant",
            setting="ids",
            next_step='Send {"ids": ["..."]}, or {"filter": {"field": "phone"}}; {"filter": {}} means all.',
        )
    where = _filter({str(name): str(value) for name, value in wanted.items()}) if isinstance(wanted, Mapping) else None
    conflicts = trust.deciding(app, config)
    answered = conflicts.decide(texts(data, "ids") if where is None else [], where, winner, actor=actor_of(req))
    body = {"decided": answered.count, "stale": list(answered.stale), "runsAt": conflicts.when.isoformat()}
    return ok(body, HTTPStatus.ACCEPTED)


def _winner(data: Mapping[str, object]) -> Side:
    try:
        return Side(str(data.get("winner")))
    except ValueError:
        raise ConfigError(
            "winner says whose value stays", setting="winner", next_step='Send "crm" (Dynamics) or "partner".'
        ) from None


def _filter(given: Mapping[str, str]) -> ConflictFilter:
    from shared.manage.deciding import ConflictFilter

    unknown = sorted(given.keys() - _NAMES)
    if unknown:
        raise ConfigError(f"{unknown[0]} is not a filter", setting=unknown[0], next_step="Use entity, field and link.")
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
