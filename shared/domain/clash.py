"""Both sides changed one field to different values: what each policy does about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from shared.domain.compiled import Carried, CompiledField, Unmappable
from shared.domain.draft import Draft, Pair, agreed
from shared.domain.merged import ASKED, NEVER
from shared.domain.policy import Rule, newer
from shared.domain.records import Side, Value


def clash(draft: Draft, pair: Pair) -> None:
    """Decides a field that both sides changed, or that both filled differently before they met."""
    _RULES[pair.field.policy.rule](draft, pair)


def one_way_source(item: CompiledField) -> Side | None:
    """The side a one-way field flows from; None for a field that flows both ways."""
    if item.to_crm and item.to_partner:
        return None
    return Side.CRM if item.to_partner else Side.PARTNER


def _win(draft: Draft, pair: Pair, winner: Side) -> None:
    """The winner's value goes to the other side; where values flow one way only, their source wins."""
    side = one_way_source(pair.field) or winner
    if draft.write(pair, side.other):
        draft.conflict(pair, side)


def _tie(pair: Pair) -> Side:
    """Who wins without better evidence: on a first meeting the side that the map names, later the policy's owner."""
    return pair.field.first if pair.base is None else pair.field.policy.side


def _owner(draft: Draft, pair: Pair) -> None:
    _win(draft, pair, _tie(pair))


def _newest(draft: Draft, pair: Pair) -> None:
    crm = draft.crm.modified_at if draft.crm is not None else None
    partner = draft.partner.modified_at if draft.partner is not None else None
    winner = newer(crm, partner, now=draft.now, skew=pair.field.policy.skew)
    _win(draft, pair, winner or _tie(pair))


def _fill(draft: Draft, pair: Pair) -> None:
    empty = next((side for side in Side if draft.empty(pair, side)), None)
    if empty is None:
        draft.keep_apart(pair)
    elif pair.field.flows(empty):
        draft.write(pair, empty)
    else:
        draft.settle(pair)


def _keep(draft: Draft, pair: Pair) -> None:
    draft.settle(pair)


def _ask(draft: Draft, pair: Pair) -> None:
    draft.conflict(pair, None)
    draft.parked[pair.field.id] = ASKED


# -- union ------------------------------------------------------------------------------------------------------------


def _union(draft: Draft, pair: Pair) -> None:
    """The choices of both; what one side took away since the last known base stays away.

    When both sides lack something, Dynamics is written first and its base is left open: its echo then carries the
    whole set to the partner. Two writes at once would lose a choice when only one of them succeeds. Until then the
    choices that the partner holds are on both sides, so that one that is taken away meanwhile stays away.
    """
    item = pair.field
    theirs = draft.carried(pair, Side.PARTNER)
    if isinstance(theirs, Unmappable):
        draft.park(item, Side.CRM, theirs.reason)
        return
    ours, others = choices(pair.value(Side.CRM)), choices(theirs.value)
    base = draft.known_bases.get(item.id, frozenset())
    joined = (ours | others) - (base - ours) - (base - others)
    shown = item.carry(joined or None, Side.CRM, draft.resolve)
    if isinstance(shown, Unmappable):
        draft.park(item, Side.PARTNER, shown.reason)
        return
    values = {Side.CRM: Carried(joined or None), Side.PARTNER: shown}
    lacking = [side for side in Side if item.flows(side) and not draft.holds(pair, values[side], side)]
    if not lacking:
        draft.settle(pair)
        draft.bases[item.id] = joined
        return
    target = lacking[0]
    intended = draft.digest(item, values[target].value, target)
    after = agreed(target, NEVER if len(lacking) > 1 else intended, pair.digest(target.other))
    draft.put(pair, target, values[target], after)
    draft.pending_bases[target][item.id] = joined if len(lacking) == 1 else joined & others


def choices(value: Value | None) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()


# -- restrictive ------------------------------------------------------------------------------------------------------


def _stricter(draft: Draft, pair: Pair) -> None:
    restrict(draft, pair, None)


def restrict(draft: Draft, pair: Pair, changed: Side | None) -> None:
    """The stricter value goes to the looser side; a looser value stays where it was set and loosens nothing else.

    `changed` is the only side that changed, None when both did or when they meet for the first time.
    """
    theirs = draft.carried(pair, Side.PARTNER) if pair.told(Side.PARTNER) else Carried(None)
    if isinstance(theirs, Unmappable):  # nobody can tell how strict it is
        draft.park(pair.field, Side.CRM, theirs.reason)
        return
    crm, partner = _rank(draft, pair, Side.CRM), _rank(draft, pair, Side.PARTNER)
    if crm is None or partner is None:
        draft.need.update(side for side in Side if not pair.told(side))
        return
    strict = Side.CRM if crm < partner else Side.PARTNER if partner < crm else changed or _tie(pair)
    if changed not in {None, strict} or not pair.field.flows(strict.other) or _says_nothing(pair, crm, partner):
        draft.settle(pair)
        return
    if not pair.told(strict.other) and min(crm, partner) > 0:
        draft.need.add(strict.other)  # something stricter may stand there by now: it is looked at just before
        return
    if draft.write(pair, strict.other) and changed is None:
        draft.conflict(pair, strict)


def _says_nothing(pair: Pair, crm: int, partner: int) -> bool:
    """One side is empty and the other's value is none of the strict ones. To fill it in would restrict nobody, and a
    write without a condition could arrive late, over a stricter value."""
    loosest = pair.field.policy.rank(None)
    return max(crm, partner) == loosest and min(crm, partner) >= loosest - 1


def _rank(draft: Draft, pair: Pair, side: Side) -> int | None:
    """How strict a side's value is. None when it was not told and its digest is that of no value we can think of."""
    item = pair.field
    if pair.told(side):
        found = Carried(pair.value(side)) if side is Side.CRM else draft.carried(pair, side)
        return item.policy.rank(found.value) if isinstance(found, Carried) else None
    for candidate in _thinkable(item):
        shown = Carried(candidate) if side is Side.CRM else item.carry(candidate, Side.CRM)
        if draft.holds(pair, shown, side):
            return item.policy.rank(candidate)
    return None


def _thinkable(item: CompiledField) -> list[Value | None]:
    options: list[Value | None] = [option.value for option in item.crm_spec.options]
    return [*(options or [True, False]), None]


_RULES: Final[Mapping[Rule, Callable[[Draft, Pair], None]]] = {
    Rule.OWNER: _owner,
    Rule.NEWEST: _newest,
    Rule.FILL_IF_EMPTY: _fill,
    Rule.ONLY_ON_CREATE: _keep,
    Rule.UNION: _union,
    Rule.RESTRICTIVE: _stricter,
    Rule.ASK: _ask,
}
