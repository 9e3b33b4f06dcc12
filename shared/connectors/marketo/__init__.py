"""Marketo Engage, through its REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.connectors.marketo.settings import SETTINGS, parse_settings

if TYPE_CHECKING:
    from shared.connectors.surroundings import Surroundings
    from shared.ports.connector import Connector

__all__ = ["SETTINGS", "build"]


def build(settings: Mapping[str, object], surroundings: Surroundings) -> Connector:
    """The connector of one subscription. Raises ConfigError for a wrong setting; calls nobody."""
    from shared.connectors.marketo.connector import MarketoConnector

    return MarketoConnector(parse_settings(settings, surroundings.trusted_hosts), surroundings)
