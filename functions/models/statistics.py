"""How connections are doing, in numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from functions.models.common import Moment, Shown


class Standing(Shown):
    code: Literal["setup", "off", "stopped", "resting", "failing", "late", "running", "waits"]
    reason: str
    nextStep: str = Field(description="What a person does about it; empty when nothing.")


class LastSync(Shown):
    run: str
    state: str
    ended: Moment


class Count(Shown):
    count: int
    more: bool = Field(description="There are more than were counted.")
    shown: str
    list: str = Field(description="The list that this counts, below the address of the API; empty where there is none.")


class Counts(Shown):
    linked: Count
    failing: Count = Field(description="Questions that are open stand among the conflicts only.")
    excluded: Count = Field(description="What the last run left out.")
    conflicts: Count


class EntityBacklog(Shown):
    entity: str
    waiting: Count = Field(description="Words to the worker about its records: changes, retries, decisions.")
    awaiting: int = Field(description="Records made in the other system whose id was not told yet.")
    parked: int = Field(description="Records that rest with a reason.")
    oldest: Moment = Field(description="Since when the first of the words waits; empty where none does.")


class Backlog(Shown):
    waiting: Count = Field(description="Words to the worker: records to look at, retries, decisions.")
    requests: Count = Field(description="Requests that are queued, or held while the connection is off.")
    intervalsLate: float
    entities: list[EntityBacklog]


class Throughput(Shown):
    runs: int = Field(description="The newest runs, ten at most.")
    records: int
    written: int
    seconds: float
    recordsPerMinute: float


class Statistics(Shown):
    connection: str
    state: Standing
    late: Literal["on_time", "late", "failing"]
    lastSync: LastSync
    counts: Counts
    backlog: Backlog
    throughput: Throughput
