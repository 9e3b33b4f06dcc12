"""What the administrators' use cases need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.domain.connection import ConnectionConfig
from shared.ports.connector import Connector
from shared.state.lane import LaneStore


class WritableSecrets(Protocol):
    """Secrets by name: written here, read only by connectors."""

    def put(self, name: str, value: str) -> None: ...

    def remove(self, name: str) -> None:
        """Succeeds when there is none."""
        ...


class Systems(Protocol):
    """The systems this installation knows, and their defaults."""

    def title(self, system: str) -> str:
        """Raises ConfigError for a system there is not."""
        ...

    def secret_settings(self, system: str) -> Sequence[str]:
        """The settings of a system ("" for Dynamics) that name a secret."""
        ...

    def secret(self, name: str) -> str:
        """A stored secret. Raises ConfigError when there is none or it does not open; the value goes nowhere."""
        ...

    def crm(self, config: ConnectionConfig) -> Connector:
        """Raises ConfigError naming a wrong setting; calls nobody."""
        ...

    def partner(self, config: ConnectionConfig) -> Connector: ...

    def default_entities(self, system: str) -> Sequence[Mapping[str, object]]: ...

    def default_rhythm(self, system: str) -> Mapping[str, object]: ...

    def rhythm_kinds(self, system: str) -> Sequence[str]:
        """The kinds of rhythm that the system's own integration knows; there are no others for it."""
        ...

    def runs_on_request(self, config: ConnectionConfig) -> bool:
        """Whether a run may be asked for outside the rhythm, by the rules of the system and of its mode."""
        ...

    def vendor_apps(self, config: ConnectionConfig) -> Sequence[str]:
        """What is installed in the Dynamics environment of the vendor's own integration for the same data.

        Raises AuthError when the application user may not look.
        """
        ...

    def lane(self, connection_id: str) -> LaneStore: ...

    def forget(self, connection_id: str) -> None:
        """Drops what is kept beside the lane of a connection that is to go: runs, failures, sealed values, requests,
        long pieces of work. The activity log stays. Repeating it changes nothing."""
        ...

    def leave_ground(self, connection_id: str) -> None:
        """Drops all that names records of the accounts a connection had before: its lane, failures, requests, sealed
        values. Runs and the activity log stay. Repeating it changes nothing."""
        ...
