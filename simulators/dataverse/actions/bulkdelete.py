"""``BulkDelete``: an asynchronous job that removes what its queries find (dataverse.md 1.8)."""

from __future__ import annotations

from typing import Any

from simulators.dataverse.actions.arguments import answer, read_arguments, refused
from simulators.dataverse.actions.criteria import Test, read_criteria
from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.schema import Table
from simulators.dataverse.security.guard import require_privilege
from simulators.dataverse.store import Ref, Value
from simulators.dataverse.writing import delete_row
from simulators.frame import Response

BULK_DELETE = 13
WAITING, SUCCEEDED, FAILED = (0, 0), (3, 30), (3, 31)
_KNOWN: dict[str, type | tuple[type, ...]] = {
    "QuerySet": list,
    "JobName": str,
    "SendEmailNotification": bool,
    "ToRecipients": list,
    "CCRecipients": list,
    "RecurrencePattern": str,
    "StartDateTime": str,
    "SourceImportId": str,
    "RunNow": bool,
}


def bulk_delete(context: Context, path: ResourcePath) -> Response:
    """Answer ``POST BulkDelete`` with the id of the job; the rows go after `bulk_delete_seconds` of the clock."""
    if len(path.segments) != 1:
        raise error("SegmentNotFound", segment=path.last.name)
    required = "QuerySet JobName SendEmailNotification ToRecipients CCRecipients RecurrencePattern StartDateTime"
    arguments = read_arguments(context, "BulkDelete", _KNOWN, required)
    require_privilege(context, "prvBulkDelete")
    queries = [_query(context, each) for each in arguments["QuerySet"]]
    if not queries:
        raise refused("0x80048442", "Select entities to delete in bulk.", "NoEntitiesForBulkDelete")
    if arguments["RecurrencePattern"]:
        raise error("NotImplemented", what="a recurring bulk deletion")
    job_id = _start(context, str(arguments["JobName"]), queries[0][0].name)
    context.service.agenda.after(context.switches.number("bulk_delete_seconds"), lambda: _run(context, job_id, queries))
    return answer(context, "Microsoft.Dynamics.CRM.BulkDeleteResponse", {"JobId": job_id})


def _query(context: Context, query: Any) -> tuple[Table, Test]:
    if not isinstance(query, dict):
        raise error("InvalidArgument", message="QuerySet must be a collection of QueryExpression.")
    table = context.schema.get(str(query.get("EntityName")))
    if table is None:
        name = str(query.get("EntityName"))[:100]
        raise refused(
            "0x80041102",
            f"The entity with a name = '{name}' with namemapping = 'Logical' was not found in the MetadataCache.",
            "QueryBuilderNoEntity",
            404,
        )
    context.service.hooks.security.require(context, "Delete", table)
    return table, read_criteria(table, query.get("Criteria"))


def _start(context: Context, name: str, table: str) -> str:
    job_id = context.service.new_id()
    owner = Ref("systemuser", context.caller.user_id)
    job: dict[str, Value] = {
        "asyncoperationid": job_id,
        "name": name[:256],
        "operationtype": BULK_DELETE,
        "primaryentitytype": table,
        "statecode": WAITING[0],
        "statuscode": WAITING[1],
        "createdon": context.now,
        "modifiedon": context.now,
        "ownerid": owner,
    }
    context.store.put("asyncoperation", job)
    operation: dict[str, Value] = {
        "bulkdeleteoperationid": context.service.new_id(),
        "asyncoperationid": Ref("asyncoperation", job_id),
        "name": name[:256],
        "statecode": WAITING[0],
        "statuscode": WAITING[1],
        "successcount": 0,
        "failurecount": 0,
        "createdon": context.now,
        "ownerid": owner,
    }
    context.store.put("bulkdeleteoperation", operation)
    return job_id


def _run(context: Context, job_id: str, queries: list[tuple[Table, Test]]) -> None:
    """Delete row by row; one that cannot go is counted and does not stop the job."""
    done = failed = 0
    with context.store.lock:
        for table, test in queries:
            if context.schema.get(table.name) is None:
                continue
            for row in [row for row in context.store[table.name].rows() if test(row)]:
                try:
                    with context.store.transaction():
                        delete_row(context, table, row)
                    done += 1
                except DataverseError:
                    failed += 1
        _finish(context, job_id, done, failed)


def _finish(context: Context, job_id: str, done: int, failed: int) -> None:
    state, status = FAILED if failed and not done else SUCCEEDED
    outcome: dict[str, Value] = {"statecode": state, "statuscode": status, "modifiedon": context.now}
    job = context.store["asyncoperation"].get(job_id)
    if job is not None:
        context.store.put("asyncoperation", {**job, **outcome, "completedon": context.now})
    for row in context.store["bulkdeleteoperation"].find("asyncoperationid", Ref("asyncoperation", job_id)):
        context.store.put("bulkdeleteoperation", {**row, **outcome, "successcount": done, "failurecount": failed})
