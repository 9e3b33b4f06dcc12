"""What a field must hold whose column was deleted and made again, empty: no user's edit was in that.

From the last time on that the column went, only what users entered afterwards may take anything away. Where nobody
entered anything, the other side keeps its last word, and the new column gets it where values flow there at all. What
somebody enters where a field only flows into yields to its source as ever, to an empty column too, and is in the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.domain.records import Side, Value
from shared.ports.report import ConflictEntry
from tests.simulation.fieldrules import logged
from tests.simulation.forms import carries, is_empty, same
from tests.simulation.history import Edit
from tests.simulation.ledger import Event, Ledger
from tests.simulation.profiles import SimField
from tests.simulation.regained_sets import judge_regained_set


def judge_regained(
    item: SimField,
    went: Sequence[tuple[int, Side]],
    events: Sequence[Event],
    values: Mapping[Side, Value | None],
    disputes: Sequence[ConflictEntry],
) -> str:
    """The complaint about such a field of a pair, or "". `went` are the moments when a column of it was deleted,
    `disputes` what the conflict log has of the field and the pair."""
    moment, side = went[-1]
    if any(event.op in {"delete", "merge", "restore"} or event.doubtful for event in events):
        return ""  # another pair's values, or those of a write that nobody knows of, may be in it
    if any(event.op == "create" and event.number > moment for event in events) or {side for _, side in went} == {*Side}:
        return ""
    entered = [event for event in events if not event.by_hub and event.number > moment and item.name in event.fields]
    other = side.other
    last = _held(item, events, other, moment)
    if entered and item.rule == "union":
        return judge_regained_set(item, went[-1], events, values)
    if not entered:
        return _untouched(item, side, last, values)
    yields = _yielded(item, entered, other, values)
    words = [*((event.side, event.fields[item.name]) for event in entered), (other, last)]
    for where in Side:
        gets_nothing = item.rule == "only_on_create" or side not in item.into
        if where is side and gets_nothing and is_empty(values[where]):
            continue  # nothing travels to it
        if where is other and yields:
            continue
        if not any(carries(item, word, values[where], (at, where)) for at, word in words):
            return f"I24 {where} has {values[where]!r}, which nobody entered since a column of it was made again"
    emptied = any(is_empty(event.fields[item.name]) for event in entered)
    if emptied or not is_empty(values[other]):
        return ""
    if yields and not any(logged(edit, disputes) for edit in yields):
        return f"I5 {yields[-1].value!r} yielded to a column that was made again, and is in no conflict log"
    if not yields and not is_empty(last):
        return f"I24 a column that was made again took {last!r} away, though nobody emptied anything"
    return ""


def _yielded(
    item: SimField, entered: Sequence[Event], other: Side, values: Mapping[Side, Value | None]
) -> Sequence[Edit]:
    """What users entered where a field only flows into, when nothing stands on either side: it yielded to the empty
    column it comes from, and what stood there before had gone with their own edit."""
    if item.into != {other} or not all(is_empty(value) for value in values.values()):
        return ()
    return [Edit(event.number, event.side, event.fields[item.name]) for event in entered if event.side is other]


def _untouched(item: SimField, side: Side, last: Value | None, values: Mapping[Side, Value | None]) -> str:
    other = side.other
    if is_empty(last) or last is False:
        return ""
    if not same(item, last, values[other], at=(other, other)):
        return f"I24 a column that was made again changed the other side's {last!r} to {values[other]!r}"
    if side in item.into and item.rule != "only_on_create" and not carries(item, last, values[side], (other, side)):
        return f"I24 a column that was made again did not get {last!r}: it has {values[side]!r}"
    return ""


def _held(item: SimField, events: Sequence[Event], side: Side, moment: int) -> Value | None:
    """What a side held at a moment: its last word."""
    told = [event for event in events if event.side is side and event.number <= moment and item.name in event.fields]
    return told[-1].fields[item.name] if told else None


def went(ledger: Ledger, item: SimField) -> Sequence[tuple[int, Side]]:
    """When a column of a field was deleted, and on which side."""
    return ledger.dropped.get(item.name, ())
