"""Multipart bodies of `$batch`: independent requests out, their answers in.

Source: Microsoft's page on batch operations of the Web API. No change sets: each request stands for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_END = "\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One request. `target` is a raw path with its raw query on the same origin."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """One answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The answers in the order of the requests. `whole` is false when the body ended before its last boundary."""

    parts: Sequence[PartAnswer]
    whole: bool


def content_type(boundary: str) -> str:
    return f'multipart/mixed; boundary="{boundary}"'


def write_batch(parts: Sequence[Part], boundary: str) -> bytes:
    """The body of a batch request. `boundary` must not occur in any part; a fresh random one will not."""
    pieces: list[bytes] = []
    for part in parts:
        lines = [
            f"--{boundary}",
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            "",
            f"{part.method} {part.target} HTTP/1.1",
            *(f"{name}: {value}" for name, value in part.headers.items()),
            "",
            "",
        ]
        pieces.append(_END.join(lines).encode("ascii") + part.body + _END.encode())
    pieces.append(f"--{boundary}--{_END}".encode())
    return b"".join(pieces)


def read_batch(body: bytes, content_type_header: str) -> BatchAnswer | None:
    """The answers of a batch; None when the body is no multipart at all."""
    boundary = _boundary(content_type_header)
    if not boundary:
        return None
    marker = b"--" + boundary.encode("ascii", "replace")
    text = b"\n" + body.replace(b"\r\n", b"\n")
    pieces = text.split(b"\n" + marker)
    answers: list[PartAnswer] = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return BatchAnswer(answers, whole=True)
        answer = _read_part(piece)
        if answer is None:
            return BatchAnswer(answers, whole=False)
        answers.append(answer)
    # The last piece had no boundary after it: what it says may be cut off.
    return BatchAnswer(answers[:-1], whole=False)


def _read_part(piece: bytes) -> PartAnswer | None:
    """One part: its own headers, an empty line, then an HTTP answer. None when it is not that."""
    _, _, http = piece.lstrip(b" \t").removeprefix(b"\n").partition(b"\n\n")
    head, _, body = http.lstrip(b"\n").partition(b"\n\n")
    first, *lines = head.decode("utf-8", "replace").split("\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():  # noqa: PLR2004 - HTTP/1.1 204
        return None
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return PartAnswer(int(words[1]), headers, body.strip(b"\n"))


def _boundary(header: str) -> str:
    for piece in header.split(";")[1:]:
        name, _, value = piece.strip().partition("=")
        if name.lower() == "boundary":
            return value.strip().strip('"')
    return ""
