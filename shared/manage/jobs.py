"""Runs long pieces of work on a connection with its lane in hand, so that no sync works beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from shared.errors import LeaseLost, SyncError, Throttled, Transient
from shared.ports.ambient import Clock
from shared.ports.care import NEXT_TRY, WAITS, Job, JobStore
from shared.state.errors import StateDamaged
from shared.state.heartbeat import kept
from shared.state.lane import Held, LaneStore

type Step = Callable[[Job, Held], Job]
"""One stretch of a job: what is done is done for good, and the answer says where to go on. Repeating it is safe."""

_PAUSE: Final = timedelta(minutes=15)


def due(job: Job, now: datetime) -> bool:
    """Whether an open job may be worked on now."""
    when = job.spec.get(NEXT_TRY)
    return when is None or datetime.fromisoformat(when) <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRunner:
    """The open jobs of one connection. `steps` by kind. Jobs of a `patient` kind wait for a connection that is broken
    instead of ending: nobody may have to ask for them twice.

    `ground` raises GuardTripped when another account answers than the one whose ids the links hold; it is asked before
    anything is done, except for kinds that are `local`: those call neither system.
    """

    jobs: JobStore
    lane: LaneStore
    clock: Clock
    steps: Mapping[str, Step]
    ground: Callable[[], None]
    local: frozenset[str] = frozenset()
    patient: frozenset[str] = frozenset()
    lease_seconds: float = 60.0

    def work(self, owner: str, seconds: float) -> bool:
        """Works for up to `seconds`; answers whether more is left to do at once. A lane that is busy is left alone: its
        holder is told that it is wanted, and the timer comes back."""
        now = self.clock.now()
        todo = [job for job in self.jobs.open() if job.connection == self.lane.lane.connection and due(job, now)]
        if not todo:
            return False
        try:
            held = self.lane.acquire(owner, self.lease_seconds)
        except StateDamaged:
            return False  # it waits for the resync that puts the lane right
        if held is None:
            return False
        try:
            more = self._work(todo, held, self.clock.monotonic() + seconds)
            held.release(held.found.not_before)
        except LeaseLost:
            return True
        return more

    def _work(self, todo: list[Job], held: Held, end: float) -> bool:
        ground = cache(self.ground)  # once for all that is done in a row
        for job in todo:
            open_job = job
            while open_job.state == "open":
                if self.clock.monotonic() >= end:
                    return True
                held.renew()
                try:
                    with kept(held):
                        open_job = self._step(open_job, held, ground)
                except LeaseLost:
                    raise
                except (Throttled, Transient):
                    break  # the timer comes back
                except SyncError as fault:
                    if open_job.kind in self.patient:
                        self.jobs.put(_waiting(open_job, fault.code, self.clock.now() + _PAUSE))
                        break
                    open_job = replace(open_job, state="stopped", problems=(*open_job.problems, fault.code))
                if open_job.state != "open":
                    open_job = replace(open_job, ended=self.clock.now(), sealed=b"")
                self.jobs.put(open_job)
        return False

    def _step(self, job: Job, held: Held, ground: Callable[[], None]) -> Job:
        if job.kind not in self.local:
            ground()
        return _going(self.steps[job.kind](job, held))


def _waiting(job: Job, code: str, until: datetime) -> Job:
    return replace(job, spec={**job.spec, WAITS: code, NEXT_TRY: until.isoformat()})


def _going(job: Job) -> Job:
    """The job without word of what it waited for."""
    if WAITS not in job.spec:
        return job
    return replace(job, spec={name: text for name, text in job.spec.items() if name not in {WAITS, NEXT_TRY}})
