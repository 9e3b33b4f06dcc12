"""Microsoft Dynamics 365 and any other Dataverse environment, through the Web API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.connectors.dynamics.settings import SETTINGS, parse_settings

if TYPE_CHECKING:
    from shared.connectors.surroundings import Surroundings
    from shared.ports.connector import Connector

__all__ = ["SETTINGS", "build"]


def build(settings: Mapping[str, object], surroundings: Surroundings) -> Connector:
    """The connector of one environment. Raises ConfigError for a wrong setting; calls nobody."""
    from shared.connectors.dynamics.connector import DynamicsConnector

    return DynamicsConnector(parse_settings(settings, surroundings.trusted_hosts), surroundings)
