"""Conflicts: the open questions and past decisions of a connection, with both values; answers to one, some, or all that
a filter finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from shared.domain.records import FieldState, Side
from shared.errors import StaleRevision
from shared.manage.sweeping import A_STEP, AT_ONCE, PAGE, asked_once, stretch
from shared.ports.ambient import Clock, IdSource
from shared.ports.care import Job, JobStore
from shared.ports.journal import ConflictStore, KeptConflict, Listing, each
from shared.state.lane import Held, LaneStore
from shared.state.model import Command, about_pair

KIND: Final = "conflicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictFilter:
    """Which open questions are meant; what is empty is not asked for."""

    entity: str = ""
    field: str = ""
    link: str = ""


type Which = Sequence[str] | ConflictFilter
"""Ids, or everything that a filter finds."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How many questions were answered, and the ids of those that were gone or had changed."""

    count: int
    stale: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """The conflicts of one connection. `open_value` opens a sealed value kept under a conflict's id and side; it raises
    ValueError for one that does not open. `when` is the time at which the rhythm next does anything."""

    store: ConflictStore
    lane: LaneStore
    clock: Clock
    when: datetime
    jobs: JobStore
    ids: IdSource
    open_value: Callable[[bytes, str], FieldState]

    def list(self, where: ConflictFilter, *, waiting: bool, limit: int, after: str) -> Listing[KeptConflict]:
        """Open questions, or decisions; the newest first."""
        return self.store.list(
            waiting=waiting, entity=where.entity, field=where.field, link=where.link, limit=limit, after=after
        )

    def value(self, conflict: KeptConflict, side: Side) -> FieldState | None:
        """What a side held; None once it expired, or when it was sealed under another key."""
        sealed = conflict.crm_value if side is Side.CRM else conflict.partner_value
        if not sealed:
            return None
        try:
            return self.open_value(sealed, f"{conflict.id}|{side.value}")
        except ValueError:
            return None

    def decide(self, ids: Sequence[str], winner: Side, *, actor: str) -> Answered:
        """Answers questions: the winner's value goes to the other side with the next run, if both still hold what was
        asked about; else the question comes back with today's values. Repeating an answer is safe."""
        wanted = list(dict.fromkeys(ids))
        decided = [self._decide(conflict_id, winner, actor) for conflict_id in wanted]
        commands = [_command(conflict, winner, self.when) for conflict in decided if conflict is not None]
        self.lane.put_commands([command for command in commands if command is not None])
        stale = tuple(name for name, conflict in zip(wanted, decided, strict=True) if conflict is None)
        return Answered(len(wanted) - len(stale), stale)

    # -- some, or all that a filter finds ------------------------------------------------------------------------------

    def some(self, which: Which, winner: Side, *, actor: str) -> Answered | None:
        """Answers questions, if they are few; None, and nothing answered, if they are more."""
        found = self._few(which) if isinstance(which, ConflictFilter) else list(which)
        return self.decide(found, winner, actor=actor) if len(found) <= AT_ONCE else None

    def later(self, connection: str, which: Which, winner: Side, *, actor: str) -> Job:
        """The same as a job of the lane's worker. A filter means what is open now: nobody saw what is asked later."""
        named = {"ids": " ".join(dict.fromkeys(which))} if not isinstance(which, ConflictFilter) else asdict(which)
        job = Job(
            id=self.ids.new_id(),
            kind=KIND,
            connection=connection,
            actor=actor,
            at=self.clock.now(),
            spec={**named, "winner": winner.value},
        )
        return asked_once(self.jobs, job)

    def step(self, job: Job, held: Held) -> Job:
        """Some pages of such a job. What was answered is answered for good."""
        del held
        counts, after, end = Counter(job.counts), job.position, self.clock.monotonic() + A_STEP
        while True:
            ids, after = self._stretch(job, after)
            answered = self.decide(ids, Side(job.spec["winner"]), actor=job.actor)
            counts.update(decided=answered.count, stale=len(answered.stale))
            if not after or self.clock.monotonic() >= end:
                return replace(job, position=after, counts=counts, state="open" if after else "done")

    def _stretch(self, job: Job, after: str) -> tuple[Sequence[str], str]:
        spec = job.spec
        if "ids" in spec:
            return stretch(spec["ids"], after)
        where = ConflictFilter(entity=spec["entity"], field=spec["field"], link=spec["link"])
        page = self.list(where, waiting=True, limit=PAGE, after=after)
        return [conflict.id for conflict in page.items if conflict.at <= job.at], page.next

    def _few(self, where: ConflictFilter) -> Sequence[str]:
        """The ids that a filter finds, as far as they are few."""
        found = each(lambda after: self.list(where, waiting=True, limit=AT_ONCE + 1, after=after))
        return [conflict.id for conflict in islice(found, AT_ONCE + 1)]

    # -- inside --------------------------------------------------------------------------------------------------------

    def _decide(self, conflict_id: str, winner: Side, actor: str) -> KeptConflict | None:
        """The conflict as answered, also when the same answer was given before; None when it is not there to answer."""
        try:
            return self.store.decide(conflict_id, winner, actor=actor, now=self.clock.now())
        except StaleRevision:
            known = self.store.get(conflict_id)
            again = known is not None and known.winner is winner and bool(known.actor)
            return known if again else None
        except ValueError:
            return None


def _command(conflict: KeptConflict, winner: Side, when: datetime) -> Command | None:
    """Word for the lane: ids and digests only."""
    if conflict.crm is None:
        return None
    return Command(
        key=f"decide-{conflict.link}-{conflict.field}",
        op="decide",
        side=Side.CRM,
        ref=conflict.crm,
        payload=about_pair(conflict.entity, conflict.partner)
        | {
            "field": conflict.field,
            "winner": winner.value,
            "crm_digest": conflict.crm_digest,
            "partner_digest": conflict.partner_digest,
        },
        not_before=when,
    )
