"""Read and write the multipart bodies of ``$batch``.

Pure: bytes in, parts out, and back. The reader accepts what shipping clients send (CRLF or bare LF, a preamble, quoted
or bare boundaries, no line end after the last boundary) and refuses, with the texts of the OData library that
Dataverse runs on, what it cannot read. Source: dataverse.md 1.7.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
CHANGE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MAX_REQUESTS = 1000
_BOUNDARY = re.compile(r";\s*boundary\s*=\s*(\"(?P<quoted>[^\"]*)\"|(?P<bare>[^;,\s]+))", re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")
_LINE_END = re.compile(rb"\r?\n")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class BatchFormatError(ValueError):
    """The payload is no batch. The text is what the server answers with status 400."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One request inside a batch: its line, its own headers and its body."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Requests that succeed or fail together."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class PartResponse:
    """One answer to write into the response."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeSetResponse:
    """The answers of one change set; ``identifier`` names its boundary."""

    identifier: str
    parts: tuple[PartResponse, ...]


def read_boundary(content_type: str) -> str:
    """Return the boundary of a ``multipart/mixed`` header value.

    Raises BatchFormatError when the type is another one or holds no boundary or more than one.
    """
    media = content_type.split(";", 1)[0].strip().lower()
    found = [m["quoted"] if m["quoted"] is not None else m["bare"] for m in _BOUNDARY.finditer(content_type)]
    if media != "multipart/mixed" or len(found) != 1 or not found[0] or len(found[0]) > 70:
        raise BatchFormatError(
            f"The content type '{content_type}' contains either no boundary parameter or more than one: a batch "
            "payload must be 'multipart/mixed' with exactly one boundary parameter."
        )
    return found[0]


def read_batch(content_type: str, body: bytes, max_requests: int = MAX_REQUESTS) -> list[Operation | ChangeSet]:
    """Parse a batch body into its operations and change sets, in order.

    Raises BatchFormatError for everything that is not a batch, and for more than ``max_requests`` requests.
    """
    items: list[Operation | ChangeSet] = []
    count = 0
    for part in _split(body, read_boundary(content_type)):
        headers, content = _read_headers(part)
        item = _read_item(headers, content, max_requests)
        items.append(item)
        count += len(item.operations) if isinstance(item, ChangeSet) else 1
        if count > max_requests:
            raise BatchFormatError(
                "The current batch message contains too many parts. Only batch messages with a maximum number of "
                f"'{max_requests}' query operations, including changeset operations, are allowed."
            )
    return items


def _read_item(headers: dict[str, str], content: bytes, max_requests: int) -> Operation | ChangeSet:
    content_type = headers.get("content-type")
    if content_type is None:
        raise BatchFormatError(
            "The 'Content-Type' header is missing. The 'Content-Type' header must be specified for each MIME part of "
            "a batch message."
        )
    if content_type.split(";", 1)[0].strip().lower() == "multipart/mixed":
        return _read_change_set(content_type, content, max_requests)
    return _read_operation(headers, content_type, content)


def _read_change_set(content_type: str, content: bytes, max_requests: int) -> ChangeSet:
    operations: list[Operation] = []
    seen: set[str] = set()
    for part in _split(content, read_boundary(content_type)):
        headers, inner = _read_headers(part)
        item = _read_item(headers, inner, max_requests)
        if isinstance(item, ChangeSet):
            raise BatchFormatError("Nested change sets in a batch payload are not supported.")
        _check_member(item, seen)
        operations.append(item)
        if len(operations) > max_requests:
            raise BatchFormatError(
                f"The current change set contains too many operations. A maximum number of '{max_requests}' operations "
                "are allowed in a change set."
            )
    return ChangeSet(tuple(operations))


def _check_member(operation: Operation, seen: set[str]) -> None:
    if operation.method not in CHANGE_METHODS:
        raise BatchFormatError(
            f"An invalid HTTP method '{operation.method}' was detected for a request in a change set. Requests in "
            "change sets only support the HTTP methods 'POST', 'PUT', 'DELETE', and 'PATCH'."
        )
    if operation.content_id is not None:
        if operation.content_id in seen:
            raise BatchFormatError(
                f"The content ID '{operation.content_id}' was found more than once in the same change set. Content IDs "
                "have to be unique across all operations of a change set."
            )
        seen.add(operation.content_id)


def _read_operation(headers: dict[str, str], content_type: str, content: bytes) -> Operation:
    if content_type.split(";", 1)[0].strip().lower() != "application/http":
        raise BatchFormatError(
            f"The 'Content-Type' header value '{content_type}' is invalid. When this is the start of the change set, "
            "the value must be 'multipart/mixed'; otherwise it must be 'application/http'."
        )
    if headers.get("content-transfer-encoding", "").lower() != "binary":
        raise BatchFormatError(
            "A missing or invalid 'Content-Transfer-Encoding' header was found. The 'Content-Transfer-Encoding' header "
            "must be specified for each batch operation, and its value must be 'binary'."
        )
    line, _, rest = _skip_blank_lines(content).partition(b"\n")
    method, target = _read_request_line(line.rstrip(b"\r"))
    inner, body = _read_header_list(rest)
    content_id = headers.get("content-id") or next((v for n, v in inner if n.lower() == "content-id"), None)
    return Operation(method, target, inner, body if body.strip() else b"", content_id)


def _skip_blank_lines(content: bytes) -> bytes:
    return content.lstrip(b"\r\n \t")


def _read_request_line(raw: bytes) -> tuple[str, str]:
    line = raw.decode("utf-8", "replace")
    words = line.split(" ")
    if len(words) < 3 or not words[1]:
        raise BatchFormatError(
            f"The request line '{line[:200]}' is invalid. The request line at the start of each operation must be of "
            "the format 'HttpMethod RequestUrl HttpVersion'."
        )
    method, version = words[0], words[-1]
    if version != "HTTP/1.1":
        raise BatchFormatError(
            f"The HTTP version '{version[:50]}' used in a batch operation request or response is not valid. The value "
            "must be 'HTTP/1.1'."
        )
    if method not in METHODS:
        raise BatchFormatError(f"The HTTP method '{method[:50]}' used in a batch operation request is not valid.")
    # Clients in the wild leave spaces unescaped in the URL of a part; the outer words delimit it.
    return method, " ".join(words[1:-1])


def _read_headers(part: bytes) -> tuple[dict[str, str], bytes]:
    pairs, rest = _read_header_list(part)
    return {name.lower(): value for name, value in pairs}, rest


def _read_header_list(text: bytes) -> tuple[tuple[tuple[str, str], ...], bytes]:
    head, rest = _split_head(text)
    pairs: list[tuple[str, str]] = []
    seen: set[str] = set()
    for raw in _LINE_END.split(head):
        line = raw.decode("utf-8", "replace")
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name.strip()):
            raise BatchFormatError(
                f"The message header '{line[:200]}' is invalid. The header value must be of the format "
                "'<header name>: <header value>'."
            )
        name = name.strip()
        if name.lower() in seen:
            raise BatchFormatError(
                f"The header '{name}' was specified multiple times. Each header must appear only once in a batch part."
            )
        seen.add(name.lower())
        pairs.append((name, value.strip()))
    return tuple(pairs), rest


def _split_head(text: bytes) -> tuple[bytes, bytes]:
    """Cut at the first blank line; a part without one has headers only, one that starts blank has none."""
    if (start := re.match(rb"[ \t]*\r?\n", text)) is not None:
        return b"", text[start.end() :]
    blank = _BLANK_LINE.search(text)
    return (text, b"") if blank is None else (text[: blank.start()], text[blank.end() :])


def _split(body: bytes, boundary: str) -> list[bytes]:
    """Cut a multipart body at its delimiter lines; what stands before the first is a preamble."""
    delimiter = re.compile(
        rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("utf-8", "surrogateescape")) + rb"(--)?[ \t]*(?=\r?\n|\Z)"
    )
    parts: list[bytes] = []
    start: int | None = None
    for mark in delimiter.finditer(body):
        if start is not None:
            parts.append(_after_line_end(body, start, mark.start()))
        if mark.group(1):
            return parts
        start = mark.end()
    raise BatchFormatError("Encountered an unexpected end of input while reading the batch payload.")


def _after_line_end(body: bytes, start: int, end: int) -> bytes:
    line_end = _LINE_END.match(body, start)
    first = line_end.end() if line_end else start
    return body[first:end] if first <= end else b""


def write_batch(items: Sequence[PartResponse | ChangeSetResponse], identifier: str) -> tuple[str, bytes]:
    """Return the Content-Type and the body of a batch response; ``identifier`` is the GUID in its boundary."""
    boundary = f"batchresponse_{identifier}"
    chunks: list[bytes] = []
    for item in items:
        chunks.append(f"--{boundary}\r\n".encode())
        chunks.append(_write_change_set(item) if isinstance(item, ChangeSetResponse) else _write_part(item))
    chunks.append(f"--{boundary}--\r\n".encode())
    return f"multipart/mixed; boundary={boundary}", b"".join(chunks)


def _write_change_set(change_set: ChangeSetResponse) -> bytes:
    boundary = f"changesetresponse_{change_set.identifier}"
    chunks = [f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()]
    for part in change_set.parts:
        chunks.append(f"--{boundary}\r\n".encode())
        chunks.append(_write_part(part))
    chunks.append(f"--{boundary}--\r\n".encode())
    return b"".join(chunks)


def _write_part(part: PartResponse) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if part.content_id is not None:
        lines.append(f"Content-ID: {part.content_id}")
    lines += ["", f"HTTP/1.1 {part.status} {part.reason}"]
    lines += [f"{name}: {value}" for name, value in part.headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + part.body + b"\r\n"
