"""Files as they come in and go out: multipart bodies and separated values. Source: marketo.md 2.7."""

from __future__ import annotations

import csv
import io
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from simulators.frame.http import Request
from simulators.marketo.errors import CallError

DELIMITERS = {"csv": ",", "tsv": "\t", "ssv": ";"}


def read_multipart(request: Request) -> dict[str, bytes]:
    """The parts of a form by name. Raises CallError 612 and 613."""
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise CallError("612")
    head = f"Content-Type: {kind}\r\n\r\n".encode("utf-8", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    parts: dict[str, bytes] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            parts[name] = content
    if not parts:
        raise CallError("613")
    return parts


def read_rows(content: bytes, file_format: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a file. Raises CallError 1003 for one that cannot be read."""
    try:
        text = content.decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=DELIMITERS[file_format]) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CallError("1003", "Invalid data: the file cannot be read") from error
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise CallError("1003", "Invalid data: the file has no header")
    return [cell.strip() for cell in rows[0]], rows[1:]


def write_rows(header: list[str], rows: list[list[Any]], file_format: str) -> bytes:
    """A file as bytes."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=DELIMITERS[file_format], lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "replace")
