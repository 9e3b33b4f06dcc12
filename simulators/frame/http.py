"""Requests and responses as plain values, so that a system can be driven in process or over a socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from json import dumps as stdlib_dumps
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_to_bytes

import orjson

Header = tuple[str, str]


class Headers(Mapping[str, str]):
    """Header fields by case-insensitive name; repeated fields are joined with a comma, as RFC 9110 5.3 has it."""

    def __init__(self, pairs: Sequence[Header] = ()) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            known = self._values.get(key)
            self._values[key] = value if known is None else f"{known}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came in.

    `path` is percent-decoded, `raw_path` and `raw_query` are as sent, `query` is decoded pairs in order (blank values
    kept), `received_at` is the clock's time in seconds since 1970.
    """

    method: str
    raw_target: str
    path: str
    raw_path: str
    raw_query: str
    query: list[tuple[str, str]]
    headers: Headers
    body: bytes
    received_at: float = 0.0

    @classmethod
    def build(
        cls,
        method: str,
        target: str,
        *,
        headers: Sequence[Header] | Mapping[str, str] = (),
        body: bytes = b"",
        received_at: float = 0.0,
    ) -> Self:
        """Read a request line's method and target. Never raises: what cannot be decoded carries U+FFFD."""
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        raw_path, _, raw_query = _origin_form(target).partition("?")
        return cls(
            method=method,
            raw_target=target,
            path=_decode(raw_path),
            raw_path=raw_path,
            raw_query=raw_query,
            query=parse_qsl(_utf8(raw_query), keep_blank_values=True, errors="replace") if raw_query else [],
            headers=Headers(pairs),
            body=body,
            received_at=received_at,
        )

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is not (bad text, wrong encoding, nested beyond reason)."""
        return orjson.loads(self.body)

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter, or `default`."""
        return next((value for key, value in self.query if key == name), default)


def _origin_form(target: str) -> str:
    """Strip scheme and authority from an absolute target, and a fragment from any."""
    target = target.partition("#")[0]
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in {"http", "https"}:
        _, slash, path = rest.partition("/")
        return slash + path if slash else "/"
    return target


def _utf8(raw: str) -> str:
    """A request line arrives as Latin-1; unescaped bytes in it are meant as UTF-8."""
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if raw.isascii() else _relatin(raw)


def _relatin(raw: str) -> str:
    try:
        return raw.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return raw.encode("utf-8", "replace").decode("utf-8", "replace")


def _decode(raw: str) -> str:
    return unquote_to_bytes(_utf8(raw)).decode("utf-8", "replace")


@dataclass(slots=True)
class Response:
    """An answer. `route` is the path template for the call log, such as `/contacts/{id}`; empty: the frame guesses."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""
    route: str = ""

    def header(self, name: str, default: str = "") -> str:
        """The first value of a header field, or `default`."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is not."""
        return orjson.loads(self.body)


def to_json(value: Any) -> bytes:
    """Compact UTF-8 JSON. Falls back to the standard library for integers beyond 64 bits."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return stdlib_dumps(value, ensure_ascii=True, separators=(",", ":"), default=str).encode()


def json_response(status: int, value: Any, headers: Sequence[Header] = ()) -> Response:
    """A JSON answer; a Content-Type in `headers` replaces the usual one."""
    return _typed(status, to_json(value), "application/json; charset=utf-8", headers)


def text_response(status: int, text: str, headers: Sequence[Header] = ()) -> Response:
    """A plain-text answer."""
    return _typed(status, text.encode("utf-8", "replace"), "text/plain; charset=utf-8", headers)


def html_response(status: int, html: str, headers: Sequence[Header] = ()) -> Response:
    """An HTML answer, such as a log-in page where JSON was meant."""
    return _typed(status, html.encode("utf-8", "replace"), "text/html; charset=UTF-8", headers)


def _typed(status: int, body: bytes, content_type: str, headers: Sequence[Header]) -> Response:
    given = list(headers)
    if not any(name.lower() == "content-type" for name, _ in given):
        given.insert(0, ("Content-Type", content_type))
    return Response(status, given, body)
