"""Decides one field of one pair: the slow path of the merge, for what differs from its base."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shared.domain.compiled import Carried, CompiledField, Resolve, Unmappable
from shared.domain.identity import Agreed, Digest, Digester
from shared.domain.merged import ASKED, NEVER, FieldConflict, Merged
from shared.domain.normalize import explainable
from shared.domain.policy import Rule, newer
from shared.domain.records import ABSENT, FieldName, FieldState, Record, Side, Value


@dataclass(slots=True)
class Pair:
    """One field of one pair of records, with what each side told and stored."""

    field: CompiledField
    crm: FieldState
    partner: FieldState
    crm_digest: Digest | None
    partner_digest: Digest | None
    base: Agreed | None

    def value(self, side: Side) -> FieldState:
        return self.crm if side is Side.CRM else self.partner

    def told(self, side: Side) -> bool:
        return self.value(side) is not ABSENT

    def digest(self, side: Side) -> Digest:
        """What `side` stores: as told now, else as agreed."""
        found = self.crm_digest if side is Side.CRM else self.partner_digest
        if found is not None:
            return found
        return self.base.of(side) if self.base is not None else NEVER

    def changed(self, side: Side) -> bool:
        if not self.told(side):
            return False
        return self.base is None or self.digest(side) != self.base.of(side)

    def agreed(self) -> Agreed:
        return Agreed(self.digest(Side.CRM), self.digest(Side.PARTNER))


@dataclass(slots=True)
class Draft:
    """The decisions as they are made."""

    digester: Digester
    now: datetime
    resolve: Resolve | None
    crm: Record | None
    partner: Record | None
    known_bases: Mapping[str, frozenset[str]]
    writes: dict[Side, dict[FieldName, Value | None]] = field(default_factory=lambda: {side: {} for side in Side})
    settled: dict[str, Agreed] = field(default_factory=dict)
    pending: dict[Side, dict[str, Agreed]] = field(default_factory=lambda: {side: {} for side in Side})
    before: dict[Side, dict[str, Digest]] = field(default_factory=lambda: {side: {} for side in Side})
    clipped: dict[Side, set[str]] = field(default_factory=lambda: {side: set() for side in Side})
    conflicts: list[FieldConflict] = field(default_factory=list)
    apart: list[FieldConflict] = field(default_factory=list)
    parked: dict[str, str] = field(default_factory=dict)
    judged: set[str] = field(default_factory=set)
    blocked: dict[Side, tuple[str, str]] = field(default_factory=dict)
    need: set[Side] = field(default_factory=set)
    bases: dict[str, frozenset[str]] = field(default_factory=dict)

    def digest(self, item: CompiledField, value: Value | None, side: Side) -> Digest:
        return self.digester.raw(item.prefix + item.canonical(value, side))

    def empty(self, pair: Pair, side: Side) -> bool:
        """Whether `side` holds nothing in this field, as far as is known."""
        value = pair.value(side)
        if value is not ABSENT:
            return pair.field.canonical(value, side) in {b"", b"s"}
        return pair.digest(side) == self.digest(pair.field, None, side)

    def write(self, pair: Pair, target: Side, value: Value | None) -> None:
        """Carries `value` (of the other side) to `target`, or notes why that cannot be."""
        item, source = pair.field, target.other
        found = item.carry(value, source, self.resolve)
        if isinstance(found, Unmappable):
            self.park(item, target, found.reason)
            return
        self.put(pair, target, found, self.digest(item, value, source))

    def put(self, pair: Pair, target: Side, found: Carried, source_digest: Digest) -> None:
        item = pair.field
        intended = self.digest(item, found.value, target)
        after = _agreed(target, intended, source_digest)
        self.judged.add(item.id)
        if pair.digest(target) == intended:  # it holds that already: nothing to write
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
        self.parked[item.id] = reason
        if item.needs(target) and target not in self.blocked:
            self.blocked[target] = (item.id, reason)

    def conflict(self, pair: Pair, winner: Side | None) -> None:
        self.conflicts.append(_conflict(pair, winner))

    def keep_apart(self, pair: Pair) -> None:
        """Each side keeps its own; told once, because the two values are the base from now on."""
        self.apart.append(_conflict(pair, None))
        self.settle(pair)

    def done(self, parks: Mapping[str, str] | None) -> Merged:
        for side in self.blocked:
            for table in (self.writes, self.pending, self.before, self.clipped):
                table[side].clear()
        return Merged(
            writes=self.writes,
            settled=self.settled,
            pending=self.pending,
            before=self.before,
            conflicts=tuple(self.conflicts),
            apart=tuple(self.apart),
            parked=self.parked,
            healed=tuple(name for name in parks or () if name in self.judged and name not in self.parked),
            blocked=self.blocked,
            need=frozenset(self.need),
            clipped={side: frozenset(names) for side, names in self.clipped.items()},
            bases=self.bases,
        )


def _agreed(target: Side, intended: Digest, source: Digest) -> Agreed:
    return Agreed(intended, source) if target is Side.CRM else Agreed(source, intended)


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


def create_field(draft: Draft, item: CompiledField, source: Record | None, target: Side) -> None:
    """One field of a record that is to be made on `target`: every value that flows there is written."""
    origin = target.other
    value = item.take(source, origin) if source is not None else ABSENT
    required = item.flows(target) and item.needs(target)
    if value is ABSENT:
        if required:
            draft.park(item, target, "required_empty")
        return
    found: Carried | Unmappable = Carried(None)
    if (
        item.flows(target)
        and item.spec(target).creatable
        and (value is not None or required or item.filler is not None)
    ):
        found = item.carry(value, origin, draft.resolve)
    if isinstance(found, Unmappable):
        draft.park(item, target, found.reason)
        return
    draft.judged.add(item.id)
    intended = draft.digest(item, found.value, target)
    draft.pending[target][item.id] = _agreed(target, intended, draft.digest(item, value, origin))
    if found.value is not None:
        draft.writes[target].update(item.spread(found.value, target))
        if found.clipped:
            draft.clipped[target].add(item.id)


def judge(draft: Draft, pair: Pair, decisions: Mapping[str, Side] | None, parks: Mapping[str, str] | None) -> None:
    """Decides one field that differs from its base, or that a person or a park singles out."""
    item = pair.field
    unread = [side for side in Side if not pair.told(side)]
    if decisions is not None and item.id in decisions:
        _decided(draft, pair, decisions[item.id], unread)
        return
    held = parks is not None and item.id in parks
    if unread and (held or pair.base is None):
        if len(unread) == 1 or held:
            draft.need.update(unread)
        if held and parks is not None:
            draft.parked[item.id] = parks[item.id]
        return
    if pair.base is None:
        _meet(draft, pair)
        return
    changed = [side for side in Side if pair.changed(side)]
    if not changed:
        if held:
            draft.judged.add(item.id)
        return
    if len(changed) == 1:
        _one_changed(draft, pair, changed[0])
    elif _equal(draft, pair):
        draft.settle(pair)
    else:
        _both_changed(draft, pair)


def _decided(draft: Draft, pair: Pair, winner: Side, unread: list[Side]) -> None:
    """A person chose a side's value: it is written to the other side if values flow there at all."""
    if unread:
        draft.need.update(unread)
        return
    if _equal(draft, pair):
        draft.settle(pair)
        return
    draft.conflict(pair, winner)
    if pair.field.flows(winner.other):
        draft.write(pair, winner.other, _value(pair, winner))
    else:
        draft.settle(pair)


def _value(pair: Pair, side: Side) -> Value | None:
    found = pair.value(side)
    return None if found is ABSENT else found


def _equal(draft: Draft, pair: Pair) -> bool:
    """Whether either side's value is what the other one's would become there."""
    item = pair.field
    for source in Side:
        if item.flows(source.other) or not item.flows(source):
            found = item.carry(_value(pair, source), source, draft.resolve)
            if isinstance(found, Carried) and draft.digest(item, found.value, source.other) == pair.digest(
                source.other
            ):
                return True
    return draft.empty(pair, Side.CRM) and draft.empty(pair, Side.PARTNER)


def _source(item: CompiledField) -> Side | None:
    """The side a one-way field flows from."""
    if item.to_crm and item.to_partner:
        return None
    return Side.CRM if item.to_partner else Side.PARTNER


# -- the first meeting ------------------------------------------------------------------------------------------------


def _meet(draft: Draft, pair: Pair) -> None:
    """No base yet: equal agrees, an empty side is filled, unequal values go by the policy and `first`."""
    if _equal(draft, pair):
        draft.settle(pair)
        return
    rule = pair.field.policy.rule
    empty = [side for side in Side if draft.empty(pair, side)]
    if rule is Rule.ONLY_ON_CREATE:
        draft.settle(pair)
    elif rule is Rule.RESTRICTIVE:
        _restrictive(draft, pair, None)
    elif empty:
        if pair.field.flows(empty[0]):
            draft.write(pair, empty[0], _value(pair, empty[0].other))
        else:
            draft.settle(pair)
    else:
        _both_changed(draft, pair)


# -- one side changed -------------------------------------------------------------------------------------------------


def _one_changed(draft: Draft, pair: Pair, side: Side) -> None:
    item, rule, target = pair.field, pair.field.policy.rule, side.other
    if not item.flows(target):
        _drifted(draft, pair, side)
    elif rule is Rule.ONLY_ON_CREATE:
        draft.settle(pair)
    elif rule is Rule.FILL_IF_EMPTY:
        if draft.empty(pair, target) and not draft.empty(pair, side):
            draft.write(pair, target, _value(pair, side))
        else:
            draft.settle(pair)
    elif rule is Rule.RESTRICTIVE:
        _restrictive(draft, pair, side)
    else:
        draft.write(pair, target, _value(pair, side))
        _remember(draft, pair, side)


def _drifted(draft: Draft, pair: Pair, side: Side) -> None:
    """A one-way field was edited on the side it flows into."""
    source, rule = side.other, pair.field.policy.rule
    if rule in {Rule.ONLY_ON_CREATE, Rule.FILL_IF_EMPTY, Rule.RESTRICTIVE}:
        draft.settle(pair)
    elif not pair.told(source):  # yields when the source's row is seen again
        draft.judged.add(pair.field.id)
        draft.settled[pair.field.id] = _agreed(side, pair.digest(side), NEVER)
    elif _explained(draft, pair, side):
        draft.settle(pair)
    else:
        draft.conflict(pair, source)
        draft.write(pair, side, _value(pair, source))


def _explained(draft: Draft, pair: Pair, side: Side) -> bool:
    """Whether `side` only reformatted what we wrote (an unknown limit): then writing it again would never end."""
    found = pair.field.carry(_value(pair, side.other), side.other, draft.resolve)
    return isinstance(found, Carried) and explainable(found.value, _value(pair, side))


# -- both sides changed -----------------------------------------------------------------------------------------------


def _both_changed(draft: Draft, pair: Pair) -> None:
    _CONFLICTS[pair.field.policy.rule](draft, pair)


def _win(draft: Draft, pair: Pair, winner: Side) -> None:
    """The winner's value is written to the other side; where it may not flow, the flow's own source wins."""
    source = _source(pair.field)
    side = winner if source is None else source
    draft.conflict(pair, side)
    draft.write(pair, side.other, _value(pair, side))


def _owner(draft: Draft, pair: Pair) -> None:
    _win(draft, pair, pair.field.policy.side if pair.base is not None else pair.field.first)


def _newest(draft: Draft, pair: Pair) -> None:
    policy = pair.field.policy
    times = [record.modified_at if record is not None else None for record in (draft.crm, draft.partner)]
    winner = newer(*times, now=draft.now, skew=policy.skew)
    if winner is None:
        winner = policy.side if pair.base is not None else pair.field.first
    _win(draft, pair, winner)


def _fill(draft: Draft, pair: Pair) -> None:
    empty = [side for side in Side if draft.empty(pair, side)]
    if empty and pair.field.flows(empty[0]):
        draft.write(pair, empty[0], _value(pair, empty[0].other))
    else:
        draft.keep_apart(pair)


def _seed(draft: Draft, pair: Pair) -> None:
    draft.settle(pair)


def _ask(draft: Draft, pair: Pair) -> None:
    draft.conflict(pair, None)
    draft.parked[pair.field.id] = ASKED


def _union(draft: Draft, pair: Pair) -> None:
    """The choices of both; what one side took away since the last known base stays away."""
    item = pair.field
    ours, theirs = _set(_value(pair, Side.CRM)), item.carry(_value(pair, Side.PARTNER), Side.PARTNER, draft.resolve)
    if isinstance(theirs, Unmappable):
        draft.park(item, Side.CRM, theirs.reason)
        return
    others = _set(theirs.value)
    base = draft.known_bases.get(item.id, frozenset())
    joined = (ours | others) - (base - ours) - (base - others)
    for target in Side:
        if item.flows(target):
            carried = (
                item.carry(joined or None, Side.CRM, draft.resolve)
                if target is Side.PARTNER
                else Carried(joined or None)
            )
            if isinstance(carried, Unmappable):
                draft.park(item, target, carried.reason)
                return
    _write_joined(draft, pair, joined)


def _write_joined(draft: Draft, pair: Pair, joined: frozenset[str]) -> None:
    item = pair.field
    there = item.carry(joined or None, Side.CRM, draft.resolve)
    values = {Side.CRM: joined or None, Side.PARTNER: there.value if isinstance(there, Carried) else None}
    digests = {side: draft.digest(item, values[side], side) for side in Side}
    after = Agreed(digests[Side.CRM], digests[Side.PARTNER])
    draft.judged.add(item.id)
    draft.bases[item.id] = joined
    differing = [side for side in Side if item.flows(side) and pair.digest(side) != digests[side]]
    for side in differing:
        draft.writes[side].update(item.spread(values[side], side))
        draft.pending[side][item.id] = after
        draft.before[side][item.id] = pair.digest(side)
    if not differing:
        draft.settled[item.id] = pair.agreed()


def _set(value: Value | None) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()


def _remember(draft: Draft, pair: Pair, side: Side) -> None:
    if pair.field.policy.rule is Rule.UNION:
        found = _value(pair, side)
        carried = Carried(found) if side is Side.CRM else pair.field.carry(found, side, draft.resolve)
        if isinstance(carried, Carried):
            draft.bases[pair.field.id] = _set(carried.value)


def _restrictive(draft: Draft, pair: Pair, changed: Side | None = None) -> None:
    """The stricter value wins; a looser one stays where it was set and loosens nothing elsewhere."""
    ranks = {side: _rank(draft, pair, side) for side in Side}
    crm, partner = ranks[Side.CRM], ranks[Side.PARTNER]
    if crm is None or partner is None:
        draft.need.update(side for side in Side if not pair.told(side))
        return
    strict = Side.CRM if crm <= partner else Side.PARTNER
    if crm == partner:
        strict = changed or Side.CRM
    if changed not in (None, strict) or not pair.field.flows(strict.other):
        draft.settle(pair)
        return
    if changed is None:
        draft.conflict(pair, strict)
    draft.write(pair, strict.other, _value(pair, strict))


def _rank(draft: Draft, pair: Pair, side: Side) -> int | None:
    """How strict a side's value is; None when it was not told and cannot be known from its digest."""
    item = pair.field
    if pair.told(side):
        if side is Side.CRM:
            return item.policy.rank(_value(pair, side))
        found = item.carry(_value(pair, side), side)
        return item.policy.rank(found.value) if isinstance(found, Carried) else 0
    for candidate in _strict_values(item):
        shown = candidate if side is Side.CRM else _shown(item, candidate)
        if draft.digest(item, shown, side) == pair.digest(side):
            return item.policy.rank(candidate)
    return None


def _strict_values(item: CompiledField) -> list[Value | None]:
    options: list[Value | None] = [True, False] if not item.crm_spec.options else []
    options += [option.value for option in item.crm_spec.options]
    return [*options, None]


def _shown(item: CompiledField, candidate: Value | None) -> Value | None:
    found = item.carry(candidate, Side.CRM)
    return found.value if isinstance(found, Carried) else None


_CONFLICTS: Final[Mapping[Rule, Callable[[Draft, Pair], None]]] = {
    Rule.OWNER: _owner,
    Rule.NEWEST: _newest,
    Rule.FILL_IF_EMPTY: _fill,
    Rule.ONLY_ON_CREATE: _seed,
    Rule.UNION: _union,
    Rule.RESTRICTIVE: _restrictive,
    Rule.ASK: _ask,
}
