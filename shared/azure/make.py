"""Makes the Azure side of the ports from the app settings, each when it is wanted: imports are cold start."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.azure.sealed import Sealer
from shared.config import Settings
from shared.ports.ambient import Clock, IdSource
from shared.ports.state import PartitionStore
from shared.ports.telemetry import NoTelemetry, Telemetry

if TYPE_CHECKING:
    from shared.azure.credential import ManagedIdentity
    from shared.azure.secrets import TableSecrets
    from shared.azure.tables import Tables
    from shared.azure.vault import VaultSecrets

type Identity = Callable[[], ManagedIdentity]


def make_identity(settings: Settings) -> ManagedIdentity:
    from shared.azure.credential import ManagedIdentity

    return ManagedIdentity(settings.identity_client)


def make_tables(settings: Settings, clock: Clock, identity: Identity) -> Tables:
    """By connection string where there is one, else as the identity."""
    from shared.azure.tables import Tables

    if settings.storage:
        return Tables.by_connection_string(settings.storage, clock, prefix=settings.tables)
    return Tables.by_credential(settings.table_endpoint, identity(), clock, prefix=settings.tables)


def make_secrets(
    settings: Settings, clock: Clock, identity: Identity, store: Callable[[], PartitionStore]
) -> TableSecrets | VaultSecrets:
    """In the vault that the settings name, else sealed in a table."""
    if settings.vault:
        from shared.azure.vault import VaultSecrets

        return VaultSecrets.by_credential(settings.vault, identity(), clock.monotonic)
    from shared.azure.secrets import TableSecrets

    return TableSecrets(store(), Sealer(settings.state_key, "connection secrets"))


def make_telemetry(settings: Settings, ids: IdSource, identity: Identity) -> Telemetry:
    """To the component that the settings name, else to nowhere."""
    if not settings.insights:
        return NoTelemetry()
    from shared.azure.telemetry import AzureTelemetry, Place

    return AzureTelemetry(
        Place(
            connection_string=settings.insights,
            role=settings.site,
            instance=settings.instance or ids.new_id(),
            share=settings.trace_share,
            credential=identity() if settings.insights_identity else None,
        )
    )
