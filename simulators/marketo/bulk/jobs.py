"""Import and export jobs: two lines, each with two at work and ten in all, by the clock. Source: marketo.md 2.7."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulators.marketo.errors import CallError
from simulators.marketo.times import quota_day

if TYPE_CHECKING:
    from simulators.marketo.tenant import Tenant

MOST_RUNNING, MOST_QUEUED = 2, 10
KEPT = 7 * 86_400
QUEUED, RUNNING, DONE, FAILED = "Queued", "Running", "Done", "Failed"


@dataclass(slots=True)
class Job:
    """One job. `work` is what happens when it ends; `seconds` how long it takes once it runs."""

    id: Any
    kind: str
    user: str
    made: float
    facts: dict[str, Any]
    work: Callable[[Job], None]
    seconds: float = 0.0
    state: str = "Created"
    queued: float | None = None
    started: float | None = None
    finished: float | None = None
    result: dict[str, Any] = field(default_factory=dict)


class Line:
    """Jobs that wait for one of two places."""

    def __init__(self, tenant: Tenant, *, start_switch: str, full: CallError) -> None:
        self._tenant, self._start_switch, self._full = tenant, start_switch, full
        self.jobs: dict[Any, Job] = {}

    def put(self, job: Job) -> None:
        """Queue a job. Raises CallError when ten are queued or running."""
        if sum(each.state in {QUEUED, RUNNING} for each in self.jobs.values()) >= MOST_QUEUED:
            raise CallError(self._full.code, self._full.message)
        job.state, job.queued = QUEUED, self._tenant.clock.time()
        self.jobs[job.id] = job
        self._tenant.agenda.after(self._tenant.switches.number(self._start_switch), self._locked(self._fill))

    def _locked(self, action: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            with self._tenant.lock:
                action()

        return run

    def _fill(self) -> None:
        running = sum(each.state == RUNNING for each in self.jobs.values())
        waiting = sorted(
            (each for each in self.jobs.values() if each.state == QUEUED), key=lambda each: each.queued or 0
        )
        for job in waiting[: max(0, MOST_RUNNING - running)]:
            job.state, job.started = RUNNING, self._tenant.clock.time()
            self._tenant.agenda.after(job.seconds, self._locked(lambda job=job: self._finish(job)))  # type: ignore[misc]

    def _finish(self, job: Job) -> None:
        if job.state != RUNNING:
            return
        job.finished = self._tenant.clock.time()
        job.state = DONE
        job.work(job)
        self._fill()

    def get(self, job_id: Any) -> Job | None:
        """A job of the last seven days."""
        job = self.jobs.get(job_id)
        if job is None or self._tenant.clock.time() - job.made > KEPT:
            return None
        return job


class Jobs:
    """Both lines of a subscription, and how much was exported by day."""

    def __init__(self, tenant: Tenant) -> None:
        self.imports = Line(tenant, start_switch="import_start_seconds", full=CallError("1016", "Too many imports"))
        full = CallError("1029", "Too many jobs (10) in queue")
        self.exports = Line(tenant, start_switch="export_start_seconds", full=full)
        self.next_import = 1001
        self._tenant = tenant
        self._exported: dict[str, int] = {}

    def exported(self) -> int:
        """Bytes of today."""
        return self._exported.get(quota_day(self._tenant.clock.time()), 0)

    def add_exported(self, size: int) -> None:
        """Count a file."""
        day = quota_day(self._tenant.clock.time())
        self._exported[day] = self._exported.get(day, 0) + size
