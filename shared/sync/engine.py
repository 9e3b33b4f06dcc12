"""The engine of one connection: takes a lane, works a slice of its run, and gives the lane back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester
from shared.domain.mapping import CompiledMap
from shared.domain.plan import Plan
from shared.domain.records import Kind, Schema, Side
from shared.errors import AuthError, ConfigError, GuardTripped, LeaseLost, Rejected, SyncError, Throttled, Transient
from shared.ports.ambient import Clock, IdSource, Sealing
from shared.ports.connector import Connector
from shared.ports.logbook import NoticeBook
from shared.ports.report import Image, Journal, RecordOutcome
from shared.state.errors import StateDamaged
from shared.state.inbox import ASIDE
from shared.state.lanes import HeldLane, Lane
from shared.state.lease import stopped_by
from shared.state.model import Command
from shared.sync.columns import note_columns
from shared.sync.compilations import Compilations
from shared.sync.context import Work
from shared.sync.cycle import Cycle, back_off
from shared.sync.options import Options
from shared.sync.requests import RESYNC


@dataclass(frozen=True, slots=True)
class SliceResult:
    """`ran` is false when another worker holds the lane. `more`: go on at once. `not_before`: when to come back."""

    ran: bool
    more: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything one lane needs. Cheap to make; holds nothing that must last.

    `due` answers when the next run may start, from the end and slot of the last one (None: at once, always), `round_up`
    when the rhythm next does anything; `answer` is told the outcome of each request that a command carried, by
    the request's key, and may be told again; `still_on` says, between pages, whether the sync was not switched off
    meanwhile; `schemas` keeps described kinds between slices of one process,
    `compilations` what was compiled against them. With a `plan` the run is a rehearsal (`shared.sync.rehearse`): faults
    are raised. `sealer` keeps the match value of a create until its answer is known; without one a create whose answer
    was lost is only looked for under the value its row has now. `keeping` renews the lease while a call takes long.
    `notices` remembers what was told in the partner's own log.
    """

    connection: ConnectionConfig
    crm: Connector
    partner: Connector
    lane: Lane
    clock: Clock
    ids: IdSource
    digester: Digester
    journal: Journal
    options: Options = field(default_factory=Options)
    due: Callable[[Mapping[str, object], datetime], tuple[datetime, str]] | None = None
    round_up: Callable[[datetime], datetime] | None = None
    answer: Callable[[Mapping[str, RecordOutcome]], None] | None = None
    still_on: Callable[[], bool] | None = None
    suppressed: Callable[[], frozenset[bytes]] | None = None
    keeping: Callable[[HeldLane], AbstractContextManager[None]] | None = None
    images: Callable[[str, str, Sequence[Image]], None] | None = None
    notices: NoticeBook | None = None
    plan: Plan | None = None
    sealer: Sealing | None = None
    schemas: dict[tuple[Side, Kind], Schema] = field(default_factory=dict)
    compilations: Compilations = field(default_factory=Compilations)

    def connector(self, side: Side) -> Connector:
        return self.crm if side is Side.CRM else self.partner

    def enqueue(self, command: Command) -> None:
        """Leaves a command in the lane's inbox; safe to repeat."""
        self.lane.put_command(command)

    def compile(self) -> list[CompiledMap]:
        """The entity maps against both schemas as they are now. Raises ConfigError for maps that cannot be used."""
        return self.compilations.of(self.connection.entities, self._schema)

    def _schema(self, side: Side, kind: Kind) -> Schema:
        if (side, kind) not in self.schemas:
            self.schemas[side, kind] = self.connector(side).describe(kind)
        return self.schemas[side, kind]

    def run_slice(self, owner: str, seconds: float | None = None) -> SliceResult:
        """Works one slice. Faults of the remote side end in the lane's facts, never in an exception; bugs do raise."""
        if self.connection.switch is Switch.OFF:
            return SliceResult(ran=False)
        held = self._acquire(owner)
        if held is None:
            return SliceResult(ran=False)
        try:
            with self.keeping(held) if self.keeping is not None else nullcontext():
                return self._slice(held, seconds if seconds is not None else self.options.slice_seconds)
        except LeaseLost:
            return SliceResult(ran=True)

    def _acquire(self, owner: str) -> HeldLane | None:
        """The lane; None while another worker has it, or while its row cannot be read and nobody asked for a resync."""
        try:
            return self.lane.acquire(owner, self.options.lease_seconds)
        except StateDamaged:
            if not self.lane.waits(RESYNC):
                return None
            self.lane.start_over()
            return self.lane.acquire(owner, self.options.lease_seconds)
        except ConfigError:  # a newer release wrote it; how the lane stands says so
            return None

    def _slice(self, held: HeldLane, seconds: float) -> SliceResult:
        work = Work(self, held, (), seconds)
        more = False
        try:
            work.maps = tuple(self.compile())
            work.columns = note_columns(work)
            more = self._work(work)
        except LeaseLost:
            raise
        except (Throttled, Transient) as fault:
            if self.plan is not None:
                raise
            return self._rest(work, fault)
        except (AuthError, ConfigError, GuardTripped, Rejected, StateDamaged) as fault:
            if self.plan is not None:
                raise
            return self._stop(work, fault)
        work.facts["failures"] = 0
        when = None if more else self._next(work)
        return self._release(work, when, more=more)

    def _work(self, work: Work) -> bool:
        cycle = Cycle(work)
        if not work.text("run") and not work.text("broken"):
            when, slot = self.due(work.facts, work.now) if self.due is not None else (work.now, work.now.isoformat())
            if when <= work.now:
                cycle.begin(slot, "scheduled")
        return cycle.run()

    def _next(self, work: Work) -> datetime | None:
        """When the lane is wanted next: its next slot, or a command that becomes due before; at once for a run that
        rests because the sync was switched off."""
        if work.text("run"):
            return work.now
        slot = self.due(work.facts, work.now)[0] if self.due is not None and not work.text("broken") else None
        waiting = [command.not_before or work.now for command in self.lane.commands(1)]
        times = [when for when in (slot, *waiting) if when is not None and when < ASIDE]
        return min(times) if times else None

    def _rest(self, work: Work, fault: Throttled | Transient) -> SliceResult:
        """A passing fault: no try is counted against any record, the lane comes back later."""
        failures = work.number("failures") + 1
        work.facts.update({"failures": failures, "fault": fault.code})
        when = work.now + back_off(
            failures if isinstance(fault, Transient) else 0, self.ids.jitter(), fault.retry_after
        )
        return self._release(work, when, more=False)

    def _stop(self, work: Work, fault: SyncError) -> SliceResult:
        """Nothing more is written until a person has looked."""
        work.facts.update(stopped_by(fault))
        run = work.text("run")
        if run:
            self.journal.end_run(run, state="stopped", code=fault.code, message=str(fault))
            work.facts.pop("run")
        return self._release(work, None, more=False)

    def _release(self, work: Work, when: datetime | None, *, more: bool) -> SliceResult:
        wanted = work.held.release(when, work.changed_facts())
        return SliceResult(ran=True, more=more or wanted, not_before=when)
