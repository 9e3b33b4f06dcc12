"""/import/bulk_import and /import/info. Source: activecampaign.md 2.12."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.activecampaign.bulk.queue import wants_no_automations
from simulators.activecampaign.bulk.validate import check_batch, too_many
from simulators.activecampaign.call import Call, ok
from simulators.activecampaign.errors import ApiError, bulk_refused
from simulators.activecampaign.routes import routes
from simulators.frame.http import Response

if TYPE_CHECKING:
    from simulators.activecampaign.bulk.queue import ImportQueue

MULTIPLE_A_MINUTE = 100
SINGLE_A_MINUTE = 20


def queue_of(call: Call) -> ImportQueue:
    """The account's imports."""
    return call.tenant.imports


@routes.post("/import/bulk_import")
def post_import(call: Call) -> Response:
    """200 with a batch id: the import is queued, not done. 400 for a bad body and for too many calls."""
    try:
        body = call.json()
    except ApiError as error:
        raise bulk_refused("JSON payload is not valid.", ["The request is not valid JSON."]) from error
    contacts = check_batch(body, len(call.request.body))
    single = len(contacts) == 1
    window = call.tenant.imports_single if single else call.tenant.imports_many
    most = SINGLE_A_MINUTE if single else MULTIPLE_A_MINUTE
    if not window.take(most, calendar=False):
        raise too_many(most, single=single)
    callback = body.get("callback")
    batch = queue_of(call).add(
        contacts,
        exclude_automations=wants_no_automations(call.tenant, body),
        callback=callback if isinstance(callback, dict) else {},
    )
    key = call.tenant.switches.word("bulk_success_key")
    return ok(**{key: 1}, queued_contacts=len(contacts), batchId=batch.id, message="Contact import queued")


@routes.get("/import/info")
def import_info(call: Call) -> Response:
    """`{status, success: [contact ids], failure: [e-mails]}`; ids in no order."""
    batch_id = call.first("batchId")
    if not batch_id:
        raise ApiError(400, {"success": 0, "message": "'batchId' is a required field."})
    batch = queue_of(call).batches.get(batch_id)
    if batch is None:
        raise ApiError(400, {"success": 0, "message": "The batch does not exist."})
    word = queue_of(call).word(batch)
    return ok(status=word, success=[str(each) for each in batch.success], failure=list(batch.failure))


@routes.get("/import/bulk_import")
def import_summary(call: Call) -> Response:
    """What waits and what was lately done, by day."""
    queue = queue_of(call)
    return ok(outstanding=queue.summary(completed=False), recentlyCompleted=queue.summary(completed=True))
