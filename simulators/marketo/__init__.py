"""A simulated Marketo Engage subscription: identity, lead database, activities and bulk jobs over REST."""

from __future__ import annotations

from simulators.frame.clock import Clock
from simulators.frame.system import System
from simulators.marketo.identity import DEFAULT_CLIENT, DEFAULT_SECRET
from simulators.marketo.switches import SWITCHES
from simulators.marketo.system import Marketo

__all__ = ["DEFAULT_CLIENT", "DEFAULT_SECRET", "SWITCHES", "Marketo", "build"]


def build(clock: Clock) -> dict[str, System]:
    """The systems of this package by name, for `python -m simulators`."""
    return {"marketo": Marketo(clock)}
