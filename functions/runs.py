"""Runs and what became of each record in them."""

from __future__ import annotations

from functions.api.call import Answer, Call
from functions.api.problems import Refusal
from functions.api.route import Query, Role, route
from functions.exports import CSV, FORMAT, PAGE, exported
from functions.shapes import ref_body, run_body
from shared.ports.journal import Listing
from shared.ports.report import RecordOutcome

_CODES = Query(name="outcome", help="Outcome codes, or the parts before their colons, separated by commas.")
COLUMNS = (
    "link",
    "entity",
    "outcome",
    "meaning",
    "nextStep",
    "crmKind",
    "crmId",
    "partnerKind",
    "partnerId",
    "field",
    "vendorCode",
    "message",
    "retryAt",
)


@route("GET", "connections/{connection}/runs/{run}", Role.READER, answer="connections.Run")
def get_run(call: Call) -> Answer:
    """One run with its counts by outcome."""
    found = call.app.journal(call.config().id).run(call.places["run"])
    if found is None:
        raise Refusal("run_not_found", "there is no such run", next_step="GET the list of runs.")
    return Answer(body=run_body(found))


@route(
    "GET",
    "connections/{connection}/runs/{run}/records",
    Role.READER,
    query=(_CODES,),
    answer="records.Outcomes",
    paged=True,
)
def list_records(call: Call) -> Answer:
    """What became of each record of a run that was more than unchanged: ids and codes, never values."""
    get_run(call)
    return call.page(lambda limit, after: _outcomes(call, limit, after), outcome_body)


@route(
    "GET",
    "connections/{connection}/runs/{run}/records/export",
    Role.READER,
    query=(_CODES, *FORMAT),
    paged=True,
    media=CSV,
)
def export_records(call: Call) -> Answer:
    """The same as a file, in parts of up to 1,000: the header `Link` names the next. No cell is run as a formula."""
    get_run(call)
    found = call.fetched(lambda limit, after: _outcomes(call, limit, after), PAGE)
    return exported(call, COLUMNS, (_row(item) for item in found.items), found.next)


def _outcomes(call: Call, limit: int, after: str) -> Listing[RecordOutcome]:
    codes = [code.strip() for code in call.query("outcome").split(",") if code.strip()]
    return call.app.journal(call.connection).list_outcomes(call.places["run"], codes=codes, limit=limit, after=after)


def outcome_body(item: RecordOutcome) -> dict[str, object]:
    """An outcome with its meaning and next step."""
    from shared.domain.outcomes import reason

    words = reason(item.code)
    return {
        "link": item.link,
        "entity": item.entity,
        "outcome": item.code,
        "meaning": words.meaning,
        "nextStep": words.next_step,
        "crm": ref_body(item.crm),
        "partner": ref_body(item.partner),
        "field": item.field,
        "vendorCode": item.vendor_code,
        "message": item.message,
        "retryAt": item.retry_at.isoformat() if item.retry_at is not None else "",
    }


def _row(item: RecordOutcome) -> dict[str, object]:
    shown = outcome_body(item)
    crm, partner = ref_body(item.crm), ref_body(item.partner)
    flat = {"crmKind": crm["kind"], "crmId": crm["id"], "partnerKind": partner["kind"], "partnerId": partner["id"]}
    return {**{name: value for name, value in shown.items() if name not in {"crm", "partner"}}, **flat}
