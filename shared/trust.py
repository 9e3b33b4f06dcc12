"""Wires what looks after people's data: conflicts, the activity log, clean-up, erasure, revert.

Stands beside `shared.bootstrap` and, like it, knows both sides of every port; each function takes the application.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.azure.sealed import Sealer
from shared.domain.connection import ConnectionConfig
from shared.domain.schedule import parse_rhythm

if TYPE_CHECKING:
    from shared.azure.audit import TableAudit
    from shared.bootstrap import Application
    from shared.domain.records import FieldState
    from shared.manage.deciding import Deciding

APP = "app"
"""The audit log of the installation itself."""


def audit(app: Application, connection_id: str) -> TableAudit:
    from shared.azure.audit import TableAudit

    return TableAudit(app.store("audit"), connection_id)


def note(
    app: Application, connection_id: str, actor: str, action: str, details: Mapping[str, str] | None = None
) -> None:
    """Writes one line of the activity log: who did what, never to which value."""
    from shared.ports.journal import AuditEntry

    entry = AuditEntry(
        id=app.ids.new_id(),
        at=app.clock.now(),
        actor=actor,
        action=action,
        target=connection_id,
        details=dict(details or {}),
    )
    audit(app, connection_id).append(entry)


def deciding(app: Application, connection: ConnectionConfig) -> Deciding:
    from shared.azure.conflicts import TableConflicts
    from shared.azure.values import unpack_value
    from shared.manage.deciding import Deciding

    sealer = Sealer(app.settings.state_key, "conflict values")

    def open_value(sealed: bytes, place: str) -> FieldState:
        return unpack_value(sealer.open(sealed, bound=place))

    return Deciding(
        store=TableConflicts(app.store("conflicts"), connection.id),
        lane=app.lane(connection.id),
        clock=app.clock,
        when=parse_rhythm(connection.rhythm).round_up(app.clock.now()),
        open_value=open_value,
    )
