"""Deleting on purpose: clean-up, erasure, taking a run back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from functions.models.common import Operation, Sent, Shown


class CleanUpCounts(Shown):
    name: str
    created: dict[str, int] = Field(description="Records this connection created, by side and kind.")


class CleanUp(Sent):
    confirm: Annotated[str, Field(max_length=200)] = Field(description="The connection's name, typed.")
    sides: Annotated[list[Literal["crm", "partner"]], Field(min_length=1, max_length=2)]


class RevertCounts(Shown):
    run: str
    counts: dict[str, int]
    cannot: list[str]


class Revert(Sent):
    created: bool = Field(default=False, description="Also remove what the run created.")


class Erase(Sent):
    email: Annotated[str, Field(min_length=1, max_length=320)]
    dynamics: bool = Field(default=False, description="Also delete the person's rows in Dynamics.")


class ErasurePart(Operation):
    steps: dict[str, str]
    dynamicsDeleted: bool = Field(description="Their rows in Dynamics were to be deleted, and all of them were.")
    waitsFor: str = Field(description="What has to be mended first: the connection's error code, else empty.")


class Erasure(Shown):
    id: str
    status: Literal["Running", "Succeeded", "Failed"]
    parts: list[ErasurePart] = []


class Lift(Sent):
    email: Annotated[str, Field(min_length=1, max_length=320)]


class Lifted(Shown):
    lifted: int = Field(description="Keys taken off the list; 0: the person was not on it.")
