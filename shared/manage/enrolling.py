"""Taking the counterparts of Dynamics rows into automations of the partner's, each request once.

A request notes what the partner told of earlier entries before it adds the record. Whoever comes after a worker that
died, or an answer that was lost, looks first: an entry since then is the request's own, and nothing is added again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Final

from shared.domain.connection import ConnectionConfig
from shared.domain.entity_file import parse_entity_map
from shared.domain.entity_map import EntityMap
from shared.domain.identity import Link, LinkState
from shared.domain.policy import Rule
from shared.domain.records import ABSENT, Record, Ref, RemoteId, Side
from shared.errors import OutcomeUnknown, Rejected, SyncError, Transient
from shared.manage.contact_requests import LIMIT, finished, held
from shared.ports.ambient import Clock
from shared.ports.connector import Connector
from shared.ports.enrolling import Automation, Enrols, Refusal
from shared.ports.requests import ContactRequest, RequestState, RequestStore, request_id
from shared.state.model import Command

if TYPE_CHECKING:
    from shared.domain.mapping import CompiledMap
    from shared.manage.lookup import LookUp
    from shared.state.lane import LaneStore

_CODES: Final[Mapping[str, str]] = {
    Refusal.NONE_OF_THAT_NAME: "failed:automation_unknown",
    Refusal.NOT_RUNNING: "skipped:automation_off",
    Refusal.OPTED_OUT: "skipped:opted_out",
    Refusal.GONE: "skipped:gone",
    Refusal.LIMIT: "failed:limit_reached",
    "record_not_found": "failed:record_not_found",
    "unknown_entity": "skipped:off",
    "enrolment_unknown": "failed:enrolment_unknown",
}
"""How a request ends that was refused; every other refusal is the automation's own."""

_IN_FLIGHT: Final = timedelta(minutes=2)
"""How long a call whose answer nobody heard may still have its effect: a call's longest time."""

_LOOK_AGAIN: Final = timedelta(minutes=1)
_PATIENCE: Final = timedelta(days=3)
"""How long a record may be without a counterpart; the longest rhythm is a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolling:
    """The enrolments of one connection. `round_up` answers when its rhythm next does anything; `partner` gives a
    connector that takes nothing older for known than so many seconds."""

    config: ConnectionConfig
    store: RequestStore
    lane: LaneStore
    partner: Callable[[float], Connector]
    looking: Callable[[], LookUp]
    clock: Clock
    round_up: Callable[[datetime], datetime]

    def automations(self) -> list[Automation]:
        """The account's automations by name, as they are now. Raises Rejected (`no_automations`)."""
        return sorted(self._enrols(oldest=0.0).automations(), key=lambda item: (item.name.casefold(), item.id))

    def receive(
        self, entity_name: str, records: Sequence[RemoteId], automation: str, trace: str
    ) -> list[tuple[ContactRequest, bool]]:
        """Takes requests in, and answers for each whether a message has to be sent for it. Calls nobody.

        Raises Rejected: `unknown_entity` for one whose records no automation takes in, `no_automations`.
        """
        entity = self._entity(entity_name)
        now = self.clock.now()
        taken = []
        for record in dict.fromkeys(records):
            ref = Ref(entity.crm_kind, record)
            fresh = ContactRequest(
                id=request_id(entity.name, ref, automation),
                entity=entity.name,
                ref=ref,
                state=RequestState.QUEUED,
                at=now,
                changed=now,
                trace=trace,
                automation=automation,
            )
            taken.append(self.store.open(fresh))
        return taken

    def attempt(self, request: ContactRequest) -> ContactRequest:
        """One attempt: the request as it ended, or held until its record has a counterpart. Raises what is worth
        another try."""
        try:
            return self._attempt(request)
        except Rejected as no:
            code = _CODES.get(no.code, "failed:automation_refused")
            return finished(request, code, str(no), no.next_step)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _enrols(self, oldest: float = inf) -> Enrols:
        partner = self.partner(oldest)
        if isinstance(partner, Enrols):
            return partner
        raise Rejected(
            f"the partner of connection {self.config.id} has no automations that records can be added to",
            code="no_automations",
            next_step="GET declarations: `enrols` of a system says which can.",
        )

    def _entity(self, name: str) -> EntityMap:
        kinds = self._enrols().enrolled_kinds
        maps = [item for item in map(parse_entity_map, self.config.entities) if item.partner_kind in kinds]
        for item in maps:
            if item.name == name:
                return item
        raise Rejected(
            f"connection {self.config.id} adds no records of that name to automations",
            code="unknown_entity",
            next_step="Use one of: " + ", ".join(item.name for item in maps),
        )

    def _attempt(self, request: ContactRequest) -> ContactRequest:
        looked = self.looking()
        compiled, row, link = looked.row(request.entity, request.ref.id)
        record = _counterpart(link)
        if record is None:
            return self._unlinked(request, looked, link)
        if row is None:
            raise Rejected(f"Dynamics has no {request.ref} any more", code="record_not_found")
        partner = self._enrols()
        if _opted_out(compiled, row, partner):
            return finished(request, "skipped:opted_out")
        self._check_running(request.automation)
        return self._add(request, partner, record)

    def _check_running(self, automation: str) -> None:
        """What is remembered of the account's automations may be too old to refuse by."""
        if not self._runs(automation, inf) and not self._runs(automation, 0.0):
            raise Rejected(f"automation {automation} does not run", code=Refusal.NOT_RUNNING)

    def _runs(self, automation: str, oldest: float) -> bool:
        found = next((item for item in self._enrols(oldest).automations() if item.id == automation), None)
        if found is None and not oldest:
            raise Rejected(f"there is no automation {automation}", code=Refusal.NONE_OF_THAT_NAME)
        return found is not None and found.running

    def _add(self, request: ContactRequest, partner: Enrols, record: RemoteId) -> ContactRequest:
        now, entries = self.clock.now(), partner.entries(request.automation, record)
        if request.seen is not None:  # an earlier attempt may have added it
            if entries is None:
                raise _unknown(request)
            if entries.last > request.seen:
                return finished(request, "enrolled")
            if request.adding is not None and now < request.adding + _IN_FLIGHT:
                return held(request, "waiting:answer", request.adding + _IN_FLIGHT)
        elif entries is not None and entries.inside:
            return finished(request, "skipped:enrolled")
        begun = self.store.begin(request, seen=entries.last if entries is not None else 0, now=now)
        if begun is None:
            raise Transient("another worker is at this request", code="request_contended")
        try:
            return self._sent(begun, partner, record)
        except SyncError:  # surely nothing happened: what an earlier attempt may have done stays as it was known
            self.store.save(replace(begun, seen=request.seen, adding=None))
            raise

    def _sent(self, begun: ContactRequest, partner: Enrols, record: RemoteId) -> ContactRequest:
        try:
            partner.enrol(begun.automation, record)
        except OutcomeUnknown:
            return self._lost(begun)
        except Rejected as no:
            entries = partner.entries(begun.automation, record) if no.code == Refusal.REFUSED else None
            if entries is None or not entries.inside:
                raise
            return finished(begun, "skipped:enrolled")
        return finished(begun, "enrolled")

    def _lost(self, begun: ContactRequest) -> ContactRequest:
        """The answer never came. What was sent may still arrive: it is looked again when that time is over."""
        now = self.clock.now()
        if now > begun.at + _PATIENCE:
            raise _unknown(begun)
        return held(begun, "waiting:answer", (begun.adding or now) + _IN_FLIGHT)

    def _unlinked(self, request: ContactRequest, looked: LookUp, link: Link | None) -> ContactRequest:
        """Held while the next runs give the record a counterpart; else it ends with the engine's own reason."""
        awaited = link is not None and link.state is LinkState.AWAITING
        code = "waiting:id" if awaited else self._judged(request, looked)
        if not code.startswith(("waiting", "again")):
            return finished(request, code)
        now = self.clock.now()
        if now > request.at + _PATIENCE:
            return finished(request, "failed:never_linked")
        if awaited or (request.run_at is not None and request.code != LIMIT):  # else the lane may know of nothing yet
            return held(request, code, now + _LOOK_AGAIN)
        run_at = self.round_up(now)
        self.lane.put_command(
            Command(
                key=f"enrol-{request.id}",
                op="look",
                side=Side.CRM,
                ref=request.ref,
                payload={"entity": request.entity},
                not_before=run_at,
                trace=request.trace,
            )
        )
        return held(request, code, run_at)

    def _judged(self, request: ContactRequest, looked: LookUp) -> str:
        """What keeps the record without a counterpart, in the engine's words. Two that agree and are not linked are
        about to be: a run is at them at this moment, or the next one is."""
        found = looked.by_id(request.entity, Side.CRM, request.ref.id)
        agreed = found.partner is not None and found.code in {"unchanged", "skipped:not_linked"}
        return "waiting:slot" if agreed else found.code


def _counterpart(link: Link | None) -> RemoteId | None:
    ended = link is None or link.state in {LinkState.TOMBSTONE, LinkState.REFUSED, LinkState.AWAITING}
    return link.partner.id if link is not None and not ended and link.partner is not None else None


def _opted_out(compiled: CompiledMap, row: Record, partner: Enrols) -> bool:
    """Whether Dynamics says so already, also where no run has carried it over yet."""
    fields = [
        item
        for item in compiled.fields
        if item.policy.rule is Rule.RESTRICTIVE and item.partner_name in partner.consent_fields
    ]
    values = [(item, item.take(row, Side.CRM)) for item in fields]
    return any(value is not ABSENT and item.policy.rank(value) == 0 for item, value in values)


def _unknown(request: ContactRequest) -> Rejected:
    return Rejected(
        f"nobody knows whether {request.ref} was added to automation {request.automation}", code="enrolment_unknown"
    )
