"""Around a system: latency, faults, compression, the call log and the control API."""

from __future__ import annotations

import gzip
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulators.frame.control import Control
from simulators.frame.faults import Effect, Faults
from simulators.frame.http import Request, Response, html_response, text_response
from simulators.frame.logs import CallLog, template
from simulators.frame.system import System

log = logging.getLogger(__name__)
_COMPRESS_FROM = 1024


@dataclass(slots=True)
class Delivery:
    """What the server does with the socket. `response` None means: close it without a word."""

    response: Response | None
    truncate: bool = False


class Host:
    """One system with everything the frame adds. `deliver` is the whole path of a request."""

    def __init__(self, system: System, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.system = system
        self.calls = CallLog()
        self.faults = Faults()
        self.latency_ms = 0.0
        self.jitter_ms = 0.0
        self._sleep = sleep
        self._jitter = random.Random(1)
        self._control = Control(self)

    def reset(self, seed: int) -> None:
        """State, switches, logs, faults and latency as at the start. The clock stays as it is."""
        self.system.reset(seed)
        self.calls.clear()
        self.faults.clear(seed)
        self.latency_ms = self.jitter_ms = 0.0
        self._jitter = random.Random(seed)

    def deliver(self, request: Request) -> Delivery:
        """Answer a request: a control call at once, a vendor call through latency and faults, with a log entry."""
        if request.path.startswith("/_sim/"):
            return Delivery(self._control.handle(request))
        started = time.perf_counter()
        self.system.agenda.run_due()
        effect = self.faults.strike(request.method, request.raw_target)
        with self.system.flight(request):
            self._wait(self.latency_ms + (self._jitter.random() * self.jitter_ms if self.jitter_ms else 0.0))
            delivery = self._faulty(request, effect) if effect else Delivery(self._handle(request))
        if delivery.response is not None:
            _compress(request, delivery.response)
        self._note(request, delivery, effect, started)
        return delivery

    def _faulty(self, request: Request, effect: Effect) -> Delivery:
        self._wait(effect.delay_ms)
        if effect.late_effect_ms is not None:
            self.system.agenda.after(effect.late_effect_ms / 1000, lambda: _discard(self._handle(request)))
            return Delivery(None)
        if effect.drop_before:
            return Delivery(None)
        if effect.status:
            return Delivery(Response(effect.status, _content_type(effect), effect.body.encode()))
        if effect.html is not None:
            return Delivery(html_response(200, effect.html))
        response = self._handle(request)
        self._wait(effect.delay_after_ms)
        if effect.drop_after:
            return Delivery(None)
        if effect.status_after:
            return Delivery(Response(effect.status_after, _content_type(effect), effect.body.encode()))
        return Delivery(response, truncate=effect.truncate)

    def _handle(self, request: Request) -> Response:
        """The system's answer; a bug of the simulator shows as a 500 that no vendor sends."""
        try:
            return self.system.handle(request)
        except Exception:
            log.exception("simulator %s failed on %s %s", self.system.name, request.method, template(request.path))
            return text_response(500, f"the {self.system.name} simulator itself failed; its log says where")

    def _wait(self, ms: float) -> None:
        if ms > 0:
            self._sleep(ms / 1000)

    def _note(self, request: Request, delivery: Delivery, effect: Effect | None, started: float) -> None:
        response = delivery.response
        self.calls.add(
            at=request.received_at or self.system.clock.time(),
            method=request.method,
            path=(response.route if response and response.route else template(request.path)),
            query_keys=tuple(dict.fromkeys(key for key, _ in request.query)),
            status=response.status if response else 0,
            request_bytes=len(request.body),
            response_bytes=len(response.body) if response else 0,
            ms=(time.perf_counter() - started) * 1000,
            user_agent=request.headers.get("user-agent", ""),
            fault=effect.name if effect else "",
        )


def _discard(_: Response) -> None:
    """An effect whose answer nobody hears."""


def _content_type(effect: Effect) -> list[tuple[str, str]]:
    if any(name.lower() == "content-type" for name, _ in effect.headers) or not effect.body:
        return list(effect.headers)
    looks_json = effect.body.lstrip()[:1] in {"{", "["}
    return [("Content-Type", "application/json" if looks_json else "text/plain; charset=utf-8"), *effect.headers]


def _compress(request: Request, response: Response) -> None:
    if len(response.body) < _COMPRESS_FROM or response.header("content-encoding"):
        return
    if "gzip" not in request.headers.get("accept-encoding", "").lower():
        return
    response.body = gzip.compress(response.body, compresslevel=1, mtime=0)
    response.headers.append(("Content-Encoding", "gzip"))
    response.headers.append(("Vary", "Accept-Encoding"))
