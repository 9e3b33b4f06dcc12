"""Requests about one record, from the call that brings them to their end. Here are those that make a partner record in
Dynamics, and what all requests share; `shared.manage.enrolling` has the others.

What comes in is only a hint: the record is read again here, and once more by the run. Its labels are set on arrival,
so that everybody can see that it waits; the row in Dynamics is made by the next scheduled run, none earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.entity_file import parse_entity_map
from shared.domain.entity_map import EntityMap
from shared.domain.identity import LinkState
from shared.domain.labels import Labels
from shared.domain.records import Gone, Record, Ref, RemoteId, Side
from shared.errors import Rejected, SyncError, Throttled, Transient
from shared.manage.ports import Systems
from shared.ports.ambient import Clock
from shared.ports.connector import Connector, Op, Outcome, Write
from shared.ports.journal import each
from shared.ports.requests import ContactRequest, RequestState, RequestStore, request_id
from shared.state.model import Command

REQUEST = "request"
"""The name under which a command of the lane carries the key of its request."""

LIMIT = "waiting:limit"
_STALE_SECONDS = 600
_PAGES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRequests:
    """The requests of one connection. `round_up` answers when its rhythm next does anything; `enrol` is one attempt at
    a request that names an automation."""

    config: ConnectionConfig
    store: RequestStore
    systems: Systems
    clock: Clock
    round_up: Callable[[datetime], datetime]
    enrol: Callable[[ContactRequest], ContactRequest]

    # -- taking in -----------------------------------------------------------------------------------------------------

    def receive(self, entity_name: str, record: RemoteId, trace: str) -> tuple[ContactRequest, bool]:
        """Takes a request in, and answers whether a message has to be sent for it. Calls nobody.

        Raises Rejected (`unknown_entity`) for a kind of row that this connection does not make.
        """
        entity = self._entity(entity_name)
        ref = Ref(entity.partner_kind, record)
        now = self.clock.now()
        fresh = ContactRequest(
            id=request_id(entity.name, ref),
            entity=entity.name,
            ref=ref,
            state=RequestState.QUEUED,
            at=now,
            changed=now,
            trace=trace,
        )
        return self.store.open(fresh)

    def hint(self, ref: Ref, trace: str, event: str = "", source: str = "") -> None:
        """Something happened to a record: it is looked at by the next run. One word for it waits, however often; an
        `event` that tells what no look can (`shared.ports.connector.Witness`) has a word of its own."""
        self.systems.lane(self.config.id).put_command(
            Command(
                key=f"hint-{ref.kind}-{ref.id}" + (f"-{event}" if event else ""),
                op="look",
                side=Side.PARTNER,
                ref=ref,
                payload={"event": event, "source": source} if event else {},
                not_before=self.round_up(self.clock.now()),
                trace=trace,
            )
        )

    def entities(self) -> list[str]:
        """The names that can be asked for: what is made in Dynamics when a partner record carries their labels."""
        maps = [parse_entity_map(item) for item in self.config.entities]
        return [item.name for item in maps if _on_request(item)]

    def _entity(self, name: str) -> EntityMap:
        maps = [parse_entity_map(item) for item in self.config.entities]
        for item in maps:
            if item.name == name and _on_request(item):
                return item
        raise Rejected(
            f"connection {self.config.id} makes nothing of that name in Dynamics",
            code="unknown_entity",
            next_step="Use one of: " + ", ".join(self.entities()),
        )

    # -- working -------------------------------------------------------------------------------------------------------

    def work(self, key: str, tries: int) -> ContactRequest | None:
        """One attempt. What went wrong is noted on the request and raised again; the queue decides about the next try.
        Where a limit asks to wait the request is held as long, and no try is used up.

        A request that is not queued any more (a message that came twice) is left as it is.
        """
        request = self.store.get(key)
        if request is None or request.state not in {RequestState.QUEUED, RequestState.HELD}:
            return request
        try:
            done = self._attempt(request)
        except Throttled as limit:
            until = self.clock.now() + timedelta(seconds=limit.retry_after)
            found = self.store.get(key) or request  # what it waits for besides is not forgotten
            done = held(found, found.code if found.code.startswith("waiting:") else LIMIT, until)
        except SyncError as error:
            self.store.save(self._failed(self.store.get(key) or request, error, tries))
            raise
        done = replace(done, changed=self.clock.now(), tries=tries)
        self.store.save(done)
        return done

    def _attempt(self, request: ContactRequest) -> ContactRequest:
        if self.config.switch is not Switch.ON or self._stopped():
            return replace(request, state=RequestState.HELD)
        if request.automation:
            return self._moved_ground(request, self.systems.partner(self.config)) or self.enrol(request)
        entity = self._entity(request.entity)
        if not entity.on:
            return finished(request, "skipped:off")
        link = self._link(request.ref)
        if link in {LinkState.LINKED, LinkState.AWAITING}:
            return finished(request, "unchanged")
        if link in {LinkState.TOMBSTONE, LinkState.REFUSED}:
            return finished(request, "skipped:deleted" if link is LinkState.TOMBSTONE else "skipped:refused")
        partner = self.systems.partner(self.config)
        return self._moved_ground(request, partner) or self._taken_over(request, entity, partner)

    def _moved_ground(self, request: ContactRequest, partner: Connector) -> ContactRequest | None:
        """The request held, where another account answers than the connection's own."""
        if self.config.partner_identity and partner.identity() != self.config.partner_identity:
            return replace(request, state=RequestState.HELD, code="changed_ground")
        return None

    def _taken_over(self, request: ContactRequest, entity: EntityMap, partner: Connector) -> ContactRequest:
        kind, record = request.ref.kind, request.ref.id
        names = [item.partner for item in entity.fields if item.id == entity.match]
        found = partner.read(kind, [record], names).get(record)
        if not isinstance(found, Record):
            merged = found.merged_into if isinstance(found, Gone) else None
            return finished(request, "skipped:gone", f"it was merged into {merged}" if merged else "")
        if entity.labels is not None:
            refused = self._label(partner, request, entity.labels, found)
            if refused is not None:
                return refused
        run_at = self.round_up(self.clock.now())
        self.systems.lane(self.config.id).put_command(
            Command(
                key=f"request-{request.id}",
                op="look",
                side=Side.PARTNER,
                ref=request.ref,
                payload={REQUEST: request.id},
                not_before=run_at,
                trace=request.trace,
            )
        )
        return replace(request, state=RequestState.WAITING, run_at=run_at, code="waiting:slot", message="")

    def _label(
        self, partner: Connector, request: ContactRequest, labels: Labels, found: Record
    ) -> ContactRequest | None:
        """Sets what is missing of the pair; the request as it ends when the partner does not let us."""
        missing = labels.pulled_pair() - labels.known(found.labels or frozenset())
        if not missing:
            return None
        write = Write(key=request.id, op=Op.UPDATE, ref=request.ref, add_labels=frozenset(missing))
        [result] = partner.write([write])
        if result.outcome is Outcome.APPLIED:
            return None
        if result.outcome is Outcome.GONE:
            return finished(request, "skipped:gone")
        if result.outcome is Outcome.REJECTED:
            raise Rejected(
                f"the tags of {request.ref} could not be set ({result.code})",
                code=result.code or "rejected",
                next_step="Look at the record in the partner system, then requeue the request.",
            )
        raise Transient("the partner did not say whether the tags were set", retry_after=result.retry_after)

    def _stopped(self) -> bool:
        """The connection met another account than its own: nothing is written anywhere until that is confirmed."""
        return self.systems.lane(self.config.id).peek().facts.get("broken") == "changed_ground"

    def _link(self, ref: Ref) -> LinkState | None:
        reader = self.systems.lane(self.config.id).reader()
        key = reader.by_partner([ref]).get(ref)
        link = reader.links([key]).get(key) if key is not None else None
        return link.state if link is not None else None

    def _failed(self, request: ContactRequest, error: SyncError, tries: int) -> ContactRequest:
        return replace(
            request,
            changed=self.clock.now(),
            tries=tries,
            code=error.code,
            message=str(error),
            next_step=error.next_step,
        )

    # -- how it ends ---------------------------------------------------------------------------------------------------

    def answered(self, codes: Mapping[str, str]) -> list[ContactRequest]:
        """A run decided: the outcome code by request. What has to wait once more is still waiting; the others are
        answered as they ended."""
        ended = []
        for key, code in codes.items():
            request = self.store.get(key)
            if request is None or code.startswith(("waiting", "again")):
                continue
            done = replace(finished(request, code), changed=self.clock.now())
            if self.store.save(done):
                ended.append(done)
        return ended

    def status(self, key: str) -> ContactRequest | None:
        """A request as it stands; one whose record was linked by another way meanwhile is over."""
        request = self.store.get(key)
        if request is None or request.state is not RequestState.WAITING:
            return request
        late = request.run_at is not None and request.run_at <= self.clock.now()
        if late and self._link(request.ref) is LinkState.LINKED:
            request = replace(finished(request, "created"), changed=self.clock.now())
            self.store.save(request)
        return request

    # -- the poison list -----------------------------------------------------------------------------------------------

    def poisoned(self, key: str) -> None:
        """Its message failed as often as it may."""
        request = self.store.get(key)
        if request is not None and request.state in {RequestState.QUEUED, RequestState.HELD}:
            self.store.save(replace(request, state=RequestState.POISON, changed=self.clock.now()))

    def requeue(self, keys: Sequence[str]) -> list[ContactRequest]:
        """Takes requests out of the poison list; a message has to be sent for each that comes back."""
        now = self.clock.now()
        return [found for key in dict.fromkeys(keys) if (found := self.store.requeue(key, now)) is not None]

    def due_again(self, *, resumed: bool = False) -> list[ContactRequest]:
        """Requests that need a message: held ones once nothing holds them, and any whose message was lost."""
        if self.config.switch is not Switch.ON or self._stopped():
            return []
        now = self.clock.now()
        found = []
        for state in (RequestState.HELD, RequestState.QUEUED):
            for request in self._listed(state):
                lost = (now - request.changed).total_seconds() >= _STALE_SECONDS
                free = state is RequestState.HELD and (request.run_at is None or request.run_at <= now)
                if free or (lost and state is RequestState.QUEUED) or resumed:
                    fresh = replace(request, state=RequestState.QUEUED, changed=now)
                    if self.store.save(fresh):
                        found.append(fresh)
        return found

    def _listed(self, state: RequestState) -> Iterator[ContactRequest]:
        """Some pages of a list: one that waits for its time keeps nobody behind it from being found."""
        return each(lambda after: self.store.list(state, limit=100, after=after), _PAGES)


def _on_request(entity: EntityMap) -> bool:
    return entity.labels is not None and entity.direction.into(Side.CRM)


def finished(request: ContactRequest, code: str, message: str = "", next_step: str = "") -> ContactRequest:
    """The request as it ended; `message` and `next_step` where they say more than the code's own words."""
    return replace(request, state=RequestState.FINISHED, code=code, message=message, next_step=next_step, adding=None)


def held(request: ContactRequest, code: str, until: datetime) -> ContactRequest:
    """The request, tried again at a time of its own."""
    return replace(request, state=RequestState.HELD, run_at=until, code=code, message="", next_step="")
