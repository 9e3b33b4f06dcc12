"""Decides what to do about one pair of records. Nothing here reads or writes a remote system.

Level-triggered: a feed, a message or a person only says "look at this record"; what is decided follows from what both
sides are known to hold, whatever order the hints came in. A linked side that was not observed counts as unchanged since
both last agreed; the conditional write finds out when that is wrong.

Deletes: a record that is gone on one side is treated as the entity's delete policy says; an edit that the other side
made and that was not taken over yet beats the delete. A tombstone stays: later edits of the survivor do not bring the
deleted record back, except when the record itself comes back (restored) under its own id, or the delete policy says
`make_again`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shared.domain.clash import one_way_source
from shared.domain.entity_map import DeletePolicy
from shared.domain.identity import Agreed, Link, LinkState, link_key
from shared.domain.merged import NEVER
from shared.domain.policy import Rule
from shared.domain.records import Gone, Record, Side
from shared.sync.after import adopted
from shared.sync.basis import DIRTY, KEPT, LEFT, MET_ANEW, REVERTED, digests_of, record_of
from shared.sync.cases import Case, Decision
from shared.sync.deletes import decide_gone, edited, gone_side, make_again
from shared.sync.unlinked import Unlinked
from shared.sync.working import WorkingSet


class Reconciler(Unlinked):
    """Decides case by case for one connection, at one moment."""

    def decide(self, case: Case, links: WorkingSet) -> Decision:
        link = links.link(case.key)
        if link is None or link.state is LinkState.PARKED:
            self._without_the_gone(case, links)
        elif link.state is LinkState.TOMBSTONE and record_of(case.seen(gone_side(link))) is not None:
            return self._come_back(case, link, links)
        elif link.state is LinkState.TOMBSTONE and self._inside_again(case, link):
            return self.unlinked(case, _anew(link), links)
        if isinstance(case.crm, Gone) or isinstance(case.partner, Gone):
            return decide_gone(self, case, link, links)
        if link is None or link.state is LinkState.PARKED:
            return self.unlinked(case, link, links)
        if link.state is LinkState.AWAITING:
            return self._awaiting(case, link)
        if link.state is LinkState.REFUSED:
            return Decision(code="skipped:refused")
        if link.state is LinkState.TOMBSTONE:
            return self._tombstone(case, link, links)
        return self.met(case, link)

    def _inside_again(self, case: Case, link: Link) -> bool:
        """Whether the row left the criteria once, lost its counterpart by that, and meets them now; or lost it to a run
        that was taken back, and the initial sync is repeated."""
        crm = record_of(case.crm)
        ended = LEFT in link.flags or (self.anew and REVERTED in link.flags and gone_side(link) is Side.PARTNER)
        return ended and crm is not None and case.map.in_scope(crm, self.now)

    def _without_the_gone(self, case: Case, links: WorkingSet) -> None:
        """A record that was no pair yet looks for another counterpart when the one it was to have is gone."""
        if isinstance(case.crm, Record) and isinstance(case.partner, Gone):
            links.remember(case.partner.ref, None)
            case.partner = case.partner_ref = None
        elif isinstance(case.partner, Record) and isinstance(case.crm, Gone):
            case.crm = None
            case.crm_ref, case.incarnation = links.own_row(self.connection, case.map.entity.crm_kind, case.partner.ref)
            case.key = link_key(case.crm_ref)

    def _awaiting(self, case: Case, link: Link) -> Decision:
        partner = record_of(case.partner)
        if partner is not None:
            case.partner_ref = partner.ref
            match = self.match_key(case.map.match_of(partner, Side.PARTNER))
            if match is not None and match != link.match:
                # Its row was given this value since it was sent: somebody's own record, while ours is not told yet.
                return Decision(code="waiting:id", candidate=match)
            sent, link = link, self._unless_loosened(case, link, partner)
            merged = self.merge(case, link.agreed)
            if (merged.writes[Side.CRM] or merged.settled) and link.ticket and self.is_open(link.ticket):
                # Not what was sent, and the import has not ended: perhaps somebody's own record with this match value,
                # or what an earlier import of the same row made late. Nothing of it counts as an edit yet.
                return Decision(code="waiting:id", candidate=link.match)
            found = adopted(link, partner)
            if merged.writes[Side.CRM] or link is not sent:
                # It holds what was not sent: somebody may have typed it in before the import came to it, or after ours
                # was deleted. That it may not be written now (labels, criteria) says nothing about whose it is.
                found = found.with_(made="")
            if DIRTY in link.flags and case.crm is None:
                return Decision(code="waiting", link=found, need=frozenset({Side.CRM}))
            return self.linked(case, found, merged=merged)
        crm = record_of(case.crm)
        if crm is None or DIRTY in link.flags:
            return Decision(code="waiting:id")
        merged = self.merge(case, link.agreed)
        if merged.writes[Side.PARTNER]:
            return Decision(code="waiting:id", link=replace(link, flags=link.flags | {DIRTY}))
        return Decision(code="unchanged")

    def _unless_loosened(self, case: Case, link: Link, found: Record) -> Link:
        """The awaited link without a consent that does not stand in the record as it was sent: that record may be
        another one, made after ours was deleted, and the stricter word holds as on any first meeting."""
        strict = [item for item in case.map.fields if item.policy.rule is Rule.RESTRICTIVE and item.id in link.agreed]
        held = digests_of(strict, found, Side.PARTNER, self.digester)
        moved = {name for name, digest in held.items() if digest != link.agreed[name].partner}
        return link.with_(agreed={k: v for k, v in link.agreed.items() if k not in moved}) if moved else link

    def _tombstone(self, case: Case, link: Link, links: WorkingSet) -> Decision:
        """The survivor of a pair is left alone, unless its edit makes the other anew; a partner record may find another
        row of its match value."""
        gone, entity = gone_side(link), case.map.entity
        remakes = entity.deletes[gone.other] is DeletePolicy.MAKE_AGAIN and entity.makes(gone)
        kept = KEPT in link.flags and record_of(case.seen(gone.other)) is not None and entity.makes(gone)
        if kept or (remakes and edited(self, case, link, gone.other)):
            return make_again(self, case, link, gone, links)
        candidate = self.match_key(self.match_of(case)) if gone_side(link) is Side.CRM else None
        return Decision(code="skipped:deleted", candidate=candidate)

    def _come_back(self, case: Case, link: Link, links: WorkingSet) -> Decision:
        """A deleted record is there again under its own id: it meets its former counterpart, if that lives and is free,
        as on a first link; of a one-way field what was agreed holds (`_said_before`). What has to be made for it gets a
        new id."""
        back = gone_side(link)
        fresh = replace(
            link, state=LinkState.PARKED, agreed={}, flags=frozenset(), incarnation=link.incarnation + 1, partner=None
        )
        holder = links.of_partner(link.partner) if link.partner is not None else None
        free = holder is not None and holder.key == link.key
        anew = case.partner_ref != link.partner or (
            not free and holder is not None and holder.state is LinkState.TOMBSTONE
        )
        case.former = {}
        if back is Side.CRM and isinstance(case.partner, Record) and anew:
            return self.unlinked(case, fresh, links)  # it is looked at for another record than it had then, or found it
        if back is Side.CRM:
            case.partner_ref = link.partner if free else None
            if isinstance(case.partner, Gone):
                links.remember(case.partner.ref, None)
            if not free or isinstance(case.partner, Gone):
                case.partner = case.partner_ref = None
            elif case.partner is None:
                return Decision(code="waiting", need=frozenset({Side.PARTNER}))
            else:
                case.former = _said_before(case, link)
            return self.unlinked(case, fresh, links)
        if case.crm is None:
            return Decision(code="waiting", need=frozenset({Side.CRM}))
        if isinstance(case.crm, Gone) and case.partner_ref is not None:
            kind = case.map.entity.crm_kind
            case.crm = None
            case.crm_ref, incarnation = links.own_row(self.connection, kind, case.partner_ref, start=fresh.incarnation)
            case.key = link_key(case.crm_ref)
            moved = replace(fresh, crm=case.crm_ref, crm_revision="", match=None, incarnation=incarnation)
            return Decision(code="again", link=moved)
        if case.partner_ref == link.partner:
            case.former = _said_before(case, link)
        return self.unlinked(case, fresh, links)


def _said_before(case: Case, link: Link) -> Mapping[str, Agreed]:
    """What was agreed of fields that go one way, where both records of a pair are there again: their source alone has
    the say, so what it held tells whether it was edited, or emptied, while the other record was gone. Where the far end
    was edited that is open, and the two meet."""
    fields = [item for item in case.map.fields if item.policy.rule not in MET_ANEW]
    ways = {item.id for item in fields if one_way_source(item) is not None}
    return {name: agreed for name, agreed in link.agreed.items() if name in ways and NEVER not in agreed}


def _anew(link: Link) -> Link:
    """The link of a row that is inside the criteria again, as if it had never been paired."""
    return replace(
        link, state=LinkState.PARKED, agreed={}, flags=frozenset(), incarnation=link.incarnation + 1, partner=None
    )
