"""Whom the app tells of trouble."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from functions.models.common import Moment, Sent, Shown

type Event = Literal["broken", "failing_runs", "backlog", "poison"]


class NotificationsEdit(Sent):
    events: Annotated[list[Event], Field(max_length=10)]
    digestHour: Annotated[int, Field(ge=0, le=23)] | None = Field(description="UTC; null: no digest.")
    webhook: Annotated[str, Field(max_length=2000)] | None = Field(
        default=None, description="Write-only; https. Absent: it stays. Empty: it is forgotten."
    )


class OpenEpisode(Shown):
    event: Event
    connection: str
    reason: str
    nextStep: str
    since: Moment
    told: bool


class Notifications(Shown):
    events: list[Event]
    digestHour: int | None
    webhookStored: bool
    episodes: list[OpenEpisode]
