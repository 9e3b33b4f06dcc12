"""Failing records: list them, retry or dismiss one, some, or all that a filter finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.domain.records import Side
from shared.manage.sweeping import A_STEP, AT_ONCE, PAGE, asked_once, stretch
from shared.ports.ambient import Clock, IdSource
from shared.ports.care import Job, JobStore
from shared.ports.journal import Failure, FailureFilter, FailureStore
from shared.state.lane import Held, LaneStore
from shared.state.model import Command, about_pair

KIND: Final = "failures"
RETRY: Final = "retry"
COUNTED: Final = 1000
"""A filter has no counter of its own: beyond so many the answer is "more than"."""

_COUNTING: Final = 0.8
"""Seconds after which counting stops."""
_DISMISSED: Final = {"false": False, "true": True, "all": None}


type Which = Sequence[str] | FailureFilter
"""Links, or everything that a filter finds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """The failing records of one connection. `when` is the time at which its rhythm next does anything."""

    store: FailureStore
    lane: LaneStore
    when: datetime
    clock: Clock
    jobs: JobStore
    ids: IdSource

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

    # -- some, or all that a filter finds ------------------------------------------------------------------------------

    def some(self, act: str, which: Which, *, actor: str) -> int | None:
        """Retries or dismisses, if that is little: answers how many there were; None, and nothing done, if it is more.
        To retry leaves word to look at a record again; both sides are read then, under the mapping of that day. To
        dismiss hides it until its code changes."""
        if isinstance(which, FailureFilter):
            page = self.store.list(which, limit=AT_ONCE)
            return None if page.next else self._act(act, page.items, actor)
        return None if len(which) > AT_ONCE else self._act(act, self._named(which), actor)

    def later(self, connection: str, act: str, which: Which, *, actor: str) -> Job:
        """The same as a job of the lane's worker; the one that is under way, when the same was asked for before."""
        job = Job(
            id=self.ids.new_id(),
            kind=KIND,
            connection=connection,
            actor=actor,
            at=self.clock.now(),
            spec={"act": act, **_spec(which)},
        )
        return asked_once(self.jobs, job)

    def step(self, job: Job, held: Held) -> Job:
        """Some pages of such a job. What was done is done for good."""
        del held
        act, after, count = job.spec["act"], job.position, 0
        end = self.clock.monotonic() + A_STEP
        while True:
            found, after = self._stretch(job.spec, after)
            count += self._act(act, found, job.actor)
            if not after or self.clock.monotonic() >= end:
                counts = {act: job.counts.get(act, 0) + count}
                return replace(job, position=after, counts=counts, state="open" if after else "done")

    # -- inside --------------------------------------------------------------------------------------------------------

    def _stretch(self, spec: Mapping[str, str], after: str) -> tuple[Sequence[Failure], str]:
        if "links" in spec:
            names, after = stretch(spec["links"], after)
            return self._named(names), after
        where = FailureFilter(
            entity=spec["entity"], code=spec["code"], field=spec["field"], dismissed=_DISMISSED[spec["dismissed"]]
        )
        page = self.store.list(where, limit=PAGE, after=after)
        return page.items, page.next

    def _named(self, links: Sequence[str]) -> list[Failure]:
        return [found for link in dict.fromkeys(links) if (found := self.store.get(link)) is not None]

    def _act(self, act: str, failures: Sequence[Failure], actor: str) -> int:
        if not failures:
            return 0
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
                payload=about_pair(failure.entity, failure.partner),
                not_before=self.when,
            )
            for failure in failures
            if failure.crm is not None
        ]
        self.lane.put_commands(commands)
        return len(commands)


def _spec(which: Which) -> dict[str, str]:
    if not isinstance(which, FailureFilter):
        return {"links": " ".join(dict.fromkeys(which))}
    dismissed = next(name for name, value in _DISMISSED.items() if value is which.dismissed)
    return {"entity": which.entity, "code": which.code, "field": which.field, "dismissed": dismissed}
