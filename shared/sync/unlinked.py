"""A record without a counterpart: matched, created, parked with its reason, or left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from shared.domain.identity import Link, LinkState, MatchKey, crm_id_for
from shared.domain.labels import Labels
from shared.domain.records import Record, Ref, RemoteId, Side
from shared.ports.connector import CreateKey, Op
from shared.sync.basis import (
    AMBIGUOUS,
    DIRTY,
    DIVERGED,
    MISSED,
    OUTSIDE,
    OWED,
    OWED_SWAP,
    new_link,
    parked_code,
    record_of,
)
from shared.sync.cases import Case, Decision, PlannedWrite
from shared.sync.choices import remembered
from shared.sync.linked import Linked
from shared.sync.told_once import NO_PERSON, lacks_owner, unfit
from shared.sync.working import WorkingSet


class Unlinked(Linked):
    """Decisions about records that stand alone, on top of those about pairs."""

    def unlinked(self, case: Case, link: Link | None, links: WorkingSet) -> Decision:
        crm, partner = record_of(case.crm), record_of(case.partner)
        if crm is not None and partner is not None:
            if case.asked is not None and case.asked.spares:
                return Decision(code="skipped:exists")
            return self._first_link(case, link, links)
        if crm is not None:
            return self._from_crm(case, crm, link, links)
        if partner is not None:
            return self._from_partner(case, partner, link, links)
        return Decision(code="skipped:gone")

    def _first_link(self, case: Case, link: Link | None, links: WorkingSet) -> Decision:
        """Two records that belong together meet. What was parked for the partner record on its own is over."""
        other = links.of_partner(case.partner_ref) if case.partner_ref is not None else None
        if other is not None and other.key != case.key and other.state in {LinkState.LINKED, LinkState.AWAITING}:
            case.partner = case.partner_ref = None
            return self.park(case, link, "conflicted:duplicate_match", retry=True)
        decision = self._meet(case, link)
        parked = other is not None and other.key != case.key and other.state is LinkState.PARKED
        return replace(decision, forget=other.key) if parked and other is not None else decision

    def _meet(self, case: Case, link: Link | None) -> Decision:
        base = link or new_link(case)
        match = self.match_key(self.match_of(case))
        # What a link once had made, or was to make, is not the record that it meets now.
        made = "" if base.made == Side.PARTNER.value and base.partner != case.partner_ref else base.made
        fresh = base.with_(
            partner=case.partner_ref,
            state=LinkState.LINKED,
            agreed=case.former,
            match=match,
            tries=0,
            retry_at=0,
            sent_at=0,
            made=made,
        )
        partner = record_of(case.partner)
        rules = case.map.entity.labels
        if rules is None or partner is None:
            return self.linked(case, fresh, first=True)
        owed = {OWED} | ({OWED_SWAP} if fresh.labels else set())
        return self._labelled(case, fresh.with_(flags=fresh.flags | owed), rules, partner, first=True)

    def met(self, case: Case, link: Link) -> Decision:
        """A pair that is linked, though the labels that its first meeting was to put may not have been put yet."""
        if case.asked is not None and case.asked.spares:
            return Decision(code="unchanged")
        rules, partner = case.map.entity.labels, record_of(case.partner)
        if OWED not in link.flags or rules is None:
            return self._unless_under_way(link, self.linked(case, link))
        if partner is None or (partner.labels is None and not case.rounds):  # what is not told is not missing
            return Decision(code="waiting", need=frozenset({Side.PARTNER}))
        return self._labelled(case, link, rules, partner, first=False)

    def _unless_under_way(self, link: Link, decision: Decision) -> Decision:
        """What the partner accepted of this pair may not be in its record yet, and may still be refused: what differs
        there is nobody's edit until that is known. The pair is looked at again then (`settling`)."""
        if not link.ticket or not self.is_open(link.ticket) or decision.link is None:
            return decision
        if not decision.writes and decision.link.agreed == link.agreed:
            return decision
        return Decision(code="waiting:busy", link=link.with_(flags=link.flags | {DIVERGED}))

    def _labelled(self, case: Case, link: Link, rules: Labels, partner: Record, *, first: bool) -> Decision:
        present = partner.labels or frozenset()
        add, remove = _to_be_labelled(rules, present, qualified=OWED_SWAP in link.flags)
        if not add and not remove:
            link = link.with_(flags=link.flags - {OWED, OWED_SWAP})
        link = link.with_(labels=frozenset(rules.known(present)))
        decision = self.linked(case, link, first=first, adding=add)
        return _with_labels(decision, case, add, remove) if add or remove else decision

    def _from_crm(self, case: Case, crm: Record, link: Link | None, links: WorkingSet) -> Decision:
        entity = case.map.entity
        if not entity.sends(Side.PARTNER):
            return Decision(code="skipped:direction")
        if not case.map.in_scope(crm, self.now):
            return Decision(code="skipped:outside_criteria")
        if not crm.active:
            return Decision(code="skipped:inactive")
        text = self.match_of(case)
        if text is None and self.partner_caps(case).match_field is not None:
            return self.park(case, link, "failed:no_match_value")
        match = self.match_key(text)
        if match is not None:
            met = links.matched(match)
            rival = next(_rivals(case, met.links), None)
            if rival is not None:
                return self._rival(case, link, rival, match)
            waiting = [other for other in met.parked if other.key != case.key]
            free = [*met.candidates, *(other.partner for other in waiting)]
            if len(free) > 1 or met.more or any(AMBIGUOUS in other.parked.values() for other in waiting):
                return self.park(case, link, f"failed:{AMBIGUOUS}", retry=True)
            if free:
                case.partner_ref, case.found_under = free[0], match
                return Decision(code="waiting", need=frozenset({Side.PARTNER}), recall=not waiting)
        return self._create_partner(case, crm, link, text, match)

    def _rival(self, case: Case, link: Link | None, rival: Link, match: MatchKey) -> Decision:
        """Another Dynamics row already has the partner record of this match value."""
        if _may_have_moved_on(case, rival):
            return Decision(code="again")
        if case.map.outranks(rival.entity) and rival.state is LinkState.LINKED and rival.partner is not None:
            case.partner_ref = rival.partner
            retired = replace(
                rival, state=LinkState.PARKED, partner=None, agreed={}, parked={"": "superseded"}, match=None
            )
            base = link or new_link(case)
            moved = replace(
                base,
                state=LinkState.PARKED,  # both are read and met anew: the labels change over with the kind
                partner=rival.partner,
                match=match,
                labels=rival.labels,
                made=rival.made,
            )
            return Decision(code="waiting", link=moved, retire=retired, need=frozenset({Side.PARTNER}))
        return self.park(case, link, "conflicted:duplicate_match", retry=True)

    def _create_partner(
        self, case: Case, crm: Record, link: Link | None, text: str | None, match: MatchKey | None
    ) -> Decision:
        entity = case.map.entity
        capabilities = self.partner_caps(case)
        if Op.CREATE not in capabilities.writes or not entity.makes(Side.PARTNER):
            return Decision(code="skipped:not_linked")
        if text is not None and capabilities.create_key is CreateKey.NONE and not case.partner_asked:
            return Decision(code="waiting", find=True)
        if case.taken or case.ambiguous:
            code = "conflicted:duplicate_match" if case.taken else f"failed:{AMBIGUOUS}"
            return self.park(case, link, code, retry=True)
        merged = self.merge(case, {}, creating=Side.PARTNER)
        if Side.PARTNER in merged.blocked:
            missing, reason = merged.blocked[Side.PARTNER]
            return self.park(case, link, parked_code(reason), missing)
        labels = entity.labels.pushed_pair() if entity.labels is not None else frozenset()
        base = link or new_link(case)
        own_id = RemoteId("")
        if capabilities.create_key is CreateKey.CALLER_ID:
            own_id = crm_id_for(self.connection, entity.partner_kind, case.crm_ref, base.incarnation)
        ref = Ref(entity.partner_kind, own_id)
        after = base.with_(
            partner=ref if own_id else None,
            state=LinkState.AWAITING,
            match=match,
            agreed=dict(merged.settled),
            parked=dict(merged.parked),
            labels=labels,
            made=Side.PARTNER.value,
            crm_revision=crm.revision or "",
            seen_partner=self.epoch,  # no walk that began before it can have missed it
            flags=base.flags - {DIRTY, OUTSIDE, MISSED} | ({DIVERGED} if merged.parked else frozenset()),
        )
        write = PlannedWrite(
            side=Side.PARTNER,
            op=Op.CREATE,
            ref=ref,
            fields=merged.writes.get(Side.PARTNER, {}),
            match=text,
            match_key=match,
            add_labels=labels,
            pending=merged.pending.get(Side.PARTNER, {}),
            bases=remembered(self.digester, merged.pending_bases.get(Side.PARTNER, {})),
        )
        return Decision(code="created", link=after, writes=(write,))

    def _from_partner(self, case: Case, partner: Record, link: Link | None, links: WorkingSet) -> Decision:
        if self.partner_caps(case).create_only:
            return self._from_log(case, partner, link)
        text = self.match_of(case)
        match = self.match_key(text)
        rival = next(_rivals(case, links.matched(match).links), None) if match is not None else None
        if rival is not None and _may_have_moved_on(case, rival):
            return Decision(code="again")
        if rival is not None:
            if link is not None:
                return self.park(case, link, "conflicted:duplicate_match", retry=True)
            return Decision(code="skipped:duplicate_match", candidate=match, retry=True)
        if not self._is_wanted(case, partner) or Op.CREATE not in self.crm_caps(case).writes:
            begun = link is not None and link.state is LinkState.PARKED and not link.parked
            return Decision(code="skipped:not_linked", candidate=match, forget=case.key if begun else None)
        if case.ambiguous:
            return self.park(case, link, f"failed:{AMBIGUOUS}", retry=True)
        if text is not None and not case.looked_up and self.crm_caps(case).match_field is not None:
            return Decision(code="waiting", look_up=True)
        return self._create_crm(case, partner, link, match)

    def _is_wanted(self, case: Case, partner: Record) -> bool:
        """Whether a row is to be made of a partner record: somebody asked for it, or the entity's rules do."""
        entity = case.map.entity
        asks = entity.labels is None or entity.labels.asks_to_create(partner.labels)
        return case.asked is not None or (not self.initial and asks and entity.makes(Side.CRM))

    def _from_log(self, case: Case, partner: Record, link: Link | None) -> Decision:
        """An entry of a log: its row is made once, for a person who has a pair. Nothing is kept of it otherwise."""
        if not case.map.entity.makes(Side.CRM) or Op.CREATE not in self.crm_caps(case).writes:
            return Decision(code="skipped:not_linked")
        if broken := unfit(case.map):
            return Decision(code=broken)
        if lacks_owner(case.map, partner):
            return Decision(code=NO_PERSON, forget=case.key if link is not None else None)
        return self._create_crm(case, partner, link, None)

    def _create_crm(self, case: Case, partner: Record, link: Link | None, match: MatchKey | None) -> Decision:
        entity = case.map.entity
        merged = self.merge(case, {}, creating=Side.CRM)
        if Side.CRM in merged.blocked:
            missing, reason = merged.blocked[Side.CRM]
            return self.park(case, link, parked_code(reason), missing)
        base = link or new_link(case)
        rules = entity.labels
        after = base.with_(
            partner=partner.ref,
            match=match,
            agreed=dict(merged.settled),
            parked=dict(merged.parked),
            labels=frozenset(rules.known(partner.labels or frozenset())) if rules is not None else frozenset(),
            made=Side.CRM.value,
            partner_revision=partner.revision or "",
            flags=base.flags | ({DIVERGED} if merged.parked else frozenset()),
        )
        write = PlannedWrite(
            side=Side.CRM,
            op=Op.CREATE,
            ref=case.crm_ref,
            fields={**merged.writes.get(Side.CRM, {}), **(case.asked.given if case.asked is not None else {})},
            match_key=match,
            pending=merged.pending.get(Side.CRM, {}),
            bases=remembered(self.digester, merged.pending_bases.get(Side.CRM, {})),
        )
        return Decision(code="created", link=after, writes=(write,))


def _rivals(case: Case, links: Iterable[Link]) -> Iterator[Link]:
    """Other pairs with the case's match value, but those of which no record holds it any more."""
    return (other for other in links if other.key != case.key and case.claims.get(other.key) is not False)


def _may_have_moved_on(case: Case, rival: Link) -> bool:
    """Whether the other pair has to be read first: something of it was not carried over. If that is a new match value,
    it was agreed under one that may be free by now."""
    held_back = bool(rival.parked) or DIVERGED in rival.flags
    if rival.state is not LinkState.LINKED or not held_back or rival.key in case.claims:
        return False
    case.claims[rival.key] = None
    return True


def _to_be_labelled(
    rules: Labels, present: frozenset[str], *, qualified: bool
) -> tuple[frozenset[str], frozenset[str]]:
    """What to add to and take off a partner record that meets a Dynamics row. One that comes over from a row of lower
    rank keeps the label of its origin."""
    if rules.complete(present):
        return frozenset(), rules.swap(present)[1] if qualified else frozenset()
    if not qualified:
        return rules.pushed_pair(), frozenset()
    add, remove = rules.swap(present)
    origin = rules.known(present) & {rules.pushed, rules.pulled}
    return (add if origin else add | rules.pushed_pair()), remove


def _with_labels(decision: Decision, case: Case, add: frozenset[str], remove: frozenset[str]) -> Decision:
    """Changes the partner record's labels, with the write that is planned anyway or with one of their own."""
    for index, write in enumerate(decision.writes):
        if write.side is Side.PARTNER:
            marked = replace(write, add_labels=add, remove_labels=remove)
            return replace(decision, writes=(*decision.writes[:index], marked, *decision.writes[index + 1 :]))
    if decision.need or case.partner_ref is None:
        return decision
    held = record_of(case.partner)
    text = PlannedWrite(
        side=Side.PARTNER,
        op=Op.UPDATE,
        ref=case.partner_ref,
        match=case.map.match_of(held, Side.PARTNER) if held is not None else None,
        add_labels=add,
        remove_labels=remove,
    )
    return replace(decision, code="updated", writes=(*decision.writes, text))
