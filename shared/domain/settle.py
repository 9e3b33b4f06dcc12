"""Decides one field of one pair: the slow path of the merge, for what differs from its base."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.clash import choices, clash, restrict
from shared.domain.compiled import CANNOT_CLEAR, Carried, CompiledField, Unmappable
from shared.domain.draft import Draft, Pair, agreed
from shared.domain.merged import NEVER
from shared.domain.normalize import reformatted
from shared.domain.policy import Rule
from shared.domain.records import ABSENT, Record, Side
from shared.domain.text import utf16_length


def create_field(draft: Draft, item: CompiledField, source: Record | None, target: Side) -> None:
    """One field of a record that is to be made on `target`: every value that flows there is written."""
    origin, spec = target.other, item.spec(target)
    value = item.take(source, origin) if source is not None else ABSENT
    flows = item.flows(target)
    required = flows and (item.required or spec.required)
    flows = flows and spec.creatable
    if value is ABSENT:
        if required:
            draft.park(item, target, "required_empty")
        return
    found: Carried | Unmappable = Carried(None)
    if flows and (value is not None or required or item.filler is not None):
        found = item.carry(value, origin, draft.resolve)
    if found == CANNOT_CLEAR:
        found = Carried(None)  # what is to be made holds nothing that would have to be cleared
    if isinstance(found, Unmappable):
        draft.park(item, target, found.reason)
        # the new record holds nothing here; what the source holds stays open, to be carried once that can be done
        draft.settled[item.id] = agreed(target, draft.digest(item, None, target), NEVER)
        return
    draft.judged.add(item.id)
    if item.policy.rule is Rule.UNION:
        draft.pending_bases[target][item.id] = choices(value if target is Side.PARTNER else found.value)
    stored, held = item.canonical(found.value, target), item.canonical(value, origin)
    intended = draft.digester.raw(item.prefix + stored)
    base = intended if stored == held else draft.digester.raw(item.prefix + held)
    draft.pending[target][item.id] = agreed(target, intended, base)
    if found.value is not None:
        if item.concat is None:
            draft.writes[target][item.name(target)] = found.value
        else:
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
    parked = parks.get(item.id) if parks is not None else None
    if unread and (parked is not None or pair.base is None):
        if parked is None and _restricts_the_untold(draft, pair, unread):
            draft.write(pair, unread[0])
        else:
            _wait(draft, item, unread, parked)
        return
    if pair.base is None:
        _meet(draft, pair)
        return
    changed = [side for side in Side if pair.changed(side)]
    if not changed:
        draft.judged.add(item.id)
    elif len(changed) == 1:
        _one_changed(draft, pair, changed[0])
    elif _equal(draft, pair):
        _agree(draft, pair)
    else:
        clash(draft, pair)


def _agree(draft: Draft, pair: Pair) -> None:
    """Both hold one value."""
    draft.settle(pair)
    found = Carried(pair.value(Side.CRM)) if pair.told(Side.CRM) else draft.carried(pair, Side.PARTNER)
    if pair.field.policy.rule is Rule.UNION and isinstance(found, Carried):
        draft.bases[pair.field.id] = choices(found.value)


def _restricts_the_untold(draft: Draft, pair: Pair, unread: list[Side]) -> bool:
    """One side holds the strictest value; the other was seen, does not tell this field, and nothing is agreed yet.

    A system that tells opt-outs only of those who opted out would else never hear of one: put in force it loosens
    nothing, whatever stands there.
    """
    if pair.field.policy.rule is not Rule.RESTRICTIVE or len(unread) != 1:
        return False
    (side,) = unread
    if (draft.crm if side is Side.CRM else draft.partner) is None or not pair.field.flows(side):
        return False
    found = Carried(pair.crm) if side is Side.PARTNER and pair.crm is not ABSENT else draft.carried(pair, side.other)
    return isinstance(found, Carried) and pair.field.policy.rank(found.value) == 0


def _wait(draft: Draft, item: CompiledField, unread: list[Side], parked: str | None) -> None:
    """What was seen earlier of a parked field was not taken over, so one side alone tells nothing about it."""
    if parked is not None:
        draft.parked[item.id] = parked
    if len(unread) == 1 or parked is not None:
        draft.need.update(unread)


def _decided(draft: Draft, pair: Pair, winner: Side, unread: list[Side]) -> None:
    """A person chose a side's value: it is written to the other side if values flow there at all."""
    if unread:
        draft.need.update(unread)
    elif _equal(draft, pair):
        draft.settle(pair)
    elif not pair.field.flows(winner.other):
        draft.settle(pair)
        draft.conflict(pair, winner)
    elif draft.write(pair, winner.other):
        draft.conflict(pair, winner)


def _equal(draft: Draft, pair: Pair) -> bool:
    """Whether either side's value is what the other one's would become there."""
    item = pair.field
    for source in Side:
        if item.flows(source.other) and draft.holds(pair, draft.carried(pair, source), source.other):
            return True
    return draft.empty(pair, Side.CRM) and draft.empty(pair, Side.PARTNER)


def _meet(draft: Draft, pair: Pair) -> None:
    """No base yet: equal agrees, an empty side is filled, unequal values go by the policy."""
    rule = pair.field.policy.rule
    empty = next((side for side in Side if draft.empty(pair, side)), None)
    if rule is Rule.ONLY_ON_CREATE:
        draft.settle(pair)
    elif _equal(draft, pair):
        _agree(draft, pair)
    elif rule is Rule.RESTRICTIVE:
        restrict(draft, pair, None)
    elif empty is None:
        clash(draft, pair)
    elif not pair.field.flows(empty):
        draft.settle(pair)
    elif draft.write(pair, empty) and rule is Rule.UNION:
        _remember(draft, pair, empty.other)


def _one_changed(draft: Draft, pair: Pair, side: Side) -> None:
    """`side` changed, the other did not (or did not tell)."""
    item, rule, target = pair.field, pair.field.policy.rule, side.other
    left_open = pair.base is not None and NEVER in {pair.base.crm, pair.base.partner}
    if not item.flows(target):
        _drifted(draft, pair, side)
    elif not pair.told(target) and (left_open or _cut_by_limit(pair, side)):
        draft.need.add(target)
    elif left_open and not item.flows(side):
        _drifted(draft, pair, target)
    elif _stays(draft, pair, side):
        draft.settle(pair)
    elif rule is Rule.RESTRICTIVE:
        restrict(draft, pair, side)
    elif pair.told(target) and item.flows(side) and draft.holds(pair, draft.carried(pair, target), side):
        draft.settle(pair)  # the other side's own value under today's limits: no edit
    elif draft.write(pair, target) and rule is Rule.UNION:
        _remember(draft, pair, side)


def _stays(draft: Draft, pair: Pair, side: Side) -> bool:
    """Whether the policy keeps an edit on its own side."""
    rule = pair.field.policy.rule
    if rule is Rule.FILL_IF_EMPTY:
        return draft.empty(pair, side) or not draft.empty(pair, side.other)
    return rule is Rule.ONLY_ON_CREATE


def _cut_by_limit(pair: Pair, side: Side) -> bool:
    """Whether a text fills its field to the last character: a limit that shrank may have cut it, not a person."""
    value, limit = pair.value(side), pair.field.spec(side).max_length
    return limit is not None and isinstance(value, str) and utf16_length(value) >= limit


def _remember(draft: Draft, pair: Pair, side: Side) -> None:
    found = Carried(pair.value(side)) if side is Side.CRM else draft.carried(pair, side)
    if isinstance(found, Carried):
        draft.pending_bases[side.other][pair.field.id] = choices(found.value)


def _drifted(draft: Draft, pair: Pair, side: Side) -> None:
    """A one-way field was edited on the side it flows into.

    It yields to the source's row as soon as that is seen again; until then the source's base is left open, and then
    both are read, so that the value that yields is kept in the conflict's record.
    """
    source = side.other
    if pair.field.policy.rule in {Rule.ONLY_ON_CREATE, Rule.FILL_IF_EMPTY, Rule.RESTRICTIVE}:
        draft.settle(pair)
    elif not pair.told(source):
        draft.judged.add(pair.field.id)
        draft.settled[pair.field.id] = agreed(side, pair.digest(side), NEVER)
    elif _reformatted(draft, pair, side):
        draft.settle(pair)
    elif draft.write(pair, side):
        draft.conflict(pair, source)


def _reformatted(draft: Draft, pair: Pair, side: Side) -> bool:
    """Whether `side` only re-cased or re-spaced what it was given: then writing it again would never end."""
    found = draft.carried(pair, side.other)
    return isinstance(found, Carried) and reformatted(found.value, pair.value(side))
