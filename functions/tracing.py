"""One trace from the call that brought something to the run that carried it out.

Queue messages carry the W3C traceparent of who sent them. Each invocation goes on with the trace of its message, tells
it in its log lines, and hands it to OpenTelemetry where that is loaded: the worker library does not carry the host's
context into functions that run in a thread (azure-functions-runtime 1.3.0).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import azure.functions as func

_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_current: ContextVar[str] = ContextVar("traceparent", default="")


def traceparent(context: func.Context, sent: str = "") -> str:
    """The trace of a message, or else of this invocation; "" where the host tells none."""
    told = getattr(context.trace_context, "Traceparent", "") or ""
    return next((text for text in (sent, told) if _PARENT.fullmatch(text)), "")


@contextmanager
def traced(parent: str) -> Iterator[None]:
    """Everything inside belongs to this trace."""
    token = _current.set(parent)
    detach = _attached(parent)
    try:
        yield
    finally:
        detach()
        _current.reset(token)


def event(log: logging.Logger, name: str, **facts: object) -> None:
    """One log line of name, trace and facts (ids and counts, never values)."""
    words = " ".join(f"{key}={value}" for key, value in facts.items() if value != "")
    log.info("%s trace=%s %s", name, trace_id() or "none", words)


def trace_id() -> str:
    """The 32 digits that every line of the current trace shares; "" outside of any."""
    found = _PARENT.fullmatch(_current.get())
    return found.group(1) if found else ""


def _attached(parent: str) -> Callable[[], None]:
    """Makes the trace current for OpenTelemetry, which is only asked when the host's settings have loaded it."""
    api = sys.modules.get("opentelemetry.context")
    propagation = sys.modules.get("opentelemetry.trace.propagation.tracecontext")
    if api is None or propagation is None or not parent:
        return lambda: None
    token = api.attach(propagation.TraceContextTextMapPropagator().extract({"traceparent": parent}))

    def detach() -> None:
        api.detach(token)

    return detach
