"""Calls of flow steps: an automation in the partner system asks something about many people, and is owed one answer.

A call is taken in whole, worked page by page, and answered once when every person of it is settled. Nothing of a person
but ids stands readable in it: what the step was told (texts may hold names) and what opens the answer's address are
sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Protocol, runtime_checkable

from shared.domain.records import Ref, RemoteId
from shared.ports.connector import Connector
from shared.ports.journal import Listing


class Phase(IntEnum):
    """How far one person is; it only ever grows. ASKED: the lane was asked for a row. THERE: the row is known, and the
    step's own write is left to do. DONE: `code` says how it ended."""

    NEW = 0
    ASKED = 1
    THERE = 2
    DONE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person of a call. `choice` is the place of what the step was told in its page. `live`: taken at once; else by
    the next scheduled run, and reported so before that. `crm` is the Dynamics row, once it is known."""

    id: RemoteId
    choice: int
    live: bool
    phase: Phase = Phase.NEW
    code: str = ""
    message: str = ""
    crm: Ref | None = None

    @property
    def told(self) -> bool:
        """Whether what is to be reported of this person is known."""
        return self.phase is Phase.DONE or (not self.live and self.phase is not Phase.NEW)


type Choices = Mapping[str, str]
"""What one flow step was told, by the names of its attributes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePage:
    """Some people of a call, worked together. `choices` are empty once everybody is done. `looked`: when a message was
    last sent because none seemed to be under way."""

    number: int
    people: tuple[Person, ...]
    choices: tuple[Choices, ...]
    looked: datetime | None = None

    def told(self) -> bool:
        return all(person.told for person in self.people)

    def done(self) -> bool:
        return all(person.phase is Phase.DONE for person in self.people)


class CallState(StrEnum):
    """OPEN: people are being worked. DUE: all are told, and the answer is to be sent. WAITING: it was sent, and some
    people wait for the next run. FINISHED: nothing is left; `code` says how. POISON: the answer was given up; an
    operator may send it again."""

    OPEN = "open"
    DUE = "due"
    WAITING = "waiting"
    FINISHED = "finished"
    POISON = "poison"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTo:
    """Where the one answer goes, and what opens it there. `account` is the partner's own name for the subscription."""

    url: str
    key: str
    token: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowCall:
    """One call as it stands.

    `open_pages` counts those with somebody who is not told yet, `undone_pages` those with somebody who is not done.
    `owes`: an answer is to be sent. `batch` is a digest of
    the partner's own name for the run of its automation, `campaign` that automation's id. `sending` is set before the
    answer is sent and taken away when its outcome is known: found set, an earlier attempt ended unknown, and so
    `doubt` remembers, until an answer is known to be taken. `tries` counts attempts to answer, `next_try` holds the
    next one back.
    """

    id: str
    step: str
    at: datetime
    changed: datetime
    total: int
    pages: int
    open_pages: int
    undone_pages: int
    owes: bool
    state: CallState = CallState.OPEN
    campaign: str = ""
    batch: str = ""
    tries: int = 0
    sending: datetime | None = None
    doubt: bool = False
    next_try: datetime | None = None
    code: str = ""
    message: str = ""
    next_step: str = ""
    trace: str = ""

    @property
    def presumed(self) -> bool:
        """Whether it counts as answered though nobody said so: an attempt ended unknown, later ones were refused."""
        return self.doubt and self.owes and self.state in {CallState.WAITING, CallState.FINISHED}

    @property
    def unsure(self) -> bool:
        """Whether nobody knows yet that its answer was taken."""
        return self.owes and (self.presumed or self.state in {CallState.DUE, CallState.POISON})

    def after(self) -> CallState:
        """What the call is once its answer was sent, or none is owed."""
        return CallState.WAITING if self.undone_pages else CallState.FINISHED


class FlowStore(Protocol):
    """The calls of one connection. Every method may raise Transient."""

    def open(
        self, call: FlowCall, pages: Sequence[PeoplePage], answer: AnswerTo | None, *, again: bool
    ) -> tuple[FlowCall, bool]:
        """Stores a call unless one of its id is there; answers the one that counts, and whether it is new. With `again`
        one that ended gives way to the new one. The same call at the same time is stored once, and its pages are never
        set back."""
        ...

    def get(self, call_id: str) -> FlowCall | None: ...

    def page(self, call_id: str, number: int) -> PeoplePage | None: ...

    def each_page(self, call_id: str) -> Iterator[PeoplePage]: ...

    def answer_to(self, call_id: str) -> AnswerTo | None:
        """None where nothing is owed, or it was surely answered. Raises ConfigError for what does not open with this
        key."""
        ...

    def settle(self, call_id: str, number: int, people: Mapping[RemoteId, Person]) -> FlowCall | None:
        """Stores how people of a page stand now; nobody goes back to an earlier phase, whoever writes when. With its
        last page told, the call is DUE where it owes an answer, else as `FlowCall.after`. None without such a page."""
        ...

    def look(self, call_id: str, number: int, at: datetime) -> bool:
        """Notes that a message is sent for a page; False where somebody else changes it right now, or it is gone."""
        ...

    def forget_people(self, ids: Collection[RemoteId]) -> int:
        """Takes people out of every call, with what their steps were told; answers how many places that were. A call
        may be left without anybody."""
        ...

    def change(self, call_id: str, how: Callable[[FlowCall], FlowCall | None]) -> FlowCall | None:
        """Replaces a call by what `how` makes of it; `how` may be asked again. None where it answers None, or there is
        no such call."""
        ...

    def list(self, state: CallState, *, limit: int = 50, after: str = "") -> Listing[FlowCall]:
        """Those of one state, in a stable order."""
        ...

    def purge(self, call_ids: Sequence[str]) -> int:
        """Forgets calls that are POISON; answers how many there were."""
        ...

    def delete_before(self, moment: datetime, limit: int = 100) -> int:
        """Forgets calls that nothing happened to since, but those that are POISON: these lose what opens their answer's
        address, and say so. Answers how many. Call until 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What a step wants of a person without a row in Dynamics. `kind` is what it is made as, "" leaves it to
    `natural`; `references` are columns of the new row; `update`: a row that is there is brought in step."""

    kind: str = ""
    references: Mapping[str, Ref] = field(default_factory=dict)
    update: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One step's own write, for a person whose row is known. `once` names it: the same question has the same name."""

    person: RemoteId
    crm: Ref
    choices: Choices
    once: str


@dataclass(frozen=True, slots=True)
class Told:
    """How something ended: an outcome code, and the vendor's words with values masked."""

    code: str
    message: str = ""


@runtime_checkable
class CampaignMembers(Protocol):
    """A connector of a system whose campaigns have people as members. Repeating either does no harm."""

    def join_campaign(self, campaign: RemoteId, people: Sequence[Ref], owner: str) -> Mapping[Ref, str | None]:
        """Each one's refusal by the system's code, "" for none; None for who was a member before. `owner` names who
        asks, for ids of our own."""
        ...

    def leave_campaign(self, campaign: RemoteId, people: Sequence[Ref], owner: str) -> Mapping[Ref, bool]:
        """Whether each was a member by `join_campaign` of the same `owner`; whoever else made one stays."""
        ...


class FlowStep(Protocol):
    """What one flow step does."""

    @property
    def name(self) -> str: ...

    @property
    def own_write(self) -> bool:
        """Whether there is something left to write once a person's row is there."""
        ...

    def wrong(self, choices: Choices) -> Told | None:
        """Why this step cannot work with what it was told; None when it can."""
        ...

    def making(self, choices: Choices) -> Making | None:
        """What to ask for where the person has no row; None: such a person is none of this step's."""
        ...

    def names(self, choices: Choices) -> Sequence[Ref]:
        """The Dynamics rows that were chosen by hand: they have to exist before anything is written."""
        ...

    def do(self, crm: Connector, jobs: Sequence[Job]) -> Mapping[RemoteId, Told]:
        """The step's own writes, none for a step without any. Doing it again does nothing more. Raises Transient,
        Throttled, AuthError; people whose write was not tried are left out."""
        ...


class FlowPartner(Protocol):
    """What the use case has to know of the partner system's side."""

    @property
    def kind(self) -> str:
        """The kind of record that people are."""
        ...

    @property
    def makes(self) -> Sequence[str]:
        """The Dynamics kinds that the connection may make people as."""
        ...

    @property
    def tables(self) -> Sequence[str]:
        """The Dynamics tables that steps choose from and write, beside those that the maps name."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The steps there are."""
        ...

    def step(self, name: str) -> FlowStep | None: ...

    def natural(self, ids: Sequence[RemoteId]) -> Mapping[RemoteId, str]:
        """What each person would be made as when nothing was chosen. People that do not exist are left out."""
        ...

    def answer(self, to: AnswerTo, call: FlowCall, people: Iterator[Person]) -> int:
        """Sends the one answer; the HTTP status it got. Raises OutcomeUnknown when none came, Transient when nothing
        was sent, GuardTripped or ConfigError for an address that nothing is sent to."""
        ...
