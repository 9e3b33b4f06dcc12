"""How long an idle queue listener waits: the WebJobs SDK's randomised exponential back-off."""

import random

MINIMUM = 0.1  # seconds
_SPREAD = 0.2


class Backoff:
    """Delays from 100 ms up to ``maximum`` seconds, each about twice the last one, all varied by a fifth."""

    def __init__(self, maximum: float, rng: random.Random) -> None:
        self._maximum = max(maximum, MINIMUM)
        self._rng = rng
        self._exponent = 0

    def reset(self) -> None:
        """Something was found: the next delay is the shortest."""
        self._exponent = 0

    def next_delay(self) -> float:
        """The delay before the next look, in seconds."""
        self._exponent += 1
        if self._exponent == 1:
            return MINIMUM
        growth = (2.0 ** min(self._exponent - 1, 40) - 1) * MINIMUM
        varied = growth * self._rng.uniform(1 - _SPREAD, 1 + _SPREAD)
        return min(MINIMUM + varied, self._maximum)
