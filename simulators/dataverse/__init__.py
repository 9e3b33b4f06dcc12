"""A simulated Dataverse organisation with its token endpoint."""

from __future__ import annotations

from simulators.frame import Clock, System


def build(clock: Clock) -> dict[str, System]:
    """Return the organisation and its companion `entra`, sharing one clock."""
    from simulators.dataverse.service import DataverseSystem

    return {"dataverse": DataverseSystem(clock)}
