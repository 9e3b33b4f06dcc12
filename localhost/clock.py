"""What time it is for timers: real time plus an offset that a file can change while the host runs."""

import datetime as dt
import json
import threading
import time
from pathlib import Path

from localhost.logs import Logs

_REREAD = 0.25  # seconds between looks at the file


class Clock:
    """UTC. The file holds ``{"offset": seconds}``; while it is missing or unreadable the last offset stays."""

    def __init__(self, file: Path | None, logs: Logs) -> None:
        self._file = file
        self._logs = logs
        self._lock = threading.Lock()
        self._offset = 0.0
        self._read_at = float("-inf")
        self._complained = ""

    def now(self) -> dt.datetime:
        """The current time."""
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self._current_offset())

    def _current_offset(self) -> float:
        if self._file is None:
            return 0.0
        with self._lock:
            if time.monotonic() - self._read_at >= _REREAD:
                self._read_at = time.monotonic()
                self._read(self._file)
            return self._offset

    def _read(self, file: Path) -> None:
        try:
            self._offset = float(json.loads(file.read_text(encoding="utf-8"))["offset"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError) as error:
            problem = f'The clock file {file} is not {{"offset": seconds}} ({error}); the last offset stays.'
            if problem != self._complained:
                self._logs.warning(problem)
            self._complained = problem
