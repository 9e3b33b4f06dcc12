"""What outside callers and operators ask of the application: requests about records, operations, failing records.

Part of the application (`shared.bootstrap`), which hands it out as `desk`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared import trust
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.records import Kind, Ref
from shared.domain.schedule import next_due, parse_rhythm

if TYPE_CHECKING:
    from shared.azure.flow import TableFlow
    from shared.azure.requests import TableRequests
    from shared.bootstrap import Application
    from shared.manage.contact_requests import ContactRequests
    from shared.manage.enrolling import Enrolling
    from shared.manage.failing import Failing
    from shared.manage.flow_answers import FlowAnswers
    from shared.manage.flow_steps import FlowSteps
    from shared.manage.operations import Operations
    from shared.manage.request_lists import RequestLists
    from shared.ports.flow import FlowCall
    from shared.ports.report import RecordOutcome
    from shared.ports.requests import ContactRequest
    from shared.state.model import LaneView


type Follow = dict[str, Mapping[str, object]]
"""Messages that are to be sent after a slice of a lane, each once, by what it is about."""

EVERY_PAGE = -1
"""In the place of a page's number: a message for each is to be sent. The caller does not wait for them."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What follows a look at a flow step's call: a worker for the lane, more messages."""

    state: str
    code: str = ""
    wake: bool = False
    more: Sequence[Mapping[str, object]] = ()


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

    # -- flow steps ----------------------------------------------------------------------------------------------------

    def flow_store(self, connection_id: str) -> TableFlow:
        from shared.azure.flow import TableFlow
        from shared.azure.sealed import Sealer

        sealer = Sealer(self.app.settings.state_key, "flow steps")
        return TableFlow(self.app.store("requests"), connection_id, sealer)

    def flow_steps(self, connection: ConnectionConfig) -> FlowSteps | None:
        """None for a system whose automations have no such steps."""
        from shared.manage.flow_steps import FlowSteps

        partner = self.app.flow(connection)
        if partner is None:
            return None
        return FlowSteps(
            config=connection,
            store=self.flow_store(connection.id),
            partner=partner,
            systems=self.app,
            crm=lambda: self.app.crm(connection, also=partner.tables),
            clock=self.app.clock,
            round_up=parse_rhythm(connection.rhythm).round_up,
        )

    def flow_answers(self, connection: ConnectionConfig) -> FlowAnswers | None:
        from shared.manage.flow_answers import FlowAnswers

        partner = self.app.flow(connection)
        if partner is None:
            return None
        return FlowAnswers(store=self.flow_store(connection.id), partner=partner, clock=self.app.clock)

    def crm_choices(self, connection: ConnectionConfig, kinds: Sequence[Kind], most: int) -> list[tuple[Ref, str]]:
        """Rows of Dynamics that people choose one of, with their names; at most so many of all kinds together. A kind
        that the application user may not read is left out.

        Raises AuthError (`missing_privilege`) when it may read none of them.
        """
        from shared.errors import AuthError

        crm: Any = self.app.crm(connection, also=kinds)  # beside the port: only Dynamics has them
        found: list[tuple[Ref, str]] = []
        closed: list[AuthError] = []
        with self.app.asking():
            for kind in kinds:
                try:
                    found += crm.choices(kind, most)
                except AuthError as error:
                    if error.code != "missing_privilege":
                        raise
                    closed.append(error)
        if closed and len(closed) == len(kinds):
            raise closed[0]
        return found[:most]

    def flow_message(self, connection_id: str, call: FlowCall, page: int | None) -> dict[str, object]:
        """What goes into the queue: a page to be worked, or (no page) the answer to be sent."""
        message: dict[str, object] = {"connection": connection_id, "request": call.id, "traceparent": call.trace}
        return message if page is None else {**message, "page": page}

    def work_flow(self, connection: ConnectionConfig, call_id: str, page: int | None) -> Followed:
        """What a message of the queue asks for: works a page, or sends the answer."""
        steps, answers = self.flow_steps(connection), self.flow_answers(connection)
        if steps is None or answers is None:
            return Followed("gone")
        if page == EVERY_PAGE:
            found = steps.store.get(call_id)
            pages = range(found.pages) if found is not None else ()
            spread = [self.flow_message(connection.id, found, number) for number in pages if found is not None]
            return Followed("spread", more=spread)
        if page is None:
            call = answers.send(call_id)
            return Followed(call.state.value if call is not None else "nothing", code=call.code if call else "")
        worked = steps.work(call_id, page)
        more = [self.flow_message(connection.id, worked.call, None)] if worked.call is not None and worked.due else []
        state = worked.call.state.value if worked.call is not None else "gone"
        return Followed(state, wake=worked.wake, more=more)

    def flow_given_up(self, connection: ConnectionConfig, call_id: str) -> None:
        steps = self.flow_steps(connection)
        if steps is not None:
            steps.given_up(call_id)

    def flow_due(self, connection: ConnectionConfig) -> list[dict[str, object]]:
        """Messages for what no message may be under way for any more."""
        steps = self.flow_steps(connection)
        found = steps.due_again() if steps is not None else []
        return [self.flow_message(connection.id, call, page) for call, page in found]

    def request_lists(self, connection: ConnectionConfig) -> RequestLists:
        """All that outside callers asked for, of any sort."""
        from shared.manage.request_lists import RequestLists

        partner = self.app.flow(connection)
        kind = partner.kind if partner is not None else ""
        return RequestLists(self.requests(connection.id), self.flow_store(connection.id), kind)

    # -- what became of them -------------------------------------------------------------------------------------------

    def answered(
        self, connection: ConnectionConfig, outcomes: Mapping[str, RecordOutcome], follow: Follow | None = None
    ) -> None:
        """Notes how requests ended, and tells it in the trace of the call that brought each. Adds to `follow` the
        messages that flow steps need now; should they be lost, `due_requests` finds the same."""
        log = logging.getLogger("dynasync.requests")
        steps = self.flow_steps(connection)
        for call, page in steps.answered(outcomes) if steps is not None else ():
            if follow is not None:
                follow[f"{call.id}.{page}"] = self.flow_message(connection.id, call, page)
        codes = {key: outcome.code for key, outcome in outcomes.items()}
        for request in self.contact_requests(connection).answered(codes):
            log.info(
                "request_answered trace=%s connection=%s request=%s code=%s",
                request.trace[3:35] or "none",
                connection.id,
                request.id,
                request.code,
            )

    def due_requests(self) -> list[Mapping[str, object]]:
        """Messages for requests that were held and are free now, or whose message never came."""
        found: list[Mapping[str, object]] = []
        for stored in self.app.each_connection():
            config = stored.config
            requests = self.contact_requests(config).due_again()
            found += [self.request_message(config.id, request) for request in requests]
            found += self.flow_due(config)
        return found

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
                    "requests": older_than(now - KEPT["requests"], self.requests(name).delete_before)
                    + older_than(now - KEPT["requests"], self.flow_store(name).delete_before),
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
