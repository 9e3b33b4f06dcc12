"""One trace from the call that brought something to the run that carried it out.

Queue messages carry the W3C traceparent of who sent them. Each invocation goes on with the trace of its message, tells
it in its log lines, and opens its span under it: the worker library does not carry the host's context into functions
that run in a thread (azure-functions-runtime 1.3.0), so no span may rely on the current one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from shared.bootstrap import application
from shared.errors import SyncError

_log = logging.getLogger("dynasync.functions")
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_current: ContextVar[str] = ContextVar("traceparent", default="")


def traceparent(context: object, sent: str = "") -> str:
    """The trace of a message, or else of this invocation; "" where the host tells none."""
    told = getattr(getattr(context, "trace_context", None), "Traceparent", "") or ""
    return next((text for text in (sent, told) if _PARENT.fullmatch(text)), "")


@contextmanager
def traced(parent: str, name: str = "function", *, last: bool = True) -> Iterator[None]:
    """Everything inside belongs to this trace, in a span of this name.

    What escapes is told before it goes on to the host: a foreseen error by its code, any other by its type and place.
    `last`: the instance may be gone afterwards, so what was told is sent at the end. Not for a caller that waits.
    """
    token = _current.set(parent)
    telemetry = application().telemetry
    try:
        with telemetry.span(name, parent=parent):
            try:
                yield
            except SyncError as error:
                _log.warning("function_failed trace=%s function=%s code=%s", trace_id() or "none", name, error.code)
                raise
            except Exception:
                _log.exception("a function failed", extra={"function": name})
                raise
    finally:
        _current.reset(token)
        if last:
            telemetry.flush()


def event(log: logging.Logger, name: str, **facts: object) -> None:
    """One log line of name, trace and facts (ids and counts, never values)."""
    words = " ".join(f"{key}={value}" for key, value in facts.items() if value != "")
    log.info("%s trace=%s %s", name, trace_id() or "none", words)


def trace_id() -> str:
    """The 32 digits that every line of the current trace shares; "" outside of any."""
    found = _PARENT.fullmatch(_current.get())
    return found.group(1) if found else ""
