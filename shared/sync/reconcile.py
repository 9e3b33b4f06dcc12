"""Decides what to do about one pair of records. Nothing here reads or writes a remote system.

Level-triggered: a feed, a message or a person only says "look at this record"; what is decided follows from what both
sides are known to hold, whatever order the hints came in. A linked side that was not observed counts as unchanged since
both last agreed; the conditional write finds out when that is wrong.

Deletes: a record that is gone on one side is treated as the entity's delete policy says; an edit that the other side
made and that was not taken over yet beats the delete. A tombstone stays: later edits of the survivor do not bring the
deleted record back, except when the record itself comes back (restored) under its own id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shared.domain.identity import Agreed, Digest, Digester, Link, LinkState, MatchKey, crm_id_for, link_key
from shared.domain.mapping import CompiledMap
from shared.domain.merge import Merged, merge
from shared.domain.merged import ASKED
from shared.domain.normalize import match_value
from shared.domain.records import ABSENT, Gone, Record, Ref, RemoteId, Side
from shared.ports.connector import Capabilities, CreateKey, KindCapabilities, Op
from shared.sync.cases import Case, Decision, Done, PlannedWrite
from shared.sync.deletes import decide_gone, gone_flags
from shared.sync.pingpong import marked, without_loops
from shared.sync.working import WorkingSet

OUTSIDE = "outside"
DIRTY = "dirty"
DIVERGED = "diverged"
AMBIGUOUS = "ambiguous_match"


class Reconciler:
    """Decides case by case for one connection, at one moment."""

    def __init__(
        self,
        *,
        connection: str,
        capabilities: dict[Side, Capabilities],
        digester: Digester,
        now: datetime,
        initial: bool = False,
    ) -> None:
        """`initial`: this run is the one-time load, which writes to the partner only."""
        self.connection = connection
        self.capabilities = capabilities
        self.digester = digester
        self.now = now
        self.initial = initial

    def decide(self, case: Case, links: WorkingSet) -> Decision:
        link = links.link(case.key)
        if link is None or link.state is LinkState.PARKED:
            self._without_the_gone(case, link, links)
        if isinstance(case.crm, Gone) or isinstance(case.partner, Gone):
            return decide_gone(self, case, link, links)
        if link is None or link.state is LinkState.PARKED:
            return self._unlinked(case, link, links)
        if link.state is LinkState.AWAITING:
            return self._awaiting(case, link)
        if link.state is LinkState.REFUSED:
            return Decision(code="skipped:refused")
        if link.state is LinkState.TOMBSTONE:
            return self._tombstone(case, link, links)
        return self.linked(case, link)

    def _without_the_gone(self, case: Case, link: Link | None, links: WorkingSet) -> None:
        """A record that was no pair yet looks for another counterpart when the one it was to have is gone."""
        if isinstance(case.crm, Record) and isinstance(case.partner, Gone):
            links.remember(case.partner.ref, None)
            case.partner = case.partner_ref = None
        elif isinstance(case.partner, Record) and isinstance(case.crm, Gone):
            kind, incarnation = case.map.entity.crm_kind, link.incarnation if link is not None else 0
            case.crm = None
            case.crm_ref = Ref(kind, crm_id_for(self.connection, kind, case.partner.ref, incarnation))
            case.key = link_key(case.crm_ref)

    # -- a pair that is linked ---------------------------------------------------------------------------------------

    def linked(self, case: Case, link: Link, *, first: bool = False) -> Decision:
        unread = frozenset(side for side in Side if case.seen(side) is None)
        if unread and (DIVERGED in link.flags or first):
            return Decision(code="waiting", need=unread)
        crm = _record(case.crm)
        parks = {name: reason for name, reason in link.parked.items() if name}
        merged = self._merge(case, link.agreed, first=first, parks=parks)
        if merged.need & unread:
            return Decision(code="waiting", need=merged.need & unread)
        if self.initial and first:
            merged = self._left_as_found(case, merged)
        merged = without_loops(case.map, link, merged)
        link, gates = self._gates(case, link)
        writes = {side: fields for side, fields in merged.writes.items() if fields}
        allowed = {side: fields for side, fields in writes.items() if side not in gates}
        if Side.CRM in allowed and crm is None and not (self._conditional(case, Side.CRM) and link.crm_revision):
            return Decision(code="waiting", need=frozenset({Side.CRM}))
        match = self._match_after(case, link, merged)
        planned = tuple(
            PlannedWrite(
                side=side,
                op=Op.UPDATE,
                ref=_known(case.ref(side)),
                fields=fields,
                expect=self._expected(case, link, side),
                match=self._written_match(case, link, side, merged),
                match_key=match,
                pending=merged.pending[side],
                before=merged.before.get(side, {}),
            )
            for side, fields in sorted(allowed.items())
        )
        diverged = len(allowed) < len(writes) or bool(merged.parked) or bool(merged.blocked)
        done = Done() if diverged else self._settled(case, match, {write.side for write in planned})
        after = self._after(link, merged, diverged=diverged or (bool(planned) and DIVERGED in link.flags))
        after = finished(after, done) if not planned else replace(after, alternations=marked(after, merged))
        code = "updated" if planned else next(iter(sorted(gates.values()))) if writes else "unchanged"
        if merged.parked and not planned:
            code = parked_code(next(iter(merged.parked.values())))
        return Decision(
            code=code,
            link=after,
            writes=planned,
            done=done,
            conflicts=(*merged.conflicts, *merged.apart),
            at_field=next(iter(merged.parked), ""),
        )

    def _left_as_found(self, case: Case, merged: Merged) -> Merged:
        """The initial sync writes to the partner only: what it would write to Dynamics is agreed as both sides have it.

        Such a field flows again as soon as someone edits it.
        """
        crm, partner = _record(case.crm), _record(case.partner)
        if crm is None or partner is None or not merged.writes[Side.CRM]:
            return merged
        ours = digests(case.map, crm, Side.CRM, self.digester)
        theirs = digests(case.map, partner, Side.PARTNER, self.digester)
        kept = {
            name: Agreed(Digest(ours[name]), Digest(theirs[name]))
            for name in merged.pending[Side.CRM]
            if name in ours and name in theirs
        }
        return replace(
            merged,
            writes={**merged.writes, Side.CRM: {}},
            pending={**merged.pending, Side.CRM: {}},
            settled={**merged.settled, **kept},
        )

    def _merge(
        self,
        case: Case,
        agreed: Mapping[str, Agreed],
        *,
        first: bool = False,
        creating: Side | None = None,
        parks: Mapping[str, str] | None = None,
    ) -> Merged:
        return merge(
            case.map,
            agreed,
            _record(case.crm),
            _record(case.partner),
            digester=self.digester,
            now=self.now,
            first=first,
            creating=creating,
            parks=parks,
            resolve=_same,
        )

    def _after(self, link: Link, merged: Merged, *, diverged: bool) -> Link:
        """The link before any write: what both sides hold already is agreed now."""
        flags = (link.flags | {DIVERGED}) if diverged else link.flags - {DIVERGED, DIRTY}
        return replace(
            link,
            agreed={**link.agreed, **merged.settled},
            flags=flags,
            parked=dict(merged.parked),
            state=LinkState.LINKED,
        )

    def _settled(self, case: Case, match: MatchKey | None, written: set[Side]) -> Done:
        """What may be remembered once nothing of this pair is left to do.

        A revision is only worth keeping when everything it stands for was agreed: a later conditional write under it
        would otherwise pass over a change that was seen but not taken over.
        """
        crm, partner = _record(case.crm), _record(case.partner)
        return Done(
            match=match,
            crm_revision=crm.revision or "" if crm is not None and Side.CRM not in written else None,
            partner_revision=partner.revision or "" if partner is not None and Side.PARTNER not in written else None,
            settled=True,
        )

    def _gates(self, case: Case, link: Link) -> tuple[Link, dict[Side, str]]:
        """Which sides must not be written now, and why: outside the criteria, or a label that was taken away."""
        gates: dict[Side, str] = {}
        crm, partner = _record(case.crm), _record(case.partner)
        flags = link.flags
        if crm is not None:
            flags = flags - {OUTSIDE} if case.map.in_scope(crm, self.now) else flags | {OUTSIDE}
        if OUTSIDE in flags:
            gates[Side.PARTNER] = "skipped:outside_criteria"
        if self.initial:
            gates[Side.CRM] = "waiting:initial"
        labels = link.labels
        rules = case.map.entity.labels
        if rules is not None and partner is not None and partner.labels is not None:
            labels = frozenset(rules.known(partner.labels))
        if rules is not None and not rules.complete(labels):
            gates = dict.fromkeys(Side, "skipped:tags_missing")
        if flags != link.flags or labels != link.labels:
            link = replace(link, flags=flags, labels=labels)
        return link, gates

    # -- a create that was accepted, its id not told yet ---------------------------------------------------------------

    def _awaiting(self, case: Case, link: Link) -> Decision:
        partner = _record(case.partner)
        if partner is not None:
            adopted = replace(link, partner=partner.ref, state=LinkState.LINKED)
            case.partner_ref = partner.ref
            if DIRTY in link.flags and case.crm is None:
                return Decision(code="waiting", link=adopted, need=frozenset({Side.CRM}))
            return self.linked(case, adopted)
        crm = _record(case.crm)
        if crm is None or DIRTY in link.flags:
            return Decision(code="waiting:id")
        merged = self._merge(case, link.agreed)
        if merged.writes[Side.PARTNER]:
            return Decision(code="waiting:id", link=replace(link, flags=link.flags | {DIRTY}))
        return Decision(code="unchanged")

    def _tombstone(self, case: Case, link: Link, links: WorkingSet) -> Decision:
        """Only a record that comes back under its own id is taken up again."""
        gone_side = Side.CRM if "gone:crm" in link.flags else Side.PARTNER
        if _record(case.seen(gone_side)) is None:
            candidate = self._match_key(self.match_of(case)) if gone_side is Side.CRM else None
            return Decision(code="skipped:deleted", candidate=candidate)
        fresh = replace(
            link,
            state=LinkState.PARKED,
            agreed={},
            flags=frozenset(),
            incarnation=link.incarnation + 1,
            partner=None if gone_side is Side.CRM else link.partner,
        )
        return self._unlinked(case, fresh, links)

    # -- a record without a counterpart --------------------------------------------------------------------------------

    def _unlinked(self, case: Case, link: Link | None, links: WorkingSet) -> Decision:
        crm, partner = _record(case.crm), _record(case.partner)
        if crm is not None and partner is not None:
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
            return self._park(case, link, "conflicted:duplicate_match", retry=True)
        decision = self._meet(case, link)
        parked = other is not None and other.key != case.key and other.state is LinkState.PARKED
        return replace(decision, forget=other.key) if parked and other is not None else decision

    def _meet(self, case: Case, link: Link | None) -> Decision:
        base = link or Link(crm=case.crm_ref, entity=case.map.entity.name)
        match = self._match_key(self.match_of(case))
        fresh = replace(base, partner=case.partner_ref, state=LinkState.LINKED, match=match, tries=0, retry_at=0)
        partner = _record(case.partner)
        rules = case.map.entity.labels
        if rules is None or partner is None:
            return self.linked(case, fresh, first=True)
        known = frozenset(rules.known(partner.labels or frozenset()))
        wanted = rules.pushed_pair() if not rules.complete(known) else frozenset()
        fresh = replace(fresh, labels=known | wanted)
        decision = self.linked(case, fresh, first=True)
        return _with_labels(decision, case, wanted) if wanted else decision

    def _from_crm(self, case: Case, crm: Record, link: Link | None, links: WorkingSet) -> Decision:
        entity = case.map.entity
        if not entity.sends(Side.PARTNER):
            return Decision(code="skipped:direction")
        if not case.map.in_scope(crm, self.now):
            return Decision(code="skipped:outside_criteria")
        if not crm.active:
            return Decision(code="skipped:inactive")
        text = self.match_of(case)
        if text is None and self._partner_caps(case).match_field is not None:
            return self._park(case, link, "failed:no_match_value")
        match = self._match_key(text)
        if match is not None:
            met = links.matched(match)
            rival = next((other for other in met.links if other.key != case.key), None)
            if rival is not None:
                return self._rival(case, link, rival, match)
            waiting = [other for other in met.parked if other.key != case.key]
            free = [*met.candidates, *(other.partner for other in waiting)]
            if len(free) > 1 or met.more or any(AMBIGUOUS in other.parked.values() for other in waiting):
                return self._park(case, link, f"failed:{AMBIGUOUS}", retry=True)
            if free:
                case.partner_ref = free[0]
                return Decision(code="waiting", need=frozenset({Side.PARTNER}))
        return self._create_partner(case, crm, link, text, match)

    def _rival(self, case: Case, link: Link | None, rival: Link, match: MatchKey) -> Decision:
        """Another Dynamics row already has the partner record of this match value."""
        if case.map.outranks(rival.entity) and rival.state is LinkState.LINKED and rival.partner is not None:
            case.partner_ref = rival.partner
            retired = replace(
                rival, state=LinkState.PARKED, partner=None, agreed={}, parked={"": "superseded"}, match=None
            )
            base = link or Link(crm=case.crm_ref, entity=case.map.entity.name)
            moved = replace(base, partner=rival.partner, match=match, labels=rival.labels, made=rival.made)
            return Decision(code="waiting", link=moved, retire=retired, need=frozenset({Side.PARTNER}))
        return self._park(case, link, "conflicted:duplicate_match", retry=True)

    def _create_partner(
        self, case: Case, crm: Record, link: Link | None, text: str | None, match: MatchKey | None
    ) -> Decision:
        entity = case.map.entity
        capabilities = self._partner_caps(case)
        if Op.CREATE not in capabilities.writes:
            return Decision(code="skipped:not_linked")
        merged = self._merge(case, {}, first=True, creating=Side.PARTNER)
        if Side.PARTNER in merged.blocked:
            missing, reason = merged.blocked[Side.PARTNER]
            return self._park(case, link, parked_code(reason), missing)
        labels = entity.labels.pushed_pair() if entity.labels is not None else frozenset()
        base = link or Link(crm=case.crm_ref, entity=entity.name)
        own_id = RemoteId("")
        if capabilities.create_key is CreateKey.CALLER_ID:
            own_id = crm_id_for(self.connection, entity.partner_kind, case.crm_ref, base.incarnation)
        ref = Ref(entity.partner_kind, own_id)
        after = replace(
            base,
            partner=ref if own_id else None,
            state=LinkState.AWAITING,
            match=match,
            agreed=dict(merged.settled),
            parked=dict(merged.parked),
            labels=labels,
            made=Side.PARTNER.value,
            crm_revision=crm.revision or "",
            flags=base.flags - {DIRTY, OUTSIDE} | ({DIVERGED} if merged.parked else frozenset()),
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
        )
        return Decision(code="created", link=after, writes=(write,))

    def _from_partner(self, case: Case, partner: Record, link: Link | None, links: WorkingSet) -> Decision:
        entity = case.map.entity
        text = self.match_of(case)
        match = self._match_key(text)
        if match is not None and any(other.key != case.key for other in links.matched(match).links):
            if link is not None:
                return self._park(case, link, "conflicted:duplicate_match", retry=True)
            return Decision(code="skipped:duplicate_match", candidate=match, retry=True)
        if self.initial or not entity.sends(Side.CRM) or Op.CREATE not in self._crm_caps(case).writes:
            return Decision(code="skipped:not_linked", candidate=match)
        if entity.labels is not None and not entity.labels.asks_to_create(partner.labels):
            return Decision(code="skipped:not_linked", candidate=match)
        if case.ambiguous:
            return self._park(case, link, f"failed:{AMBIGUOUS}", retry=True)
        if text is not None and not case.looked_up and self._crm_caps(case).match_field is not None:
            return Decision(code="waiting", look_up=True)
        return self._create_crm(case, partner, link, match)

    def _create_crm(self, case: Case, partner: Record, link: Link | None, match: MatchKey | None) -> Decision:
        entity = case.map.entity
        merged = self._merge(case, {}, first=True, creating=Side.CRM)
        if Side.CRM in merged.blocked:
            missing, reason = merged.blocked[Side.CRM]
            return self._park(case, link, parked_code(reason), missing)
        base = link or Link(crm=case.crm_ref, entity=entity.name)
        rules = entity.labels
        after = replace(
            base,
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
            fields=merged.writes.get(Side.CRM, {}),
            match_key=match,
            pending=merged.pending.get(Side.CRM, {}),
        )
        return Decision(code="created", link=after, writes=(write,))

    def _park(self, case: Case, link: Link | None, code: str, field: str = "", *, retry: bool = False) -> Decision:
        """`retry`: what stands in the way may go away without this record being touched."""
        base = link or Link(crm=case.crm_ref, entity=case.map.entity.name)
        reason = code.partition(":")[2]
        match = self._match_key(self.match_of(case))
        partner = case.partner_ref or base.partner
        crm, told = _record(case.crm), _record(case.partner)
        parked = replace(
            base,
            state=LinkState.PARKED,
            partner=partner,
            match=match,
            parked={field: reason},
            crm_revision=crm.revision or "" if crm is not None else "",
            partner_revision=told.revision or "" if told is not None else "",
        )
        if parked == link and not 0 < link.retry_at <= self.now.timestamp() and self._revised(parked):
            return Decision(code="waiting:retry")
        return Decision(code=code, link=parked, at_field=field, retry=retry)

    @staticmethod
    def _revised(link: Link) -> bool:
        """Whether the link says what version of its record it was parked for: that one need not be told again."""
        return bool(link.crm_revision or link.partner_revision)

    # -- small answers -------------------------------------------------------------------------------------------------

    def match_of(self, case: Case) -> str | None:
        """The canonical match value of the pair: Dynamics' own when its record was seen, else the partner's."""
        crm, partner = _record(case.crm), _record(case.partner)
        if crm is not None:
            return match_value(case.map.match_text(crm, Side.CRM))
        return match_value(case.map.match_text(partner, Side.PARTNER)) if partner is not None else None

    def _match_key(self, text: str | None) -> MatchKey | None:
        return self.digester.match(text) if text is not None else None

    def _written_match(self, case: Case, link: Link, side: Side, merged: Merged) -> str | None:
        """The match value as it will stand on `side`: needed by systems that write by it.

        When it is not written itself, it must be the one that side holds: a system that writes by match value would
        otherwise change somebody else's record. None when that is not certain.
        """
        name = case.map.match_name(side)
        if name is None:
            return None
        written = merged.writes[side].get(name)
        if isinstance(written, str):
            return written
        held = _record(case.seen(side))
        if held is not None:
            return match_value(case.map.match_text(held, side))
        text = self.match_of(case)
        return text if text is not None and self._match_key(text) == link.match else None

    def _match_after(self, case: Case, link: Link, merged: Merged) -> MatchKey | None:
        """The pair's match key once everything planned is written: Dynamics' value, as it was or as it will be."""
        name = case.map.match_name(Side.CRM)
        if name is None:
            return link.match
        crm = _record(case.crm)
        value = merged.writes[Side.CRM].get(name, crm.value(name) if crm is not None else ABSENT)
        if value is ABSENT:
            return link.match if link.match is not None else self._match_key(self.match_of(case))
        return self._match_key(match_value(value if isinstance(value, str) else None))

    def _expected(self, case: Case, link: Link, side: Side) -> str | None:
        record = _record(case.seen(side))
        if not self._conditional(case, side):
            return None
        if record is not None:
            return record.revision
        return (link.crm_revision if side is Side.CRM else link.partner_revision) or None

    def _conditional(self, case: Case, side: Side) -> bool:
        return (self._crm_caps(case) if side is Side.CRM else self._partner_caps(case)).conditional_write

    def _crm_caps(self, case: Case) -> KindCapabilities:
        return self.capabilities[Side.CRM].kinds[case.map.entity.crm_kind]

    def _partner_caps(self, case: Case) -> KindCapabilities:
        return self.capabilities[Side.PARTNER].kinds[case.map.entity.partner_kind]


def finished(link: Link, done: Done) -> Link:
    """The link once every write of a decision was applied."""
    changes: dict[str, object] = {}
    if done.settled and done.match != link.match:
        changes["match"] = done.match
    if done.crm_revision is not None and done.crm_revision != link.crm_revision:
        changes["crm_revision"] = done.crm_revision
    if done.partner_revision is not None and done.partner_revision != link.partner_revision:
        changes["partner_revision"] = done.partner_revision
    if done.settled and link.flags & {DIVERGED, DIRTY}:
        changes["flags"] = link.flags - {DIVERGED, DIRTY}
    if done.gone is not None:
        changes |= {"state": LinkState.TOMBSTONE, "flags": gone_flags(done.gone), "parked": {}, "retry_at": 0}
    return replace(link, **changes) if changes else link  # type: ignore[arg-type]


def digests(compiled: CompiledMap, record: Record, side: Side, digester: Digester) -> dict[str, bytes]:
    """What `side` stores now, field by field, as the link would remember it."""
    found: dict[str, bytes] = {}
    for item in compiled.fields:
        value = item.take(record, side)
        if value is not ABSENT:
            found[item.id] = digester.raw(item.prefix + item.canonical(value, side))
    return found


def parked_code(reason: str) -> str:
    """The outcome code of a record whose field is parked with `reason`."""
    return "conflicted:asked" if reason == ASKED else f"failed:{reason}"


def _same(ref: Ref) -> Ref | None:
    """References were made the same on both sides before the merge (`shared.sync.references`)."""
    return ref


def _record(seen: Record | Gone | None) -> Record | None:
    return seen if isinstance(seen, Record) else None


def _known(ref: Ref | None) -> Ref:
    if ref is None:
        raise AssertionError("a write was planned for a side whose record is not known")
    return ref


def _with_labels(decision: Decision, case: Case, labels: frozenset[str]) -> Decision:
    """Puts labels on the partner record, with the write that is planned anyway or with one of their own."""
    for index, write in enumerate(decision.writes):
        if write.side is Side.PARTNER:
            marked = replace(write, add_labels=labels)
            return replace(decision, writes=(*decision.writes[:index], marked, *decision.writes[index + 1 :]))
    if decision.need or case.partner_ref is None:
        return decision
    text = PlannedWrite(side=Side.PARTNER, op=Op.UPDATE, ref=case.partner_ref, add_labels=labels)
    return replace(decision, code="updated", writes=(*decision.writes, text))
