"""HTTP triggers that delete on purpose: the clean-up of a connection, the erasure of a person, and how they stand."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import List

import azure.functions as func

from functions.answers import actor_of, answering, body_of, listed, ok, texts
from functions.audited import audited
from functions.tracing import traceparent
from shared import trust
from shared.bootstrap import Application, application
from shared.domain.records import Side
from shared.errors import ConfigError, Rejected
from shared.ports.care import Job

blueprint = func.Blueprint()
_QUEUE = "sync-work"


@blueprint.route(route="connections/{connection}/cleanup", methods=["GET"])
@answering
def count_cleanup(req: func.HttpRequest) -> func.HttpResponse:
    """What a clean-up would delete: the records this connection created, by side and kind. Matched ones never count."""
    app = application()
    config = app.connections.get(req.route_params["connection"]).config
    return ok({"name": config.name, "created": trust.purging(app, config).counts()})


@blueprint.route(route="connections/{connection}/cleanup", methods=["POST"])
@blueprint.queue_output(arg_name="work", queue_name=_QUEUE, connection="AzureWebJobsStorage")
@audited("connection.cleaned_up")
@answering
def clean_up(req: func.HttpRequest, work: func.Out[str], context: func.Context) -> func.HttpResponse:
    """`{"confirm": "<the connection's name>", "sides": ["partner", "crm"]}`. The connection must be off."""
    app, connection = application(), req.route_params["connection"]
    data = body_of(req)
    confirm = data.get("confirm")
    job = trust.purging(app, app.connections.get(connection).config).start(
        _sides(texts(data, "sides")), confirm if isinstance(confirm, str) else "", actor=actor_of(req)
    )
    work.set(json.dumps({"connection": connection, "traceparent": traceparent(context)}))
    return _accepted(_job_body(job), f"/api/operations/{job.id}")


@blueprint.route(route="connections/{connection}/runs/{run}/revert", methods=["GET"])
@answering
def count_revert(req: func.HttpRequest) -> func.HttpResponse:
    """What taking a run back would do, and what nobody can take back."""
    app = application()
    config = app.connections.get(req.route_params["connection"]).config
    counts = trust.reverting(app, config).preview(_run(app, req))
    from shared.manage.revert import CANNOT  # the engine comes with it, which a start does not need

    return ok({"run": req.route_params["run"], "counts": counts, "cannot": list(CANNOT)})


@blueprint.route(route="connections/{connection}/runs/{run}/revert", methods=["POST"])
@blueprint.queue_output(arg_name="work", queue_name=_QUEUE, connection="AzureWebJobsStorage")
@audited("run.reverted")
@answering
def revert_run(req: func.HttpRequest, work: func.Out[str], context: func.Context) -> func.HttpResponse:
    """`{"created": false}`: restores the fields nobody touched since; with `created` also removes what the run made."""
    app, connection = application(), req.route_params["connection"]
    created = body_of(req).get("created") is True if req.get_body() else False
    reverting = trust.reverting(app, app.connections.get(connection).config)
    job = reverting.start(_run(app, req), created=created, actor=actor_of(req))
    work.set(json.dumps({"connection": connection, "traceparent": traceparent(context)}))
    return _accepted(_job_body(job), f"/api/operations/{job.id}")


def _run(app: Application, req: func.HttpRequest) -> str:
    run = str(req.route_params["run"])
    if not re.fullmatch("[0-9a-f]{32}", run) or app.journal(req.route_params["connection"]).run(run) is None:
        raise Rejected("there is no such run", code="run_not_found", next_step="GET the list of runs.")
    return run


@blueprint.route(route="operations/{operation}", methods=["GET"])
@answering
def get_operation(req: func.HttpRequest) -> func.HttpResponse:
    """How a long piece of work stands, with its report once it ended."""
    job = trust.jobs(application()).get(req.route_params["operation"])
    if job is None:
        raise _unknown()
    return ok(_job_body(job))


@blueprint.route(route="connections/{connection}/operations", methods=["GET"])
@answering
def list_operations(req: func.HttpRequest) -> func.HttpResponse:
    """What is under way on a connection."""
    connection = req.route_params["connection"]
    return listed([_job_body(job) for job in trust.jobs(application()).open() if job.connection == connection])


@blueprint.route(route="erasures", methods=["POST"])
@blueprint.queue_output(arg_name="work", queue_name=_QUEUE, connection="AzureWebJobsStorage")
@audited("person.erased")
@answering
def erase(req: func.HttpRequest, work: func.Out[List[str]], context: func.Context) -> func.HttpResponse:
    """`{"email": "...", "dynamics": false}`: erases a person from every connection, and keeps them away from now on.

    With `dynamics` their rows in Dynamics are deleted too; without, those stay and are never synchronised again.
    """
    app = application()
    data = body_of(req)
    email = data.get("email")
    names = [stored.config.id for stored in app.connections.all()]
    jobs = trust.erasures(app).request(
        email if isinstance(email, str) else "", names, dynamics=data.get("dynamics") is True, actor=actor_of(req)
    )
    parent = traceparent(context)
    if jobs:
        work.set([json.dumps({"connection": job.connection, "traceparent": parent}) for job in jobs])
    group = jobs[0].group if jobs else ""
    return _accepted({"id": group, "state": "open" if jobs else "done"}, f"/api/erasures/{group}")


@blueprint.route(route="erasures/{erasure}", methods=["GET"])
@answering
def get_erasure(req: func.HttpRequest) -> func.HttpResponse:
    """The certificate: which steps were done when, on which connection, and how much of each. No personal data."""
    parts = trust.jobs(application()).of_group(req.route_params["erasure"])
    if not parts:
        raise _unknown()
    states = {job.state for job in parts}
    state = "open" if "open" in states else "stopped" if "stopped" in states else "done"
    return ok({"id": req.route_params["erasure"], "state": state, "parts": [_part_body(job) for job in parts]})


def _accepted(body: dict[str, object], where: str) -> func.HttpResponse:
    response = ok(body, HTTPStatus.ACCEPTED)
    response.headers["Operation-Location"] = where
    return response


def _sides(names: list[str]) -> list[Side]:
    try:
        return [Side(name) for name in names]
    except ValueError:
        raise ConfigError("there is no such side", setting="sides", next_step='Use "crm" and "partner".') from None


def _job_body(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "kind": job.kind,
        "connection": job.connection,
        "state": job.state,
        "started": job.at.isoformat(),
        "ended": job.ended.isoformat() if job.ended is not None else "",
        "counts": dict(job.counts),
        "problems": list(job.problems),
    }


def _part_body(job: Job) -> dict[str, object]:
    hidden = {"records", "keys", "rows"}
    steps = {name: text for name, text in job.spec.items() if name not in hidden}
    return {**_job_body(job), "steps": steps, "dynamicsDeleted": job.spec.get("rows") == "yes"}


def _unknown() -> Rejected:
    return Rejected(
        "there is no such operation",
        code="operation_not_found",
        next_step="Operations are named by the answer that started them.",
    )
