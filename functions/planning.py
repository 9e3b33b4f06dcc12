"""Dry runs, and the look-up of one record: what would be done, and why something is or is not in step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.api.call import Answer, Call
from functions.api.problems import Refusal
from functions.api.route import Role, route
from functions.shapes import plain_value, ref_body
from shared import trust
from shared.domain.records import ABSENT, Side

if TYPE_CHECKING:
    from shared.domain.plan import Change, Plan
    from shared.manage.lookup import Found

_SYSTEMS = ("auth", "throttled", "transient")


@route(
    "POST",
    "connections/{connection}/plan",
    Role.ADMIN,
    body="planning.Plan",
    empty=True,
    answer="planning.Planned",
    codes=("map", "config", *_SYSTEMS),
    audit="plan.made",
)
def make_plan(call: Call) -> Answer:
    """The dry run: the run's own code with the last step swapped. Counts, per-field counts, samples; writes nothing.

    Stops after `seconds`; `complete` says whether it came to the end.
    """
    plan = trust.planned(call.app, call.config(), seconds=float(call.body.get("seconds", 60)))
    return Answer(body=_plan(plan))


@route(
    "POST",
    "connections/{connection}/lookup",
    Role.READER,
    body="planning.LookUp",
    answer="planning.LookedUp",
    codes=("unknown_entity", "record_not_found", *_SYSTEMS),
    audit="record.looked_up",
)
def look_up(call: Call) -> Answer:
    """One record on both sides: in sync, or the one reason why not. With its link, tags, policies, last outcome, next
    run, and the line of the criteria that fails. The address goes in the body, so that no log keeps it."""
    body = call.body
    side, record, match = (body.get(name) for name in ("side", "record", "match"))
    if (match is None) == (record is None) or (record is None) != (side is None):
        raise Refusal(
            "invalid_value",
            "either a record with its side or a match value says which record is meant",
            target="record",
            next_step='Send {"entity": ..., "side": "crm", "record": "<id>"} or {"entity": ..., "match": "<address>"}.',
        )
    config = call.config()
    looking = trust.looking_up(call.app, config)
    entity = str(body["entity"])
    found = looking.by_match(entity, str(match)) if match else looking.by_id(entity, Side(str(side)), str(record))
    when = call.app.desk.operations.next_run(config).isoformat() if config.switch.value == "on" else ""
    return Answer(body={**_found(found), "nextRun": when, "switch": config.switch.value})


def _plan(plan: Plan) -> dict[str, object]:
    from shared.domain.outcomes import reason

    return {
        "complete": plan.complete,
        "fingerprint": plan.fingerprint,
        "counts": [
            {"entity": entity, "side": side.value, "act": act.name.lower(), "code": code, "count": count}
            for (entity, side, act, code), count in sorted(plan.counts.items())
        ],
        "skips": [
            {"entity": entity, "code": code, "meaning": reason(code).meaning, "count": count}
            for (entity, code), count in sorted(plan.skips.items())
        ],
        "fields": [
            {"entity": entity, "side": side.value, "field": field, "count": count}
            for (entity, side, field), count in sorted(plan.fields.items())
        ],
        "samples": [change_body(change) for change in plan.samples],
        "removals": plan.removals(),
    }


def change_body(change: Change) -> dict[str, object]:
    """One planned write, with what stands there and what would."""
    return {
        "entity": change.entity,
        "side": change.side.value,
        "act": change.act.name.lower(),
        "code": change.code,
        "crm": ref_body(change.crm),
        "partner": ref_body(change.partner),
        "differences": [
            {
                "field": item.field_id,
                "column": item.column,
                "known": item.now is not ABSENT,
                "now": plain_value(item.now)["value"],
                "then": plain_value(item.then)["value"],
            }
            for item in change.differences
        ],
        "addLabels": sorted(change.add_labels),
        "removeLabels": sorted(change.remove_labels),
    }


def _found(found: Found) -> dict[str, object]:
    link, failure = found.link, found.failure
    labels = found.partner.labels if found.partner is not None else None
    differing = {item.field_id for change in found.changes for item in change.differences}
    shown: dict[str, object] = {
        "inSync": found.in_sync,
        "entity": found.compiled.entity.name,
        "crm": ref_body(found.crm.ref) if found.crm is not None else None,
        "partner": ref_body(found.partner.ref) if found.partner is not None else None,
        "link": None,
        "tags": sorted(labels) if labels is not None else None,
        "fields": _fields(found, differing),
        "changes": [change_body(change) for change in found.changes],
        "last": _last(found),
        "retryAt": failure.retry_at.isoformat() if failure is not None and failure.retry_at is not None else "",
        "others": found.others,
    }
    if link is not None:
        shown["link"] = {
            "id": link.key.hex(),
            "state": link.state.value,
            "made": link.made,
            "parked": dict(link.parked),
        }
    if not found.in_sync:
        shown["reason"] = _reason(found)
    return shown


def _fields(found: Found, differing: set[str]) -> list[dict[str, object]]:
    return [
        {
            "id": item.id,
            "policy": item.policy.name,
            "direction": item.direction.value,
            "crm": plain_value(item.take(found.crm, Side.CRM) if found.crm is not None else None)["value"],
            "partner": plain_value(item.take(found.partner, Side.PARTNER) if found.partner is not None else None)[
                "value"
            ],
            "differs": item.id in differing,
        }
        for item in found.compiled.fields
    ]


def _reason(found: Found) -> dict[str, object]:
    """The code's meaning and next step, with the place that is at fault."""
    from shared.domain.outcomes import known, reason

    code = found.code if known(found.code) else "failed:unknown"
    words = reason(code)
    shown: dict[str, object] = {"code": found.code, "meaning": words.meaning, "nextStep": words.next_step}
    if found.failing is not None and found.code == "skipped:outside_criteria":
        shown["place"] = f"{found.failing.place} ({found.failing.column} {found.failing.op})"
    if found.missing and found.code in {"skipped:tags_missing", "skipped:not_linked"}:
        shown["missing"] = list(found.missing)
    return shown


def _last(found: Found) -> dict[str, object] | None:
    """What was told of the record last: its open failure, else its outcome in the last run, with the vendor's words."""
    from shared.domain.outcomes import reason

    if found.failure is not None:
        told, first = found.failure, found.failure.problems[0]
        code, where = told.code, {"at": told.at.isoformat(), "run": told.run}
        field, vendor_code, message = first.field, first.vendor_code, first.message
    elif found.last is not None:
        code, where = found.last.code, {}
        field, vendor_code, message = found.last.field, found.last.vendor_code, found.last.message
    else:
        return None
    words = {"field": field, "vendorCode": vendor_code, "message": message}
    return {"code": code, "meaning": reason(code).meaning, **words, **where}
