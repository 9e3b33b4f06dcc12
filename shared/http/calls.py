"""A call to a vendor, its answer, and what an observer is told about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from shared.http.body import decode_json
from shared.ports.calls_seen import Observed

__all__ = ["MEGABYTE", "Answer", "Call", "Observed", "Observer", "http_date"]

MEGABYTE = 1024 * 1024
_SUCCESS = 2  # the hundreds


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `target` is the raw path with its raw query, on the client's origin.

    `purpose` is the name it is counted under. `effect`: it may change something there, so it is sent again only when
    the first try surely did nothing (no connection, a throttling answer). `seconds` bounds the whole call, repeats
    and waits included; `read_seconds` bounds the silence between two bytes. `max_bytes` counts the unpacked body.
    `interactive` calls go first inside the budget's share. `raw`: what a read answers is not JSON.
    """

    method: str
    target: str
    purpose: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    effect: bool = False
    seconds: float = 120.0
    read_seconds: float = 60.0
    max_bytes: int = 64 * MEGABYTE
    interactive: bool = False
    raw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `headers` is case-insensitive. `data` is the decoded JSON of a read that succeeded."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    data: Any = None

    @property
    def ok(self) -> bool:
        return self.status // 100 == _SUCCESS

    @property
    def date(self) -> datetime | None:
        """The server's own time when it answered, in UTC; None when it does not tell."""
        return http_date(self.headers.get("Date", ""))

    def json(self) -> Any:
        """The decoded body. Raises AuthError for a page of HTML, Transient for anything else that is no JSON."""
        return decode_json(self.body, self.headers.get("Content-Type", ""))


type Observer = Callable[[Observed], None]
"""Called after each try, from the thread that made it. Must not raise."""


def http_date(text: str) -> datetime | None:
    """An HTTP date as an aware UTC time; None when it cannot be read."""
    try:
        told = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).astimezone(UTC)
