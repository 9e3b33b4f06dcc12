"""How the API shows things: JSON with camelCase names, never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.domain.connection import ConnectionConfig

if TYPE_CHECKING:
    from shared.manage.checks import SideStep
    from shared.ports.journal import RunRecord
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


def lane_body(config: ConnectionConfig, lane: LaneView) -> dict[str, object]:
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
        "counts": dict(lane.counts),
    }
    if facts.get("broken"):
        body["broken"] = {
            "code": facts["broken"],
            "message": facts.get("broken_message", ""),
            "nextStep": facts.get("broken_next", ""),
        }
    elif facts.get("failures"):
        body["resting"] = {"code": facts.get("fault", ""), "failures": facts["failures"]}
    return body


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
