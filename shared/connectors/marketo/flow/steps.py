"""The flow steps, and what each does in Dynamics.

They are the native flow actions of the vendor's own sync (marketo.md 1.4) as self-service flow steps. A person without
a row gets one first, as there; a step's own write is made once under a name of its own: a repeat writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from shared.domain.records import FieldName, Kind, Record, Ref, RemoteId, Value
from shared.errors import ConfigError, Rejected, Transient
from shared.ports.connector import Connector, Op, Outcome, Write, WriteResult
from shared.ports.flow import CampaignMembers, Choices, FlowStep, Job, Making, Told

SYNC_AS, OWNER, IF_EXISTS = "syncAs", "owner", "ifExists"
SUBJECT, DESCRIPTION, DUE_IN, STATUS, PRIORITY = "subject", "description", "dueIn", "taskStatus", "priority"
AUTO, LEAD, CONTACT = "auto", "lead", "contact"
SKIP, UPDATE = "skip", "update"
STATUSES: Final[Mapping[str, str]] = {"notStarted": "2", "inProgress": "3", "waiting": "4", "deferred": "7"}
PRIORITIES: Final[Mapping[str, str]] = {"low": "0", "normal": "1", "high": "2"}
DUE_DAYS: Final = 5
"""What the vendor's own step enters where nothing was."""

OWNERS: Final = ("systemuser", "team")
CAMPAIGN: Final = "campaign"
CAMPAIGNS: Final = ("campaign",)
TABLES: Final = (*OWNERS, "task", "campaign")
"""The Dynamics tables of the steps, beside those of people."""

_NAMESPACE: Final = UUID("0a9c5f83-5d0b-5f0a-8d8e-3f3f0b7c54aa")
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SUBJECT, _TEXT = 200, 2000  # what a task's columns hold
_OWNER_ID, _REGARDING = FieldName("ownerid"), FieldName("regardingobjectid")
_MOST_DAYS = 3650


def chosen(text: str, kinds: Sequence[str]) -> Ref | None:
    """A row chosen from a list ("systemuser:ID"), or entered as an id alone, which is one of the first kind."""
    kind, _, row = text.strip().lower().rpartition(":")
    kind = kind or kinds[0]
    return Ref(Kind(kind), RemoteId(row)) if kind in kinds and _GUID.fullmatch(row) else None


@dataclass(frozen=True, slots=True)
class SyncPerson:
    """Makes the person in Dynamics; one who is there is left alone, or brought in step on request."""

    name: str = "syncPerson"
    own_write: bool = False

    def wrong(self, choices: Choices) -> Told | None:
        usable = choices.get(SYNC_AS, AUTO) in {AUTO, LEAD, CONTACT, ""} and choices.get(IF_EXISTS, SKIP) in _IF_EXISTS
        return wrong_owner(choices) if usable else Told("failed:unusable_choice")

    def making(self, choices: Choices) -> Making | None:
        kind = choices.get(SYNC_AS, AUTO)
        return Making(
            kind="" if kind == AUTO else kind,
            references=owner_of(choices),
            update=choices.get(IF_EXISTS) == UPDATE,
        )

    def names(self, choices: Choices) -> Sequence[Ref]:
        return list(owner_of(choices).values())

    def do(self, crm: Connector, jobs: Sequence[Job]) -> Mapping[RemoteId, Told]:
        del crm, jobs
        return {}


@dataclass(frozen=True, slots=True)
class ChangeOwner:
    """Gives the person's row to another user or team."""

    name: str = "changeOwner"
    own_write: bool = True

    def wrong(self, choices: Choices) -> Told | None:
        return wrong_owner(choices) or (None if owner_of(choices) else Told("failed:unusable_choice"))

    def making(self, choices: Choices) -> Making | None:
        return Making(references=owner_of(choices))

    def names(self, choices: Choices) -> Sequence[Ref]:
        return list(owner_of(choices).values())

    def do(self, crm: Connector, jobs: Sequence[Job]) -> Mapping[RemoteId, Told]:
        told: dict[RemoteId, Told] = {}
        for kind in dict.fromkeys(job.crm.kind for job in jobs):
            mine = [job for job in jobs if job.crm.kind == kind]
            rows = crm.read(kind, [job.crm.id for job in mine], [_OWNER_ID])
            writes: list[Write] = []
            for job in mine:
                row, owner = rows.get(job.crm.id), owner_of(job.choices)["ownerid"]
                if not isinstance(row, Record):
                    told[job.person] = Told("skipped:deleted")
                elif row.value(_OWNER_ID) == owner:
                    told[job.person] = Told("unchanged")
                else:
                    writes.append(
                        Write(
                            key=job.person,
                            op=Op.UPDATE,
                            ref=job.crm,
                            fields={_OWNER_ID: owner},
                            expect=row.revision,
                        )
                    )
            told |= _written(crm, writes, "updated")
        return told


@dataclass(frozen=True, slots=True)
class CreateTask:
    """Puts a task on the person's row. `now` dates what is due."""

    now: Callable[[], datetime]
    connection: str
    name: str = "createTask"
    own_write: bool = True

    def wrong(self, choices: Choices) -> Told | None:
        if not choices.get(SUBJECT, "").strip() or _days(choices) is None:
            return Told("failed:unusable_choice")
        if choices.get(STATUS) and choices[STATUS] not in STATUSES:
            return Told("failed:unusable_choice")
        if choices.get(PRIORITY) and choices[PRIORITY] not in PRIORITIES:
            return Told("failed:unusable_choice")
        return wrong_owner(choices)

    def making(self, choices: Choices) -> Making | None:
        return Making()

    def names(self, choices: Choices) -> Sequence[Ref]:
        return list(owner_of(choices).values())

    def do(self, crm: Connector, jobs: Sequence[Job]) -> Mapping[RemoteId, Told]:
        return _written(crm, [self._task(job) for job in jobs], "created")

    def _task(self, job: Job) -> Write:
        told = job.choices
        due = self.now() + timedelta(days=_days(told) or 0)
        fields: dict[FieldName, Value | None] = {
            FieldName("subject"): told[SUBJECT].strip()[:_SUBJECT],
            FieldName("scheduledend"): due.replace(microsecond=0),
            FieldName("statuscode"): STATUSES[told.get(STATUS) or "notStarted"],
            FieldName("prioritycode"): PRIORITIES[told.get(PRIORITY) or "normal"],
            _REGARDING: job.crm,
            **{FieldName(name): ref for name, ref in owner_of(told).items()},
        }
        if told.get(DESCRIPTION, "").strip():
            fields[FieldName("description")] = told[DESCRIPTION][:_TEXT]
        row = RemoteId(str(uuid5(_NAMESPACE, f"{self.connection}|task|{job.once}")))
        return Write(key=job.person, op=Op.CREATE, ref=Ref(Kind("task"), row), fields=fields)


@dataclass(frozen=True, slots=True)
class InCampaign:
    """Puts the person into a campaign, or takes them out: whom this connection put there, and nobody else."""

    connection: str
    adds: bool
    own_write: bool = True

    @property
    def name(self) -> str:
        return "addToCampaign" if self.adds else "removeFromCampaign"

    def wrong(self, choices: Choices) -> Told | None:
        named = choices.get(CAMPAIGN, "").strip()
        if not named:
            return Told("failed:unusable_choice")
        return Told("failed:unknown_campaign") if chosen(named, CAMPAIGNS) is None else None

    def making(self, choices: Choices) -> Making | None:
        return Making() if self.adds else None

    def names(self, choices: Choices) -> Sequence[Ref]:
        return [ref for ref in (chosen(choices.get(CAMPAIGN, ""), CAMPAIGNS),) if ref is not None]

    def do(self, crm: Connector, jobs: Sequence[Job]) -> Mapping[RemoteId, Told]:
        if not isinstance(crm, CampaignMembers):
            return {job.person: Told("skipped:unsupported") for job in jobs}
        told: dict[RemoteId, Told] = {}
        for campaign in dict.fromkeys(ref.id for job in jobs for ref in self.names(job.choices)):
            mine = [job for job in jobs if self.names(job.choices)[0].id == campaign]
            try:
                told |= self._moved(crm, campaign, mine)
            except (Rejected, ConfigError) as refused:  # this campaign's alone: others go on
                told |= {job.person: Told("failed:rejected", str(refused)) for job in mine}
        return told

    def _moved(self, crm: CampaignMembers, campaign: RemoteId, jobs: Sequence[Job]) -> dict[RemoteId, Told]:
        people = [job.crm for job in jobs]
        if self.adds:
            refused = crm.join_campaign(campaign, people, self.connection)
            return {job.person: _joined(refused[job.crm]) for job in jobs}
        were = crm.leave_campaign(campaign, people, self.connection)
        return {job.person: Told("deleted" if were[job.crm] else "unchanged") for job in jobs}


def _joined(refusal: str | None) -> Told:
    if refusal is None:
        return Told("unchanged")
    return Told("failed:rejected", refusal) if refusal else Told("updated")


_IF_EXISTS = frozenset({SKIP, UPDATE, ""})


def steps(connection: str, now: Callable[[], datetime]) -> Mapping[str, FlowStep]:
    """The steps of one connection, by name."""
    joining = [InCampaign(connection, adds=adds) for adds in (True, False)]
    found: Sequence[FlowStep] = (SyncPerson(), ChangeOwner(), CreateTask(now, connection), *joining)
    return {step.name: step for step in found}


def owner_of(choices: Choices) -> dict[str, Ref]:
    """The owner that was chosen, by the column of it; nothing where none was."""
    ref = chosen(choices.get(OWNER, ""), OWNERS)
    return {_OWNER_ID: ref} if ref is not None else {}


def wrong_owner(choices: Choices) -> Told | None:
    named = choices.get(OWNER, "").strip()
    return Told("failed:unknown_owner") if named and chosen(named, OWNERS) is None else None


def _days(choices: Choices) -> int | None:
    """Days until a task is due; None for something else than a number of days."""
    text = choices.get(DUE_IN, "").strip()
    if not text:
        return DUE_DAYS
    return int(text) if text.isascii() and text.isdigit() and int(text) <= _MOST_DAYS else None


def _written(crm: Connector, writes: Sequence[Write], applied: str) -> dict[RemoteId, Told]:
    """What became of writes of one kind and operation. One whose answer was lost is left out and done again: it has its
    own name, or writes what it wrote before."""
    if not writes:
        return {}
    size = crm.capabilities.kinds[writes[0].ref.kind].bulk_size
    told: dict[RemoteId, Told] = {}
    wait: float | None = None
    for start in range(0, len(writes), size):
        for write, result in zip(writes[start : start + size], crm.write(writes[start : start + size]), strict=True):
            ended = _told(result, applied)
            if ended is not None:
                told[RemoteId(write.key)] = ended
            wait = result.retry_after if result.retry_after is not None else wait
    if not told:
        raise Transient("Dynamics 365 took none of the step's writes", retry_after=wait, code="step_not_written")
    return told


def _told(result: WriteResult, applied: str) -> Told | None:
    match result.outcome:
        case Outcome.APPLIED:
            return Told(applied)
        case Outcome.EXISTS:
            return Told(applied)  # made before, under the same name
        case Outcome.GONE:
            return Told("skipped:deleted")
        case Outcome.REJECTED:
            return Told("failed:rejected", f"{result.code} {result.message}".strip())
        case _:
            return None
