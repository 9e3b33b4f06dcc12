"""What is told of a call to a vendor: enough to count and time it, nothing of its contents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One try as an observer sees it: no address, no header, no body. `status` 0: no answer came."""

    system: str
    purpose: str
    method: str
    status: int
    sent_bytes: int
    received_bytes: int
    seconds: float
