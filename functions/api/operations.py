"""Operations to poll: long pieces of work by their job, and runs that were asked for by the number of runs ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from functions.api.call import Call
from functions.api.problems import Refusal
from functions.shapes import run_body

if TYPE_CHECKING:
    from shared.ports.care import Job

_STATUS: Mapping[str, str] = {"open": "Running", "done": "Succeeded", "stopped": "Failed"}


def next_run(call: Call) -> str:
    """The operation that ends with the next run of the connection in the path to end: `<connection>.<runs ended>`."""
    ended = call.app.lane(call.connection).peek().facts.get("runs_ended", 0)
    return f"{call.connection}.{int(str(ended))}"


def job_body(job: Job) -> dict[str, object]:
    body: dict[str, object] = {
        "id": job.id,
        "kind": job.kind,
        "connection": job.connection,
        "status": _STATUS[job.state],
        "started": job.at.isoformat(),
        "ended": job.ended.isoformat() if job.ended is not None else "",
        "counts": dict(job.counts),
        "problems": list(job.problems),
    }
    if job.state == "stopped" and job.problems:
        body["error"] = {"code": job.problems[-1]}
    return body


def run_operation(call: Call, operation: str) -> dict[str, object]:
    """How a run that was asked for stands. Raises Refusal when there is no such connection."""
    connection, _, number = operation.partition(".")
    if call.app.connections.store.get(connection) is None:
        raise unknown()
    facts = call.app.lane(connection).peek().facts
    ended = int(str(facts.get("runs_ended", 0)))
    body: dict[str, object] = {"id": operation, "kind": "run", "connection": connection}
    if ended > int(number):
        journal = call.app.journal(connection)
        run = journal.run(str(facts.get("last_run", "")))
        failed = run is not None and run.state in {"failed", "stopped"}
        body["status"] = "Failed" if failed else "Succeeded"
        if run is not None:
            body["run"] = run_body(run)
            body["error"] = {"code": run.code or run.state} if failed else None
    elif facts.get("broken"):
        body["status"] = "Failed"
        body["error"] = {"code": str(facts["broken"])}
    else:
        body["status"] = "Running" if facts.get("run") else "NotStarted"
    return body


def unknown() -> Refusal:
    return Refusal(
        "operation_not_found",
        "there is no such operation",
        next_step="Operations are named by the answer that started them.",
    )
