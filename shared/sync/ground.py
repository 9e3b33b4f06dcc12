"""Whether the accounts that answer are still those a connection was made for."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.connection import ConnectionConfig
from shared.domain.records import Side
from shared.errors import GuardTripped
from shared.ports.connector import Connector


def same_ground(connection: ConnectionConfig, connectors: Mapping[Side, Connector]) -> None:
    """Raises GuardTripped (`changed_ground`): a copied or restored environment, or another account behind the same
    address, must not be written to."""
    for side, confirmed in ((Side.CRM, connection.crm_identity), (Side.PARTNER, connection.partner_identity)):
        if confirmed and connectors[side].identity() != confirmed:
            raise GuardTripped(
                f"another account answers on the {side.value} side than the one this connection was made for",
                code="changed_ground",
                next_step="If it is a copy or a restored environment, make a new connection for it. If it is meant to "
                "take the old one's place, confirm it on the connection; everything is compared again then.",
            )
