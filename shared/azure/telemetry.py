"""`Telemetry` on Application Insights: OpenTelemetry with Microsoft's exporter.

Its libraries are imported when the first function runs, not when the app is indexed: they cost a quarter of a second.
The worker library's own set-up (PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY) is not used: it would do so at the start,
brings instrumentations that log addresses, and samples five traces a second. Instead PYTHON_ENABLE_OPENTELEMETRY tells
the host that this app sends its own logs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.azure.log_export import LogExport
from shared.ports.calls_seen import Observed
from shared.ports.telemetry import VENDOR_CALLS, VENDOR_SECONDS, Fact

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from opentelemetry.context import Context

LOGGERS: Final = ("dynasync", "shared")
_FLUSH_SECONDS: Final = 3.0
_THROTTLED: Final = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where telemetry goes: the component's connection string, and the credential for one that takes no keys.

    `share` of the traces are kept; the same ones in every process. `role` is the app's name, `instance` this process.
    """

    connection_string: str
    role: str
    instance: str
    share: float = 1.0
    credential: TokenCredential | None = None


class AzureTelemetry:
    """One for the process; `close` ends it."""

    def __init__(self, place: Place) -> None:
        providers = _providers(place)
        self._providers = providers
        self._tracer = providers["traces"].get_tracer("dynasync")
        self._meter = providers["metrics"].get_meter("dynasync")
        self._instruments: dict[str, Any] = {}
        self._handler = LogExport(providers["logs"].get_logger("dynasync"))
        for name in LOGGERS:
            logger = logging.getLogger(name)
            logger.addHandler(self._handler)
            if logger.getEffectiveLevel() > logging.INFO:
                logger.setLevel(logging.INFO)

    @contextmanager
    def span(self, name: str, *, parent: str = "", **facts: Fact) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name, context=_context(parent), attributes=facts, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_status(_error_status(type(error).__name__))
                raise

    def count(self, name: str, amount: int = 1, **facts: Fact) -> None:
        self._instrument(name, self._meter.create_counter).add(amount, facts)

    def gauge(self, name: str, value: float, **facts: Fact) -> None:
        self._instrument(name, self._meter.create_gauge).set(value, facts)

    def vendor_call(self, seen: Observed, *, connection: str) -> None:
        """A span that ended just now, under the one that is current in this thread; and its metrics.

        The names of HTTP's own attributes are not used: from them the exporter makes a name of method and path.
        """
        from opentelemetry.trace import SpanKind

        end = time.time_ns()
        facts: dict[str, Fact] = {
            "method": seen.method,
            "status": seen.status,
            "system": seen.system,
            "connection": connection,
            "purpose": seen.purpose,
        }
        span = self._tracer.start_span(
            f"{seen.system} {seen.purpose}",
            kind=SpanKind.CLIENT,
            attributes=facts,
            start_time=end - int(seen.seconds * 1e9),
        )
        if answer(seen.status) in {"lost", "5xx", "throttled"}:
            span.set_status(_error_status(answer(seen.status)))
        span.end(end)
        labels: dict[str, Fact] = {"connection": connection, "system": seen.system, "purpose": seen.purpose}
        self.count(VENDOR_CALLS, 1, answer=answer(seen.status), **labels)
        self._instrument(VENDOR_SECONDS, self._meter.create_histogram).record(seen.seconds, labels)

    def flush(self) -> None:
        ends = time.monotonic() + _FLUSH_SECONDS
        for provider in self._providers.values():
            with contextlib.suppress(Exception):  # telemetry never stops the work
                provider.force_flush(max(1, int((ends - time.monotonic()) * 1000)))

    def close(self) -> None:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self._handler)
        for provider in self._providers.values():
            with contextlib.suppress(Exception):
                provider.shutdown()

    def _instrument(self, name: str, make: Callable[[str], Any]) -> Any:
        if name not in self._instruments:
            self._instruments[name] = make(name)
        return self._instruments[name]


def answer(status: int) -> str:
    """A status as a label with few values."""
    if status == 0:
        return "lost"
    return "throttled" if status == _THROTTLED else f"{status // 100}xx"


def _context(parent: str) -> Context | None:
    """The context of a traceparent; None (the current one) for ""."""
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def _error_status(what: str) -> Any:
    from opentelemetry.trace import Status, StatusCode

    return Status(StatusCode.ERROR, what)


def _providers(place: Place) -> Mapping[str, Any]:
    """The three pipelines. The exporter's calls home about itself are switched off."""
    os.environ.setdefault("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    os.environ.setdefault("APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED", "true")
    from azure.monitor.opentelemetry.exporter import (
        ApplicationInsightsSampler,
        AzureMonitorLogExporter,
        AzureMonitorMetricExporter,
        AzureMonitorTraceExporter,
    )
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource({"service.name": place.role, "service.instance.id": place.instance})
    to: dict[str, Any] = {"connection_string": place.connection_string, "disable_offline_storage": True}
    if place.credential is not None:
        to["credential"] = place.credential
    sampler = ApplicationInsightsSampler(place.share)  # by the trace's id, so that a trace is kept whole or not at all
    traces = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=True)
    traces.add_span_processor(BatchSpanProcessor(AzureMonitorTraceExporter(**to)))
    logs = LoggerProvider(resource=resource, shutdown_on_exit=True)
    logs.add_log_record_processor(BatchLogRecordProcessor(AzureMonitorLogExporter(**to)))
    metrics = MeterProvider([PeriodicExportingMetricReader(AzureMonitorMetricExporter(**to))], resource=resource)
    return {"traces": traces, "logs": logs, "metrics": metrics}
