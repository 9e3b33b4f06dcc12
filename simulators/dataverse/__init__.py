"""A simulated Dataverse organisation with its token endpoint."""

from __future__ import annotations

from typing import Any

from simulators.frame import Clock, System


def build(clock: Clock) -> dict[str, System]:
    """Return the organisation and its companion `entra`, sharing clock and applications."""
    from simulators.dataverse.entra import EntraSystem
    from simulators.dataverse.service import DataverseSystem
    from simulators.dataverse.tokens import TokenAuthority

    authority = TokenAuthority()
    return {"dataverse": DataverseSystem(clock, authority=authority), "entra": EntraSystem(authority, clock)}


def __getattr__(name: str) -> Any:
    """`SWITCHES`, for the documentation: those of all modules, gathered when asked for."""
    if name == "SWITCHES":
        from simulators.dataverse.service import DataverseSystem

        return tuple(DataverseSystem().switches.declared())
    raise AttributeError(name)
