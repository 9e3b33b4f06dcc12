"""Marketo Engage, through its REST API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shared.connectors.marketo.settings import SETTINGS, parse_settings

if TYPE_CHECKING:
    from shared.connectors.surroundings import Surroundings
    from shared.ports.connector import Connector
    from shared.ports.flow import FlowPartner

__all__ = ["SETTINGS", "build", "build_flow"]


def build(settings: Mapping[str, object], surroundings: Surroundings) -> Connector:
    """The connector of one subscription. Raises ConfigError for a wrong setting; calls nobody."""
    from shared.connectors.marketo.connector import MarketoConnector

    return MarketoConnector(parse_settings(settings, surroundings.trusted_hosts), surroundings)


def build_flow(
    settings: Mapping[str, object], surroundings: Surroundings, *, connection: str, kinds: Sequence[str]
) -> FlowPartner:
    """Marketo's side of flow steps. Raises ConfigError for a wrong setting; calls nobody."""
    from shared.connectors.marketo.flow.partner import MarketoFlow

    clock = surroundings.runtime.clock
    return MarketoFlow(
        parse_settings(settings, surroundings.trusted_hosts),
        connection=connection,
        connector=lambda: build(settings, surroundings),
        kinds=kinds,
        trusted=surroundings.trusted_hosts,
        runtime=surroundings.runtime,
        now=clock.now,
    )
