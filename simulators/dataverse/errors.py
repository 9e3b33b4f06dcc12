"""The errors of the Dataverse Web API: codes, HTTP status and texts, all from `data/errors.json`.

Raise one with `error("ObjectDoesNotExist", table="contact", id="...")`; the keyword arguments fill the text. A text the
caller makes itself (a plug-in's message) goes through `DataverseError(status, code, message)`.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DATA = Path(__file__).parent / "data" / "errors.json"


class DataverseError(Exception):
    """One refused request.

    Args:
        status: HTTP status of the answer.
        code: hexadecimal code as the service writes it, for example `0x80040217`. May be `0x0` or empty.
        message: text of the answer.
        headers: further answer headers, for example `Retry-After`.
        name: name of the code in Microsoft's list, empty when the text is free.
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: tuple[tuple[str, str], ...] = (), name: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
        self.name = name

    def body(self) -> dict[str, dict[str, str]]:
        """Return the JSON body: `{"error": {"code": "0x...", "message": "..."}}` (dataverse.md 1.10)."""
        return {"error": {"code": self.code, "message": self.message}}


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One line of the error table: `text` is a `str.format` template."""

    name: str
    code: str
    status: int
    text: str


@cache
def error_kinds() -> dict[str, ErrorKind]:
    """Return the table of errors this simulator can raise, by name."""
    lines = json.loads(_DATA.read_text("utf-8"))["errors"]
    return {name: ErrorKind(name, code, status, text) for name, (code, status, text) in lines.items()}


DETAILS = "Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus"


def error_annotations(refusal: DataverseError) -> dict[str, str]:
    """Return what `odata.include-annotations` adds to an error (dataverse.md 1.10)."""
    prefix = "@Microsoft.PowerApps.CDS"
    link = "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException"
    return {
        f"{prefix}.ErrorDetails.OperationStatus": "0",
        f"{prefix}.ErrorDetails.SubErrorCode": "0",
        f"{prefix}.HelpLink": f"{link}%3a{refusal.code.removeprefix('0x')}&client=platform",
        f"{prefix}.TraceText": "",
        f"{prefix}.InnerError.Message": refusal.message,
    }


def error(
    name: str, /, *, status: int | None = None, headers: tuple[tuple[str, str], ...] = (), **values: object
) -> DataverseError:
    """Build the error called `name`, its text filled with `values`.

    Args:
        name: a key of `data/errors.json`.
        status: an HTTP status other than the table's, for switches over undocumented ones.
        headers: further answer headers.
        values: what the text names.

    Raises:
        KeyError: no such error in the table.
    """
    kind = error_kinds()[name]
    text = kind.text.format(**values) if values else kind.text
    return DataverseError(status or kind.status, kind.code, text, headers=headers, name=name)
