"""Records that failed, that wait for a decision, that were asked for; and what people did."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from functions.models.common import Id, Ids, Key, Links, Moment, Reference, Sent, Short, Shown


class FailureProblem(Shown):
    code: str
    field: str
    vendorCode: str
    message: str
    meaning: str
    nextStep: str


class Failure(Shown):
    link: str
    entity: str
    crm: Reference | None
    partner: Reference | None
    problems: list[FailureProblem]
    at: Moment
    run: str
    retryAt: Moment
    dismissed: bool


class Failures(Shown):
    value: list[Failure]
    nextLink: str = ""


class FailureFilter(Sent):
    """Which failures are meant; `{}` means all that are not dismissed."""

    entity: Short = ""
    outcome: Short = Field(default="", description="A code, or the part before its colon.")
    field: Short = ""
    dismissed: Literal["false", "true", "all"] = "false"


class WhichFailures(Sent):
    """Either `links` or a `filter`."""

    links: Links | None = None
    filter: FailureFilter | None = None


class FailureCount(Shown):
    count: int
    more: bool
    shown: str = Field(description='For people: "17", or "more than 1000".')


class Outcome(Shown):
    """What became of one record in a run."""

    link: str
    entity: str
    outcome: str
    meaning: str
    nextStep: str
    crm: Reference
    partner: Reference
    field: str
    vendorCode: str
    message: str
    retryAt: Moment


class Outcomes(Shown):
    value: list[Outcome]
    nextLink: str = ""


class Retried(Shown):
    retried: int
    more: bool = Field(description="They are many: the operation does it.")
    runsAt: Moment


class Dismissed(Shown):
    dismissed: int
    more: bool


class Value(Shown):
    """What a side held. `known` is false once the value expired."""

    kind: str
    id: str
    known: bool
    value: Any


class Conflict(Shown):
    id: str
    link: str
    entity: str
    field: str
    policy: str
    winner: Literal["crm", "partner", ""]
    crm: Value
    partner: Value
    at: Moment
    run: str
    actor: str
    decidedAt: Moment


class Conflicts(Shown):
    value: list[Conflict]
    nextLink: str = ""


class ConflictFilter(Sent):
    """Which open questions are meant; `{}` means all."""

    entity: Short = ""
    field: Short = ""
    link: Short = ""


class Decision(Sent):
    """Either `ids` or a `filter`; `winner` says whose value stays."""

    winner: Literal["crm", "partner"]
    ids: Ids | None = None
    filter: ConflictFilter | None = None


class Decided(Shown):
    decided: int
    stale: list[str] = Field(description="Questions that were gone or had changed; they are asked anew.")
    more: bool = Field(description="They are many: the operation does it.")
    runsAt: Moment


class Ask(Sent):
    """Make this partner record in Dynamics."""

    entity: Id
    record: Id


class Automation(Shown):
    """One automation of the partner's. `running`: it takes records in now."""

    id: str
    name: str
    running: bool


class Automations(Shown):
    value: list[Automation]


type Row = Annotated[
    str,
    Field(
        pattern="^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
        description="The id of a row in Dynamics.",
    ),
]


class Enrol(Sent):
    """Add the counterparts of these Dynamics rows to an automation."""

    entity: Id
    automation: Key
    records: Annotated[list[Row], Field(min_length=1, max_length=100)]


class Request(Shown):
    id: str
    entity: str
    side: Literal["crm", "partner"] = Field(description="Whose `record` it is: Dynamics' where it names an automation.")
    record: Reference
    automation: str = Field(default="", description="The automation that it is to be added to.")
    status: Literal["queued", "held", "waiting", "finished", "poison"]
    receivedAt: Moment
    changedAt: Moment
    runsAt: Moment = ""
    tries: int = 0
    code: str = ""
    meaning: str = Field(default="", description="What an outcome code means.")
    message: str = Field(default="", description="What happened to this very request, where more is known; else that.")
    nextStep: str = ""
    statusUrl: str = ""


class Requests(Shown):
    value: list[Request]
    nextLink: str = ""


class RequestIds(Sent):
    ids: Ids


class Requeued(Shown):
    requeued: list[str]


class Purged(Shown):
    purged: int


class Activity(Shown):
    id: str
    at: Moment
    actor: str
    action: str
    target: str
    details: dict[str, str]


class Activities(Shown):
    value: list[Activity]
    nextLink: str = ""
