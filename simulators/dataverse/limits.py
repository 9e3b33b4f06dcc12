"""Service-protection limits of a user: requests, execution time, concurrency; sliding window (dataverse.md 1.11)."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from simulators.dataverse.context import Context, Cost
from simulators.dataverse.errors import error
from simulators.dataverse.service import DataverseSystem
from simulators.frame import Request

_AFFINITY = re.compile(r"ARRAffinity=web(\d{1,4})\b")
_LONGEST = 300


@dataclass(slots=True)
class Usage:
    """What one user did in the window: (time, execution ms) of each request, and refusals since the last success."""

    requests: deque[tuple[float, float]] = field(default_factory=deque)
    execution_ms: float = 0.0
    refused: int = 0

    def forget(self, before: float) -> None:
        while self.requests and self.requests[0][0] <= before:
            self.execution_ms -= self.requests.popleft()[1]

    def free_at(self, room_ms: float, room_requests: int, window: float) -> float:
        """Return when a window of so many seconds will hold no more than this again."""
        over_ms, over_requests = self.execution_ms - room_ms, len(self.requests) - room_requests
        last = 0.0
        for moment, spent in self.requests:
            last, over_ms, over_requests = moment, over_ms - spent, over_requests - 1
            if over_ms <= 0 and over_requests <= 0:
                break
        return last + window


class Limits:
    """The limits of all users. Thread-safe; time is the simulator's clock."""

    def __init__(self, service: DataverseSystem) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._usage: dict[tuple[str, int], Usage] = {}
        self._turn = 0
        self._under_way: Counter[str] = Counter()
        self._flights: Counter[str] = Counter()

    @contextmanager
    def flight(self, application_id: str) -> Iterator[None]:
        """Count a call of an application that is on its way, latency included."""
        with self._lock:
            self._flights[application_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._flights[application_id] -= 1

    def server_of(self, request: Request) -> tuple[int, bool]:
        """Return the web server that answers, and whether the affinity cookie named it; without one they take turns."""
        servers = max(1, int(self._service.switches.number("web_servers")))
        named = _AFFINITY.search(request.headers.get("cookie", ""))
        if named is not None and int(named[1]) < servers:
            return int(named[1]), True
        with self._lock:
            self._turn += 1
            return self._turn % servers, False

    @contextmanager
    def request(self, context: Context, server: int = 0) -> Iterator[Cost]:
        """Count one request of the caller on a web server; its cost is charged at the end.

        Raises:
            DataverseError: 429 with `Retry-After`, which grows while the caller keeps pushing.
        """
        user = context.caller.charged_user_id
        with self._lock:
            self._check((user, server), context.caller.application_id)
            self._under_way[user] += 1
        try:
            yield context.cost
        finally:
            with self._lock:
                self._under_way[user] -= 1
                self._charge((user, server), context.cost)

    def headers(self, user: str, server: int = 0) -> list[tuple[str, str]]:
        """Return what remains to the user on the web server, and the hint of how parallel to be."""
        switches = self._service.switches
        with self._lock:
            usage = self._usage.get((user, server), Usage())
            requests = max(0, int(switches.number("limit_requests")) - len(usage.requests))
            seconds = max(0.0, (switches.number("limit_execution_ms") - usage.execution_ms) / 1000)
        return [
            ("x-ms-ratelimit-burst-remaining-xrm-requests", str(requests)),
            ("x-ms-ratelimit-time-remaining-xrm-requests", f"{seconds:,.2f}"),
            ("x-ms-dop-hint", str(int(switches.number("hint_parallelism")))),
        ]

    def _check(self, key: tuple[str, int], application_id: str) -> None:
        now = self._service.clock.time()
        user, usage = key[0], self._usage.setdefault(key, Usage())
        number = self._service.switches.number
        window = number("limit_seconds")
        usage.forget(now - window)
        concurrent = int(number("limit_concurrent"))
        if concurrent and max(self._under_way[user] + 1, self._flights[application_id]) > concurrent:
            raise self._refusal(usage, "ConcurrencyExceeded", concurrent, now)
        requests = int(number("limit_requests"))
        if requests and len(usage.requests) >= requests:
            raise self._refusal(usage, "RequestsExceeded", requests, usage.free_at(math.inf, requests - 1, window))
        execution = number("limit_execution_ms")
        if execution and usage.execution_ms >= execution:
            free = usage.free_at(execution, len(usage.requests), window)
            raise self._refusal(usage, "ExecutionTimeExceeded", f"{int(execution):,}", free)

    def _refusal(self, usage: Usage, name: str, limit: object, free_at: float) -> Exception:
        number = self._service.switches.number
        usage.refused += 1
        wait = max(0.0, free_at - self._service.clock.time()) + usage.refused
        seconds = str(max(1, min(_LONGEST, math.ceil(wait))))
        return error(name, headers=(("Retry-After", seconds),), limit=limit, window=int(number("limit_seconds")))

    def _charge(self, key: tuple[str, int], cost: Cost) -> None:
        number = self._service.switches.number
        spent = cost.ms + number("ms_per_request") + cost.rows_written * number("ms_per_row_written")
        usage = self._usage.setdefault(key, Usage())
        usage.requests.append((self._service.clock.time(), spent))
        usage.execution_ms += spent
        usage.refused = 0


def install(service: DataverseSystem) -> None:
    """Put the limits into the service."""
    service.limits = Limits(service)
