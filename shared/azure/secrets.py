"""Secrets of connections. In Azure they live in Key Vault; on the local host, sealed in a table."""

from __future__ import annotations

from shared.azure.sealed import Sealer
from shared.errors import ConfigError
from shared.ports.state import PartitionStore, Put, Remove

_PARTITION = "secrets"


class TableSecrets:
    """Secrets sealed under the state key, one row each. Written, replaced and read by name; never listed."""

    def __init__(self, store: PartitionStore, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    def put(self, name: str, value: str) -> None:
        """Stores or replaces a secret; the newest value is read at once by everyone."""
        sealed = self._sealer.seal(value.encode(), bound=name)
        self._store.transact(_PARTITION, [Put(name, {"sealed": sealed})])

    def remove(self, name: str) -> None:
        """Succeeds when there is none."""
        self._store.transact(_PARTITION, [Remove(name)])

    def secret(self, name: str) -> str:
        row = self._store.get(_PARTITION, name)
        sealed = row.cells.get("sealed") if row is not None else None
        if not isinstance(sealed, bytes):
            raise ConfigError(
                f"the secret {name} was never stored",
                setting=name,
                next_step="Enter the secret again on the connection.",
            )
        try:
            return self._sealer.open(sealed, bound=name).decode()
        except ValueError:
            raise ConfigError(
                f"the secret {name} cannot be opened with this DYNASYNC_STATE_KEY",
                setting="DYNASYNC_STATE_KEY",
                next_step="Put the old key back, or enter the secret again on the connection.",
            ) from None
