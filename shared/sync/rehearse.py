"""The dry run: the run's own code, with the writes and the lane swapped for ones that keep nothing.

Feeds are read from their real cursors, records from the real systems; what would be written is added to a plan and
laid over what is read afterwards, and what would be folded is kept in memory for the pages that follow. Nothing is
written anywhere: not to a system, not to the lane, not to the journal, and no lease is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.domain.plan import Plan
from shared.domain.records import Ref, Side
from shared.ports.report import ConflictEntry, RecordOutcome
from shared.state.model import Command
from shared.sync.rehearsed import RehearsedConnector, RehearsedLane

if TYPE_CHECKING:
    from shared.sync.engine import Engine

_SLICES = 10_000
_FAR = timedelta(days=3650)


def rehearse(engine: Engine, *, seconds: float = 240.0, slices: int = _SLICES) -> Plan:
    """What the next run would do, counted, with samples. Raises what the remote sides raise.

    After so many `slices` of so many `seconds` it stops; `Plan.complete` says whether it got to the end.
    """
    plan = Plan()
    rehearsed = replace(_swapped(engine, RehearsedLane(engine.lane), plan, _Silent()), due=None)
    for _ in range(slices):
        plan.complete = not rehearsed.run_slice("plan", seconds).more
        if plan.complete:
            break
    return plan


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would be done about one record now: the writes that are planned, and the code of each outcome."""

    plan: Plan
    codes: tuple[str, ...]


def judge(engine: Engine, side: Side, ref: Ref, entity: str) -> Verdict:
    """What the engine would decide about one record, if it looked at it now. Nothing is written anywhere."""
    plan, journal = Plan(), _Silent()
    payload = {"entity": entity} if side is Side.CRM else {}
    look = Command(key="judge", op="look", side=side, ref=ref, payload=payload)
    far = engine.clock.now() + _FAR
    rehearsed = _swapped(engine, RehearsedLane(engine.lane, (look,)), plan, journal)
    replace(rehearsed, due=lambda facts, now: (far, "")).run_slice("judge", 60.0)
    codes = dict.fromkeys([*(change.code for change in plan.samples), *(code for _, code in plan.skips)])
    return Verdict(plan, tuple(codes))


def _swapped(engine: Engine, lane: RehearsedLane, plan: Plan, journal: _Silent) -> Engine:
    """The engine with everything that would keep something swapped."""
    return replace(
        engine,
        crm=RehearsedConnector(engine.crm),
        partner=RehearsedConnector(engine.partner),
        lane=lane,
        journal=journal,
        notices=None,
        answer=None,
        images=None,
        plan=plan,
    )


class _Silent:
    """A journal that keeps nothing."""

    def begin_run(self, run_id: str, *, slot: str, reason: str) -> None: ...

    def tell(
        self,
        run_id: str,
        part: str,
        outcomes: Sequence[RecordOutcome],
        counts: Mapping[str, int],
        *,
        unless: str = "",
    ) -> bool:
        return False

    def conflicts(self, run_id: str, part: str, entries: Sequence[ConflictEntry]) -> None: ...

    def well(self, links: Sequence[str]) -> None: ...

    def end_run(self, run_id: str, *, state: str, code: str = "", message: str = "") -> None: ...
