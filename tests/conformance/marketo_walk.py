"""What the Marketo walks in Python share. Standard library only: it runs under each client's own interpreter."""

from __future__ import annotations

from typing import Any

from walking import Walk

CLIENT, SECRET = "simulated-marketo-client", "simulated-marketo-secret"
_walk = Walk("marketo")
BASE, control, step, run = _walk.base, _walk.control, _walk.step, _walk.run


def values(lead: int) -> dict[str, Any]:
    """What the vendor holds of a lead; empty when it holds none."""
    found = control("GET", f"state?kind=leads&ids={lead}")["leads"]
    return found[0]["values"] if found else {}
