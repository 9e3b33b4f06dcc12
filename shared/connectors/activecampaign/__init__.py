"""ActiveCampaign, through its API version 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.connectors.activecampaign.settings import SETTINGS, parse_settings

if TYPE_CHECKING:
    from shared.connectors.surroundings import Surroundings
    from shared.ports.connector import Connector

__all__ = ["SETTINGS", "build"]


def build(settings: Mapping[str, object], surroundings: Surroundings) -> Connector:
    """The connector of one account. Raises ConfigError for a wrong setting; calls nobody."""
    from shared.connectors.activecampaign.connector import ActiveCampaignConnector

    return ActiveCampaignConnector(parse_settings(settings, surroundings.trusted_hosts), surroundings)
