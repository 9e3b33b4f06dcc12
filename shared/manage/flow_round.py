"""One look at a page of people whom a flow step was handed: who is settled, who is asked for, what is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, Protocol

from shared.domain.connection import ConnectionConfig
from shared.domain.identity import Link, LinkState
from shared.domain.outcomes import known
from shared.domain.records import Gone, Kind, Ref, RemoteId, Side, is_deleted
from shared.manage.ports import Systems
from shared.ports.ambient import Clock
from shared.ports.connector import Connector
from shared.ports.flow import Choices, FlowCall, FlowPartner, FlowStep, Job, Making, PeoplePage, Person, Phase, Told
from shared.ports.report import RecordOutcome
from shared.state.model import Command, Fact
from shared.sync.requests import GONE, MAKE, REFERENCE

PATIENCE: Final = timedelta(minutes=20)
"""After so long a person who should have been taken at once is reported as not made in time."""

_REQUEST: Final = "request"
_MAKING, _UPDATING = "waiting:make", "waiting:update"
_THERE = frozenset({"created", "updated", "unchanged", "skipped:exists"})
"""Outcomes of a row that is there; the answer names it."""


class Ground(Protocol):
    """What a look stands on (`shared.manage.flow_steps.FlowSteps`)."""

    @property
    def config(self) -> ConnectionConfig: ...

    @property
    def partner(self) -> FlowPartner: ...

    @property
    def systems(self) -> Systems: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def crm(self) -> Callable[[], Connector]: ...

    @property
    def round_up(self) -> Callable[[datetime], datetime]: ...

    def links(self, ids: Sequence[RemoteId]) -> dict[RemoteId, Link]: ...

    def closed(self, crm: Callable[[], Connector]) -> Told | None: ...


class Round:
    """One look at a page. `news` is what came of it, `asked_now` whether the lane was asked for something at once."""

    def __init__(self, steps: Ground, call: FlowCall, page: PeoplePage, step: FlowStep) -> None:
        self._steps, self._call, self._page, self._step = steps, call, page, step
        self._crm: Connector | None = None
        self._rows: dict[Ref, bool] = {}
        self._lost: frozenset[RemoteId] = frozenset()
        self.news: dict[RemoteId, Person] = {}
        self.asked_now = False

    def run(self) -> None:
        """Raises Transient, Throttled, AuthError, ConfigError; what was found until then stands in `news`."""
        waiting = [person for person in self._page.people if person.phase is Phase.ASKED]
        fresh = [person for person in self._page.people if person.phase is Phase.NEW]
        there = [person for person in self._page.people if person.phase is Phase.THERE]
        closed = self._steps.closed(self._connector) if fresh or there else None
        if closed is not None:
            for person in (*fresh, *there):
                self._done(person, closed)
            return
        if waiting:
            self._look_again(waiting)
        if fresh:
            there += self._begin(fresh)
        if there:
            self._write(there)

    def _connector(self) -> Connector:
        if self._crm is None:
            self._crm = self._steps.crm()
        return self._crm

    def _choices(self, person: Person) -> Choices:
        return self._page.choices[person.choice] if person.choice < len(self._page.choices) else {}

    def _done(self, person: Person, told: Told, crm: Ref | None = None) -> None:
        self.news[person.id] = replace(
            person, phase=Phase.DONE, code=told.code, message=told.message, crm=crm or person.crm
        )

    # -- people who are new ------------------------------------------------------------------------------------------

    def _begin(self, people: Sequence[Person]) -> list[Person]:
        """Settles, or asks the lane for, everybody who is new; answers those whose row is known and who still have the
        step's own write before them."""
        usable = [person for person in people if not self._unusable(person)]
        links = self._steps.links([person.id for person in usable])
        self._lost = self._deleted(links)
        there: list[Person] = []
        missing: list[Person] = []
        for person in usable:
            link = links.get(person.id)
            if link is None or link.state in {LinkState.PARKED, LinkState.TOMBSTONE} or person.id in self._lost:
                missing.append(person)
            elif link.state is LinkState.REFUSED:
                self._done(person, Told("skipped:refused"))
            elif self._step.own_write:
                there.append(replace(person, phase=Phase.THERE, crm=link.crm))
            else:
                making = self._step.making(self._choices(person))
                if making is not None and making.update:
                    self._ask([(person, making, "")], _UPDATING)
                else:
                    self._done(person, Told("unchanged"), link.crm)
        self._make(missing)
        return there

    def _deleted(self, links: Mapping[RemoteId, Link]) -> frozenset[RemoteId]:
        """Whose row was deleted since the last run, which no link tells yet. A row that was merged into another is not
        meant: the pair goes on with that one."""
        linked = {person: link.crm for person, link in links.items() if link.state is LinkState.LINKED}
        gone: set[Ref] = set()
        for kind in dict.fromkeys(ref.kind for ref in linked.values()):
            found = self._connector().read(kind, [ref.id for ref in linked.values() if ref.kind == kind], [])
            gone |= {Ref(kind, row) for row, seen in found.items() if is_deleted(seen)}
        return frozenset(person for person, ref in linked.items() if ref in gone)

    def _unusable(self, person: Person) -> bool:
        """Whether the step was told something it cannot work with: that person is settled."""
        choices = self._choices(person)
        wrong = self._step.wrong(choices) or self._unknown(choices)
        if wrong is not None:
            self._done(person, wrong)
        return wrong is not None

    def _unknown(self, choices: Choices) -> Told | None:
        for ref in self._step.names(choices):
            if ref not in self._rows:
                row = self._connector().read(ref.kind, [ref.id], []).get(ref.id)
                self._rows[ref] = row is not None and not isinstance(row, Gone)
            if not self._rows[ref]:
                return Told(_UNKNOWN.get(ref.kind, "failed:rejected"))
        return None

    def _make(self, people: Sequence[Person]) -> None:
        wanted: list[tuple[Person, Making]] = []
        for person in people:
            making = self._step.making(self._choices(person))
            if making is None:
                self._done(person, Told("skipped:not_linked"))
            elif making.kind and making.kind not in self._steps.partner.makes:
                self._done(person, Told("skipped:off"))
            else:
                wanted.append((person, making))
        natural = self._steps.partner.natural([person.id for person, _ in wanted]) if wanted else {}
        for person, _ in wanted:
            if person.id not in natural:
                self._done(person, Told("skipped:gone"))
        there = [(person, making, natural[person.id]) for person, making in wanted if person.id in natural]
        self._ask(there, _MAKING)

    def _ask(self, people: Sequence[tuple[Person, Making, str]], code: str) -> None:
        """Leaves word in the lane, and remembers so."""
        steps, call = self._steps, self._call
        now = steps.clock.now()
        commands = []
        for person, making, natural in people:
            payload: dict[str, Fact] = {
                _REQUEST: request_key(call.id, self._page.number, person.id),
                "kind": making.kind or natural,
                "update": making.update,
                GONE: person.id in self._lost,
            }
            payload |= {REFERENCE + name: f"{ref.kind}|{ref.id}" for name, ref in making.references.items()}
            commands.append(
                Command(
                    key=_command_key(call.id, person.id),
                    op=MAKE,
                    side=Side.PARTNER,
                    ref=Ref(Kind(steps.partner.kind), person.id),
                    payload=payload,
                    not_before=None if person.live else steps.round_up(now),
                    trace=call.trace,
                )
            )
            self.news[person.id] = replace(person, phase=Phase.ASKED, code=code)
            self.asked_now = self.asked_now or person.live
        if commands:
            steps.systems.lane(steps.config.id).put_commands(commands)

    # -- people who wait ---------------------------------------------------------------------------------------------

    def _look_again(self, people: Sequence[Person]) -> None:
        """The lane was asked long ago: it may have answered, or something may be in the way."""
        steps = self._steps
        links = steps.links([person.id for person in people])
        lane = steps.systems.lane(steps.config.id)
        late = steps.clock.now() - self._call.at > PATIENCE
        for person in people:
            link = links.get(person.id)
            if lane.waits(_command_key(self._call.id, person.id)):
                if person.live and late:
                    self._done(person, Told("failed:not_in_time"))
                continue
            outcome = RecordOutcome(link="", entity="", code=_in_the_way(link))
            self.news[person.id] = landed(person, link, outcome, more=self._step.own_write)

    # -- the step's own writes -----------------------------------------------------------------------------------------

    def _write(self, people: Sequence[Person]) -> None:
        jobs = [
            Job(person=person.id, crm=person.crm, choices=self._choices(person), once=self._once(person))
            for person in people
            if person.crm is not None
        ]
        self.news |= {person.id: person for person in people}
        told = self._step.do(self._connector(), jobs)
        for person in people:
            if person.id in told:
                self._done(person, told[person.id])

    def _once(self, person: Person) -> str:
        """The same person, step and run of the automation have the same name, however often they are handed over."""
        call = self._call
        told = sorted(self._choices(person).items())
        parts = (self._steps.config.id, call.step, call.batch, call.campaign, person.id, repr(told))
        return blake2b("|".join(parts).encode(), digest_size=16).hexdigest()


_UNKNOWN: Final[Mapping[str, str]] = {
    "systemuser": "failed:unknown_owner",
    "team": "failed:unknown_owner",
    "campaign": "failed:unknown_campaign",
}


def landed(person: Person, link: Link | None, outcome: RecordOutcome, *, more: bool) -> Person:
    """A person after the lane's answer: the row is there, or this is why not. The link of a row that was just made may
    not be stored yet, and a row that was there before may have none: then the answer names the row."""
    linked = link.crm if link is not None and link.state is LinkState.LINKED else None
    crm = (outcome.crm or linked) if outcome.code in _THERE else linked
    code = outcome.code
    if crm is None:
        ended = "skipped:not_linked" if code == "unchanged" else code
        return replace(person, phase=Phase.DONE, code=ended, message=outcome.message)
    if code == "unchanged" and person.code == _MAKING and link is not None and link.made == Side.CRM.value:
        code = "created"  # the worker that made it died before it could say so
    return replace(person, phase=Phase.THERE if more else Phase.DONE, code=code, crm=crm)


def request_key(call_id: str, number: int, person: RemoteId) -> str:
    return f"{call_id}.{number}.{person}"


def parse_request(key: str) -> tuple[str, int, str]:
    """The parts of a request key; an empty call for another kind of request."""
    call_id, _, rest = key.partition(".")
    number, _, person = rest.partition(".")
    if not call_id.startswith("fl") or not number.isdigit() or not person:
        return "", 0, ""
    return call_id, int(number), person


def _command_key(call_id: str, person: RemoteId) -> str:
    return f"flow-{call_id}-{person}"


def _in_the_way(link: Link | None) -> str:
    reason = link.parked.get("", "") if link is not None else ""
    return f"failed:{reason}" if reason and known(f"failed:{reason}") else "failed:rejected" if reason else "unchanged"
