"""One try of one call over the session. Never raises for what a network or a server may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.http.calls import Answer, Call

if TYPE_CHECKING:
    import requests

_PIECE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """No usable answer. `sent`: the request may have reached the server. `reason` is a word of ours, never theirs."""

    reason: str
    sent: bool
    untrusted: bool = False
    too_large: bool = False


class _TooLargeError(Exception):
    """The body grew beyond its limit."""


class _TooSlowError(Exception):
    """The body did not end in time."""


def exchange(
    session: requests.Session,
    call: Call,
    *,
    url: str,
    headers: Mapping[str, str],
    timeouts: tuple[float, float],
    remaining: Callable[[], float],
) -> Answer | Lost:
    """Sends it and reads the answer to its end, within `remaining()` seconds. Redirects are not followed."""
    import requests

    left = max(remaining(), 0.05)
    connect, read = timeouts
    try:
        response = session.request(
            call.method,
            url,
            data=call.body,
            headers=dict(headers),
            timeout=(min(connect, left), min(read, left)),
            allow_redirects=False,
            stream=True,
        )
    except (requests.RequestException, UnicodeError, OSError) as error:
        return _lost(error)
    try:
        body = _read_body(response, call.max_bytes, remaining)
        return Answer(status=response.status_code, headers=response.headers, body=body)
    except _TooLargeError:
        return Lost(reason="too large", sent=True, too_large=True)
    except _TooSlowError:
        return Lost(reason="too slow", sent=True)
    except _broken() as error:
        return Lost(reason="timed out" if "Timeout" in type(error).__name__ else "cut off", sent=True)
    finally:
        response.close()


def _read_body(response: requests.Response, limit: int, remaining: Callable[[], float]) -> bytes:
    """The unpacked body. Each piece is one read of the socket, so that a server that drips cannot outlast the call."""
    pieces: list[bytes] = []
    size = 0
    while True:
        piece = response.raw.read1(_PIECE, decode_content=True)
        if not piece:
            break
        size += len(piece)
        if size > limit:
            raise _TooLargeError
        if remaining() <= 0:
            raise _TooSlowError
        pieces.append(piece)
    return b"".join(pieces)


def _broken() -> tuple[type[Exception], ...]:
    import http.client

    import urllib3.exceptions

    return (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


def _lost(error: Exception) -> Lost:
    import requests

    if isinstance(error, requests.ConnectTimeout):
        return Lost(reason="timed out", sent=False)
    if isinstance(error, requests.exceptions.SSLError):
        untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error) or "doesn't match" in str(error)
        return Lost(reason="no secure connection", sent=not untrusted, untrusted=untrusted)
    if isinstance(error, requests.Timeout):
        return Lost(reason="timed out", sent=True)
    if isinstance(error, requests.ConnectionError):
        never = _never_connected(error)
        return Lost(reason="no connection" if never else "cut off", sent=not never)
    if isinstance(error, requests.RequestException | UnicodeError) and isinstance(error, ValueError):
        return Lost(reason="bad address", sent=False)
    return Lost(reason="failed", sent=True)


def _never_connected(error: Exception) -> bool:
    """Did it fail before a connection stood? Only then has the server surely seen nothing."""
    import urllib3.exceptions

    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ProxyError)
