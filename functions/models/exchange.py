"""The configuration as one file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from functions.models.common import Anything, Sent, Short, Shown


class FileConnection(Sent):
    """A connection, known by its system and the addresses of both sides."""

    system: Annotated[str, Field(min_length=1, max_length=50)]
    name: Short = ""
    crm: Anything
    partner: Anything
    entities: Annotated[list[Anything], Field(max_length=100)] | None = None
    rhythm: Anything | None = None
    options: Anything | None = None


class ConfigurationFile(Sent):
    format: Literal[1]
    connections: Annotated[list[FileConnection], Field(max_length=200)]


class Configuration(Shown):
    format: Literal[1]
    connections: list[Anything]


class Difference(Shown):
    place: str
    now: Any
    then: Any


class Change(Shown):
    act: Literal["create", "update", "same", "extra"]
    id: str
    name: str
    system: str
    differences: list[Difference]


class Changes(Shown):
    changed: bool
    value: list[Change]
