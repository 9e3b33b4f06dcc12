"""What stood in a field, and what the hub had seen of it, at one moment of a pair's history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.domain.records import Side, Value
from tests.simulation.ledger import Event
from tests.simulation.profiles import SimField


def source_then(
    item: SimField, events: Sequence[Event], made: Event, value: Mapping[Side, Value | None]
) -> Value | None:
    """What the other record held when the hub saw it last before it wrote this one: that is what was agreed on,
    whatever a user entered there meanwhile."""
    other, seen = made.side.other, seen_then(events, made)
    theirs = [event for event in events if event.side is other and event.number <= seen]
    if not seen:
        return value[other]
    return next((event.fields[item.name] for event in reversed(theirs) if item.name in event.fields), None)


def held_at(item: SimField, events: Sequence[Event], side: Side, moment: int) -> Value | None:
    """What a record held at a moment."""
    told = [event for event in events if event.side is side and event.number <= moment and item.name in event.fields]
    return told[-1].fields[item.name] if told else None


def seen_then(events: Sequence[Event], made: Event) -> int:
    """When the hub saw the other record of the pair last, before a write of its own (0: not in that slice)."""
    theirs = [event for event in events if event.side is made.side.other and event.number < made.number]
    return made.saw(made.side.other, theirs[-1].ref) if theirs and made.by_hub else 0


def gone_before(events: Sequence[Event], made: Event) -> bool:
    """Whether a record was deleted or merged away, and a create brought it back: one that took effect that late, or one
    repeated because nobody knew of the first (the ledger judges whether somebody did)."""
    return any(
        event.number < made.number and event.side is made.side and event.op in {"delete", "merge"} for event in events
    )
