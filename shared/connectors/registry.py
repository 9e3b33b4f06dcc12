"""Systems by name. A connector's code is imported only when a connection of its system is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from shared.errors import ConfigError

if TYPE_CHECKING:
    from shared.connectors.extensions import Extension
    from shared.connectors.surroundings import SettingSpec, Surroundings
    from shared.ports.connector import Connector
    from shared.ports.flow import FlowPartner

CRM = "dynamics"

PACKAGES: Mapping[str, str] = {
    CRM: "shared.connectors.dynamics",
    "activecampaign": "shared.connectors.activecampaign",
    "marketo": "shared.connectors.marketo",
}
"""Each package has `build(settings, surroundings) -> Connector` and `SETTINGS`, and imports nothing else until then."""


def systems() -> tuple[str, ...]:
    """The systems a Dynamics environment can be paired with."""
    return tuple(name for name in PACKAGES if name != CRM)


def build(system: str, settings: Mapping[str, object], surroundings: Surroundings) -> Connector:
    """One side's connector. Raises ConfigError for an unknown system or a wrong setting; calls nobody."""
    connector: Connector = import_module(_package(system)).build(settings, surroundings)
    return connector


def build_flow(
    system: str, settings: Mapping[str, object], surroundings: Surroundings, *, connection: str, kinds: Sequence[str]
) -> FlowPartner | None:
    """A partner system's side of flow steps; None for one that has none. Raises ConfigError for a wrong setting."""
    make = getattr(import_module(_package(system)), "build_flow", None)
    if make is None:
        return None
    found: FlowPartner = make(settings, surroundings, connection=connection, kinds=kinds)
    return found


def settings_of(system: str) -> tuple[SettingSpec, ...]:
    """The settings one side of a connection has for this system."""
    specs: tuple[SettingSpec, ...] = import_module(_package(system)).SETTINGS
    return specs


def defaults_of(system: str) -> Any:
    """The module that says what a new connection of this system starts with (maps, rhythm, options, rates)."""
    return import_module(f"{_package(system)}.defaults")


def extensions_of(system: str) -> tuple[Extension, ...]:
    """What only this system has."""
    found: tuple[Extension, ...] = getattr(defaults_of(system), "EXTENSIONS", ())
    return found


def runs_on_request(system: str, settings: Mapping[str, object]) -> bool:
    """Whether a run may be asked for outside the rhythm of a connection with these settings of the partner's side.

    `ON_REQUEST` of a system's defaults says so: True or False for all of its connections, or, where it is a matter of
    the mode, a setting with the values that mean yes. What is not set has the setting's default.
    """
    rule: bool | tuple[str, Sequence[str]] = getattr(defaults_of(system), "ON_REQUEST", False)
    if isinstance(rule, bool):
        return rule
    name, modes = rule
    default = next((spec.default for spec in settings_of(system) if spec.name == name), None)
    return settings.get(name, default) in modes


def _package(system: str) -> str:
    package = PACKAGES.get(system)
    if package is None:
        raise ConfigError(
            f"there is no system named {system!r}", setting="system", next_step="Use one of: " + ", ".join(PACKAGES)
        )
    return package
