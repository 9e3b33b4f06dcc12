"""Flow steps: people whom an automation of the partner system hands over, from its call to the one answer it is owed.

A call is taken in whole and answered at once with 202 or its like. Its pages are worked one by one: who is in Dynamics
already needs nothing (or the step's own write), for anybody else the lane is asked for a row: at once, or with the next
scheduled run. When everybody is told, exactly one answer is sent (`shared.manage.flow_answers`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Link
from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import AuthError, ConfigError, Rejected, SyncError, Throttled, Transient
from shared.manage.flow_pages import Wanted, paged
from shared.manage.flow_round import PATIENCE, Round, landed, parse_request
from shared.manage.ports import Systems
from shared.ports.ambient import Clock
from shared.ports.connector import Connector
from shared.ports.flow import AnswerTo, CallState, FlowCall, FlowPartner, FlowStore, PeoplePage, Phase, Told
from shared.ports.journal import each
from shared.ports.report import RecordOutcome

MOST: Final = 20_000
"""People in one call."""

_STALE: Final = timedelta(seconds=75)
_SLOW: Final = timedelta(minutes=3)
"""After so long without news a page is looked at again: its message may be lost, or what the lane answered."""

_LISTS: Final = 50
"""Pages of a list that one look reads, of a hundred calls each."""


MISSING_PRIVILEGE: Final = "missing_privilege"
"""The code of an AuthError that says so: the connection works, but may not do this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What is to follow: the lane is to be sent a worker, the answer is to be sent."""

    call: FlowCall | None = None
    wake: bool = False

    @property
    def due(self) -> bool:
        return self.call is not None and self.call.state is CallState.DUE


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSteps:
    """The flow steps of one connection. `crm` makes the connector that the steps' own writes go through; `round_up`
    answers when the connection's rhythm next does anything."""

    config: ConnectionConfig
    store: FlowStore
    partner: FlowPartner
    systems: Systems
    crm: Callable[[], Connector]
    clock: Clock
    round_up: Callable[[datetime], datetime]

    # -- taking in -----------------------------------------------------------------------------------------------------

    def receive(
        self,
        step: str,
        people: Sequence[Wanted],
        *,
        call_id: str,
        batch: str = "",
        campaign: str = "",
        answer: AnswerTo | None = None,
        trace: str = "",
    ) -> tuple[FlowCall, bool]:
        """Takes a call in, and answers whether it is new. Calls nobody. One that owes an answer is taken in once; any
        other may come again when it has ended.

        Raises Rejected (`body_too_large`) for more than `MOST`.
        """
        wanted = {person.id: person for person in reversed(people)}
        if len(wanted) > MOST:
            raise Rejected(
                f"one call of a flow step hands over {len(wanted)} people; at most {MOST} are taken",
                code="body_too_large",
                next_step="Send them in several calls.",
            )
        pages = paged([wanted[name] for name in dict.fromkeys(person.id for person in people)])
        now = self.clock.now()
        call = FlowCall(
            id=call_id,
            step=step,
            at=now,
            changed=now,
            total=len(wanted),
            pages=len(pages),
            open_pages=len(pages),
            undone_pages=len(pages),
            owes=answer is not None,
            campaign=campaign,
            batch=batch or now.isoformat(),
            trace=trace,
            state=CallState.OPEN if pages else CallState.DUE if answer is not None else CallState.FINISHED,
        )
        return self.store.open(call, pages, answer, again=answer is None)

    # -- working -------------------------------------------------------------------------------------------------------

    def work(self, call_id: str, number: int) -> Worked:
        """One look at everybody of a page who is not settled. Repeating it does no harm, also at the same time.

        What passes by itself is noted on the call, and the page is looked at again within two minutes.
        """
        call, page = self.store.get(call_id), self.store.page(call_id, number)
        step = self.partner.step(call.step) if call is not None else None
        if call is None or page is None or page.done():
            return Worked(call=call)
        if step is None:
            return self._give_up(call, page, Told("failed:unknown"))
        round_ = Round(self, call, page, step)
        try:
            round_.run()
        except (Throttled, Transient) as passing:
            if self.clock.now() - call.at > PATIENCE:
                return self._give_up(call, page, Told("failed:not_in_time"))
            self._note(call, passing)
        except (AuthError, ConfigError, Rejected) as error:
            self._note(call, error)
            return self._refused(call, page, round_, error)
        after = self.store.settle(call.id, number, round_.news)
        return Worked(call=after, wake=round_.asked_now)

    def _refused(self, call: FlowCall, page: PeoplePage, round_: Round, error: SyncError) -> Worked:
        """What Dynamics refuses the step itself (a privilege, a rule of its own) is told of those whom the step was to
        do something for; what the round settled before stands. Any other fault stops everybody who is left."""
        own = isinstance(error, Rejected) or error.code == MISSING_PRIVILEGE
        ended = dict(round_.news)
        for person in page.people:
            now = ended.get(person.id, person)
            if now.phase is not Phase.DONE and not (own and now.phase is Phase.ASKED):
                ended[person.id] = replace(now, phase=Phase.DONE, code=_refusal(error), message=str(error))
        return Worked(call=self.store.settle(call.id, page.number, ended), wake=round_.asked_now)

    def given_up(self, call_id: str) -> FlowCall | None:
        """Its messages failed as often as they may: who is not settled is told so."""
        call = self.store.get(call_id)
        for page in list(self.store.each_page(call_id)) if call is not None else []:
            if call is not None and not page.done():
                call = self._give_up(call, page, Told("failed:unknown")).call or call
        return call

    def _give_up(self, call: FlowCall, page: PeoplePage, told: Told) -> Worked:
        ended = {
            person.id: replace(person, phase=Phase.DONE, code=told.code)
            for person in page.people
            if person.phase is not Phase.DONE
        }
        return Worked(call=self.store.settle(call.id, page.number, ended))

    def _note(self, call: FlowCall, error: SyncError) -> None:
        noted = {"code": error.code, "message": str(error), "next_step": error.next_step, "changed": self.clock.now()}
        self.store.change(call.id, lambda found: replace(found, **noted))  # type: ignore[arg-type]

    # -- what a run decided ----------------------------------------------------------------------------------------

    def answered(self, outcomes: Mapping[str, RecordOutcome]) -> list[tuple[FlowCall, int | None]]:
        """A run decided: the outcome by request. Answers what to send messages for: a page whose step has its own
        write to do, or a call whose answer is due (no page)."""
        pages: dict[tuple[str, int], dict[RemoteId, RecordOutcome]] = {}
        for key, outcome in outcomes.items():
            call_id, number, person = parse_request(key)
            if call_id and not outcome.code.startswith(("waiting", "again")):
                pages.setdefault((call_id, number), {})[RemoteId(person)] = outcome
        follow: list[tuple[FlowCall, int | None]] = []
        for (call_id, number), told in pages.items():
            page = self.store.page(call_id, number)
            if page is None:
                continue
            links, more = self.links(list(told)), self._more(self.store.get(call_id))
            news = {
                person.id: landed(person, links.get(person.id), told[person.id], more=more)
                for person in page.people
                if person.id in told and person.phase is Phase.ASKED
            }
            call = self.store.settle(call_id, number, news)
            if call is not None and any(person.phase is Phase.THERE for person in news.values()):
                follow.append((call, number))
            if call is not None and call.state is CallState.DUE:
                follow.append((call, None))
        return follow

    def _more(self, call: FlowCall | None) -> bool:
        """Whether the call's step has something to write once a row is there."""
        step = self.partner.step(call.step) if call is not None else None
        return step is not None and step.own_write

    def due_again(self) -> list[tuple[FlowCall, int | None]]:
        """What wants a message and may have none: pages without news for a while, answers to be sent."""
        now = self.clock.now()
        found: list[tuple[FlowCall, int | None]] = []
        for state in (CallState.OPEN, CallState.WAITING):
            for call in self._listed(state):
                pages = self.store.each_page(call.id) if now - call.at >= _STALE or self._more(call) else ()
                wanted = [page.number for page in pages if self._wants_work(call, page)]
                found += [(call, number) for number in wanted if self.store.look(call.id, number, now)]
        due = [call for call in self._listed(CallState.DUE) if call.next_try is None or call.next_try <= now]
        return found + [(call, None) for call in due]

    def _listed(self, state: CallState) -> Iterator[FlowCall]:
        """Some pages of a list: calls that wait for their time keep nobody behind them from being found."""
        return each(lambda after: self.store.list(state, limit=100, after=after), _LISTS)

    def _wants_work(self, call: FlowCall, page: PeoplePage) -> bool:
        """Who waits in the lane is looked at later than who was not worked yet, and never before the run. A page that
        was sent a message lately is left to it."""
        now = self.clock.now()
        if page.looked is not None and now - page.looked < _STALE:
            return False
        left = [person for person in page.people if person.phase is not Phase.DONE]
        asked = [person for person in left if person.phase is Phase.ASKED]
        if any(person.phase is Phase.THERE for person in left):
            return True
        if len(asked) < len(left):
            return now - call.at >= _STALE
        begins = call.at if any(person.live for person in asked) else self.round_up(call.at)
        return bool(asked) and now - max(begins, page.looked or begins) >= _SLOW

    # -- what is known ----------------------------------------------------------------------------------------------

    def links(self, ids: Sequence[RemoteId]) -> dict[RemoteId, Link]:
        """The links of partner records, as they are now."""
        reader = self.systems.lane(self.config.id).reader()
        refs = {Ref(Kind(self.partner.kind), name): name for name in ids}
        keys = reader.by_partner(list(refs))
        found = reader.links(keys.values())
        return {refs[ref]: found[key] for ref, key in keys.items() if key in found}

    def closed(self, crm: Callable[[], Connector]) -> Told | None:
        """Why nothing may be written now; None when it may."""
        if self.config.switch is not Switch.ON:
            return Told("skipped:off")
        if self.systems.lane(self.config.id).peek().facts.get("broken"):
            return Told("failed:stopped")
        if self.config.crm_identity and crm().identity() != self.config.crm_identity:
            return Told("failed:stopped")
        known = self.config.partner_identity
        if known and self.systems.partner(self.config).identity() != known:
            return Told("failed:stopped")  # ids of another account name somebody else
        return None


def _refusal(error: SyncError) -> str:
    if isinstance(error, Rejected):
        return "failed:rejected"
    return "failed:privilege_missing" if error.code == MISSING_PRIVILEGE else "failed:stopped"
