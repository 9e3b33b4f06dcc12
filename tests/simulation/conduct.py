"""How the hub behaved, judged write by write: what it wrote although it knew better, and what it should have kept.

Each judgement counts only what the worker could know when it sent the write (`Sent`), so that no user's edit in the
middle of a call is held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from shared.connectors.memory import Version
from shared.domain.identity import Link, LinkState
from shared.domain.records import FieldName, FieldType, Ref, Side
from shared.ports.report import ConflictEntry
from tests.simulation.forms import carries, is_empty
from tests.simulation.ledger import TAG, Event
from tests.simulation.profiles import SCOPE, SimField
from tests.simulation.world import World

type Say = Callable[[str], None]

MAIL = FieldName("mail")
_CARRIED_RULES = frozenset({"owner_crm", "owner_partner", "newest"})


def judge_conduct(world: World, links: list[Link], say: Say) -> None:
    for link in links:
        if link.partner is None or _stirred(world, link):
            continue
        for judged in (_parked_for_nothing, _outside, _unlabelled, _edits_deleted):
            for text in judged(world, link):
                say(text)
    for text in (*_merges_cut(world, links), *_needless_conflicts(world), *_strangers_values(world)):
        say(text)


def _stirred(world: World, link: Link) -> bool:
    """Whether records of the pair were merged or restored: which pair it was at which moment is not sure then."""
    return any(event.op in {"merge", "restore"} for event in _events(world, link)) or any(
        event.op == "merge" and _winner(world, event) in {link.crm, link.partner} for event in world.ledger.events
    )


def _events(world: World, link: Link) -> list[Event]:
    found = [*world.ledger.of.get((Side.CRM, link.crm), ())]
    if link.partner is not None:
        found += world.ledger.of.get((Side.PARTNER, link.partner), ())
    return found


def _winner(world: World, event: Event) -> Ref | None:
    row = world.systems[event.side].row(event.ref)
    return row.merged_into if row is not None else None


# -- I17: what waits for something -------------------------------------------------------------------------------------


def _parked_for_nothing(world: World, link: Link) -> Iterator[str]:
    """An address that somebody else had is carried over once that somebody gave it up."""
    row = world.systems[Side.CRM].row(link.crm)
    mail = row.fields.get(MAIL) if row is not None and row.there else None
    if link.partner is None or link.state is not LinkState.LINKED or not isinstance(mail, str):
        return
    waits = any(reason.endswith("duplicate") for name, reason in link.parked.items() if name in {"", MAIL})
    if waits and not world.systems[Side.PARTNER].tables[link.partner.kind].holders(mail):
        yield f"I17 {link.crm} is parked as a duplicate though no partner record has its address any more"


# -- I7: what may not be written at all --------------------------------------------------------------------------------


def _outside(world: World, link: Link) -> Iterator[str]:
    """A row outside the criteria is not carried to the partner."""
    if not world.profile.criteria or link.partner is None:
        return
    row = world.ledger.of.get((Side.CRM, link.crm), [])
    for event in world.ledger.of.get((Side.PARTNER, link.partner), ()):
        if not event.by_hub or event.op not in {"create", "update"} or event.afterwards:
            continue
        seen = event.saw(Side.CRM, link.crm)
        known = [other for other in row if other.number <= seen]
        scope = [other for other in known if SCOPE in other.fields]
        if known and known[-1].op in {"delete", "merge"}:
            continue  # that row is gone: the partner record may belong to another one by now
        if scope and scope[-1].fields[SCOPE] == "out":
            yield f"I7 the hub wrote {event.ref} though it had seen {link.crm} outside the criteria"


def _unlabelled(world: World, link: Link) -> Iterator[str]:
    """A pair that lost one of its labels is left alone, unless a first link puts them back."""
    rules = world.profile.labels
    if rules is None or link.partner is None:
        return

    def complete(labels: frozenset[str]) -> bool:
        return rules["kind"] in labels and bool({rules["pushed"], rules["pulled"]} & labels)

    row = world.ledger.of.get((Side.PARTNER, link.partner), [])
    for event in _events(world, link):
        if not event.by_hub or event.op != "update" or event.afterwards:
            continue
        seen = event.saw(Side.PARTNER, link.partner)
        known = [complete(other.labels) for other in row if other.number <= seen]
        puts = any(_same_worker(other, event) and complete(other.labels) for other in row)
        if any(known) and not known[-1] and not puts and not _put_next(event, row, complete):
            yield f"I7 the hub wrote {event.side} {event.ref} though it saw the labels of {link.partner} incomplete"


def _put_next(written: Event, row: list[Event], complete: Callable[[frozenset[str]], bool]) -> bool:
    """Whether the hub put the labels back as the next thing that became of the record: the worker of a first link died
    between its two writes, and another one finished it. Or the record went before that."""
    before = next((other.labels for other in reversed(row) if other.number < written.number), frozenset())
    for other in row:
        ended = other.op in {"delete", "merge"}
        if other.number > written.number and (ended or other.labels != before):
            return ended or (other.by_hub and complete(other.labels))
    return False


def _same_worker(one: Event, other: Event) -> bool:
    return one.sent is not None and other.sent is not None and one.sent.worker == other.sent.worker


# -- I4, I6: deletes and merges ----------------------------------------------------------------------------------------


def _edits_deleted(world: World, link: Link) -> Iterator[str]:
    """An edit that nobody contradicted beats the delete of its counterpart."""
    if link.partner is None:
        return
    for side, ref, other in ((Side.CRM, link.crm, link.partner), (Side.PARTNER, link.partner, link.crm)):
        events = world.ledger.of.get((side, ref), [])
        ended = next((event for event in events if event.op == "delete" and event.by_hub), None)
        gone = world.systems[side.other].row(other)
        if ended is None or gone is None or gone.there:
            continue
        for item in world.profile.fields_of(ref.kind):
            if _unheard(world, item, side, ended, gone, world.ledger.of.get((side.other, other), [])):
                yield f"I6 the hub deleted {side} {ref}, whose new {item.id} nobody else had seen"


def _unheard(world: World, item: SimField, side: Side, ended: Event, gone: Version, counterpart: list[Event]) -> bool:
    """Whether the deleted record held a user's edit of this field that its counterpart never got."""
    if item.rule not in _CARRIED_RULES or len(item.into) == 1 or item.type is FieldType.CHOICE:
        return False
    if item.name in world.ledger.dropped:
        return False  # whether it was edited is not known of a field that stands for another column
    mine = [e for e in world.ledger.of[side, ended.ref] if item.name in e.fields and e.number < ended.number]
    edit = next(reversed(mine), None)
    if edit is None or edit.by_hub or edit.op != "update" or is_empty(ended.before.get(item.name)):
        return False
    if not world.profile.capabilities(side).conditional_write and edit.number > ended.knew():
        return False
    theirs = [event for event in counterpart if item.name in event.fields]
    if theirs and not theirs[-1].by_hub and theirs[-1].op != "create":
        return False  # its user had another idea of the same field
    values = (ended.before.get(item.name), gone.fields.get(item.name))
    earlier = edit.before.get(item.name)
    agreed = carries(item, earlier, values[1], (side, side.other)) or carries(
        item, values[1], earlier, (side.other, side)
    )
    return agreed and not carries(item, values[0], values[1], (side, side.other))


def _was_taken(world: World, merge: Event, winner: Ref, link: Link | None) -> bool:
    """Whether the record that stayed had a living counterpart of its own when the merge happened: then the two others
    are doubles, which are told and left to a person, whatever becomes of that counterpart later."""
    known = None if link is None else link.partner if merge.side is Side.CRM else link.crm
    return any(
        event.op in {"delete", "merge"} and event.number > merge.number
        for counterpart in {known, *_made_for(world, merge.side, winner)}
        for event in world.ledger.of.get((merge.side.other, counterpart), ())
    )


def _made_for(world: World, side: Side, ref: Ref) -> list[Ref]:
    """The records that the hub made for one of the other side."""
    births = {record: events[0] for record, events in world.ledger.of.items()}
    tag = births[side, ref].fields.get(TAG)
    return [
        made
        for (where, made), birth in births.items()
        if where is side.other and birth.by_hub and tag is not None and birth.fields.get(TAG) == tag
    ]


def _merges_cut(world: World, links: list[Link]) -> Iterator[str]:
    """A merge is a redirect: the pair of the record that went goes on with the one that stayed, if that is free."""
    linked = {ref for link in links if link.state is LinkState.LINKED for ref in (link.crm, link.partner)}
    ended = {ref: link for link in links if link.state is LinkState.TOMBSTONE for ref in (link.crm, link.partner)}
    for event in world.ledger.events:
        if event.op != "merge" or not world.profile.capabilities(event.side).tells_merges:
            continue
        winner, link = _winner(world, event), ended.get(event.ref)
        if winner is None or winner in linked or link is None or link.partner is None:
            continue
        kept = world.systems[event.side].row(winner)
        other = link.partner if event.side is Side.CRM else link.crm
        left = world.systems[event.side.other].row(other)
        if kept is None or not kept.there or left is None or not left.there or other in linked:
            continue
        if _was_taken(world, event, winner, ended.get(winner)):
            continue
        if not _otherwise_stirred(world, event, {winner, other}):
            yield f"I6 {event.side} {event.ref} was merged into {winner}, but {other} did not follow"


def _otherwise_stirred(world: World, merge: Event, refs: set[Ref]) -> bool:
    return any(
        event.op in {"delete", "merge", "restore"} and event is not merge and {event.ref, _winner(world, event)} & refs
        for event in world.ledger.events
    )


# -- I3: whose values a record gets ------------------------------------------------------------------------------------


def _strangers_values(world: World) -> Iterator[str]:
    """A record that the hub made for somebody gets nobody else's values while that somebody lives."""
    born: dict[object, tuple[Side, Ref]] = {
        events[0].fields.get(TAG): record for record, events in world.ledger.of.items() if not events[0].by_hub
    }
    for event in world.ledger.events:
        made = world.ledger.of[event.side, event.ref][0]
        tag = made.fields.get(TAG)
        if event.op != "update" or not event.by_hub or TAG not in event.fields or not made.by_hub or made.doubtful:
            continue
        origin = born.get(tag)
        if origin is None or event.before.get(TAG) != tag or event.afterwards:
            continue
        if _came_late(world, origin, event) or _came_back(world, event):
            continue
        if not any(other.op in {"delete", "merge", "restore"} for other in world.ledger.of[origin]):
            yield f"I3 the hub wrote a stranger's values into {event.ref}, which it had made for {origin[1]}"


def _came_back(world: World, written: Event) -> bool:
    """Whether the record had been deleted and was restored: then another one of its match value may find it first."""
    return any(
        other.op == "restore" and other.number < written.number for other in world.ledger.of[written.side, written.ref]
    )


def _came_late(world: World, origin: tuple[Side, Ref], written: Event) -> bool:
    """Whether that somebody has these values too, by a write for a former counterpart that took effect late."""
    return any(
        other.afterwards and other.number < written.number and other.fields.get(TAG) == written.fields[TAG]
        for other in world.ledger.of[origin]
    )


# -- I5: what is no conflict -------------------------------------------------------------------------------------------


def _needless_conflicts(world: World) -> Iterator[str]:
    """Both sides changed to the same value: that is agreement, and nobody is told of a conflict."""
    fields: Mapping[FieldName, SimField] = {item.name: item for item in world.profile.fields}
    for entry in world.journal.disputes:
        item = fields.get(FieldName(entry.field))
        if item is not None and _equal(item, entry):
            yield f"I5 {entry.field} of {entry.crm} was told as a conflict, but both sides hold {entry.crm_value!r}"


def _equal(item: SimField, entry: ConflictEntry) -> bool:
    if item.limits and entry.crm_value != entry.partner_value:
        return False  # one may be the other, cut: that is for the rules of the field to judge
    if is_empty(entry.crm_value) and entry.crm_value != entry.partner_value:
        return False  # two ways of holding nothing
    return carries(item, entry.crm_value, entry.partner_value, (Side.CRM, Side.PARTNER))
