"""Calls that the subscription makes itself, to a provider's endpoints."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a provider answered; status 0 when it did not. `seconds` is how long that took."""

    status: int
    body: bytes
    seconds: float
    error: str = ""

    def json(self) -> Any:
        """The decoded body; None for one that is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def send(method: str, url: str, headers: Mapping[str, str], body: bytes = b"", *, ca_file: str = "") -> Told:
    """One call, never a second time."""
    began = time.monotonic()
    try:
        parts = urlsplit(url)
        connection = _connection(parts.scheme, parts.hostname or "", parts.port, ca_file)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body=body or None, headers=dict(headers))
            response = connection.getresponse()
            return Told(response.status, response.read(), time.monotonic() - began)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Told(0, b"", time.monotonic() - began, f"{type(error).__name__}: {error}")


def _connection(scheme: str, host: str, port: int | None, ca_file: str) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)
