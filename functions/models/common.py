"""What many answers share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Sent(BaseModel):
    """A body: fields that are not known are refused, values are never converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Shown(BaseModel):
    """An answer. Later releases may add members."""


type Id = Annotated[str, Field(min_length=1, max_length=200)]
type Key = Annotated[str, Field(pattern="^[0-9A-Za-z_-]{1,100}$")]
type Ids = Annotated[list[Key], Field(min_length=1, max_length=1000)]
type Link = Annotated[str, Field(pattern="^[0-9a-f]{1,64}$", description="A link, as the lists name it.")]
type Links = Annotated[list[Link], Field(min_length=1, max_length=1000)]
type Short = Annotated[str, Field(max_length=200)]
type Moment = Annotated[str, Field(description="ISO 8601 with offset; empty when there is none.")]
type Anything = dict[str, Any]


class Detail(Shown):
    code: str
    message: str
    target: str = ""


class Inner(Shown):
    code: str = Field(description="The code of the system or part that refused.")


class Problem(Shown):
    """What happened, where, and what to do. Some codes add members of their own (`nextRun`, `known`, `step`)."""

    model_config = ConfigDict(extra="allow")
    code: str = Field(description="One of the closed list in docs/reference/api-errors.md.")
    message: str
    target: str = ""
    details: list[Detail] = []
    nextStep: str = ""
    innererror: Inner | None = None


class Error(Shown):
    error: Problem
    current: Anything | None = Field(default=None, description="With 412: how the thing stands now.")


class Reference(Shown):
    """A record of one side."""

    kind: str
    id: str


class Operation(Shown):
    """Work that goes on after its answer. Poll until `status` is Succeeded or Failed."""

    id: str
    kind: str
    connection: str
    status: Literal["NotStarted", "Running", "Succeeded", "Failed"]
    started: Moment = ""
    ended: Moment = ""
    counts: dict[str, int] = {}
    problems: list[str] = []
    run: Anything | None = Field(default=None, description="Of kind run: the run that carried it out.")
    error: Inner | None = None


class Operations(Shown):
    value: list[Operation]


class Accepted(Shown):
    """Work is under way; `Operation-Location` says where to ask."""

    id: str
    status: Literal["NotStarted", "Running"]
