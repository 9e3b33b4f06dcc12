"""Failing records: list them, retry or dismiss one, some, or all that a filter finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.domain.records import Side
from shared.ports.ambient import Clock, IdSource
from shared.ports.care import Job, JobStore
from shared.ports.journal import Failure, FailureFilter, FailureStore
from shared.state.lane import Held, LaneStore
from shared.state.model import Command

KIND: Final = "failures"
RETRY: Final = "retry"
DISMISS: Final = "dismiss"
COUNTED: Final = 1000
"""A filter has no counter of its own: beyond so many the answer is "more than"."""

_PAGE: Final = 200
_AT_ONCE: Final = 50
"""So many failures of a filter are done in the call itself; more than that are a job of the lane's worker."""
_COUNTING: Final = 0.8
"""Seconds after which counting stops."""
_A_STEP: Final = 10.0
_DISMISSED: Final = {"false": False, "true": True, "all": None}


@dataclass(frozen=True, slots=True)
class Swept:
    """How many failures of a filter were done, and where to go on; "" at the end."""

    count: int
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """The failing records of one connection. `when` is the time at which its rhythm next does anything."""

    store: FailureStore
    lane: LaneStore
    when: datetime
    clock: Clock
    jobs: JobStore
    ids: IdSource

    def retry(self, links: Sequence[str]) -> int:
        """Leaves word to look at these again; both sides are read then, under the mapping of that day."""
        return self._ask_again(self._named(links))

    def dismiss(self, links: Sequence[str], *, actor: str) -> int:
        """Hides these until their code changes. Answers how many there were."""
        found = self._named(links)
        return self.store.dismiss([item.link for item in found], actor=actor) if found else 0

    def count(self, where: FailureFilter) -> tuple[int, bool]:
        """How many a filter finds, and whether there are more: counting stops at `COUNTED`, and after a while."""
        found, after, end = 0, "", self.clock.monotonic() + _COUNTING
        while True:
            page = self.store.list(where, limit=COUNTED, after=after)
            found, after = found + len(page.items), page.next
            if not after:
                return found, False
            if found >= COUNTED or self.clock.monotonic() >= end:
                return min(found, COUNTED), True

    # -- all that a filter finds ---------------------------------------------------------------------------------------

    def some(self, act: str, where: FailureFilter, *, actor: str) -> int | None:
        """Retries or dismisses what a filter finds, if that is little; None, and nothing done, if it is more."""
        page = self.store.list(where, limit=_AT_ONCE)
        if page.next:
            return None
        return self._act(act, page.items, actor) if page.items else 0

    def sweep(self, act: str, where: FailureFilter, *, actor: str, after: str, seconds: float) -> Swept:
        """The same for all that a filter finds, for so many seconds. What was done is done for good."""
        count, end = 0, self.clock.monotonic() + seconds
        while True:
            page = self.store.list(where, limit=_PAGE, after=after)
            if page.items:
                count += self._act(act, page.items, actor)
            after = page.next
            if not after or self.clock.monotonic() >= end:
                return Swept(count, after)

    def later(self, connection: str, act: str, where: FailureFilter, *, actor: str) -> Job:
        """A sweep as a job of the lane's worker; the one that is under way, when the same was asked for before."""
        dismissed = next(name for name, value in _DISMISSED.items() if value is where.dismissed)
        job = Job(
            id=self.ids.new_id(),
            kind=KIND,
            connection=connection,
            actor=actor,
            at=self.clock.now(),
            spec={
                "act": act,
                "entity": where.entity,
                "code": where.code,
                "field": where.field,
                "dismissed": dismissed,
            },
        )
        same = [item for item in self.jobs.open() if (item.connection, item.kind) == (connection, KIND)]
        known = next((item for item in same if dict(item.spec) == dict(job.spec)), None)
        if known is not None:
            return known
        self.jobs.put(job)
        return job

    def step(self, job: Job, held: Held) -> Job:
        """Some pages of a sweep."""
        del held
        act, spec = job.spec["act"], job.spec
        where = FailureFilter(
            entity=spec["entity"], code=spec["code"], field=spec["field"], dismissed=_DISMISSED[spec["dismissed"]]
        )
        done = self.sweep(act, where, actor=job.actor, after=job.position, seconds=_A_STEP)
        counts = {act: job.counts.get(act, 0) + done.count}
        return replace(job, position=done.after, counts=counts, state="open" if done.after else "done")

    # -- inside --------------------------------------------------------------------------------------------------------

    def _named(self, links: Sequence[str]) -> list[Failure]:
        return [found for link in dict.fromkeys(links) if (found := self.store.get(link)) is not None]

    def _act(self, act: str, failures: Sequence[Failure], actor: str) -> int:
        if act == RETRY:
            return self._ask_again(failures)
        return self.store.dismiss([item.link for item in failures], actor=actor)

    def _ask_again(self, failures: Sequence[Failure]) -> int:
        commands = [
            Command(
                key=f"look-{failure.link}",
                op="look",
                side=Side.CRM,
                ref=failure.crm,
                payload={
                    "entity": failure.entity,
                    "partner_kind": failure.partner.kind if failure.partner is not None else "",
                    "partner_id": failure.partner.id if failure.partner is not None else "",
                },
                not_before=self.when,
            )
            for failure in failures
            if failure.crm is not None
        ]
        self.lane.put_commands(commands)
        return len(commands)
