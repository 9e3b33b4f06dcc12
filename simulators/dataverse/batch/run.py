"""Carry out ``$batch``: single requests one after the other, change sets all or nothing.

Source: dataverse.md 1.7. What the documents leave open is a switch: the form of a failed change set, and whether the
answers before the failing one are shown when the batch stops there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus

from simulators.dataverse.batch.wire import (
    BatchFormatError,
    ChangeSet,
    ChangeSetResponse,
    Operation,
    PartResponse,
    read_batch,
    write_batch,
)
from simulators.dataverse.context import Context, preference_applied
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.service import VERSIONS
from simulators.frame import Request, Response, Switch

MAX_URL = 65_536
_SHOWN = ("content-type", "odata-version", "etag", "location", "odata-entityid", "preference-applied", "retry-after")
_ROOT = re.compile(
    rf"^(?:https?://[^/?#]+)?/?api/data/(?:{'|'.join(map(re.escape, VERSIONS))})(?=[/?]|$)", re.IGNORECASE
)
_IMPERSONATION = ("callerobjectid", "mscrmcallerid")

SWITCHES: tuple[Switch, ...] = (
    Switch(
        name="batch_failed_change_set",
        default="nested",
        values=("nested", "plain"),
        text="A failed change set answers with one error part: inside a changesetresponse (as one recorded answer "
        "shows), or plain, as the OData text has it.",
        source="dataverse.md 1.7, 8",
    ),
    Switch(
        name="batch_stop_shows_earlier",
        default=True,
        values=(False, True),
        text="A batch that stops at a failure also returns the answers that came before it.",
        source="dataverse.md 1.7",
    ),
)


class _ChangeSetFailed(Exception):
    """Carries the failing part's answer out of the transaction."""

    def __init__(self, answer: PartResponse) -> None:
        super().__init__()
        self.answer = answer


def run_batch(context: Context, path: ResourcePath) -> Response:
    """Answer ``POST $batch``. Refuses a batch inside a batch, and what is no batch, with status 400."""
    if context.in_batch:
        raise error("BadRequest", message="Batch requests cannot contain other batch requests.")
    if len(path.segments) > 1:
        raise error("SegmentNotFound", segment=path.segments[1].name)
    try:
        items = read_batch(context.header("content-type"), context.request.body)
    except BatchFormatError as problem:
        raise error("BadRequest", message=str(problem)) from problem
    answers: list[PartResponse | ChangeSetResponse] = []
    status = HTTPStatus.OK.value
    for item in items:
        answer, failed = _run_item(context, item)
        answers.append(answer)
        if failed is not None and not context.prefer.continue_on_error:
            status = failed.status
            if not context.switches.on("batch_stop_shows_earlier"):
                del answers[:-1]
            break
    content_type, body = write_batch(answers, context.service.new_id())
    applied = preference_applied(["odata.continue-on-error"] if context.prefer.continue_on_error else [])
    return Response(status, [("Content-Type", content_type), ("OData-Version", "4.0"), *applied], body)


def _run_item(
    context: Context, item: Operation | ChangeSet
) -> tuple[PartResponse | ChangeSetResponse, PartResponse | None]:
    """Return the answer, and the failing part when there is one."""
    if isinstance(item, ChangeSet):
        return _run_change_set(context, item)
    answer = _run_operation(replace(context, references={}), item)
    return answer, answer if answer.status >= HTTPStatus.BAD_REQUEST else None


def _run_change_set(
    context: Context, change_set: ChangeSet
) -> tuple[PartResponse | ChangeSetResponse, PartResponse | None]:
    scope = replace(context, references={})
    try:
        with context.store.transaction():
            answers = [_run_member(scope, operation) for operation in change_set.operations]
    except _ChangeSetFailed as failure:
        if context.switches.word("batch_failed_change_set") == "plain":
            return failure.answer, failure.answer
        return ChangeSetResponse(context.service.new_id(), (failure.answer,)), failure.answer
    return ChangeSetResponse(context.service.new_id(), tuple(answers)), None


def _run_member(context: Context, operation: Operation) -> PartResponse:
    answer = _run_operation(context, operation)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise _ChangeSetFailed(answer)
    return answer


def _run_operation(context: Context, operation: Operation) -> PartResponse:
    part = context
    try:
        request = _request(context, operation)
        part = context.part(request)
        if any(name in request.headers for name in _IMPERSONATION):
            part = part.acting_as(context.service.hooks.security.caller(part))
        response = context.service.execute(part, request)
    except DataverseError as refusal:
        response = context.service.refuse(refusal, part)
    if operation.content_id is not None:
        _remember(context, operation, response)
    return _part_response(context, operation, response)


def _request(context: Context, operation: Operation) -> Request:
    """Build the request of a part: its URL may be absolute, below the root, or relative to the service."""
    if len(operation.target) > MAX_URL:
        raise error("UrlTooLong")
    target = _ROOT.sub("", operation.target, count=1)
    return Request.build(
        operation.method,
        target if target.startswith(("/", "$")) else f"/{target}",
        headers=[(name, value) for name, value in operation.headers if name.lower() != "content-length"],
        body=operation.body,
        received_at=context.request.received_at,
    )


def _remember(context: Context, operation: Operation, response: Response) -> None:
    """Keep what `$n` stands for: the URL of the row that the part made or changed."""
    made = response.header("odata-entityid")
    if made:
        context.references[str(operation.content_id)] = made.removeprefix(f"{context.base_url}/")
        return
    table = context.schema.by_set(_ROOT.sub("", operation.target, count=1).strip("/").partition("(")[0])
    if table is None or not response.body or response.status >= HTTPStatus.BAD_REQUEST:
        return
    body = response.json()
    if isinstance(body, dict) and table.primary_id in body:
        context.references[str(operation.content_id)] = f"{table.entity_set}({body[table.primary_id]})"


def _part_response(context: Context, operation: Operation, response: Response) -> PartResponse:
    headers = [(name, value) for name, value in response.headers if name.lower() in _SHOWN]
    made = response.header("odata-entityid")
    if made and not response.header("location"):
        headers.insert(
            next(i for i, (name, _) in enumerate(headers) if name.lower() == "odata-entityid"), ("Location", made)
        )
    if response.status >= HTTPStatus.BAD_REQUEST:
        headers.insert(0, ("REQ_ID", context.service.new_id()))
    try:
        reason = HTTPStatus(response.status).phrase
    except ValueError:
        reason = "Unknown"
    return PartResponse(response.status, reason, tuple(headers), response.body, operation.content_id)
