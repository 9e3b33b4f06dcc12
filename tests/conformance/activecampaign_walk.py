"""What the ActiveCampaign walks share. Standard library only: it runs under each client's own interpreter."""

from __future__ import annotations

import os
from typing import Any

from walking import Walk

KEY = os.environ.get("SIM_KEY", "simulated-activecampaign-key")
_walk = Walk("activecampaign")
BASE, control, step = _walk.base, _walk.control, _walk.step


def contact_state(contact_id: Any) -> dict[str, Any]:
    """A contact as the vendor holds it."""
    found: dict[str, Any] = control("GET", f"state?kind=contacts&ids={contact_id}")["contacts"][0]
    return found


def run() -> None:
    """Run all steps on an account without a rate limit; the step that meets one sets it."""
    control("POST", "switches", {"requests_per_second": 0})
    _walk.run()
