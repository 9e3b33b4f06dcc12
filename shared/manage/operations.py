"""What an operator asks of a running connection: run now, start anew, go on, confirm another ground."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.connection import ConnectionConfig, Switch
from shared.manage.connections import Connections, Refused
from shared.ports.ambient import Clock
from shared.ports.journal import StoredConnection
from shared.state.model import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """`due` answers when a connection's next run may start, from its lane's facts. `lifted`: the app setting that
    allows runs outside the schedule is set."""

    connections: Connections
    clock: Clock
    due: Callable[[ConnectionConfig, Mapping[str, object], datetime], datetime]
    lifted: bool

    def next_run(self, config: ConnectionConfig) -> datetime:
        """When the next scheduled run starts; in the past when it is due."""
        lane = self.connections.systems.lane(config.id).peek()
        return self.due(config, lane.facts, self.clock.now())

    def on_request(self, config: ConnectionConfig) -> bool:
        """Whether a run may be asked for now."""
        return self.lifted or self.connections.systems.runs_on_request(config)

    def sync_now(self, connection_id: str) -> None:
        """Asks for a run at once. Raises Refused (`sync_now_refused`) where the partner's own rules know none."""
        config = self._on(connection_id)
        if not self.on_request(config):
            when = self.next_run(config)
            raise Refused(
                f"{self.connections.systems.title(config.system)} syncs on schedule only; the next run starts at "
                f"{when.isoformat(timespec='seconds')}",
                code="sync_now_refused",
                next_step="Wait for that run. Retries and decisions join it too.",
            ).with_facts(nextRun=when.isoformat(timespec="seconds"))
        self._tell(config.id, "sync_now")

    def start_anew(self, connection_id: str, *, repeat: bool) -> None:
        """Runs the initial sync once more: everything is read and compared, differences are written.

        Raises Refused (`initial_done`) unless the caller says on purpose that it is a repetition.
        """
        config = self._on(connection_id)
        lane = self.connections.systems.lane(config.id).peek()
        if lane.facts.get("initial_done") and not repeat:
            raise Refused(
                "the initial sync of this connection has been run",
                code="initial_done",
                next_step='Send {"repeat": true} to run it once more: everything is read again, and what differs is '
                "written.",
            )
        self._tell(config.id, "initial")

    def resume(self, connection_id: str, *, release_guard: bool) -> None:
        """Lets a connection that stopped go on; the guard against mass deletes is released for one run if asked."""
        config = self.connections.get(connection_id).config
        self._tell(config.id, "release_guard" if release_guard else "resume")

    def confirm_ground(self, connection_id: str) -> StoredConnection:
        """Takes the accounts that answer now for the connection's own. Everything is compared again, nothing is
        written on the strength of what was agreed with the others.

        Ids of the other accounts may name anybody here: who was linked, who counts as made by the connection, and what
        was kept to take runs back are forgotten first. People meet by their addresses, as in the initial sync.
        """
        found = self.connections.get(connection_id)
        config = self.connections.with_identities(found.config)
        if (config.crm_identity, config.partner_identity) != (found.config.crm_identity, found.config.partner_identity):
            self.connections.systems.leave_ground(connection_id)
        stored = self.connections.store.update(config, found.etag)
        self._tell(config.id, "resume")
        return stored

    def renew_hooks(self, connection_id: str) -> StoredConnection:
        """Renews the key of the addresses that other systems call; the one before it opens until the next renewal."""
        found = self.connections.get(connection_id)
        config = replace(found.config, hook_generation=found.config.hook_generation + 1)
        return self.connections.store.update(config, found.etag)

    def _on(self, connection_id: str) -> ConnectionConfig:
        config = self.connections.get(connection_id).config
        if config.switch is not Switch.ON:
            raise Refused(
                f"connection {connection_id} is switched off",
                code="connection_off",
                next_step="Switch it on first.",
            )
        return config

    def _tell(self, connection_id: str, op: str) -> None:
        self.connections.systems.lane(connection_id).put_command(Command(key=op, op=op))
