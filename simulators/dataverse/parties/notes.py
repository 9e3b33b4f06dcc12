"""Notes: a text or a file on another row (dataverse.md 2, `annotation`)."""

from __future__ import annotations

import base64
import binascii

from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.hooks import WriteEvent

_DEFAULT_LIMIT = 5 * 1024 * 1024


def check_note(context: Context, event: WriteEvent) -> None:
    """Before a note is kept: its body must be base64 and no larger than the organisation allows; its size is noted."""
    if event.table.name != "annotation" or event.after is None:
        return
    row = event.after
    if not isinstance(row, dict):
        return
    target = row.get("objectid")
    row["objecttypecode"] = target.table if target is not None and hasattr(target, "table") else None
    if "documentbody" not in event.changed:
        return
    body = event.changed["documentbody"]
    if body is None:
        row["filesize"] = 0
        return
    try:
        size = len(base64.b64decode(str(body), validate=True))
    except (binascii.Error, ValueError):
        raise error("InvalidArgument", message="The document body of the note is no base64 text.") from None
    organisation = next(context.store["organization"].rows(), {})
    limit = organisation.get("maxuploadfilesize")
    allowed = limit if isinstance(limit, int) and limit > 0 else _DEFAULT_LIMIT
    if size > allowed:
        raise DataverseError(
            400,
            "0x80044a02",
            f"Attachment file size is too big. The limit is {allowed} bytes.",
            name="AttachmentTooLarge",
        )
    row["filesize"] = size
    row["isdocument"] = True
