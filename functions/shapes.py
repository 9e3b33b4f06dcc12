"""How the API shows things: JSON with camelCase names, never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.domain.connection import ConnectionConfig

if TYPE_CHECKING:
    from shared.domain.records import Ref
    from shared.manage.checks import SideStep
    from shared.ports.journal import Failure, RunRecord
    from shared.ports.requests import ContactRequest
    from shared.state.model import LaneView


def connection_body(config: ConnectionConfig) -> dict[str, object]:
    return {
        "id": config.id,
        "name": config.name,
        "system": config.system,
        "crm": _side(config, "crm"),
        "partner": _side(config, "partner"),
        "entities": list(config.entities),
        "rhythm": dict(config.rhythm),
        "options": dict(config.options),
        "switch": config.switch.value,
    }


def _side(config: ConnectionConfig, side: str) -> dict[str, object]:
    """A side's settings; of a secret only that there is one, under its setting's name."""
    settings: Mapping[str, object] = config.crm if side == "crm" else config.partner
    secrets = {name for name, value in settings.items() if value == f"{config.id}-{side}-{name}"}
    shown = {name: value for name, value in settings.items() if name not in secrets}
    return {**shown, "secretsStored": sorted(secrets)}


def step_body(item: SideStep) -> dict[str, object]:
    step = item.step
    return {
        "side": item.side,
        "name": step.name,
        "state": step.state.value,
        "code": step.code,
        "reason": step.reason,
        "nextStep": step.next_step,
    }


def lane_body(
    config: ConnectionConfig, lane: LaneView, *, late: str, on_request: bool, run: RunRecord | None
) -> dict[str, object]:
    """How a connection stands. `late` is its lateness by its rhythm, `on_request` whether a run may be asked for, `run`
    the one under way, for its progress."""
    facts = lane.facts
    body: dict[str, object] = {
        "connection": config.id,
        "switch": config.switch.value,
        "running": lane.running,
        "run": facts.get("run", ""),
        "runsEnded": facts.get("runs_ended", 0),
        "lastRun": facts.get("last_run", ""),
        "lastEnd": facts.get("last_end", ""),
        "nextRun": lane.not_before.isoformat() if lane.not_before is not None else "",
        "late": late,
        "initialDone": bool(facts.get("initial_done")),
        "onRequest": on_request,
        "counts": dict(lane.counts),
    }
    if run is not None and facts.get("run"):
        body["progress"] = _progress(lane, run)
    if facts.get("broken"):
        body["broken"] = {
            "code": facts["broken"],
            "message": facts.get("broken_message", ""),
            "nextStep": facts.get("broken_next", ""),
        }
    elif facts.get("failures"):
        body["resting"] = {"code": facts.get("fault", ""), "failures": facts["failures"]}
    return body


def _progress(lane: LaneView, run: RunRecord) -> dict[str, object]:
    """How far a run is: the steps that are done, by name, and how many records were decided so far, by outcome."""
    done = [step for step in str(lane.facts.get("done", "")).split(";") if step]
    return {
        "reason": run.reason,
        "started": run.started.isoformat(),
        "stepsDone": done,
        "records": sum(count for code, count in run.counts.items() if not code.startswith("writes:")),
        "written": sum(count for code, count in run.counts.items() if code.startswith("writes:")),
    }


def run_body(run: RunRecord) -> dict[str, object]:
    return {
        "id": run.id,
        "slot": run.slot,
        "reason": run.reason,
        "state": run.state,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended is not None else "",
        "code": run.code,
        "message": run.message,
        "counts": dict(run.counts),
    }


def request_body(request: ContactRequest) -> dict[str, object]:
    """A request about one record: a partner's, or (where it names an automation) a Dynamics row. The words for its code
    come from the list of outcome codes."""
    from shared.domain.outcomes import known, reason

    body: dict[str, object] = {
        "id": request.id,
        "entity": request.entity,
        "side": "crm" if request.automation else "partner",
        "record": {"kind": request.ref.kind, "id": request.ref.id},
        "automation": request.automation,
        "status": request.state.value,
        "receivedAt": request.at.isoformat(),
        "changedAt": request.changed.isoformat(),
    }
    if request.run_at is not None:
        body["runsAt"] = request.run_at.isoformat()
    if request.tries:
        body["tries"] = request.tries
    if request.code:
        body["code"] = request.code
        body["meaning"] = reason(request.code).meaning if known(request.code) else ""
        body["message"] = request.message or body["meaning"]
        body["nextStep"] = request.next_step or (reason(request.code).next_step if known(request.code) else "")
    return body


def failure_body(failure: Failure) -> dict[str, object]:
    """A failing record: ids, codes and what to do; names are read live by the page, never stored."""
    from shared.domain.outcomes import reason

    return {
        "link": failure.link,
        "entity": failure.entity,
        "crm": _ref(failure.crm),
        "partner": _ref(failure.partner),
        "problems": [
            {
                "code": problem.code,
                "field": problem.field,
                "vendorCode": problem.vendor_code,
                "message": problem.message,
                "meaning": reason(problem.code).meaning,
                "nextStep": reason(problem.code).next_step,
            }
            for problem in failure.problems
        ],
        "at": failure.at.isoformat(),
        "run": failure.run,
        "retryAt": failure.retry_at.isoformat() if failure.retry_at is not None else "",
        "dismissed": failure.dismissed,
    }


def ref_body(ref: Ref | None) -> dict[str, object]:
    """A record by kind and id; empty texts where there is none."""
    return {"kind": ref.kind if ref is not None else "", "id": ref.id if ref is not None else ""}


def plain_value(value: object) -> dict[str, object]:
    """A field's value for people: `known` is false once it expired or was never told."""
    from shared.domain.records import ABSENT, Ref

    if value is None or value is ABSENT:
        return {"known": False, "value": None}
    found: object = value.value if hasattr(value, "value") else value
    if isinstance(found, frozenset):
        return {"known": True, "value": sorted(found)}
    if isinstance(found, Ref):
        return {"known": True, "value": found.id}
    return {"known": True, "value": found if isinstance(found, str | int | bool) else str(found)}


def _ref(ref: Ref | None) -> dict[str, str] | None:
    return {"kind": ref.kind, "id": ref.id} if ref is not None else None
