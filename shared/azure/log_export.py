"""Log lines to Application Insights. Of an error nobody foresaw: its type and place, never its words, which may hold
what a record held."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType
from typing import Any, Final

_OWN: Final = frozenset(vars(logging.makeLogRecord({})))
_SEVERITY: Final = {logging.DEBUG: 5, logging.INFO: 9, logging.WARNING: 13, logging.ERROR: 17, logging.CRITICAL: 21}


class LogExport(logging.Handler):
    """Hands records on to an OpenTelemetry logger. `extra` fields become properties when they are plain values."""

    def __init__(self, logger: Any) -> None:
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._emit(record)
        except Exception:
            self.handleError(record)

    def _emit(self, record: logging.LogRecord) -> None:
        from opentelemetry._logs import SeverityNumber

        facts: dict[str, object] = {
            name: value
            for name, value in vars(record).items()
            if name not in _OWN and isinstance(value, str | int | float | bool)
        }
        facts["logger"] = record.name
        if record.exc_info and record.exc_info[0] is not None:
            facts.update(_problem(record.exc_info[0], record.exc_info[2]))
        self._logger.emit(
            timestamp=int(record.created * 1e9),
            severity_number=SeverityNumber(_SEVERITY.get(record.levelno, 9)),
            severity_text=record.levelname,
            body=record.getMessage(),
            attributes=facts,
        )


def _problem(kind: type[BaseException], trace: TracebackType | None) -> dict[str, object]:
    frames = traceback.extract_tb(trace)
    last = frames[-1] if frames else None
    place = f"{last.name} ({last.filename.rpartition('/')[2]}:{last.lineno})" if last else "unknown"
    return {
        "exception.type": kind.__name__,
        "exception.message": "withheld; see type and place",
        "exception.stacktrace": "".join(traceback.format_list(frames)),
        "place": place,
    }
