"""Judges a world at rest by what its users did: I1 to I7, I17, I20 to I24 of `docs/explanation/invariants.md`.

Every finding is one sentence that begins with the number of the invariant.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.connectors.memory import Version
from shared.domain.identity import Link, LinkState
from shared.domain.records import FieldName, Kind, Ref, Side
from tests.simulation.conduct import judge_conduct
from tests.simulation.doubles import nothing_doubled
from tests.simulation.ledger import TAG, Event, Ledger
from tests.simulation.logbook import told_once
from tests.simulation.lookedafter import everybody_is_looked_after
from tests.simulation.pairs import pairs_agree
from tests.simulation.profiles import CRM_COMPANY, PHONE, Profile
from tests.simulation.world import World

MAIL = FieldName("mail")


@dataclass(slots=True)
class Court:
    """One world at rest, with what is looked up again and again."""

    world: World
    links: list[Link]
    findings: list[str] = field(default_factory=list)
    parents: dict[tuple[Side, Ref], tuple[Side, Ref]] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        return self.world.ledger

    @property
    def profile(self) -> Profile:
        return self.world.profile

    def row(self, side: Side, ref: Ref | None) -> Version | None:
        if ref is not None and ref.kind not in self.world.systems[side].tables:
            self.say(f"I3 a link names {ref} on the {side} side, which has no such kind")
            return None
        found = self.world.systems[side].row(ref) if ref is not None else None
        return found if found is not None and found.there else None

    def held_up(self, side: Side, ref: Ref | None) -> bool:
        """Whether others refer to the record, where that keeps it from being deleted."""
        return self.profile.nested and ref is not None and self.world.systems[side].is_used(ref)

    def say(self, text: str) -> None:
        if text not in self.findings:
            self.findings.append(text)

    # -- who is who ----------------------------------------------------------------------------------------------------

    def root(self, record: tuple[Side, Ref]) -> tuple[Side, Ref]:
        """The person a record belongs to: records made from one another, or that shared a match value, are one."""
        while (parent := self.parents.get(record)) is not None and parent != record:
            record = parent
        return record

    def unite(self, first: tuple[Side, Ref], second: tuple[Side, Ref]) -> None:
        one, other = self.root(first), self.root(second)
        if one != other:
            self.parents[other] = one


def judge(world: World) -> list[str]:
    """All findings, those that were made on the way included."""
    court = Court(world, world.links())
    court.findings.extend(world.problems)
    _families(court)
    _links_are_unique(court)
    _nobody_disappeared(court)
    _nothing_is_made_where_nothing_may_be(court)
    _edited_survivors_are_made_again(court)
    nothing_doubled(court)
    told_once(court)
    _nobody_elses_counts_as_made(court)
    pairs_agree(court)
    everybody_is_looked_after(court)
    _nothing_is_left_over(court)
    judge_conduct(world, court.links, court.say)
    return court.findings


# -- I3, I6 ------------------------------------------------------------------------------------------------------------


def _families(court: Court) -> None:
    """Unites records that belong together by evidence: the tag they were born with, a shared match value, a merge."""
    born: dict[tuple[Kind, object], tuple[Side, Ref]] = {}
    holders: defaultdict[tuple[bool, str], set[tuple[Side, Ref]]] = defaultdict(set)
    for event in court.ledger.events:
        me = (event.side, event.ref)
        company = event.ref.kind in {CRM_COMPANY, Kind("company")}
        tag = event.fields.get(TAG)
        if event.op == "create" and tag is not None:
            known = born.get((Kind("company" if company else "person"), tag))
            if event.by_hub and known is not None:
                court.unite(known, me)
            elif not event.by_hub:
                born[Kind("company" if company else "person"), tag] = me
        mail = event.fields.get(MAIL)
        if isinstance(mail, str):
            key = (company, mail.strip().casefold())
            for other in holders[key]:
                court.unite(other, me)
            holders[key].add(me)
        if event.op == "merge":
            version = court.world.systems[event.side].row(event.ref)
            if version is not None and version.merged_into is not None:
                court.unite((event.side, version.merged_into), me)


def _links_are_unique(court: Court) -> None:
    seen: Counter[tuple[Side, Ref]] = Counter()
    for link in court.links:
        if link.state not in {LinkState.LINKED, LinkState.AWAITING}:
            continue
        seen[Side.CRM, link.crm] += 1
        if link.partner is not None:
            seen[Side.PARTNER, link.partner] += 1
            crm, partner = (Side.CRM, link.crm), (Side.PARTNER, link.partner)
            if court.root(crm) != court.root(partner):
                court.say(f"I3 {link.crm} is linked with {link.partner}, a stranger")
    for (side, ref), count in seen.items():
        if count > 1:
            court.say(f"I3 {count} links claim {side} {ref}")


def _nobody_disappeared(court: Court) -> None:
    for event in court.ledger.events:
        if not event.by_hub or event.op not in {"delete", "merge"}:
            continue
        if court.profile.deletes.get(event.side, "ignore") != "delete":
            court.say(f"I6 the hub deleted {event.side} {event.ref}, which no policy allows")
            continue
        family = court.root((event.side, event.ref))
        reason = any(
            other.op in {"delete", "merge"}
            and (not other.by_hub or _arrived_late(court, other))
            and other.side is not event.side
            and other.number < event.number
            and court.root((other.side, other.ref)) == family
            for other in court.ledger.events
        )
        if not reason:
            court.say(f"I6 the hub deleted {event.side} {event.ref}, whose counterpart nobody deleted")


def _arrived_late(court: Court, deleted: Event) -> bool:
    """A delete of the hub's that was given up, and took effect where no write can be conditional: nobody can tell it
    from a user's. It has a reason of its own, or is a finding itself."""
    return deleted.afterwards and not court.profile.capabilities(deleted.side).conditional_write


def _nothing_is_made_where_nothing_may_be(court: Court) -> None:
    for event in court.ledger.events:
        if event.by_hub and event.op == "create" and event.side not in court.profile.creates:
            court.say(f"I20 the hub made {event.side} {event.ref}, where the connection makes nothing")


def _nobody_elses_counts_as_made(court: Court) -> None:
    """A clean-up deletes what links say was made: each such record came to be by the hub."""
    for link in court.links:
        side = Side(link.made) if link.made and link.state is not LinkState.PARKED else None
        ref = link.crm if side is Side.CRM else link.partner
        if side is None or ref is None:
            continue
        first = next(iter(court.ledger.of.get((side, ref), ())), None)
        if first is not None and not first.by_hub:
            court.say(f"I23 the link of {link.crm} says that the hub made {side} {ref}, which a user made")


def _edited_survivors_are_made_again(court: Court) -> None:
    """Where the policy says so: whose counterpart a user deleted, and who was edited since, has one again."""
    for side in Side:
        if court.profile.deletes.get(side) != "make_again":
            continue
        linked = {
            link.crm if side is Side.CRM else link.partner for link in court.links if link.state is LinkState.LINKED
        }
        for ref, gone in _bereaved(court, side):
            version = court.row(side, ref)
            mail = version.fields.get(MAIL) if version is not None and version.there else None
            if ref in linked or not isinstance(mail, str) or not mail.strip():
                continue
            if _edited_after(court, side, ref, gone) and _alone_with(court, mail):
                court.say(f"I21 {side} {ref} was edited after its counterpart was deleted, and was not made again")


def _bereaved(court: Court, side: Side) -> Iterator[tuple[Ref, Event]]:
    """Records of a side whose one counterpart a user deleted, where nothing else of the kind befell the family."""
    for event in court.ledger.events:
        if event.by_hub or event.op != "delete" or event.side is side:
            continue
        family = court.root((event.side, event.ref))
        kin = [other for other in court.ledger.events if court.root((other.side, other.ref)) == family]
        if any(other is not event and other.op in {"delete", "merge", "restore"} for other in kin):
            continue
        for ref in {other.ref for other in kin if other.side is side}:
            yield ref, event


def _edited_after(court: Court, side: Side, ref: Ref, gone: Event) -> bool:
    """Whether users gave the phone another value since the delete, and it has that value still."""
    version = court.row(side, ref)
    edits = [
        event
        for event in court.ledger.events
        if event.side is side and event.ref == ref and event.number > gone.number and PHONE.name in event.fields
    ]
    if version is None or not edits or any(event.by_hub for event in edits):
        return False
    return version.fields.get(PHONE.name) not in {None, "", edits[0].before.get(PHONE.name)}


def _alone_with(court: Court, mail: str) -> bool:
    held = [
        row
        for side in Side
        for kind in court.profile.kinds(side)
        for row in court.world.systems[side].tables[kind].holders(mail)
    ]
    return len(held) == 1


def _nothing_is_left_over(court: Court) -> None:
    """I17: no batch is unfinished, no command is overdue, no awaited id stays out, and the lane is sound."""
    world = court.world
    view = world.lane().peek()
    if view.facts.get("broken"):
        court.say(f"I17 the lane is stopped: {view.facts.get('broken')} {view.facts.get('broken_message')}")
    held = world.lane().acquire("judge", 60)
    if held is None:
        court.say("I17 the lane is still held at rest")
        return
    for batch in held.batches():
        court.say(f"I17 a batch is left: {batch.side} {batch.op} {batch.state}")
    held.release()
    for command in world.lane().commands():
        if command.not_before is None or command.not_before <= world.clock.now():
            court.say(f"I17 a command is overdue: {command.op} {command.ref}")
    for link in court.links:
        if link.state is LinkState.AWAITING:
            court.say(f"I17 {link.crm} still waits for the id of its counterpart")
        if link.state is LinkState.PARKED and not link.parked and not link.retry_at:
            court.say(f"I17 {link.crm} is parked without a reason")
