"""A simulated Dataverse organisation with its token endpoint."""

from __future__ import annotations

from simulators.frame import Clock, System


def build(clock: Clock) -> dict[str, System]:
    """Return the organisation and its companion `entra`, sharing clock and applications."""
    from simulators.dataverse.entra import EntraSystem
    from simulators.dataverse.service import DataverseSystem
    from simulators.dataverse.tokens import TokenAuthority

    authority = TokenAuthority()
    return {"dataverse": DataverseSystem(clock, authority=authority), "entra": EntraSystem(authority, clock)}
