"""What each policy promises of a field at rest, judged from its story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.domain.records import Side, Value
from shared.ports.report import ConflictEntry
from tests.simulation.forms import carries, is_empty, plain, same
from tests.simulation.history import Edit, Story, holds

_BOTH = (Side.CRM, Side.PARTNER)


def judge_field(story: Story, values: Mapping[Side, Value | None], disputes: Sequence[ConflictEntry]) -> str:
    """The first complaint about a field, or ""."""
    item = story.item
    if len(item.into) == 1:
        return _one_way(story, values)
    if item.rule in _RULES:
        return _RULES[item.rule](story, values, disputes)
    return _owned(story, values, disputes)


def _agree(story: Story, values: Mapping[Side, Value | None]) -> bool:
    return same(story.item, values[Side.CRM], values[Side.PARTNER], at=_BOTH)


def _show(value: Value | None) -> str:
    return "nothing" if value is None else repr(value)


def _differ(values: Mapping[Side, Value | None]) -> str:
    return f"crm has {_show(values[Side.CRM])}, partner {_show(values[Side.PARTNER])}"


def _one_way(story: Story, values: Mapping[Side, Value | None]) -> str:
    """The source keeps its users' value; the target has it too, or keeps its own users' until the source moves."""
    (target,) = story.item.into
    source = target.other
    mine = story.last.get(source)
    if mine is not None and not mine.foreign and not carries(story.item, mine.value, values[source], (source, source)):
        return f"I4 the source of a one-way field lost an edit: {_differ(values)}"
    if carries(story.item, values[source], values[target], (source, target)):
        return ""
    own = story.last.get(target)
    if own is not None and (own.foreign or carries(story.item, own.value, values[target], (target, target))):
        yields = not own.foreign and mine is not None and _moved_since(story, mine, own)
        return f"I1 a one-way field did not yield to its source: {_differ(values)}" if yields else ""
    met_empty = mine is None or story.first_hub is None or mine.number < story.first_hub
    if story.doubt or story.replaced or (met_empty and is_empty(values[source])):
        return ""  # an empty source takes nothing away on a first meeting
    return f"I1 a one-way field did not arrive: {_differ(values)}"


def _moved_since(story: Story, mine: Edit, own: Edit) -> bool:
    """Whether the source was edited after the target, in a way that the hub can see."""
    if mine.foreign or story.doubt or mine in story.returned:
        return False
    return mine.number > max(own.number, story.first_hub or mine.number)


def _owned(story: Story, values: Mapping[Side, Value | None], disputes: Sequence[ConflictEntry]) -> str:
    """owner and newest: both sides hold one value, that of the edit nobody superseded, or of the one that wins."""
    if not _agree(story, values):
        return f"I1 the sides differ: {_differ(values)}"
    frontier = story.frontier()
    if any(all(holds(story.item, [edit], values[side], side) for side in Side) for edit in frontier):
        return _lost(story, values, frontier, disputes)
    if not frontier and all(is_empty(value) for value in values.values()):
        return ""
    if _excused(story, values):
        return ""
    stands = [edit for edit in story.half_heard if holds(story.item, [edit], values[edit.side], edit.side)]
    if stands:
        met = any(edit.number in story.half_met for edit in stands)
        filled = [edit for edit in frontier if met and is_empty(edit.value)]
        changes = [edit for edit in frontier if edit not in filled and not story.puts_back(edit, stands)]
        return _unlogged(changes, disputes, values)
    expected = " or ".join(_show(edit.value) for edit in frontier) or "nothing"
    return f"I4 an edit was lost: expected {expected}, but {_differ(values)}"


def _unlogged(changes: Sequence[Edit], disputes: Sequence[ConflictEntry], values: Mapping[Side, Value | None]) -> str:
    """Nobody could tell whether a write was made: what differed from it was a conflict, and the loser is in the
    log. What a user emptied before a first meeting was finished is not asked for: it is filled. Nor is what put back
    the value that was agreed before the write: that is no change."""
    lost = next((edit for edit in changes if not edit.foreign and not logged(edit, disputes)), None)
    return f"I5 the losing value {_show(lost.value)} is in no conflict log: {_differ(values)}" if lost else ""


def _excused(story: Story, values: Mapping[Side, Value | None]) -> bool:
    """Where a write's answer was lost, or a system cannot refuse a stale write, the last edit of a side may win."""
    if story.replaced and is_empty(values[Side.CRM]):
        return True  # what it lacks looks like what a user emptied
    if story.doubt or story.revived or story.lost_in_window:
        last = [edit for edit in story.edits if not edit.foreign or story.revived or edit.number < story.met]
        if not story.revived:
            fresh = {*story.last.values(), *story.late}
            last = [edit for edit in last if edit in fresh or edit.number < story.met]
        return any(holds(story.item, [edit], values[Side.CRM], Side.CRM) for edit in last)
    return bool(_before_first(story))


def _before_first(story: Story) -> bool:
    """All of it was entered before the pair met: which of the two values stays is the rule of the first link."""
    return story.first_hub is None or all(edit.number < story.first_hub for edit in story.frontier())


def _lost(
    story: Story, values: Mapping[Side, Value | None], frontier: Sequence[Edit], disputes: Sequence[ConflictEntry]
) -> str:
    """I5: of two edits that contradict each other the policy's one stays, and the other is in the conflict log."""
    if len(frontier) < 2 or story.doubt or story.revived or any(edit.foreign for edit in frontier):
        return ""
    first, second = frontier[0], frontier[1]
    if same(story.item, first.value, second.value, at=(first.side, second.side)):
        return ""
    winner = next((edit for edit in frontier if holds(story.item, [edit], values[edit.side], edit.side)), first)
    loser = second if winner is first else first
    if loser in story.lost_in_window or story.returned & {winner, loser}:
        return ""
    if _before_first(story):
        return _first_meeting(story, values, winner, loser, disputes)
    if not any(story.bases.get(edit) for edit in frontier if edit not in story.while_open):
        return _first_meeting(story, values, winner, loser, disputes)  # nothing was ever agreed: it is still at it
    owner = {"owner_crm": Side.CRM, "owner_partner": Side.PARTNER}.get(story.item.rule)
    if owner is not None and winner.side is not owner:
        return f"I5 the {owner} side owns the field, but the other's edit stayed: {_differ(values)}"
    if not logged(loser, disputes):
        return f"I5 the losing value {_show(loser.value)} is in no conflict log: {_differ(values)}"
    return ""


def _first_meeting(
    story: Story, values: Mapping[Side, Value | None], winner: Edit, loser: Edit, disputes: Sequence[ConflictEntry]
) -> str:
    """I5 on a first link: Dynamics' value stays where both had one, and the other is in the conflict log."""
    if is_empty(loser.value) or is_empty(winner.value):
        return ""
    if story.item.rule != "newest" and winner.side is not Side.CRM:
        return f"I5 Dynamics wins on a first link, but the partner's value stayed: {_differ(values)}"
    if not logged(loser, disputes):
        return f"I5 the losing value {_show(loser.value)} of a first link is in no conflict log: {_differ(values)}"
    return ""


def logged(loser: Edit, disputes: Sequence[ConflictEntry]) -> bool:
    """Whether a value that lost is in the conflict log, or the beginning of it."""
    for entry in disputes:
        value = entry.crm_value if loser.side is Side.CRM else entry.partner_value
        if is_empty(loser.value) and not isinstance(value, str | frozenset):
            return True
        if value == loser.value or (
            isinstance(value, str) and isinstance(loser.value, str) and plain(loser.value).startswith(plain(value))
        ):
            return True
    return False


def _ask(story: Story, values: Mapping[Side, Value | None], disputes: Sequence[ConflictEntry]) -> str:
    """Two edits that contradict each other stand until somebody chose, and somebody is asked about just these."""
    frontier = story.frontier()
    if _agree(story, values):
        return _owned(story, values, disputes) if len(frontier) < 2 else _unasked(story, frontier, disputes)
    if not any(_asks_about(entry, values) for entry in disputes):
        return f"I1 the sides differ and nobody was asked: {_differ(values)}"
    if len(frontier) > 1 or story.half_heard or story.doubt or story.revived or _before_first(story):
        return ""
    return f"I5 nobody contradicted anybody, and somebody was asked: {_differ(values)}"


def _asks_about(entry: ConflictEntry, values: Mapping[Side, Value | None]) -> bool:
    told = {Side.CRM: entry.crm_value, Side.PARTNER: entry.partner_value}
    return entry.winner == "" and all(_is_told(values[side], told[side]) for side in Side)


def _is_told(value: Value | None, told: object) -> bool:
    """Whether a conflict's record shows this value; it may show the beginning of a text."""
    if is_empty(value):
        return not told
    if isinstance(told, str) and isinstance(value, str):
        return plain(value).startswith(plain(told)) and bool(told)
    return told == value


def _unasked(story: Story, frontier: Sequence[Edit], disputes: Sequence[ConflictEntry]) -> str:
    """Of two edits that contradict each other none may win before somebody was asked."""
    first, second = frontier[0], frontier[1]
    excused = story.doubt or story.revived or story.lost_in_window or story.returned & set(frontier)
    if excused or any(edit.foreign for edit in frontier) or not story.bases.get(second):
        return ""
    if same(story.item, first.value, second.value, at=(first.side, second.side)):
        return ""
    if any(_asks_about(entry, {first.side: first.value, second.side: second.value}) for entry in disputes):
        return ""
    return f"I5 {_show(first.value)} and {_show(second.value)} contradict each other, and nobody was asked"


def _fill(story: Story, values: Mapping[Side, Value | None], _disputes: Sequence[ConflictEntry]) -> str:
    """Only an empty field is filled; what a user emptied stays empty."""
    empty = [side for side in Side if is_empty(values[side])]
    if len(empty) == 1:
        (side,) = empty
        last = story.last.get(side)
        if last is None and not story.replaced:  # what that one lacks looks like what a user emptied
            return f"I1 an empty field was not filled: {_differ(values)}"
    return ""


def _seed(story: Story, values: Mapping[Side, Value | None], _disputes: Sequence[ConflictEntry]) -> str:
    """Whoever edits it keeps their own value: nothing travels after the first day."""
    for side in Side:
        last = story.last.get(side)
        if last is None or last.foreign:
            continue
        if not carries(story.item, last.value, values[side], (side, side)) and not _before_first(story):
            return f"I4 an edit of a field that travels on create only was overwritten: {_differ(values)}"
    return ""


def _consent(story: Story, values: Mapping[Side, Value | None], _disputes: Sequence[ConflictEntry]) -> str:
    """The stricter value holds on both sides, except where its own user loosened it."""
    strict = {side: values[side] is True for side in Side}
    if strict[Side.CRM] == strict[Side.PARTNER]:
        return ""
    loose = Side.CRM if strict[Side.PARTNER] else Side.PARTNER
    last = story.last.get(loose)
    strictly = story.last.get(loose.other)
    if last is None or last.value is True:
        return f"I8 an opt-out did not arrive: {_differ(values)}"
    if strictly is None or strictly in story.returned or _loosened_since(story, last, strictly):
        return ""
    return f"I8 an opt-out did not arrive: {_differ(values)}"


def _loosened_since(story: Story, last: Edit, strictly: Edit) -> bool:
    """Whether a user took back an opt-out that both sides had agreed on. What two users left alike was agreed on only
    if the hub had a look at it meanwhile."""
    if last.number < strictly.number:
        return False
    bases = story.bases.get(last, ())
    if any(base is not True for base in bases):
        looked = any(strictly.number <= look < last.number for look in story.looks)
        return looked and any(base is True for base in bases)
    return bool(bases)


def _union(story: Story, values: Mapping[Side, Value | None], _disputes: Sequence[ConflictEntry]) -> str:
    """Both sides hold one set; of two concurrent edits it has the choices of both,
    with or without those that one of them took away."""
    crm, partner = (values[side] or frozenset() for side in _BOTH)
    if crm != partner:
        return f"I1 the sides differ: {_differ(values)}"
    frontier = list(story.frontier())
    if story.doubt or story.revived or story.lost_in_window or not frontier or _before_first(story):
        return ""
    if story.half_heard or any(edit.foreign for edit in frontier):
        return ""  # a set that came from another pair of this record was never this pair's
    sets = [_choices(edit.value) for edit in frontier]
    most = frozenset.union(*sets)
    taken = frozenset[str]().union(
        *(_choices(base) - _choices(edit.value) for edit in frontier for base in story.bases.get(edit, ()))
    )
    least = most - taken
    if _one_base(story, frontier):
        most = least  # nobody can doubt what was taken away
    if isinstance(crm, frozenset) and least <= crm <= most:
        return ""
    return f"I4 choices were lost or invented: expected between {set(least)} and {set(most)}, {_differ(values)}"


def _choices(value: Value | None) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()


def _one_base(story: Story, frontier: Sequence[Edit]) -> bool:
    """Whether both edits were made from the one set that both sides had agreed on."""
    bases = [base for edit in frontier for base in story.bases.get(edit, ())]
    return len(frontier) == 2 and len(bases) == 2 and bases[0] == bases[1]


_RULES = {
    "ask": _ask,
    "fill_if_empty": _fill,
    "only_on_create": _seed,
    "restrictive": _consent,
    "union": _union,
}
