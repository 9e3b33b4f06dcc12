"""`only_on_create`: the record that the hub made holds what the one it was made from held when it was read."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.records import Value
from tests.simulation.forms import carries
from tests.simulation.ledger import Event
from tests.simulation.moments import held_at, seen_then
from tests.simulation.profiles import SimField


def not_seeded(item: SimField, events: Sequence[Event], *, former: bool) -> str:
    """What the hub left out, or put in, when it made one record of the pair from the other; or "". The commits of both
    records, in order. `former`: neither was made from the other, so nothing is asked."""
    if item.rule != "only_on_create" or former:
        return ""
    for made in events:
        theirs = [event for event in events if event.side is made.side.other and event.number < made.number]
        if made.op != "create" or not made.by_hub or made.side not in item.into or not theirs:
            continue  # where the other one came later, it was made from this
        source, seen = made.side.other, seen_then(events, made)
        held = [held_at(item, events, source, seen)] if seen else _ever_held(item, theirs)
        new = made.fields.get(item.name)
        if not any(carries(item, value, new, (source, made.side)) for value in held):
            return f"I4 {made.side} {made.ref} was made with {new!r} where {source} held {held[-1]!r}"
    return ""


def _ever_held(item: SimField, theirs: Sequence[Event]) -> list[Value | None]:
    """What the other record ever held until then: when it was read for this is not known."""
    return [None, *(event.fields[item.name] for event in theirs if item.name in event.fields)]
