"""I3: the hub makes one record at most for a record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from shared.domain.identity import Link
from shared.domain.records import FieldName, Kind, Ref, Side, Value
from shared.ports.connector import CreateKey
from tests.simulation.ledger import TAG, Event

if TYPE_CHECKING:
    from tests.simulation.oracle import Court

MAIL = FieldName("mail")


def nothing_doubled(court: Court) -> None:
    """At most one living record of the hub's making for one record it was made from."""
    made: defaultdict[tuple[Side, Kind, object], list[Ref]] = defaultdict(list)
    for (side, ref), events in court.ledger.of.items():
        birth = events[0]
        if birth.by_hub and _unrecognisable(court, side, events):
            continue
        if _came_late(events):
            continue
        if birth.by_hub and court.row(side, ref) is not None and not _was_restored(events):
            made[side, ref.kind, birth.fields.get(TAG)].append(ref)
    for (side, _, tag), refs in made.items():
        if len(refs) > 1 and tag is not None and not _parted_by_users(court, side, tag, refs):
            court.say(f"I3 the hub made {len(refs)} records on the {side} side for {tag}: {', '.join(map(str, refs))}")


def _unrecognisable(court: Court, side: Side, events: Sequence[Event]) -> bool:
    """Doubles that the guarantees allow, and that are told as duplicates.

    A system without any key for creates cannot refuse one that arrives after its sender was given up; nor can one
    whose key is the match value, once the record that was made meanwhile has another. And a record
    whose id comes later by its match value, or was lost with the answer, is a stranger when a user changes that value
    first; a stamp would tell.
    """
    capabilities = court.profile.capabilities(side)
    too_late = events[0].afterwards or events[0].for_nobody
    if capabilities.create_key in {CreateKey.NONE, CreateKey.UNIQUE_MATCH} and too_late:
        return True
    renamed = any(MAIL in event.fields and not event.by_hub for event in events)
    lost = events[0].doubtful and capabilities.stamp is None
    return (capabilities.asynchronous_create or lost) and renamed


def _came_late(events: Sequence[Event]) -> bool:
    """Whether the record is there only because a create took effect after users had deleted what its repetition made.
    Meanwhile another one may have been made for its counterpart."""
    last = next((event for event in reversed(events) if event.op in {"create", "restore"}), events[0])
    gone = any(event.number < last.number and event.op in {"delete", "merge"} for event in events)
    return last.op == "create" and last.by_hub and last.afterwards and gone


def _parted_by_users(court: Court, side: Side, tag: object, refs: Sequence[Ref]) -> bool:
    """A record came back after the one made for it had become somebody else's, by its match value."""
    origins = {
        ref: events
        for (where, ref), events in court.ledger.of.items()
        if where is side.other and events[0].fields.get(TAG) == tag
    }
    living = sum(court.row(side.other, ref) is not None or _merged_later(court, side, ref, refs) for ref in origins)
    given_away = any(_is_anothers(court, side, ref, origins) or _taken(court, side, ref, origins) for ref in refs)
    if any(_came_for_another(court, side, ref, origins) for ref in refs):
        return True
    return (given_away or living >= len(refs)) and any(_was_restored(events) for events in origins.values())


def _merged_later(court: Court, side: Side, origin: Ref, refs: Iterable[Ref]) -> bool:
    """Whether users merged a record away when each of these was there already, and the hub told whom that leaves: two
    whose counterparts are merged are doubles, which are left to a person."""
    last = court.ledger.of[side.other, origin][-1]
    if last.op != "merge" or any(court.ledger.of[side, ref][0].number > last.number for ref in refs):
        return False
    return any(
        outcome.code == "conflicted:merged" and origin == (outcome.partner if side is Side.CRM else outcome.crm)
        for outcome in court.world.journal.outcomes
    )


def _is_anothers(court: Court, side: Side, ref: Ref, origins: Iterable[Ref]) -> bool:
    """Whether users changed the match value of a record made for others, and it is linked with somebody else now."""
    renamed = any(
        MAIL in event.fields and not event.by_hub and event.op == "update" for event in court.ledger.of[side, ref]
    )
    pairs = [(link.crm, link.partner) if side is Side.PARTNER else (link.partner, link.crm) for link in court.links]
    return renamed and any(mine == ref and other is not None and other not in origins for other, mine in pairs)


def _taken(court: Court, side: Side, ref: Ref, origins: Mapping[Ref, Sequence[Event]]) -> bool:
    """Whether another record of the match value got the one made for these, while they were deleted."""
    for link in court.links:
        mine, other = (link.crm, link.partner) if side is Side.CRM else (link.partner, link.crm)
        if mine != ref or other is None or other in origins:
            continue
        for met in court.ledger.of[side, ref]:
            named = met.sent.keys.get(ref) if met.sent is not None else None
            if named == link.key.hex() and any(_gone_at(events, met.number) for events in origins.values()):
                return True
    return False


def _came_for_another(court: Court, side: Side, ref: Ref, origins: Mapping[Ref, Sequence[Event]]) -> bool:
    """Whether a create took effect late, after users had given the match value that it sent to another record, which is
    linked with it now; the one that it was made for was renamed."""
    renamed = any(
        MAIL in event.fields and not event.by_hub and event.op == "update"
        for events in origins.values()
        for event in events
    )
    pairs = [(link.crm, link.partner) if side is Side.CRM else (link.partner, link.crm) for link in court.links]
    late = court.ledger.of[side, ref][0].afterwards
    return late and renamed and any(mine == ref and other is not None and other not in origins for mine, other in pairs)


def _gone_at(events: Sequence[Event], moment: int) -> bool:
    before = [event for event in events if event.number < moment]
    return bool(before) and before[-1].op == "delete"


def _was_restored(events: Sequence[Event]) -> bool:
    return any(event.op == "restore" for event in events)


def taken_for_the_one_made(court: Court, link: Link, tag: Value | None) -> bool:
    """Whether a user made the partner record, or gave it its match value, after the one that an import had made for
    `tag` was gone or had another match value, before the two were linked: where ids come by the match value, it is
    taken for it."""
    if link.partner is None or not court.profile.capabilities(Side.PARTNER).asynchronous_create:
        return False
    events = court.ledger.of[Side.PARTNER, link.partner]
    since = events[0].number
    if events[0].by_hub:  # made for another one, and renamed
        renamed = [event.number for event in events if MAIL in event.fields and not event.by_hub]
        since = max(renamed, default=0) if events[0].fields.get(TAG) != tag else 0
    return any(
        made[0].by_hub
        and made[0].number < since
        and made[0].fields.get(TAG) == tag
        and (link.crm, ref) not in court.ledger.known
        for (side, ref), made in court.ledger.of.items()
        if side is Side.PARTNER
    )
