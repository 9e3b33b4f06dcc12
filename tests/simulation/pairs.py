"""I1, I4, I5, I17: the records of a pair hold what the edits of their users say they must."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shared.connectors.memory import Version
from shared.domain.identity import Link, LinkState
from shared.domain.records import Ref, Side, Value
from tests.simulation.doubles import taken_for_the_one_made
from tests.simulation.fieldrules import judge_field
from tests.simulation.history import Pairing, Story, tell
from tests.simulation.ledger import TAG, Event
from tests.simulation.moments import held_at, seen_then
from tests.simulation.parks import ASKED, RECORD_PARKS, Park, founded
from tests.simulation.profiles import SCOPE, WORKS, SimField
from tests.simulation.profiles import TAG as BORN_AS
from tests.simulation.regained import judge_regained, went
from tests.simulation.seeds import not_seeded

if TYPE_CHECKING:
    from tests.simulation.oracle import Court


def pairs_agree(court: Court) -> None:
    partner_of = {link.crm: link.partner for link in court.links if link.state is LinkState.LINKED}
    for link in court.links:
        if link.state is not LinkState.LINKED or link.partner is None:
            continue
        crm, partner = court.row(Side.CRM, link.crm), court.row(Side.PARTNER, link.partner)
        if crm is None or partner is None:
            if not _excused_half(court, link):
                gone = "crm" if crm is None else "partner"
                court.say(f"I17 {link.crm} and {link.partner} are still linked though the {gone} one is gone")
            continue
        if not _takes_part(court, crm, partner):
            continue
        _judge_record_park(court, link)
        for item in court.profile.fields_of(link.crm.kind):
            _judge_pair(court, link, item, crm, partner, partner_of)


def _takes_part(court: Court, crm: Version, partner: Version) -> bool:
    """A row outside the criteria is left alone, and with tag pairs a record whose pair is not complete."""
    rules = court.profile.labels
    if court.profile.criteria and crm.fields.get(SCOPE) == "out":
        return False
    if rules is None:
        return True
    return rules["kind"] in partner.labels and bool({rules["pushed"], rules["pulled"]} & partner.labels)


def _excused_half(court: Court, link: Link) -> bool:
    """Deletes that are never told are not seen; a company that somebody still works at is not deleted, and told."""
    halves = [(Side.CRM, link.crm), (Side.PARTNER, link.partner)]
    gone = [side for side, ref in halves if court.row(side, ref) is None]
    held = link.parked.get("") == "in_use" and any(court.held_up(side, ref) for side, ref in halves)
    return held or all(court.profile.capabilities(side).deletes.value == "never" for side in gone)


def _judge_pair(
    court: Court, link: Link, item: SimField, crm: Version, partner: Version, partner_of: Mapping[Ref, Ref | None]
) -> None:
    values: dict[Side, Value | None] = {
        Side.CRM: crm.fields.get(item.name),
        Side.PARTNER: partner.fields.get(item.name),
    }
    if item.id in link.parked and not _judge_park(Park(court, link, item, values, partner_of)):
        return
    if item.name == WORKS.name:
        _judge_reference(court, link, values, partner_of)
        return
    if item.name not in court.world.systems[Side.CRM].specs[link.crm.kind]:
        return
    assert link.partner is not None
    events = sorted(
        [*court.ledger.of[Side.CRM, link.crm], *court.ledger.of[Side.PARTNER, link.partner]],
        key=lambda event: event.number,
    )
    disputes = [
        entry
        for entry in court.world.journal.disputes
        if entry.field == item.id and (entry.crm == link.crm or entry.partner == link.partner)
    ]
    gone = went(court.ledger, item)
    if gone and link.crm.kind == court.profile.person(Side.CRM):
        kinds = {Side.CRM: link.crm.kind, Side.PARTNER: link.partner.kind}
        if all(item.name in court.world.systems[side].specs[kind] for side, kind in kinds.items()):
            complaint = judge_regained(item, gone, events, values, disputes)
            if complaint:
                court.say(f"{complaint} ({link.crm} and {link.partner}, {item.id})")
        return
    merged = _merged_into(court, link)
    conditional = frozenset(side for side in Side if court.profile.capabilities(side).conditional_write)
    records = [(Side.CRM, link.crm), (Side.PARTNER, link.partner)]
    unheard_of = [asked for record in records for asked in court.ledger.unheard_of(*record)]
    never_sent = [asked for record in records for asked in court.world.intents.of(*record)]
    born = [court.ledger.of[record][0].fields.get(TAG) for record in records]
    former = born[0] != born[1]  # neither was made from the other as it was born
    stamped = frozenset(side for side in Side if court.profile.capabilities(side).stamp is not None)
    pairing = Pairing(
        conditional=conditional,
        unheard_of=[*unheard_of, *never_sent],
        former=former,
        stamped=stamped,
        key=link.key.hex(),
        looks=_looks(court, link),
        parted=_parted(court, link, born[0]) if former else 0,
        made=_made(link, events) if former else 0,
    )
    stories: list[Story] = [tell(item, events, pairing, generous=generous) for generous in (False, True)]
    for story in stories:
        story.replaced = taken_for_the_one_made(court, link, born[0])
        story.revived = story.revived or merged or story.replaced
    if unseeded := not_seeded(item, events, former=former):
        court.say(f"{unseeded} ({item.id})")
    complaints = [judge_field(story, values, disputes) for story in stories]
    if all(complaints):
        court.say(f"{complaints[0]} ({link.crm} and {link.partner}, {item.id})")


def _parted(court: Court, link: Link, tag: Value | None) -> int:
    """When the last former counterpart of the Dynamics row went, before the row met the one it is linked with now (0:
    there was none, or the two had met before). It was made from the row, or the row from it, or the hub wrote to it for
    the row."""
    of, key = court.ledger.of, link.key.hex()
    assert link.partner is not None
    went = [
        events[-1].number
        for (side, ref), events in of.items()
        if side is Side.PARTNER and ref != link.partner and events[-1].op in {"delete", "merge"}
        if events[0].fields.get(TAG) == tag or any(_written_for(event, key) for event in events)
    ]
    last = max(went, default=0)
    met = [event for event in of[Side.PARTNER, link.partner] if _written_for(event, key)]
    return last if all(event.number > last for event in met) else 0


def _made(link: Link, events: Sequence[Event]) -> int:
    """When the hub made one record for this pair from the other, which had got the tag of a former counterpart by then
    (0: it did not). A row has one key all its life, so the tag that the other held when the hub saw it must agree."""
    for event in events:
        if event.by_hub and event.op == "create" and _written_for(event, link.key.hex()):
            held = held_at(BORN_AS, events, event.side.other, seen_then(events, event))
            if held is not None and held == event.fields.get(TAG):
                return event.number
    return 0


def _looks(court: Court, link: Link) -> list[int]:
    assert link.partner is not None
    looks = court.ledger.looks
    return sorted(looks.get((Side.CRM, link.crm.id), set()) | looks.get((Side.PARTNER, link.partner.id), set()))


def _written_for(event: Event, key: str) -> bool:
    return event.sent is not None and event.sent.keys.get(event.ref) == key


def _merged_into(court: Court, link: Link) -> bool:
    """Whether a record of the pair swallowed another one, whose history goes on in it."""
    for event in court.ledger.events:
        if event.op == "merge":
            version = court.world.systems[event.side].row(event.ref)
            if version is not None and version.merged_into in {link.crm, link.partner}:
                return True
    return False


def _judge_record_park(court: Court, link: Link) -> None:
    code = link.parked.get("", "").split(":")[-1]
    if code and code not in RECORD_PARKS:
        court.say(f"I17 {link.crm} is parked as {link.parked['']}, which no user brought about")


def _judge_park(park: Park) -> bool:
    """Whether the values of a parked field are to be judged all the same: those that a person is asked about."""
    if founded(park):
        return park.code() == ASKED
    crm, partner = (park.values[side] for side in Side)
    park.court.say(
        f"I17 {park.item.id} of {park.link.crm} is parked as {park.link.parked[park.item.id]}, which nothing bears out "
        f"(crm has {crm!r}, partner {partner!r})"
    )
    return False


def _judge_reference(
    court: Court, link: Link, values: Mapping[Side, Value | None], partner_of: Mapping[Ref, Ref | None]
) -> None:
    """I18 and HUB-28: the parents of a pair are a pair."""
    crm, partner = values[Side.CRM], values[Side.PARTNER]
    if isinstance(crm, Ref) and partner_of.get(crm) is not None and partner != partner_of[crm]:
        court.say(f"I4 {link.crm} works for {crm}, {link.partner} for {partner}")
    if crm is None and isinstance(partner, Ref) and partner in partner_of.values():
        court.say(f"I4 {link.crm} works for nobody, {link.partner} for {partner}")
