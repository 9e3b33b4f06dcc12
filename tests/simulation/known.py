"""Histories that still fail, with what the oracle says of each: an open bug of the engine, not a pardon.

`test_simulation.py` leaves them out of its range and replays each of them: one that no longer fails must be taken off.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KNOWN: Mapping[tuple[int, int], str] = MappingProxyType({})
"""(seed, number) of a short history to words of its finding."""
