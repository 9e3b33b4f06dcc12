"""Leads, activities and custom objects into files. Source: marketo.md 2.7."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from simulators.frame.http import Response, text_response, to_json
from simulators.marketo.activity_types import DELETED
from simulators.marketo.bulk.files import DELIMITERS, write_rows
from simulators.marketo.bulk.jobs import DONE, QUEUED, RUNNING, Job
from simulators.marketo.call import Call, as_id
from simulators.marketo.errors import CallError, missing
from simulators.marketo.leads.service import field_named, value_of
from simulators.marketo.leads.store import Lead
from simulators.marketo.objects.api import custom_kind
from simulators.marketo.routes import routes
from simulators.marketo.tenant import Tenant
from simulators.marketo.times import read_instant, stamp

LONGEST = 31 * 86_400
ACTIVITY_COLUMNS = (
    "marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId", "primaryAttributeValueId",
    "primaryAttributeValue", "attributes",
)  # fmt: skip
Rows = Callable[[], list[list[Any]]]


def _create(call: Call, kind: str, fields: list[str], rows: Rows) -> Response:
    file_format = str(call.json().get("format") or "CSV").lower()
    if file_format not in DELIMITERS:
        raise CallError("1003", "Invalid data: format is CSV, TSV or SSV")
    names = call.json().get("columnHeaderNames")
    header = [str(names.get(name, name)) if isinstance(names, dict) else name for name in fields]
    facts = {"format": file_format, "header": header, "rows": rows}
    job = Job(call.tenant.uuid(), kind, call.service.user, call.tenant.clock.time(), facts, _runner(call.tenant))
    call.tenant.jobs.exports.jobs[job.id] = job
    return call.ok([_view(call.tenant, job)])


def _runner(tenant: Tenant) -> Callable[[Job], None]:
    def run(job: Job) -> None:
        content = write_rows(job.facts["header"], job.result.pop("rows"), job.facts["format"])
        tenant.jobs.add_exported(len(content))
        job.result |= {"content": content}

    return run


@routes.on("POST", "/bulk/v1/leads/export/create.json")
def create_leads(call: Call) -> Response:
    """A job for leads with one filter. Raises CallError 1002, 1003, 1006, 1013 and 1035."""
    fields = _fields(call)
    chosen = _lead_filter(call)
    tenant = call.tenant

    def rows() -> list[list[Any]]:
        return [[_cell(value_of(tenant, lead, name)) for name in fields] for lead in chosen()]

    return _create(call, "leads", fields, rows)


def _fields(call: Call) -> list[str]:
    fields = call.json().get("fields")
    if not isinstance(fields, list) or not fields:
        raise missing("fields")
    for name in fields:
        if field_named(call.tenant, str(name)) is None:
            raise CallError("1006", f"Field '{str(name)[:100]}' not found")
    return [str(name) for name in fields]


def _lead_filter(call: Call) -> Callable[[], list[Lead]]:
    given = call.json().get("filter")
    if not isinstance(given, dict) or len(given) != 1:
        raise CallError("1003", "Invalid data: exactly one filter")
    name, value = next(iter(given.items()))
    tenant = call.tenant
    if name in {"smartListId", "smartListName"} or (name == "updatedAt" and not tenant.switches.on("bulk_updated_at")):
        raise CallError("1035", "Unsupported filter type for target subscription")
    if name in {"createdAt", "updatedAt"}:
        start, end = _range(value)
        # updatedAt means the last change of any field, which the visible field of that name does not show
        return lambda: [
            lead for lead in tenant.leads if start <= (lead.created if name == "createdAt" else lead.touched) <= end
        ]
    if name in {"staticListId", "staticListName"}:
        found = [
            row["id"] for row in tenant.lists.values() if value in (row["id"], row["name"]) or as_id(value) == row["id"]
        ]
        if not found:
            raise CallError("1013", "List not found")
        return lambda: tenant.leads.many(sorted(tenant.members[found[0]]))
    raise CallError("1003", f"Invalid data: filter '{str(name)[:100]}'")


def _range(value: Any) -> tuple[float, float]:
    if not isinstance(value, dict):
        raise CallError("1003", "Invalid data: startAt and endAt")
    start, end = (read_instant(str(value.get(key) or ""), milliseconds=False) for key in ("startAt", "endAt"))
    if start is None or end is None:
        raise CallError("1003", "Invalid data: startAt and endAt are ISO 8601 without milliseconds")
    if end < start or end - start > LONGEST:
        raise CallError("1003", "Invalid data: the range is 31 days or fewer")
    return start, end


@routes.on("POST", "/bulk/v1/activities/export/create.json")
def create_activities(call: Call) -> Response:
    """A job for activities of at most 31 days; deletions cannot be exported."""
    given = call.json().get("filter")
    if not isinstance(given, dict) or "createdAt" not in given:
        raise missing("createdAt")
    start, end = _range(given["createdAt"])
    asked = given.get("activityTypeIds")
    kinds = {as_id(each) for each in asked} if isinstance(asked, list) else set()
    if DELETED in kinds:
        raise CallError("1003", "Invalid data: activity type 37 cannot be exported")
    columns = call.json().get("fields") or list(ACTIVITY_COLUMNS)
    if not isinstance(columns, list) or any(name not in (*ACTIVITY_COLUMNS, "actionResult") for name in columns):
        raise CallError("1003", "Invalid data: fields")
    tenant = call.tenant

    def rows() -> list[list[Any]]:
        found = []
        for row in tenant.activities.slice(tenant.activities.from_second(int(start)), len(tenant.activities)):
            if row.second > end:
                break
            if row.type != DELETED and (not kinds or row.type in kinds):
                cells = {
                    "marketoGUID": row.guid,
                    "leadId": row.lead,
                    "activityDate": stamp(row.second),
                    "activityTypeId": row.type,
                    "campaignId": row.campaign,
                    "primaryAttributeValueId": row.primary_id,
                    "primaryAttributeValue": row.primary,
                    "attributes": to_json(row.attributes).decode(),
                    "actionResult": "succeeded",
                }
                found.append([_cell(cells[name]) for name in columns])
        return found

    return _create(call, "activities", [str(name) for name in columns], rows)


@routes.on("POST", "/bulk/v1/customobjects/{name}/export/create.json")
def create_objects(call: Call) -> Response:
    """A job for custom objects by when they were updated."""
    kind = custom_kind(call)
    fields = call.json().get("fields")
    if not isinstance(fields, list) or not fields or any(str(name) not in kind.fields for name in fields):
        raise CallError("1003", "Invalid data: fields")
    given = call.json().get("filter")
    start, end = _range(given.get("updatedAt") if isinstance(given, dict) else None)

    def rows() -> list[list[Any]]:
        return [
            [_cell(kind.value(row, str(name))) for name in fields]
            for row in kind.rows.values()
            if start <= (read_instant(row["updated"]) or 0) <= end
        ]

    return _create(call, f"customobjects/{kind.name}", [str(name) for name in fields], rows)


def _cell(value: Any) -> str:
    """What is empty is the word null."""
    if value is None or value == "":
        return "null"
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _view(tenant: Tenant, job: Job, *, delayed: bool = False) -> dict[str, Any]:
    """A job as its owner sees it. The status is renewed once a minute, so it may lag behind."""
    state = job.state
    moment = tenant.clock.time()
    every = tenant.switches.number("export_status_seconds")
    if delayed and job.queued is not None and every > 0:
        moment = job.queued + (moment - job.queued) // every * every
        state = QUEUED if job.started is None or job.started > moment else RUNNING
        state = job.state if job.finished is not None and job.finished <= moment else state
        state = job.state if job.state not in {QUEUED, RUNNING, DONE} else state
    words = {RUNNING: "Processing", DONE: "Completed"}
    row: dict[str, Any] = {"exportId": job.id, "format": job.facts["format"].upper(), "status": words.get(state, state)}
    row["createdAt"] = stamp(job.made)
    if job.queued is not None:
        row["queuedAt"] = stamp(job.queued)
    if state in {RUNNING, DONE} and job.started is not None:
        row["startedAt"] = stamp(job.started)
    if state == DONE and job.finished is not None:
        content: bytes = job.result["content"]
        row |= {"finishedAt": stamp(job.finished), "numberOfRecords": job.result["count"], "fileSize": len(content)}
        row["fileChecksum"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return row


def _job(call: Call, kind: str) -> Job:
    """A job of this kind that the same user made. Raises CallError 1013."""
    job = call.tenant.jobs.exports.get(call.arguments[-1])
    if job is None or job.kind != kind or job.user != call.service.user:
        raise CallError("1013", "Export job not found")
    return job


def enqueue(call: Call, kind: str) -> Response:
    """Put a created job in line. Raises CallError 1029 for a full line, a spent day, or a second time."""
    job = _job(call, kind)
    tenant = call.tenant
    if job.state != "Created":
        raise CallError("1029", "Job already queued")
    if tenant.jobs.exported() >= tenant.switches.number("export_daily_bytes"):
        raise CallError("1029", "Export daily quota 500MB exceeded")
    tenant.jobs.exports.put(job)
    rows = job.facts["rows"]()
    job.result = {"rows": rows, "count": len(rows)}
    job.seconds = tenant.switches.number("export_seconds_per_row") * len(rows)
    return call.ok([_view(tenant, job)])


def status(call: Call, kind: str) -> Response:
    """How far a job is."""
    return call.ok([_view(call.tenant, _job(call, kind), delayed=True)])


def cancel(call: Call, kind: str) -> Response:
    """Stop a job that is not done."""
    job = _job(call, kind)
    if job.state == DONE:
        raise CallError("1003", "Invalid data: the job is completed")
    job.state = call.tenant.switches.word("export_cancelled")
    return call.ok([_view(call.tenant, job)])


def listing(call: Call, kind: str) -> Response:
    """The user's jobs of the last seven days, of the asked states."""
    jobs = call.tenant.jobs.exports
    wanted = {each.lower() for each in call.values("status")}
    rows = [
        _view(call.tenant, job, delayed=True)
        for job_id, job in jobs.jobs.items()
        if job.kind == kind and job.user == call.service.user and jobs.get(job_id) is not None
    ]
    return call.ok([row for row in rows if not wanted or row["status"].lower() in wanted])


def file(call: Call, kind: str) -> Response:
    """The bytes, all or a range; 404 while the file lags behind the word Completed."""
    job = _job(call, kind)
    lag = call.tenant.switches.number("export_file_lag_seconds")
    if job.state != DONE or job.finished is None or call.tenant.clock.time() < job.finished + lag:
        return text_response(404, "")
    content: bytes = job.result["content"]
    headers = [("Content-Type", "text/csv;charset=UTF-8"), ("Accept-Ranges", "bytes")]
    span = _range_of(call.request.headers.get("range", ""), len(content))
    if span is None:
        return Response(200, headers, content)
    first, last = span
    if first > last or first >= len(content):
        return Response(416, [("Content-Range", f"bytes */{len(content)}")], b"")
    headers.append(("Content-Range", f"bytes {first}-{last}/{len(content)}"))
    return Response(206, headers, content[first : last + 1])


def _range_of(text: str, size: int) -> tuple[int, int] | None:
    unit, _, span = text.partition("=")
    first, dash, last = span.partition("-")
    if (
        unit.strip().lower() != "bytes"
        or not dash
        or "," in span
        or not first.strip().isascii()
        or not first.strip().isdigit()
    ):
        return None
    end = last.strip()
    return int(first.strip()[:18]), min(int(end[:18]), size - 1) if end.isascii() and end.isdigit() else size - 1


def _register(prefix: str, named: Callable[[Call], str]) -> None:
    base = f"/bulk/v1/{prefix}/export"
    routes.on("POST", f"{base}/{{id}}/enqueue.json")(lambda call: enqueue(call, named(call)))
    routes.on("GET", f"{base}/{{id}}/status.json")(lambda call: status(call, named(call)))
    routes.on("POST", f"{base}/{{id}}/cancel.json")(lambda call: cancel(call, named(call)))
    routes.on("GET", f"{base}/{{id}}/file.json")(lambda call: file(call, named(call)))
    routes.on("GET", f"{base}.json")(lambda call: listing(call, named(call)))


_register("leads", lambda _: "leads")
_register("activities", lambda _: "activities")
_register("customobjects/{name}", lambda call: f"customobjects/{custom_kind(call).name}")
