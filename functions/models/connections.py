"""Connections, their check, their state and their runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from functions.models.common import Anything, Moment, Sent, Short, Shown

type Side = Annotated[
    dict[str, Any],
    Field(
        description="The settings of one side as docs/reference/connector-*.md list them. `secrets` are write-only: "
        "they are stored apart and only named afterwards.",
        max_length=60,
    ),
]
type Entities = Annotated[
    list[dict[str, Any]],
    Field(description="Entity maps in their file form (docs/reference/configuration-file.md).", max_length=100),
]


class ConnectionCreate(Sent):
    system: Annotated[str, Field(min_length=1, max_length=50)]
    name: Short = ""
    crm: Side
    partner: Side
    entities: Entities = []
    rhythm: Anything = {}
    options: Anything = {}


class ConnectionEdit(Sent):
    """Replaces the members that are sent. `switch` is sent alone: what it needs is checked first."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    crm: Side | None = None
    partner: Side | None = None
    entities: Entities | None = None
    rhythm: Anything | None = None
    options: Anything | None = None
    switch: Literal["on", "off"] | None = None
    plan: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="With `switch`: the fingerprint of the plan that the first start has to hold to."
    )


class Connection(Shown):
    id: str
    name: str
    system: str
    crm: Anything
    partner: Anything
    entities: list[Anything]
    rhythm: Anything
    options: Anything
    switch: Literal["setup", "on", "off"]


class Connections(Shown):
    value: list[Connection]


class Step(Shown):
    side: Literal["crm", "partner", ""]
    name: str
    state: Literal["passed", "failed", "skipped"]
    code: str
    reason: str
    nextStep: str


class Check(Shown):
    passed: bool
    steps: list[Step]


class Broken(Shown):
    code: str
    message: str
    nextStep: str


class Resting(Shown):
    code: str
    failures: int


class Progress(Shown):
    reason: str
    started: Moment
    stepsDone: list[str]
    records: int
    written: int


class Status(Shown):
    connection: str
    switch: Literal["setup", "on", "off"]
    running: bool
    run: str
    runsEnded: int
    lastRun: str
    lastEnd: Moment
    nextRun: Moment
    late: Literal["on_time", "late", "failing"]
    initialDone: bool
    onRequest: bool = Field(
        description="Whether a run can be asked for outside the rhythm, by the rules of the partner and of the mode."
    )
    counts: dict[str, int]
    progress: Progress | None = None
    broken: Broken | None = None
    resting: Resting | None = None


class Run(Shown):
    id: str
    slot: str
    reason: str
    state: Literal["running", "succeeded", "partly_failed", "failed", "stopped"]
    started: Moment
    ended: Moment
    code: str
    message: str
    counts: dict[str, int]


class Runs(Shown):
    value: list[Run]
    nextLink: str = ""


class Repeat(Sent):
    repeat: bool = Field(default=False, description="The initial sync once more, on purpose.")


class Resume(Sent):
    releaseGuard: bool = Field(default=False, description="Lets one run pass the guard against mass deletes.")


class Hook(Shown):
    what: str
    url: str = Field(description="Holds its secret: whoever has it can use it.")


class Hooks(Shown):
    value: list[Hook]
