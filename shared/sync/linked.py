"""A pair that is linked: what is merged, what may be written now, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from shared.domain.entity_map import Leaves
from shared.domain.identity import Agreed, Digest, Link, LinkState, MatchKey
from shared.domain.merge import FieldConflict, Merged
from shared.domain.policy import Rule
from shared.domain.records import ABSENT, FieldName, Ref, Side, Value
from shared.ports.connector import FeedKind, Op
from shared.sync.basis import DIRTY, DIVERGED, LEFT, OUTSIDE, Basis, digests, digests_of, parked_code, record_of
from shared.sync.cases import Case, Decision, Done, PlannedWrite
from shared.sync.choices import remembered, still_true
from shared.sync.deletes import gone_flags
from shared.sync.pingpong import marked, without_loops


class Linked(Basis):
    """Decisions about linked pairs."""

    def linked(
        self,
        case: Case,
        link: Link,
        *,
        first: bool = False,
        adding: frozenset[str] = frozenset(),
        merged: Merged | None = None,
    ) -> Decision:
        """`adding` are the labels that the partner record gets together with what is written to it. `merged` is what
        comes of the records and what is agreed alone, where that is known; other things may have to be heeded, too."""
        unread = frozenset(side for side in Side if case.seen(side) is None)
        if unread and (DIVERGED in link.flags or first):
            return Decision(code="waiting", need=unread)
        crm = record_of(case.crm)
        parks = {name: reason for name, reason in link.parked.items() if name}
        bases = {} if first else link.bases
        decisions = self._loosened(case, link)
        if merged is None or parks or bases or decisions:
            merged = self.merge(case, link.agreed, parks=parks, decisions=decisions, bases=bases)
        if merged.need & unread:
            return Decision(code="waiting", need=merged.need & unread)
        if self.initial and first:
            merged = self._left_as_found(case, merged)
        merged = without_loops(case.map, link, merged)
        link, gates = self._gates(case, link, adding)
        if OUTSIDE in link.flags and case.map.entity.leaves is not Leaves.KEEP and crm is not None and not first:
            return self._leave(case, link)
        writes = {side: fields for side, fields in merged.writes.items() if fields}
        allowed = {side: fields for side, fields in writes.items() if side not in gates}
        if unknown := self._looked_at_first(case, link, unread & allowed.keys()):
            return Decision(code="waiting", need=unknown)
        diverged = len(allowed) < len(writes) or bool(merged.parked) or bool(merged.blocked)
        settled = not diverged or self._agrees_on_match(case, link, merged, allowed)
        match = self._match_after(case, link, merged) if settled else self._match_apart(case, link)
        planned = self._planned(case, link, merged, allowed, match)
        done = Done() if diverged else self._settled(case, match, {write.side for write in planned})
        after = self._after(link, merged, diverged=diverged or (bool(planned) and DIVERGED in link.flags))
        if planned:
            after = after.with_(alternations=marked(after, merged))
        else:
            after = finished(after.with_(match=match) if match != after.match else after, done)
        code = "updated" if planned else next(iter(sorted(gates.values()))) if writes else "unchanged"
        if merged.parked and not planned:
            code = parked_code(next(iter(merged.parked.values())))
        return Decision(
            code=code,
            link=after,
            writes=planned,
            done=done,
            retry=self.initial and Side.CRM in writes and (first or _meets(link, merged)),
            conflicts=(*_decided(merged, gates), *merged.apart),
            at_field=next(iter(merged.parked), ""),
        )

    def _planned(
        self,
        case: Case,
        link: Link,
        merged: Merged,
        allowed: Mapping[Side, Mapping[FieldName, Value | None]],
        match: MatchKey | None,
    ) -> tuple[PlannedWrite, ...]:
        # A pair stands under what its partner record holds: not under a new value before that one has taken it.
        moves = (case.map.entity.match or "") in merged.pending[Side.PARTNER]
        return tuple(
            PlannedWrite(
                side=side,
                op=Op.UPDATE,
                ref=_known(case.ref(side)),
                fields=fields,
                expect=self._expected(case, link, side),
                match=self._written_match(case, link, side, merged),
                match_key=link.match if moves and side is Side.CRM else match,
                pending=merged.pending[side],
                before=merged.before.get(side, {}),
                bases=remembered(self.digester, merged.pending_bases[side]),
            )
            for side, fields in sorted(allowed.items())
        )

    def _looked_at_first(self, case: Case, link: Link, unread: AbstractSet[Side]) -> frozenset[Side]:
        """Which of the sides that would be written unread have to be read before: Dynamics where no revision is known
        for a condition, a partner that is only walked (its changes are not drained before each page is written to it),
        and either where a journal of what was overwritten is kept."""
        known = {Side.CRM} if self.conditional(case, Side.CRM) and link.crm_revision else set()
        if self.conditional(case, Side.PARTNER) or self.partner_caps(case).feed is not FeedKind.WALK:
            known.add(Side.PARTNER)
        return frozenset(unread if self.journal else unread - known)

    def _loosened(self, case: Case, link: Link) -> dict[str, Side]:
        """Fields that a person loosened by an act of their own, where Dynamics still says what was agreed before: a
        later word of Dynamics stays the stricter one."""
        crm = record_of(case.crm)
        if crm is None or not case.witnessed:
            return {}
        ours = digests(case.map, crm, Side.CRM, self.digester)
        return {
            item.id: Side.PARTNER
            for item in case.map.fields
            if item.partner_name in case.witnessed
            and item.id in link.agreed
            and ours.get(item.id) == link.agreed[item.id].crm
        }

    def _leave(self, case: Case, link: Link) -> Decision:
        """The row no longer meets the criteria: the pair ends as the entity says. Nothing is deleted unless it says so,
        and then under the guard of all deletes."""
        capabilities = self.partner_caps(case)
        if case.map.entity.leaves is Leaves.UNLINK or Op.DELETE not in capabilities.writes:
            return Decision(code="skipped:outside_criteria", forget=link.key, candidate=link.match)
        write = PlannedWrite(side=Side.PARTNER, op=Op.DELETE, ref=_known(case.partner_ref))
        return Decision(code="deleted", link=link, writes=(write,), done=Done(gone=Side.PARTNER, left=True))

    def _left_as_found(self, case: Case, merged: Merged) -> Merged:
        """The initial sync writes to the partner only: what it would write to Dynamics is agreed as both sides have it.

        Such a field flows again as soon as someone edits it. A stricter consent is never agreed away: it waits for the
        next run.
        """
        crm, partner = record_of(case.crm), record_of(case.partner)
        later = {item.id for item in case.map.fields if item.policy.rule is Rule.RESTRICTIVE}
        columns = {name for item in case.map.fields if item.id in later for name in item.names(Side.CRM)}
        if crm is None or partner is None or not merged.writes[Side.CRM]:
            return merged
        ours = digests(case.map, crm, Side.CRM, self.digester)
        theirs = digests(case.map, partner, Side.PARTNER, self.digester)
        kept = {
            name: Agreed(Digest(ours[name]), Digest(theirs[name]))
            for name in merged.pending[Side.CRM]
            if name in ours and name in theirs and name not in later
        }
        kept_back = {name: value for name, value in merged.writes[Side.CRM].items() if name in columns}
        pending = {name: agreed for name, agreed in merged.pending[Side.CRM].items() if name in later}
        return replace(
            merged,
            writes={**merged.writes, Side.CRM: kept_back},
            pending={**merged.pending, Side.CRM: pending},
            settled={**merged.settled, **kept},
        )

    def _after(self, link: Link, merged: Merged, *, diverged: bool) -> Link:
        """The link before any write: what both sides hold already is agreed now."""
        flags = (link.flags | {DIVERGED}) if diverged else link.flags - {DIVERGED, DIRTY}
        agreed = {**link.agreed, **merged.settled} if merged.settled else link.agreed
        return link.with_(
            agreed=agreed,
            bases=still_true(link.bases, link.agreed, agreed) | remembered(self.digester, merged.bases),
            flags=flags,
            parked=dict(merged.parked),
            state=LinkState.LINKED,
        )

    def _settled(self, case: Case, match: MatchKey | None, written: set[Side]) -> Done:
        """What may be remembered once nothing of this pair is left to do.

        A revision is only worth keeping when everything it stands for was agreed: a later conditional write under it
        would otherwise pass over a change that was seen but not taken over.
        """
        crm, partner = record_of(case.crm), record_of(case.partner)
        return Done(
            match=match,
            crm_revision=crm.revision or "" if crm is not None and Side.CRM not in written else None,
            partner_revision=partner.revision or "" if partner is not None and Side.PARTNER not in written else None,
            settled=True,
        )

    def _gates(self, case: Case, link: Link, adding: frozenset[str]) -> tuple[Link, dict[Side, str]]:
        """Which sides must not be written now, and why: outside the criteria, or a label that was taken away."""
        gates: dict[Side, str] = {}
        crm, partner = record_of(case.crm), record_of(case.partner)
        flags = link.flags
        if crm is not None:
            meets = case.map.scope(crm, self.now)  # None: a column that decides was not told, so nothing changes
            flags = flags if meets is None else flags - {OUTSIDE} if meets else flags | {OUTSIDE}
        if OUTSIDE in flags:
            gates[Side.PARTNER] = "skipped:outside_criteria"
        if self.initial:
            gates[Side.CRM] = "waiting:initial"
        labels = link.labels
        rules = case.map.entity.labels
        if rules is not None and partner is not None and partner.labels is not None:
            labels = frozenset(rules.known(partner.labels))
        if rules is not None and not rules.complete(labels | adding):
            gates = dict.fromkeys(Side, "skipped:tags_missing")
        if flags != link.flags or labels != link.labels:
            link = link.with_(flags=flags, labels=labels)
        return link, gates

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
        held = record_of(case.seen(side))
        if held is not None:
            return case.map.match_of(held, side)
        text = self.match_of(case)
        return text if text is not None and self.match_key(text) == link.match else None

    def _match_after(self, case: Case, link: Link, merged: Merged) -> MatchKey | None:
        """The pair's match key once everything planned is written: Dynamics' value, as it was or as it will be."""
        name = case.map.match_name(Side.CRM)
        if name is None or case.map.entity.match in merged.parked:
            return link.match
        crm = record_of(case.crm)
        value = merged.writes[Side.CRM].get(name, crm.value(name) if crm is not None else ABSENT)
        if value is ABSENT:
            return link.match if link.match is not None else self.match_key(self.match_of(case))
        return self.match_key(case.map.canonical_match(value if isinstance(value, str) else None))

    def _agrees_on_match(self, case: Case, link: Link, merged: Merged, allowed: Collection[Side]) -> bool:
        """Whether both records of a pair of which something is held back have one match value, or will have once the
        `allowed` sides are written."""
        name = case.map.entity.match or ""
        if any(name in merged.pending[side] for side in allowed):
            return True
        agreed = merged.settled.get(name) or link.agreed.get(name)
        if agreed is None:
            return False
        item = [item for item in case.map.fields if item.id == name]
        seen = {side: record for side in Side if (record := record_of(case.seen(side))) is not None}
        held = {side: digests_of(item, record, side, self.digester).get(name) for side, record in seen.items()}
        return all(digest in {None, agreed.of(side)} for side, digest in held.items())

    def _match_apart(self, case: Case, link: Link) -> MatchKey | None:
        """What a pair whose match values differ stands under: the partner's. A create there meets whoever holds it, and
        some change the record that they meet; Dynamics makes rows by their own ids, and is asked for the value first.
        """
        partner = record_of(case.partner)
        text = case.map.match_of(partner, Side.PARTNER) if partner is not None else None
        return self.match_key(text) if text is not None else link.match

    def _expected(self, case: Case, link: Link, side: Side) -> str | None:
        record = record_of(case.seen(side))
        if not self.conditional(case, side):
            return None
        if record is not None:
            return record.revision
        return (link.crm_revision if side is Side.CRM else link.partner_revision) or None


def _meets(link: Link, merged: Merged) -> bool:
    """Whether a field that is to be written to Dynamics has no base, as after a change of its columns: nothing but the
    decision itself remembers it."""
    return not merged.pending[Side.CRM].keys() <= link.agreed.keys()


def _decided(merged: Merged, gates: Collection[Side]) -> Iterator[FieldConflict]:
    """The conflicts that are decided now. One whose write is held back is decided, and told, when it may be written."""
    for found in merged.conflicts:
        if found.winner is None or found.winner.other not in gates or found.field_id in merged.settled:
            yield found


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
        flags = gone_flags(done.gone) | ({LEFT} if done.left else frozenset())
        changes |= {"state": LinkState.TOMBSTONE, "flags": flags, "parked": {}, "retry_at": 0}
    return link.with_(**changes) if changes else link


def _known(ref: Ref | None) -> Ref:
    if ref is None:
        raise AssertionError("a write was planned for a side whose record is not known")
    return ref
