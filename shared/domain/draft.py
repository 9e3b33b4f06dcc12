"""The decisions about one pair of records while they are being made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain.compiled import CANNOT_CLEAR, Carried, CompiledField, Resolve, Unmappable
from shared.domain.identity import Agreed, Digest, Digester
from shared.domain.merged import NEVER, FieldConflict, Merged
from shared.domain.records import ABSENT, FieldName, FieldState, Record, Side, Value


@dataclass(slots=True)
class Pair:
    """One field of one pair of records: what each side told, its digests, and what both agreed on last."""

    field: CompiledField
    crm: FieldState
    partner: FieldState
    crm_digest: Digest | None
    partner_digest: Digest | None
    base: Agreed | None

    def told(self, side: Side) -> bool:
        return (self.crm if side is Side.CRM else self.partner) is not ABSENT

    def value(self, side: Side) -> Value | None:
        """What `side` told; None also when it told nothing (`told` says which)."""
        found = self.crm if side is Side.CRM else self.partner
        return None if found is ABSENT else found

    def digest(self, side: Side) -> Digest:
        """What `side` stores: as told now, else as agreed."""
        found = self.crm_digest if side is Side.CRM else self.partner_digest
        if found is not None:
            return found
        return self.base.of(side) if self.base is not None else NEVER

    def changed(self, side: Side) -> bool:
        return self.told(side) and (self.base is None or self.digest(side) != self.base.of(side))

    def agreed(self) -> Agreed:
        return Agreed(self.digest(Side.CRM), self.digest(Side.PARTNER))


def agreed(target: Side, intended: Digest, source: Digest) -> Agreed:
    """The base once `target` stores what was intended and the other side what it has now."""
    return Agreed(intended, source) if target is Side.CRM else Agreed(source, intended)


def _by_side() -> dict[Side, Any]:
    return {Side.CRM: {}, Side.PARTNER: {}}


def _sets() -> dict[Side, set[str]]:
    return {Side.CRM: set(), Side.PARTNER: set()}


@dataclass(slots=True)
class Draft:
    """Gathers what `Merged` will say. `known_bases` are the last agreed choices of `union` fields."""

    digester: Digester
    now: datetime
    resolve: Resolve | None
    crm: Record | None
    partner: Record | None
    known_bases: Mapping[str, frozenset[str]]
    writes: dict[Side, dict[FieldName, Value | None]] = field(default_factory=_by_side)
    settled: dict[str, Agreed] = field(default_factory=dict)
    pending: dict[Side, dict[str, Agreed]] = field(default_factory=_by_side)
    before: dict[Side, dict[str, Digest]] = field(default_factory=_by_side)
    clipped: dict[Side, set[str]] = field(default_factory=_sets)
    conflicts: list[FieldConflict] = field(default_factory=list)
    apart: list[FieldConflict] = field(default_factory=list)
    parked: dict[str, str] = field(default_factory=dict)
    judged: set[str] = field(default_factory=set)
    blocked: dict[Side, tuple[str, str]] = field(default_factory=dict)
    need: set[Side] = field(default_factory=set)
    bases: dict[str, frozenset[str]] = field(default_factory=dict)
    pending_bases: dict[Side, dict[str, frozenset[str]]] = field(default_factory=_by_side)

    def digest(self, item: CompiledField, value: Value | None, side: Side) -> Digest:
        return self.digester.raw(item.prefix + item.canonical(value, side))

    def empty(self, pair: Pair, side: Side) -> bool:
        """Whether `side` holds nothing in this field, as far as is known."""
        if pair.told(side):
            return pair.field.canonical(pair.value(side), side) in {b"", b"s"}
        return pair.digest(side) in {self.digest(pair.field, None, side), self.digest(pair.field, "", side)}

    def carried(self, pair: Pair, source: Side) -> Carried | Unmappable:
        """What the value of `source` would be on the other side."""
        return pair.field.carry(pair.value(source), source, self.resolve)

    def holds(self, pair: Pair, found: Carried | Unmappable, side: Side) -> bool:
        """Whether `side` stores that value already."""
        return isinstance(found, Carried) and self.digest(pair.field, found.value, side) == pair.digest(side)

    def write(self, pair: Pair, target: Side) -> bool:
        """Carries the other side's value to `target`, or notes why that cannot be. False when it is parked."""
        found = self.carried(pair, target.other)
        if found == CANNOT_CLEAR and self.empty(pair, target):
            self.settle(pair)  # nothing stands there: another way of holding nothing, no clear
            return True
        if isinstance(found, Unmappable):
            self.park(pair.field, target, found.reason)
            return False
        self.put(
            pair, target, found, agreed(target, self.digest(pair.field, found.value, target), pair.digest(target.other))
        )
        return True

    def put(self, pair: Pair, target: Side, found: Carried, after: Agreed) -> None:
        """Plans a value for `target`; `after` is the base once it is stored there."""
        item = pair.field
        self.judged.add(item.id)
        if pair.digest(target) == self.digest(item, found.value, target):  # it holds that already: nothing to write
            self.settled[item.id] = after
            return
        self.writes[target].update(item.spread(found.value, target))
        self.pending[target][item.id] = after
        self.before[target][item.id] = pair.digest(target)
        if found.clipped:
            self.clipped[target].add(item.id)

    def settle(self, pair: Pair) -> None:
        """Takes what both sides hold now as agreed, equal or not."""
        self.judged.add(pair.field.id)
        self.settled[pair.field.id] = pair.agreed()

    def park(self, item: CompiledField, target: Side, reason: str) -> None:
        """Leaves the field as it is; the whole record on `target` when it cannot do without this field."""
        self.parked[item.id] = reason
        if item.needs(target):
            self.blocked.setdefault(target, (item.id, reason))

    def conflict(self, pair: Pair, winner: Side | None) -> None:
        self.conflicts.append(_conflict(pair, winner))

    def keep_apart(self, pair: Pair) -> None:
        """Each side keeps its own; told once, because the two values are the base from now on."""
        self.apart.append(_conflict(pair, None))
        self.settle(pair)

    def done(self, parks: Mapping[str, str] | None) -> Merged:
        conflicts = [found for found in self.conflicts if not self._dropped(found)]
        for side in self.blocked:
            for table in (self.writes, self.pending, self.before, self.clipped, self.pending_bases):
                table[side].clear()
        return Merged(
            writes=self.writes,
            settled=self.settled,
            pending=self.pending,
            before=self.before,
            conflicts=tuple(conflicts),
            apart=tuple(self.apart),
            parked=self.parked,
            healed=tuple(name for name in parks or () if name in self.judged and name not in self.parked),
            blocked=self.blocked,
            need=frozenset(self.need),
            clipped={side: frozenset(names) for side, names in self.clipped.items()},
            bases=self.bases,
            pending_bases=self.pending_bases,
        )

    def _dropped(self, found: FieldConflict) -> bool:
        """A conflict whose write is held back with its record is decided when the record can be written."""
        return found.winner is not None and found.winner.other in self.blocked and found.field_id not in self.settled


def _conflict(pair: Pair, winner: Side | None) -> FieldConflict:
    return FieldConflict(
        field_id=pair.field.id,
        policy=pair.field.policy.name,
        winner=winner,
        crm=pair.crm,
        partner=pair.partner,
        crm_digest=pair.crm_digest,
        partner_digest=pair.partner_digest,
    )
