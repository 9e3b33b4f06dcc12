"""What the minute timer tells of each connection, for alerts and the workbook."""

from __future__ import annotations

import logging
from datetime import datetime

from shared.domain.connection import ConnectionConfig
from shared.domain.schedule import intervals_late, parse_rhythm
from shared.manage.expiry import Ending
from shared.ports.telemetry import BROKEN, DAYS_LEFT, INTERVALS_LATE, Telemetry
from shared.state.model import LaneView

_log = logging.getLogger("dynasync.watch")


def tell_lane(telemetry: Telemetry, config: ConnectionConfig, lane: LaneView, now: datetime) -> None:
    """Whether the connection waits for a person, and by how many of its intervals it is overdue."""
    facts = lane.facts
    ended = facts.get("last_end")
    overdue = intervals_late(
        parse_rhythm(config.rhythm),
        last_slot=str(facts.get("last_slot", "")),
        last_end=datetime.fromisoformat(ended) if isinstance(ended, str) else None,
        now=now,
    )
    telemetry.gauge(BROKEN, 1 if facts.get("broken") else 0, connection=config.id, system=config.system)
    telemetry.gauge(INTERVALS_LATE, overdue, connection=config.id, system=config.system)


def tell_ending(telemetry: Telemetry, ending: Ending, now: datetime) -> None:
    """How many days a secret lasts; a warning from 30 days before its end."""
    days = ending.days_left(now)
    telemetry.gauge(DAYS_LEFT, days, connection=ending.connection, secret=ending.setting)
    if ending.near(now):
        _log.warning("secret_ends_soon connection=%s secret=%s days=%d", ending.connection, ending.setting, days)
