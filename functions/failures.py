"""Failing records: list, retry, dismiss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from functions.api.call import Answer, Call
from functions.api.operations import next_run
from functions.api.problems import Refusal
from functions.api.route import Query, Role, route
from functions.shapes import failure_body

if TYPE_CHECKING:
    from shared.ports.journal import FailureFilter

_DISMISSED: Mapping[str, bool | None] = {"false": False, "true": True, "all": None}
FILTER = (
    Query(name="entity", help="The name of an entity of the connection."),
    Query(name="outcome", help="An outcome code, or the part before its colon."),
    Query(name="field", help="The id of a field of the map."),
    Query(name="dismissed", help="Also, or only, those that were dismissed.", values=("false", "true", "all")),
)


@route(
    "GET",
    "connections/{connection}/failures",
    Role.READER,
    query=FILTER,
    answer="records.Failures",
    paged=True,
)
def list_failures(call: Call) -> Answer:
    """Failing records with every problem and what to do about it. A page may be short, and still go on."""
    store = call.app.desk.failing(call.config()).store
    where = chosen(call.request.params)
    return call.page(lambda limit, after: store.list(where, limit=limit, after=after), failure_body)


@route(
    "POST",
    "connections/{connection}/failures/retry",
    Role.ADMIN,
    body="records.WhichFailures",
    answer="records.Retried",
    status=202,
    audit="failure.retried",
)
def retry_failures(call: Call) -> Answer:
    """Tries `links`, or all that a `filter` finds, again when the rhythm next runs; the answer says when."""
    failing = call.app.desk.failing(call.config())
    count = failing.retry(*_which(call))
    where = call.address(f"operations/{next_run(call)}")
    return Answer(body={"retried": count, "runsAt": failing.when.isoformat()}, status=202, where=where)


@route(
    "POST",
    "connections/{connection}/failures/dismiss",
    Role.ADMIN,
    body="records.WhichFailures",
    answer="records.Dismissed",
    audit="failure.dismissed",
)
def dismiss_failures(call: Call) -> Answer:
    """Hides `links`, or all that a `filter` finds, until their code changes."""
    failing = call.app.desk.failing(call.config())
    return Answer(body={"dismissed": failing.dismiss(*_which(call), actor=call.caller.id)})


def _which(call: Call) -> tuple[list[str], FailureFilter | None]:
    """One of the two: named links, or everything that a filter finds."""
    links, where = call.body.get("links"), call.body.get("filter")
    if (links is None) == (where is None):
        raise Refusal(
            "invalid_value",
            "either links or a filter says which failures are meant",
            target="links",
            next_step='Send {"links": [...]}, or {"filter": {"outcome": "failed:rejected"}}; {"filter": {}} means all.',
        )
    return (list(links), None) if links is not None else ([], chosen(where or {}))


def chosen(given: Mapping[str, str]) -> FailureFilter:
    """The filter of a query or a body."""
    from shared.ports.journal import FailureFilter

    return FailureFilter(
        entity=given.get("entity", ""),
        code=given.get("outcome", ""),
        field=given.get("field", ""),
        dismissed=_DISMISSED[given.get("dismissed", "false")],
    )
