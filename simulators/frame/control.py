"""The control API under `/_sim/`: what a test asks of a simulator, never what a client of the vendor would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from simulators.frame.http import Request, Response, json_response
from simulators.frame.logs import iso
from simulators.frame.system import ControlError

if TYPE_CHECKING:
    from simulators.frame.host import Host

Handler = Callable[[Request], Any]


class Control:
    """Routes of the control API over one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "health"): lambda _: {"system": host.system.name, "ok": True},
            ("POST", "reset"): self._reset,
            ("POST", "seed"): lambda request: host.system.seed(_object(request)),
            ("GET", "state"): lambda request: host.system.state(dict(request.query)),
            ("GET", "clock"): lambda _: self._clock(),
            ("POST", "clock"): self._set_clock,
            ("GET", "switches"): lambda _: host.system.switches.describe(),
            ("POST", "switches"): self._set_switches,
            ("GET", "faults"): lambda _: host.faults.describe(),
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): lambda _: host.faults.clear(),
            ("GET", "latency"): lambda _: {"ms": host.latency_ms, "jitter_ms": host.jitter_ms},
            ("POST", "latency"): self._set_latency,
            ("GET", "calls"): lambda request: host.calls.page(**_numbers(request)),
            ("DELETE", "calls"): lambda _: host.calls.clear(),
            ("GET", "counts"): lambda _: host.calls.counts(),
            ("GET", "writes"): self._writes,
            ("DELETE", "writes"): lambda _: host.system.writes.clear(),
        }

    def handle(self, request: Request) -> Response:
        """Answer a control call: 200 with JSON, 400 with `{"error"}` for a bad one, 404 for an unknown one."""
        name = request.path.removeprefix("/_sim/").strip("/")
        handler = self._routes.get((request.method, name))
        if handler is None and name.startswith("do/") and request.method == "POST":
            handler = self._act
        if handler is None:
            known = sorted(f"{method} {path}" for method, path in self._routes)
            return json_response(404, {"error": f"no control call {request.method} {name!r}", "known": known})
        try:
            return json_response(200, handler(request))
        except (ControlError, ValueError, TypeError, KeyError) as error:
            return json_response(400, {"error": f"{type(error).__name__}: {error}"})

    def _act(self, request: Request) -> Any:
        action = request.path.removeprefix("/_sim/do/").strip("/")
        answer = self._host.system.act(action, _object(request))
        self._host.system.agenda.run_due()
        return answer

    def _reset(self, request: Request) -> Any:
        seed = int(_object(request).get("seed", 1))
        self._host.reset(seed)
        return {"seed": seed}

    def _clock(self) -> dict[str, Any]:
        clock = self._host.system.clock
        return {"now": iso(clock.time()), "offset": clock.offset, "frozen": clock.frozen}

    def _set_clock(self, request: Request) -> Any:
        spec, clock = _object(request), self._host.system.clock
        if "offset" in spec:
            clock.set_offset(float(spec["offset"]))
        if "now" in spec:
            clock.set_now(_instant(str(spec["now"])), frozen=bool(spec.get("frozen", clock.frozen)))
        elif "frozen" in spec:
            (clock.freeze if spec["frozen"] else clock.thaw)()
        if "advance" in spec:
            clock.advance(float(spec["advance"]))
        self._host.system.agenda.run_due()
        return self._clock()

    def _set_switches(self, request: Request) -> Any:
        self._host.system.switches.set(_object(request))
        return self._host.system.switches.describe()

    def _add_faults(self, request: Request) -> Any:
        body = request.json()
        self._host.faults.add(body if isinstance(body, list) else [body])
        return self._host.faults.describe()

    def _set_latency(self, request: Request) -> Any:
        spec = _object(request)
        self._host.latency_ms = float(spec.get("ms", 0))
        self._host.jitter_ms = float(spec.get("jitter_ms", 0))
        return {"ms": self._host.latency_ms, "jitter_ms": self._host.jitter_ms}

    def _writes(self, request: Request) -> Any:
        return self._host.system.writes.page(
            after=int(request.first("after", "0")),
            limit=int(request.first("limit", "1000")),
            kind=request.first("kind"),
            record_id=request.first("id"),
            who=request.first("who"),
        )


def _numbers(request: Request) -> dict[str, int]:
    return {key: int(request.first(key)) for key in ("after", "limit") if request.first(key)}


def _object(request: Request) -> dict[str, Any]:
    body = request.json() if request.body else {}
    if not isinstance(body, dict):
        raise ControlError("send a JSON object")
    return body


def _instant(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
