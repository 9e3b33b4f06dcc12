"""What this release knows and can be set."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from functions.models.common import Anything, Shown


class Setting(Shown):
    name: str
    help: str
    type: Literal["text", "number", "flag", "choice", "list"]
    required: bool
    secret: bool = Field(description="Sent under `secrets` only, and never shown.")
    choices: list[str]
    default: Any


class Extension(Shown):
    """What only this system has: settings, entities, addresses that the vendor's own tools call."""

    name: str
    help: str
    settings: list[str]
    entities: list[str]
    hooks: bool


class Crm(Shown):
    name: str
    title: str
    settings: list[Setting]


class System(Shown):
    name: str
    title: str
    settings: list[Setting]
    rhythms: list[str]
    rhythm: Anything = Field(description="What a new connection starts with.")
    options: Anything = Field(description="Options that differ from their usual values where a connection sets none.")
    onRequest: bool = Field(
        description="Whether a run can be asked for outside the rhythm where no setting of the connection, such as its "
        "mode, says otherwise; its status tells of each connection."
    )
    enrols: list[str] = Field(description="Kinds of its records that can be added to its automations.")
    entities: list[Anything] = Field(description="The maps a new connection starts with, in their file form.")
    extensions: list[Extension]


class Option(Shown):
    name: str
    type: Literal["text", "number", "flag", "choice", "numbers"]
    choices: list[str]
    default: Any


class Operator(Shown):
    name: str
    types: list[str]
    takes: Literal["none", "one", "two", "many", "days", "count"]


class Pair(Shown):
    crm: str
    partner: str
    directions: list[str]


class Transform(Shown):
    kind: str
    options: list[str]
    oneWay: bool


class Declarations(Shown):
    crm: Crm
    systems: list[System]
    options: list[Option]
    gridHours: list[int]
    operators: list[Operator]
    pairs: list[Pair] = Field(description="Types that go together without a value map or a transform.")
    mappable: list[str] = Field(description="Types whose values a value map can name.")
    transforms: list[Transform]
    policies: list[str]
    deletes: list[str]
    leaves: list[str]
