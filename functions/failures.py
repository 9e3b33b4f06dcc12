"""HTTP triggers about failing records: list, export, retry, dismiss."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import azure.functions as func

from functions.answers import actor_of, answering, body_of, listed, next_page, ok, texts
from functions.audited import audited
from functions.shapes import failure_body
from shared.bootstrap import application
from shared.errors import ConfigError

if TYPE_CHECKING:
    from shared.ports.journal import FailureFilter

blueprint = func.Blueprint()
_NAMES = frozenset({"entity", "outcome", "field", "dismissed"})
_DISMISSED: Mapping[str, bool | None] = {"false": False, "true": True, "all": None}


@blueprint.route(route="connections/{connection}/failures", methods=["GET"])
@answering
def list_failures(req: func.HttpRequest) -> func.HttpResponse:
    """Filters: `entity`, `outcome` (a code, or the part before its colon), `field`, `dismissed` (false, true, all)."""
    app = application()
    config = app.connections.get(req.route_params["connection"]).config
    where = _filter({name: value for name, value in req.params.items() if name not in {"after", "code"}})
    found = app.desk.failing(config).store.list(where, limit=100, after=req.params.get("after", ""))
    return listed([failure_body(item) for item in found.items], next_page(req, found.next))


@blueprint.route(route="connections/{connection}/failures/retry", methods=["POST"])
@audited("failure.retried")
@answering
def retry_failures(req: func.HttpRequest) -> func.HttpResponse:
    """`{"links": [...]}` or `{"filter": {...}}`. Tried again when the rhythm next runs; the answer says when."""
    app = application()
    failing = app.desk.failing(app.connections.get(req.route_params["connection"]).config)
    count = failing.retry(*_which(body_of(req)))
    return ok({"retried": count, "runsAt": failing.when.isoformat()}, HTTPStatus.ACCEPTED)


@blueprint.route(route="connections/{connection}/failures/dismiss", methods=["POST"])
@audited("failure.dismissed")
@answering
def dismiss_failures(req: func.HttpRequest) -> func.HttpResponse:
    """`{"links": [...]}` or `{"filter": {...}}`: hidden until their code changes."""
    app = application()
    failing = app.desk.failing(app.connections.get(req.route_params["connection"]).config)
    return ok({"dismissed": failing.dismiss(*_which(body_of(req)), actor=actor_of(req))})


def _which(data: Mapping[str, object]) -> tuple[list[str], FailureFilter | None]:
    """One of the two: named links, or everything that a filter finds."""
    wanted = data.get("filter")
    if ("links" in data) == isinstance(wanted, Mapping):
        raise ConfigError(
            "either links or a filter says which failures are meant",
            setting="links",
            next_step='Send {"links": [...]}, or {"filter": {"outcome": "failed:rejected"}}; {"filter": {}} means all.',
        )
    if isinstance(wanted, Mapping):
        return [], _filter({str(name): str(value) for name, value in wanted.items()})
    return texts(data, "links"), None


def _filter(given: Mapping[str, str]) -> FailureFilter:
    from shared.ports.journal import FailureFilter

    unknown = sorted(given.keys() - _NAMES)
    if unknown or given.get("dismissed", "false").lower() not in _DISMISSED:
        name = unknown[0] if unknown else "dismissed"
        raise ConfigError(
            f"{name} is not a filter, or has no such value",
            setting=name,
            next_step="Use entity, outcome, field, and dismissed (false, true, all).",
        )
    return FailureFilter(
        entity=given.get("entity", ""),
        code=given.get("outcome", ""),
        field=given.get("field", ""),
        dismissed=_DISMISSED[given.get("dismissed", "false").lower()],
    )
