"""Answers in the service's form: headers, context, annotations of a collection."""

from __future__ import annotations

from typing import Any

from simulators.dataverse.context import Context
from simulators.frame import Response, json_response

JSON = "application/json; odata.metadata=minimal"
_ODATA = ("OData-Version", "4.0")
TOTAL = "Microsoft.Dynamics.CRM.totalrecordcount"
EXCEEDED = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"
METADATA = "Microsoft.Dynamics.CRM.globalmetadataversion"


def applied(context: Context, *names: str) -> list[tuple[str, str]]:
    """Return a `Preference-Applied` header for each named preference that the request holds."""
    prefer, found = context.prefer, []
    if "return" in names and prefer.representation:
        found.append("return=representation")
    if "maxpagesize" in names and prefer.max_page_size is not None:
        found.append(f"odata.maxpagesize={prefer.max_page_size}")
    if "track-changes" in names and prefer.track_changes:
        found.append("odata.track-changes")
    if "annotations" in names and prefer.annotations:
        found.append(f'odata.include-annotations="{",".join(prefer.annotations)}"')
    return [("Preference-Applied", each) for each in found]


def json_reply(
    context: Context, body: Any, *, status: int = 200, headers: list[tuple[str, str]] | None = None
) -> Response:
    """Answer with a JSON body."""
    del context
    return json_response(status, body, [("Content-Type", JSON), _ODATA, *(headers or [])])


def no_content(headers: list[tuple[str, str]] | None = None) -> Response:
    """Answer 204."""
    return Response(204, [_ODATA, *(headers or [])])


def text_reply(text: str) -> Response:
    """Answer with plain text, as `$count` and `$value` do."""
    return Response(200, [("Content-Type", "text/plain"), _ODATA], text.encode())


def metadata_url(context: Context, fragment: str) -> str:
    """Return an `@odata.context`."""
    return f"{context.base_url}/$metadata#{fragment}"


def collection_annotations(context: Context, count: int | None, *, exceeded: bool) -> dict[str, Any]:
    """Return the annotations of a collection that were asked for (count-rows page)."""
    found: dict[str, Any] = {}
    if context.annotate(TOTAL):
        found[f"@{TOTAL}"] = -1 if count is None else count
    if context.annotate(EXCEEDED):
        found[f"@{EXCEEDED}"] = exceeded
    if context.annotate(METADATA):
        found[f"@{METADATA}"] = str(context.schema.version)
    return found
