"""What an account allows, and how much of it is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CALLS, PERCENT = "limit_calls", "limit_percent"
"""Settings of every side: an account may have been granted more than the vendor's usual limit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`calls` in any `seconds` that the vendor allows all clients of an account together, and the percent of them that
    is ours unless a setting says otherwise."""

    calls: int
    seconds: float
    percent: int = 80

    def share(self, settings: Mapping[str, object]) -> tuple[int, float]:
        """Calls and seconds that are ours by the side's settings; at least one call."""
        calls, percent = settings.get(CALLS), settings.get(PERCENT)
        allowed = calls if isinstance(calls, int) else self.calls
        ours = percent if isinstance(percent, int) else self.percent
        return max(1, allowed * ours // 100), self.seconds
