"""Carries requests out to endpoints, one after the other, and never a second time. Source: activecampaign.md 2.13."""

from __future__ import annotations

import http.client
import queue
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

_KEEP = 10_000
GONE = 410


@dataclass(slots=True)
class Parcel:
    """One request to send. `done` is told the status, or 0 when none came."""

    method: str
    url: str
    body: bytes
    headers: list[tuple[str, str]]
    about: str
    timeout: float
    done: Callable[[int], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of a parcel. The address is kept without its query, which may hold a secret."""

    about: str
    address: str
    status: int
    error: str = ""


@dataclass(slots=True)
class Courier:
    """A queue with one thread, started on first use."""

    trusted: list[str] = field(default_factory=list)
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=_KEEP))
    _queue: queue.Queue[Parcel] = field(default_factory=queue.Queue)
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, parcel: Parcel) -> None:
        """Queue a parcel."""
        with self._lock:
            self._queue.put(parcel)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def drain(self) -> None:
        """Wait until every parcel queued so far has been tried."""
        self._queue.join()

    def log(self) -> list[dict[str, Any]]:
        """Attempts, oldest first."""
        return [asdict(attempt) for attempt in self.attempts]

    def _work(self) -> None:
        while True:
            parcel = self._queue.get()
            try:
                attempt = self._carry(parcel)
                self.attempts.append(attempt)
                parcel.done(attempt.status)
            finally:
                self._queue.task_done()

    def _carry(self, parcel: Parcel) -> Attempt:
        try:
            parts = urlsplit(parcel.url)
            address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
            status = self._post(parcel, parts.scheme, parts.hostname or "", parts.port, _target(parcel.url))
        except (OSError, ValueError, http.client.HTTPException) as error:
            return Attempt(parcel.about, parcel.url.partition("?")[0], 0, f"{type(error).__name__}: {error}")
        return Attempt(parcel.about, address, status)

    def _post(self, parcel: Parcel, scheme: str, host: str, port: int | None, target: str) -> int:
        connection: http.client.HTTPConnection
        if scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=parcel.timeout, context=self._context())
        else:
            connection = http.client.HTTPConnection(host, port, timeout=parcel.timeout)
        try:
            connection.request(parcel.method, target, body=parcel.body or None, headers=dict(parcel.headers))
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        for file in self.trusted:
            context.load_verify_locations(file)
        return context


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def form_headers(extra: Sequence[tuple[str, str]] = ()) -> list[tuple[str, str]]:
    """Headers of a form post."""
    return [("Content-Type", "application/x-www-form-urlencoded"), ("User-Agent", "ActiveCampaign"), *extra]
