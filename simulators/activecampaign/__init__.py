"""A simulated ActiveCampaign account (API v3)."""

from __future__ import annotations

from simulators.activecampaign.switches import SWITCHES
from simulators.activecampaign.system import ActiveCampaign
from simulators.activecampaign.tenant import DEFAULT_KEY
from simulators.frame.clock import Clock
from simulators.frame.system import System

__all__ = ["DEFAULT_KEY", "SWITCHES", "ActiveCampaign", "build"]


def build(clock: Clock) -> dict[str, System]:
    """The systems of this package by name, for `python -m simulators`."""
    return {"activecampaign": ActiveCampaign(clock)}
