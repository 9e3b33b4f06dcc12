"""Post to endpoints: one retry on 502, 503, 504; failures of asynchronous calls become system jobs (dataverse.md 4)."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from simulators.dataverse.webhooks.registration import Auth, Step, read_settings

RETRIED = frozenset((502, 503, 504))
_WORKERS = 4
_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended. `status` is 0 when there was no answer, `reason` tells why."""

    status: int
    attempts: int
    reason: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(slots=True)
class Deliveries:
    """The calls of one organisation: those in flight, and a log of those that ended."""

    timeout: float = 60.0
    ca_file: str = ""
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _pool: ThreadPoolExecutor | None = None
    _pending: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def submit(self, work: Any) -> None:
        """Run `work` on another thread."""
        with self._changed:
            self._pending += 1
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="webhook")
        self._pool.submit(self._run, work)

    def _run(self, work: Any) -> None:
        try:
            work()
        finally:
            with self._changed:
                self._pending -= 1
                self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is in flight; False when it took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._pending == 0, seconds)

    def close(self) -> None:
        """Let what runs end, drop what waits."""
        with self._changed:
            pool, self._pool = self._pool, None
            self._pending = 0
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def post(self, step: Step, body: bytes, headers: dict[str, str]) -> Outcome:
        """Call the endpoint, once more after 502, 503 or 504."""
        outcome = Outcome(0, 0)
        for attempt in (1, 2):
            status, reason = self._once(step, body, headers)
            outcome = Outcome(status, attempt, reason)
            if status not in RETRIED:
                break
        target = urlsplit(step.url)
        self.log.append(
            {
                "step": step.id,
                "url": f"{target.scheme}://{target.netloc}{target.path}",
                "entity": headers["x-ms-dynamics-entity-name"],
                "message": headers["x-ms-dynamics-request-name"],
                "bytes": len(body),
                "status": outcome.status,
                "attempts": outcome.attempts,
                "reason": outcome.reason,
            }
        )
        return outcome

    def _once(self, step: Step, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        url, extra = _with_auth(step)
        target = urlsplit(url)
        connection = self._connect(target.scheme, target.hostname or "", target.port)
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        try:
            connection.request("POST", path, body=body, headers=headers | extra)
            answer = connection.getresponse()
            answer.read()
        except TimeoutError:
            return 0, "timeout"
        except (OSError, http.client.HTTPException, ValueError) as problem:
            return 0, type(problem).__name__
        else:
            return answer.status, ""
        finally:
            connection.close()

    def _connect(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self.timeout)
        trust = ssl.create_default_context(cafile=self.ca_file or None)
        return http.client.HTTPSConnection(host, port, timeout=self.timeout, context=trust)


def _with_auth(step: Step) -> tuple[str, dict[str, str]]:
    """The URL and the extra headers that carry the endpoint's secret."""
    if step.auth == Auth.WEBHOOK_KEY:
        joint = "&" if "?" in step.url else "?"
        return f"{step.url}{joint}code={quote(step.auth_value, safe='')}", {}
    settings = read_settings(step.auth_value)
    if step.auth == Auth.HTTP_HEADER:
        return step.url, settings
    parts = urlsplit(step.url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *settings.items()])
    return parts._replace(query=query).geturl(), {}
