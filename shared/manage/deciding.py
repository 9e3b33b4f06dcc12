"""Conflicts: the open questions and past decisions of a connection, with both values; answers to one, some, or all that
a filter finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.records import FieldState, Side
from shared.errors import StaleRevision
from shared.ports.ambient import Clock
from shared.ports.journal import ConflictStore, KeptConflict, Listing
from shared.state.lane import LaneStore
from shared.state.model import Command

_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictFilter:
    """Which open questions are meant; what is empty is not asked for."""

    entity: str = ""
    field: str = ""
    link: str = ""


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

    def decide(self, ids: Sequence[str], where: ConflictFilter | None, winner: Side, *, actor: str) -> Answered:
        """Answers questions: the winner's value goes to the other side with the next run, if both still hold what was
        asked about; else the question comes back with today's values. Repeating an answer is safe."""
        found = list(self._all(where)) if where is not None else []
        wanted = [conflict.id for conflict in found] if where is not None else list(dict.fromkeys(ids))
        decided = [self._decide(conflict_id, winner, actor) for conflict_id in wanted]
        commands = [_command(conflict, winner, self.when) for conflict in decided if conflict is not None]
        self.lane.put_commands([command for command in commands if command is not None])
        stale = tuple(name for name, conflict in zip(wanted, decided, strict=True) if conflict is None)
        return Answered(len(wanted) - len(stale), stale)

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

    def _all(self, where: ConflictFilter) -> Iterator[KeptConflict]:
        after = ""
        while True:
            page = self.list(where, waiting=True, limit=_PAGE, after=after)
            yield from page.items
            after = page.next
            if not after:
                return


def _command(conflict: KeptConflict, winner: Side, when: datetime) -> Command | None:
    """Word for the lane: ids and digests only."""
    if conflict.crm is None:
        return None
    partner = conflict.partner
    return Command(
        key=f"decide-{conflict.link}-{conflict.field}",
        op="decide",
        side=Side.CRM,
        ref=conflict.crm,
        payload={
            "entity": conflict.entity,
            "partner_kind": partner.kind if partner is not None else "",
            "partner_id": partner.id if partner is not None else "",
            "field": conflict.field,
            "winner": winner.value,
            "crm_digest": conflict.crm_digest,
            "partner_digest": conflict.partner_digest,
        },
        not_before=when,
    )
