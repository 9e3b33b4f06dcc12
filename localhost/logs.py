"""What the host and the functions say: kept in memory for tests, written to a stream for people."""

import datetime as dt
import sys
import threading
from collections import deque
from collections.abc import Mapping

LEVELS = ("trace", "debug", "information", "warning", "error", "critical", "none")


class Logs:
    """A thread-safe log with the real host's levels and categories.

    ``levels`` is host.json's ``logging.logLevel``: a category, or a prefix of one up to a dot, and its lowest level.
    With ``echo`` every line also goes to standard error.
    """

    def __init__(self, levels: Mapping[str, str] | None = None, *, echo: bool = False, keep: int = 20_000) -> None:
        self._levels = {name.lower(): level.lower() for name, level in (levels or {}).items()}
        self._lines: deque[str] = deque(maxlen=keep)
        self._lock = threading.Lock()
        self._echo = echo

    def write(self, level: str, category: str, message: str, invocation_id: str = "") -> None:
        """Take one entry, if its category's level lets it through."""
        if LEVELS.index(level) < LEVELS.index(self._lowest(category)):
            return
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        marker = f" [{invocation_id}]" if invocation_id else ""
        line = f"[{now}Z] {level:<11} {category}{marker} {message}"
        with self._lock:
            self._lines.append(line)
            if self._echo:
                print(line, file=sys.stderr, flush=True)

    def info(self, message: str, category: str = "Host") -> None:
        """One line at level information."""
        self.write("information", category, message)

    def warning(self, message: str, category: str = "Host") -> None:
        """One line at level warning."""
        self.write("warning", category, message)

    def error(self, message: str, category: str = "Host") -> None:
        """One line at level error."""
        self.write("error", category, message)

    def lines(self) -> list[str]:
        """Everything kept so far, oldest first."""
        with self._lock:
            return list(self._lines)

    def _lowest(self, category: str) -> str:
        parts = category.lower().split(".")
        for end in range(len(parts), 0, -1):
            level = self._levels.get(".".join(parts[:end]))
            if level in LEVELS:
                return level
        default = self._levels.get("default", "information")
        return default if default in LEVELS else "information"
