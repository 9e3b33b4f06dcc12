"""Dry runs, and the look-up of one record."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from functions.models.common import Id, Moment, Reference, Sent, Shown


class Plan(Sent):
    seconds: int = Field(default=60, ge=1, le=180, description="How long it may look, at most.")


class PlanCount(Shown):
    entity: str
    side: Literal["crm", "partner"]
    act: Literal["create", "update", "deactivate", "delete"]
    code: str
    count: int


class SkipCount(Shown):
    entity: str
    code: str
    meaning: str
    count: int


class FieldCount(Shown):
    entity: str
    side: Literal["crm", "partner"]
    field: str
    count: int


class Difference(Shown):
    field: str
    column: str
    known: bool
    now: Any
    then: Any


class Change(Shown):
    entity: str
    side: Literal["crm", "partner"]
    act: Literal["create", "update", "deactivate", "delete"]
    code: str
    crm: Reference
    partner: Reference
    differences: list[Difference]
    addLabels: list[str]
    removeLabels: list[str]


class Planned(Shown):
    complete: bool = Field(description="False when the time was over before everything was looked at.")
    fingerprint: str = Field(description="Equal for equal plans.")
    counts: list[PlanCount]
    skips: list[SkipCount]
    fields: list[FieldCount]
    samples: list[Change]
    removals: int


class LookUp(Sent):
    """By `record` and `side`, or by the value people are matched by (`match`, an e-mail address)."""

    entity: Id
    side: Literal["crm", "partner"] | None = None
    record: Id | None = None
    match: Id | None = None


class Reason(Shown):
    code: str
    meaning: str
    nextStep: str
    place: str = Field(default="", description="The line of the criteria that keeps the row outside.")
    missing: list[str] = Field(default=[], description="Tags the partner record lacks.")


class LookedUpField(Shown):
    id: str
    policy: str
    direction: str
    crm: Any
    partner: Any
    differs: bool


class LinkShown(Shown):
    id: str
    state: Literal["linked", "awaiting", "parked", "refused", "tombstone"]
    made: str
    parked: dict[str, str]


class LastOutcome(Shown):
    code: str
    meaning: str
    field: str = ""
    vendorCode: str = ""
    message: str = Field(default="", description="The vendor's own words, with the record's values masked.")
    at: Moment = ""
    run: str = ""


class LookedUp(Shown):
    inSync: bool
    reason: Reason | None = None
    entity: str
    crm: Reference | None
    partner: Reference | None
    link: LinkShown | None
    tags: list[str] | None
    fields: list[LookedUpField]
    changes: list[Change] = Field(description="What the next run would write.")
    last: LastOutcome | None
    retryAt: Moment
    nextRun: Moment
    switch: Literal["setup", "on", "off"]
    others: int = Field(description="Other records with the same match value.")
