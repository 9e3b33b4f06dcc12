"""Schemas, data configuration, mappings, criteria, schedule."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from functions.models.common import Anything, Detail, Id, Moment, Sent, Shown


class Choice(Shown):
    value: str
    label: str


class FieldSpec(Shown):
    name: str
    label: str
    type: str
    maxLength: int | None = None
    required: bool
    readable: bool
    creatable: bool
    updatable: bool
    custom: bool
    options: list[Choice] = []
    targets: list[str] = []


class Kinds(Shown):
    value: list[str]


class Schema(Shown):
    side: Literal["crm", "partner"]
    kind: str
    fields: list[FieldSpec]
    digest: str = Field(description="Changes whenever anything of the schema changes.")


class Entity(Shown):
    name: str
    on: bool
    direction: Literal["both", "to_partner", "to_crm"]
    scope: Literal["all", "criteria"]
    crmKind: str
    partnerKind: str
    map: Anything = Field(description="The entity map in its file form.")


class EntityList(Shown):
    value: list[Entity]


class EntityEdit(Sent):
    """Data configuration: which rows of an entity flow, and which way. What is not sent stays."""

    on: bool | None = None
    direction: Literal["both", "to_partner", "to_crm"] | None = None
    scope: Literal["all"] | None = Field(default=None, description="All rows: takes the criteria away.")
    criteria: Anything | None = None
    leaves: Literal["keep", "unlink", "delete"] | None = None


class Mapped(Sent):
    """An entity map in its file form, in the place of the one there is."""

    map: Anything


class Suggested(Shown):
    crm: str
    partner: str
    direction: str
    score: float


class Suggestions(Shown):
    value: list[Suggested]


class Validate(Sent):
    map: Anything | None = Field(default=None, description="A map to judge; without it, the one that is stored.")


class Validated(Shown):
    valid: bool
    mistakes: list[Detail]


class Preview(Sent):
    side: Literal["crm", "partner"]
    record: Id
    map: Anything | None = Field(default=None, description="A map to try; without it, the one that is stored.")


class PreviewedField(Shown):
    id: str
    known: bool
    source: Any
    carried: bool
    target: Any
    code: str = Field(description="Why there is no value on the other side.")
    clipped: bool


class Previewed(Shown):
    kind: str
    id: str
    fields: list[PreviewedField]
    broken: dict[str, str]


class Count(Sent):
    criteria: Anything | None = Field(default=None, description="Criteria to try; without them, those that are stored.")
    exact: bool = Field(default=False, description="Count beyond the 5,000 rows at which Dynamics stops; slower.")


class Counts(Shown):
    count: int
    more: bool
    shown: str = Field(description='For people: "1234", or "more than 5000".')
    allCount: int
    allMore: bool


class Schedule(Shown):
    rhythm: Anything
    kinds: list[str] = Field(description="The rhythms that the partner's own integration knows.")
    running: bool
    lastRun: str
    lastEnd: Moment
    nextRun: Moment
    late: Literal["on_time", "late", "failing"]
    intervalsLate: float


class ScheduleEdit(Sent):
    rhythm: Annotated[dict[str, Any], Field(max_length=10)]
