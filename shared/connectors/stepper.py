"""Runs the steps of a connection check: each ends passed, failed with a next step, or skipped with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from shared.errors import ConfigError, Rejected, SyncError, Throttled, Transient
from shared.ports.connector import CheckState, CheckStep

_SKEW_SECONDS = 60.0
_LATER = "Nothing to correct: try the check again in a minute."


def clock_skew(told: datetime | None, now: datetime) -> str:
    """How far our clock is from a server's. Raises ConfigError beyond a minute."""
    if told is None:
        return "the server does not tell its time"
    skew = abs((now - told).total_seconds())
    if skew > _SKEW_SECONDS:
        raise ConfigError(
            f"the clock here is {skew:.0f} seconds away from the server's",
            code="clock_skew",
            next_step="Correct the clock of the machine this runs on. Changes are read by the server's own time, so "
            "nothing is lost meanwhile.",
        )
    return f"{skew:.0f} seconds apart"


class NotTold(Exception):
    """A step could not find out; nothing is wrong that is known. `next_step` says how to let it."""

    def __init__(self, reason: str, next_step: str) -> None:
        super().__init__(reason)
        self.next_step = next_step


class Stepper:
    """Remembers which steps did not pass, so that those that need them are skipped."""

    def __init__(self) -> None:
        self._not_passed: set[str] = set()

    def passed(self, name: str, reason: str) -> CheckStep:
        return CheckStep(name=name, state=CheckState.PASSED, reason=reason)

    def run(
        self, name: str, action: Callable[[], str], *, needs: Sequence[str] = (), optional: bool = False
    ) -> CheckStep:
        """Runs one step. `action` answers what it found. With `optional` its failure is told as skipped."""
        missing = [need for need in needs if need in self._not_passed]
        if missing:
            self._not_passed.add(name)
            return self._skipped(name, f"it needs the step {missing[0]}", "Correct that step first.")
        try:
            return self.passed(name, action())
        except NotTold as unknown:
            return self._skipped(name, str(unknown), unknown.next_step)
        except Rejected as error:
            self._not_passed.add(name)
            if error.code == "unknown_kind":
                return self._skipped(name, str(error), error.next_step)
            return self._failed(name, error)
        except SyncError as error:
            self._not_passed.add(name)
            return self._skipped(name, str(error), error.next_step) if optional else self._failed(name, error)

    def _failed(self, name: str, error: SyncError) -> CheckStep:
        later = isinstance(error, Transient | Throttled)
        return CheckStep(
            name=name,
            state=CheckState.FAILED,
            reason=str(error),
            next_step=_LATER if later else error.next_step or "Correct this, then run the check again.",
            code=error.code,
        )

    def _skipped(self, name: str, reason: str, next_step: str) -> CheckStep:
        return CheckStep(name=name, state=CheckState.SKIPPED, reason=reason, next_step=next_step)
