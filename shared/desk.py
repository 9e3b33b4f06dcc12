"""What outside callers and operators ask of the application: requests about records, operations, failing records.

Part of the application (`shared.bootstrap`), which hands it out as `desk`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared import trust
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.schedule import next_due, parse_rhythm

if TYPE_CHECKING:
    from shared.azure.requests import TableRequests
    from shared.bootstrap import Application
    from shared.manage.contact_requests import ContactRequests
    from shared.manage.enrolling import Enrolling
    from shared.manage.failing import Failing
    from shared.manage.operations import Operations
    from shared.ports.requests import ContactRequest
    from shared.state.model import LaneView


@dataclass(frozen=True, slots=True)
class Desk:
    """Builds the use cases of callers and operators."""

    app: Application

    def requests(self, connection_id: str) -> TableRequests:
        from shared.azure.requests import TableRequests

        return TableRequests(self.app.store("requests"), connection_id)

    def contact_requests(self, connection: ConnectionConfig) -> ContactRequests:
        from shared.manage.contact_requests import ContactRequests

        return ContactRequests(
            config=connection,
            store=self.requests(connection.id),
            systems=self.app,
            clock=self.app.clock,
            round_up=parse_rhythm(connection.rhythm).round_up,
            enrol=lambda request: self.enrolling(connection).attempt(request),
        )

    def enrolling(self, connection: ConnectionConfig) -> Enrolling:
        from shared.manage.enrolling import Enrolling

        return Enrolling(
            config=connection,
            store=self.requests(connection.id),
            lane=self.app.lane(connection.id),
            partner=lambda oldest: self.app.partner(connection, oldest=oldest),
            looking=lambda: trust.looking_up(self.app, connection),
            clock=self.app.clock,
            round_up=parse_rhythm(connection.rhythm).round_up,
        )

    def request_message(self, connection_id: str, request: ContactRequest) -> dict[str, str]:
        """What goes into the queue: ids only."""
        return {"connection": connection_id, "request": request.id, "traceparent": request.trace}

    def answered(self, connection: ConnectionConfig, codes: Mapping[str, str]) -> None:
        """Notes how requests ended, and tells it in the trace of the call that brought each."""
        log = logging.getLogger("dynasync.requests")
        for request in self.contact_requests(connection).answered(codes):
            log.info(
                "request_answered trace=%s connection=%s request=%s code=%s",
                request.trace[3:35] or "none",
                connection.id,
                request.id,
                request.code,
            )

    def due_requests(self) -> list[dict[str, str]]:
        """Messages for requests that were held and are free now, or whose message never came."""
        return [
            self.request_message(stored.config.id, request)
            for stored in self.app.each_connection()
            for request in self.contact_requests(stored.config).due_again()
        ]

    def forget_the_old(self) -> Iterator[tuple[str, dict[str, int]]]:
        """Removes what is older than its time, connection by connection and then of all together; answers how much of
        each."""
        from shared.azure.conflicts import TableConflicts
        from shared.manage.keeping import KEPT, older_than

        now = self.app.clock.now()
        for stored in self.app.each_connection():
            name = stored.config.id
            conflicts = TableConflicts(self.app.store("conflicts"), name)
            yield (
                name,
                {
                    "conflicts": older_than(now - KEPT["conflicts"], conflicts.expire),
                    "images": older_than(now - KEPT["images"], trust.images(self.app, name).delete_before),
                    "runs": older_than(now - KEPT["runs"], self.app.journal(name).delete_before),
                    "requests": older_than(now - KEPT["requests"], self.requests(name).delete_before),
                },
            )

        trust.end_orphans(self.app)
        log = trust.audit(self.app, trust.APP)
        before = now - timedelta(days=self.app.settings.activity_days)
        names = [stored.config.id for stored in self.app.each_connection()] + trust.deleted_connections(self.app)
        kept = [trust.audit(self.app, name) for name in dict.fromkeys(names)]
        activity = sum(older_than(before, each.delete_before) for each in [*kept, log])
        yield (
            trust.APP,
            {"jobs": older_than(now - KEPT["jobs"], trust.jobs(self.app).delete_before), "activity": activity},
        )

    def hook_opens(self, connection: ConnectionConfig, key: str) -> bool:
        from shared.manage.hook_keys import opens

        return opens(self.app.settings.state_key, connection, key)

    def hook_key(self, connection: ConnectionConfig) -> str:
        from shared.manage.hook_keys import hook_key

        return hook_key(self.app.settings.state_key, connection.id, connection.hook_generation)

    def lateness(self, connection: ConnectionConfig, lane: LaneView) -> str:
        """Whether a connection that is on is behind its rhythm: on_time, late, failing."""
        from shared.domain.schedule import Lateness, late

        ended = lane.facts.get("last_end")
        if connection.switch is not Switch.ON or not isinstance(ended, str):
            return Lateness.ON_TIME.value
        last_slot = str(lane.facts.get("last_slot", ""))
        rhythm, now = parse_rhythm(connection.rhythm), self.app.clock.now()
        return late(rhythm, last_slot=last_slot, last_end=datetime.fromisoformat(ended), now=now).value

    @property
    def operations(self) -> Operations:
        from shared.manage.operations import Operations

        return Operations(
            connections=self.app.connections,
            clock=self.app.clock,
            due=lambda connection, facts, now: due_slot(connection, facts, now)[0],
            lifted=self.app.settings.allow_sync_now,
        )

    def failing(self, connection: ConnectionConfig) -> Failing:
        from shared.azure.failures import TableFailures
        from shared.manage.failing import Failing

        return Failing(
            store=TableFailures(self.app.store("failures"), connection.id),
            lane=self.app.lane(connection.id),
            when=parse_rhythm(connection.rhythm).round_up(self.app.clock.now()),
            clock=self.app.clock,
            jobs=trust.jobs(self.app),
            ids=self.app.ids,
        )


def due_slot(connection: ConnectionConfig, facts: Mapping[str, object], now: datetime) -> tuple[datetime, str]:
    """When the connection's next scheduled run may start, and the slot it runs as; `facts` are its lane's."""
    ended = facts.get("last_end")
    last_end = datetime.fromisoformat(ended) if isinstance(ended, str) else None
    last_slot = str(facts.get("last_slot", ""))
    found = next_due(parse_rhythm(connection.rhythm), last_slot=last_slot, last_end=last_end, now=now)
    return found.when, found.slot
