"""What is kept beside the lane state: connections, and the record of what happened to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.connection import ConnectionConfig


class AlreadyThere(Exception):
    """A connection with the same environment, account and kind exists; `id` names it."""

    def __init__(self, connection_id: str) -> None:
        super().__init__(f"connection {connection_id} joins the same environment and account")
        self.id = connection_id


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """A connection and the version it was read with; `etag` is opaque."""

    config: ConnectionConfig
    etag: str


class ConnectionStore(Protocol):
    """The connections of this installation. Every method may raise Transient."""

    def create(self, config: ConnectionConfig, *, unique: str) -> StoredConnection:
        """Stores a new connection. `unique` is a digest of environment, account and kind: a second one with the same
        raises AlreadyThere, also when both are created at the same moment."""
        ...

    def get(self, connection_id: str) -> StoredConnection | None: ...

    def list(self) -> Sequence[StoredConnection]:
        """All connections, by id."""
        ...

    def update(self, config: ConnectionConfig, etag: str) -> StoredConnection:
        """Replaces a connection's settings while it still has `etag`; raises StaleRevision when it has not."""
        ...

    def delete(self, connection_id: str) -> None:
        """Removes the connection and frees its unique key; succeeds when it is already gone."""
        ...
