"""Leads from files. Source: marketo.md 2.7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulators.frame.http import Response
from simulators.marketo import lists
from simulators.marketo.bulk.files import DELIMITERS, read_multipart, read_rows, write_rows
from simulators.marketo.bulk.jobs import DONE, FAILED, RUNNING, Job
from simulators.marketo.call import Actor, Call, as_id
from simulators.marketo.errors import CallError, RecordError
from simulators.marketo.leads.service import field_named
from simulators.marketo.leads.writing import Mode, check_lookup, partition_number, sync_one
from simulators.marketo.routes import routes
from simulators.marketo.tenant import Tenant

_WORDS = {"Queued": "Queued", RUNNING: "Importing", DONE: "Complete", FAILED: "Failed"}


@routes.on("POST", "/bulk/v1/leads.json")
def import_leads(call: Call) -> Response:
    """Queue a file. Raises CallError 612, 613, 1002, 1003, 1013, 1016 and 1019."""
    parts = read_multipart(call.request)

    def parameter(name: str) -> str:
        return call.request.first(name) or parts.get(name, b"").decode("utf-8", "replace").strip()

    file_format = parameter("format").lower()
    if file_format not in DELIMITERS:
        raise CallError("1003", "Invalid data: format is csv, tsv or ssv")
    if "file" not in parts:
        raise CallError("1002", "Missing value for the required parameter 'file'")
    lookup = parameter("lookupField") or "email"
    action = "updateOnly" if lookup == "id" else "createOrUpdate"
    check_lookup(call.tenant, lookup, action)
    header, rows = read_rows(parts["file"], file_format)
    list_id = _list_id(call.tenant, parameter("listId"))
    mode = Mode(action, lookup, partition_number(call.tenant, parameter("partitionName")), float("inf"), importing=True)
    jobs = call.tenant.jobs
    batch = jobs.next_import
    facts = {"format": file_format, "list": list_id}
    actor = Actor.importing(call.service.user, batch)
    what = Import(call.tenant, actor, mode, header, rows, list_id)
    job = Job(
        batch,
        "import",
        call.service.user,
        call.tenant.clock.time(),
        facts,
        lambda done: _run(done, what),
        seconds=call.tenant.switches.number("import_seconds_per_row") * len(rows),
    )
    jobs.imports.put(job)
    jobs.next_import += 1
    return call.ok([{"batchId": batch, "importId": str(batch), "status": "Queued"}])


def _list_id(tenant: Tenant, text: str) -> int | None:
    if not text:
        return None
    number = as_id(text)
    if number not in tenant.lists:
        raise CallError("1013", "List not found")
    if any(job.facts["list"] == number and job.finished is None for job in tenant.jobs.imports.jobs.values()):
        raise CallError("1019", "Import in progress")
    return number


@dataclass(frozen=True, slots=True)
class Import:
    """What is imported, and how."""

    tenant: Tenant
    actor: Actor
    mode: Mode
    header: list[str]
    rows: list[list[str]]
    list_id: int | None


def _run(job: Job, what: Import) -> None:
    """Row by row: what cannot be read fails with its reason, values that do not fit are left out with a warning."""
    if what.mode.lookup not in what.header:
        job.state = FAILED
        text = f"Import failed: the file has no column '{what.mode.lookup}'"
        job.result = {"message": text, "failures": [], "done": 0}
        return
    failures: list[list[str]] = []
    warnings: list[list[str]] = []
    unknown = [name for name in what.header if field_named(what.tenant, name) is None]
    for cells in what.rows:
        try:
            note = _import_row(what, _sent(what.header, cells, unknown))
        except RecordError as error:
            failures.append([*cells, error.message])
            continue
        if note or unknown:
            warnings.append([*cells, note or f"Unknown columns: {', '.join(unknown)}"])
    done = len(what.rows) - len(failures)
    message = f"Import succeeded, {done} records imported ({done} members)"
    if failures:
        message = f"Import completed with errors, {done} records imported ({done} members), {len(failures)} failed"
    facts = {"failures": failures, "warnings": warnings, "header": what.header}
    job.result = {**facts, "done": done, "message": message}


def _sent(header: list[str], cells: list[str], unknown: list[str]) -> dict[str, Any]:
    """A row by column; empty cells are not sent. Raises RecordError 1003 where it is not as long as the header."""
    if len(cells) != len(header):
        raise RecordError("1003", "Invalid data: the row has another number of columns than the header")
    pairs = zip(header, cells, strict=True)
    return {name: cell for name, cell in pairs if name not in unknown and cell not in {"", "null"}}


def _import_row(what: Import, sent: dict[str, Any]) -> str:
    note = ""
    while True:
        try:
            lead, _ = sync_one(what.tenant, what.actor, what.mode, sent)
            break
        except RecordError as error:
            bad = next((name for name in sent if f"'{sent[name]}'" in error.message), None)
            if error.code != "1001" or bad is None or bad == what.mode.lookup:
                raise
            note = f"{error.message} (column '{bad}')"
            del sent[bad]
    if what.list_id is not None:
        lists.join(what.tenant, what.actor, what.list_id, lead.id)
    return note


def _job(call: Call) -> Job:
    job = call.tenant.jobs.imports.get(call.id())
    if job is None:
        raise CallError("1013", "Batch not found")
    return job


@routes.on("GET", "/bulk/v1/leads/batch/{id}.json")
def status(call: Call) -> Response:
    """How far an import is; no word about which rows were created and which updated."""
    job = _job(call)
    row: dict[str, Any] = {"batchId": job.id, "importId": str(job.id), "status": _WORDS[job.state]}
    if job.finished is not None:
        row |= {
            "numOfLeadsProcessed": job.result["done"],
            "numOfRowsFailed": len(job.result["failures"]),
            "numOfRowsWithWarning": len(job.result.get("warnings", ())),
            "message": job.result["message"],
        }
    return call.ok([row])


@routes.on("GET", "/bulk/v1/leads/batch/{id}/failures.json")
def failures(call: Call) -> Response:
    """The rows that failed, with one more column saying why."""
    return _file(call, "failures", "Import Failure Reason")


@routes.on("GET", "/bulk/v1/leads/batch/{id}/warnings.json")
def warnings(call: Call) -> Response:
    """The rows with a warning, with one more column saying what."""
    return _file(call, "warnings", "Import Warning Reason")


def _file(call: Call, part: str, column: str) -> Response:
    job = _job(call)
    rows = job.result.get(part) or []
    header = [*job.result.get("header", []), column]
    content = write_rows(header, rows, job.facts["format"]) if rows else b""
    return Response(200, [("Content-Type", "text/csv;charset=UTF-8")], content)
