"""``WinOpportunity`` and ``LoseOpportunity``; a plain update cannot close one (dataverse.md 1.5)."""

from __future__ import annotations

from simulators.dataverse.actions.arguments import Json, done, read_arguments, refused
from simulators.dataverse.addressing import not_found
from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.hooks import WriteEvent
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.payload import Payload, read_payload
from simulators.dataverse.registry import Handler
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.writing import create_row, update_row
from simulators.frame import Response

WON, LOST = 1, 2
_WORDS = {WON: "won", LOST: "lost"}
_KNOWN = {"OpportunityClose": dict, "Status": int}


def closing(action: str, state: int) -> Handler:
    """The handler of one of the two actions."""

    def handle(context: Context, path: ResourcePath) -> Response:
        if len(path.segments) != 1:
            raise error("SegmentNotFound", segment=path.last.name)
        arguments = read_arguments(context, action, _KNOWN, "OpportunityClose Status")
        _close(context, arguments["OpportunityClose"], int(arguments["Status"]), state)
        return done()

    return handle


def _close(context: Context, body: Json, status: int, state: int) -> None:
    close_table, table = context.schema["opportunityclose"], context.schema["opportunity"]
    payload = read_payload(context, close_table, body, "create")
    reference = payload.values.get("opportunityid")
    if not isinstance(reference, Ref):
        raise refused("0x80043b15", "The opportunity to close is missing.", "MissingOpportunityId")
    row = context.store[table.name].get(reference.id)
    if row is None:
        raise not_found(table, reference.id)
    if row.get("statecode", 0) != 0:
        raise refused("0x80040515", "The opportunity has already been closed.", "OpportunityIsAlreadyClosed")
    payload.values.setdefault("subject", f"Opportunity {_WORDS[state]} - {row.get('name') or ''}"[:200])
    payload.values.setdefault("actualend", context.now)
    payload.values |= {"statecode": 1, "statuscode": 2}
    close = create_row(context, close_table, payload)
    values: dict[str, Value] = {"statecode": state, "actualclosedate": str(close.get("actualend"))[:10]}
    if status != -1:
        values["statuscode"] = status
    values["actualvalue"] = _revenue(row, close) if state == WON else None
    update_row(context, table, row, Payload(values=values), message="Win" if state == WON else "Lose")


def _revenue(row: Row, close: Row) -> Value:
    given = close.get("actualrevenue")
    return given if given is not None else row.get("estimatedvalue")


def refuse_closing_by_update(context: Context, event: WriteEvent) -> None:
    """Before an update of an opportunity: its state becomes won or lost by the actions only."""
    if event.table.name != "opportunity" or event.message not in {"Create", "Update"} or event.after is None:
        return
    state = event.changed.get("statecode")
    before = (event.before or {}).get("statecode", 0)
    if state in _WORDS and state != before and context.switches.on("opportunity_closes_by_action_only"):
        word = _WORDS[int(str(state))]
        raise refused(
            "0x80100005",
            f"This message can not be used to set the state of opportunity to {word}. In order to set state of "
            f"opportunity to {word}, use the {word} message instead.",
            "CannotUseOpportunitySetStateMessage",
        )
