"""Failing records: list, count, export, retry, dismiss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from functions.api.call import Answer, Call
from functions.api.operations import next_run
from functions.api.route import Query, Role, route
from functions.exports import CSV, FORMAT, PAGE, exported
from functions.selecting import selected
from functions.shapes import failure_body, ref_body

if TYPE_CHECKING:
    from shared.manage.failing import Failing, Which
    from shared.ports.journal import Failure, FailureFilter

_DISMISSED: Mapping[str, bool | None] = {"false": False, "true": True, "all": None}
FILTER = (
    Query(name="entity", help="The name of an entity of the connection."),
    Query(name="outcome", help="An outcome code, or the part before its colon."),
    Query(name="field", help="The id of a field of the map."),
    Query(name="dismissed", help="Also, or only, those that were dismissed.", values=("false", "true", "all")),
)
COLUMNS = (
    "link",
    "entity",
    "crmKind",
    "crmId",
    "partnerKind",
    "partnerId",
    "code",
    "field",
    "vendorCode",
    "message",
    "meaning",
    "nextStep",
    "at",
    "run",
    "retryAt",
    "dismissed",
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
    store, where = _failing(call).store, chosen(call.request.params)
    return call.page(lambda limit, after: store.list(where, limit=limit, after=after), failure_body)


@route("GET", "connections/{connection}/failures/count", Role.READER, query=FILTER, answer="records.FailureCount")
def count_failures(call: Call) -> Answer:
    """How many a filter finds; counting stops at 1,000, or when a filter that finds little has looked long enough."""
    count, more = _failing(call).count(chosen(call.request.params))
    return Answer(body={"count": count, "more": more, "shown": f"more than {count}" if more else str(count)})


@route(
    "GET",
    "connections/{connection}/failures/export",
    Role.READER,
    query=(*FILTER, *FORMAT),
    paged=True,
    media=CSV,
)
def export_failures(call: Call) -> Answer:
    """Failing records as a file, a row for each problem, in parts of up to 1,000 records: the header `Link` names the
    next. Ids and codes, no values; no cell is run as a formula."""
    store, where = _failing(call).store, chosen(call.request.params)
    found = call.fetched(lambda limit, after: store.list(where, limit=limit, after=after), PAGE)
    return exported(call, COLUMNS, (row for item in found.items for row in _rows(item)), found.next)


@route(
    "POST",
    "connections/{connection}/failures/retry",
    Role.ADMIN,
    body="records.WhichFailures",
    answer="records.Retried",
    status=202,
    audit="failure.retried",
    sends=True,
)
def retry_failures(call: Call) -> Answer:
    """Tries `links`, or all that a `filter` finds, again when the rhythm next runs; the answer says when.

    More than 50 are worked through by the operation: `retried` is 0 then, and `more` true.
    """
    failing = _failing(call)
    body, operation = _swept(call, failing, "retry", "retried")
    where_to = call.address(f"operations/{operation or next_run(call)}")
    return Answer(body={**body, "runsAt": failing.when.isoformat()}, status=202, where=where_to)


@route(
    "POST",
    "connections/{connection}/failures/dismiss",
    Role.ADMIN,
    body="records.WhichFailures",
    answer="records.Dismissed",
    audit="failure.dismissed",
    sends=True,
)
def dismiss_failures(call: Call) -> Answer:
    """Hides `links`, or all that a `filter` finds, until their code changes; more than 50 by an operation (`more`)."""
    body, operation = _swept(call, _failing(call), "dismiss", "dismissed")
    return Answer(body=body, where=call.address(f"operations/{operation}") if operation else "")


def _swept(call: Call, failing: Failing, act: str, name: str) -> tuple[dict[str, object], str]:
    """What is little is done in the call; what is more is left to the lane's worker, and its operation named."""
    which = _which(call)
    done = failing.some(act, which, actor=call.caller.id)
    if done is not None:
        return {name: done, "more": False}, ""
    job = failing.later(call.connection, act, which, actor=call.caller.id)
    call.wake(call.connection)
    return {name: 0, "more": True}, job.id


def _failing(call: Call) -> Failing:
    return call.app.desk.failing(call.config())


def _which(call: Call) -> Which:
    """One of the two: named links, or everything that a filter finds."""
    found = selected(call, "links", "failures", '{"outcome": "failed:rejected"}')
    return found if isinstance(found, list) else chosen(found)


def chosen(given: Mapping[str, str]) -> FailureFilter:
    """The filter of a query or a body."""
    from shared.ports.journal import FailureFilter

    return FailureFilter(
        entity=given.get("entity", ""),
        code=given.get("outcome", ""),
        field=given.get("field", ""),
        dismissed=_DISMISSED[given.get("dismissed", "false")],
    )


def _rows(item: Failure) -> Iterator[dict[str, object]]:
    from shared.domain.outcomes import reason

    crm, partner = ref_body(item.crm), ref_body(item.partner)
    for problem in item.problems:
        yield {
            "link": item.link,
            "entity": item.entity,
            "crmKind": crm["kind"],
            "crmId": crm["id"],
            "partnerKind": partner["kind"],
            "partnerId": partner["id"],
            "code": problem.code,
            "field": problem.field,
            "vendorCode": problem.vendor_code,
            "message": problem.message,
            "meaning": reason(problem.code).meaning,
            "nextStep": reason(problem.code).next_step,
            "at": item.at.isoformat(),
            "run": item.run,
            "retryAt": item.retry_at.isoformat() if item.retry_at is not None else "",
            "dismissed": item.dismissed,
        }
