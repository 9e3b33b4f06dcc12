"""What a set of choices must hold of which a column was deleted and made again, empty.

The choices of both sides are put together, so each one is judged by itself: what the other side had chosen stays,
whatever is entered in the new column, but for what a user who had it before them took away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.domain.records import Side, Value
from tests.simulation.ledger import Event
from tests.simulation.profiles import SimField


def judge_regained_set(
    item: SimField, went: tuple[int, Side], events: Sequence[Event], values: Mapping[Side, Value | None]
) -> str:
    """The complaint about such a field of a pair, or "". What stood on the other side when the column went stands on
    both, but for what users took away since both sides were equal."""
    moment, side = went
    told = [event for event in events if item.name in event.fields]
    held = {where: frozenset[str]() for where in Side}
    equal = 0  # the number of the last event that left both sides with the same choices, before the column went
    for event in told:
        if event.number <= moment:
            held[event.side] = _choices(event.fields[item.name])
            equal = event.number if held[Side.CRM] == held[Side.PARTNER] else equal
    users = [event for event in told if not event.by_hub and event.number > equal]
    taken = frozenset[str]().union(*(_taken(item, event) for event in users))
    for where in Side:
        if lost := held[side.other] - taken - _choices(values[where]):
            return f"I24 {where} lost {sorted(lost)} to a column that was made again: it has {values[where]!r}"
    return ""


def _taken(item: SimField, event: Event) -> frozenset[str]:
    """What a user saw and took away."""
    return _choices(event.before.get(item.name)) - _choices(event.fields[item.name])


def _choices(value: Value | None) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()
