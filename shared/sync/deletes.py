"""What to do about a pair when one record of it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.domain.entity_map import DeletePolicy
from shared.domain.identity import Agreed, Digest, Link, LinkState, link_key
from shared.domain.records import Gone, Record, Ref, Side
from shared.ports.connector import Op
from shared.sync.basis import KEPT, MET_ANEW, digests_of
from shared.sync.cases import Case, Decision, Done, PlannedWrite

if TYPE_CHECKING:
    from shared.sync.reconcile import Reconciler
    from shared.sync.working import WorkingSet


def decide_gone(reconciler: Reconciler, case: Case, link: Link | None, links: WorkingSet) -> Decision:
    """A tombstone, a deactivation, a delete, or a record made again: as the policy and the survivor's edits say."""
    if link is None or link.state in {LinkState.TOMBSTONE, LinkState.REFUSED}:
        return Decision(code="skipped:deleted", link=_kept_no_more(case, link))
    gone_side = Side.CRM if isinstance(case.crm, Gone) else Side.PARTNER
    gone = case.seen(gone_side)
    if isinstance(gone, Gone) and gone.merged_into is not None and link.state is LinkState.LINKED:
        return _merged(case, link, gone_side, gone.merged_into, links)
    survivor = gone_side.other
    seen = case.seen(survivor)
    tombstone = replace(link, state=LinkState.TOMBSTONE, flags=gone_flags(gone_side), parked={}, retry_at=0)
    if isinstance(seen, Gone) or link.state is not LinkState.LINKED:
        return Decision(code="deleted", link=tombstone)
    policy = case.map.entity.deletes[survivor]
    if policy is DeletePolicy.IGNORE:
        # a partner record whose Dynamics row is gone may be linked with another row of the same match value
        told = reconciler.match_key(reconciler.match_of(case)) if seen is not None else link.match
        candidate = told if gone_side is Side.CRM else None
        return Decision(code="skipped:delete_ignored", link=tombstone, candidate=candidate)
    if seen is not None and case.map.entity.makes(gone_side) and edited(reconciler, case, link, survivor):
        return make_again(reconciler, case, link, gone_side, links)
    if policy is DeletePolicy.MAKE_AGAIN:
        return Decision(code="skipped:delete_ignored", link=tombstone)
    if seen is None:
        return Decision(code="waiting", need=frozenset({survivor}))
    return _remove(reconciler, case, link, tombstone, policy)


def _kept_no_more(case: Case, link: Link | None) -> Link | None:
    """The tombstone of a survivor that waited for its counterpart, and is gone now, too."""
    waited = link is not None and KEPT in link.flags and isinstance(case.crm, Gone)
    return replace(link, flags=link.flags - {KEPT}, parked={}) if link is not None and waited else None


def _merged(case: Case, link: Link, side: Side, winner: Ref, links: WorkingSet) -> Decision:
    """A merge is a redirect: the pair goes on with the record that was kept, unless that one is paired already.

    Then the other side holds two records for one: they are told, and left to a person. One of them may have been
    deleted just now, and not told yet: it is looked for first.
    """
    target = links.link(link_key(winner)) if side is Side.CRM else links.of_partner(winner)
    taken = target is not None and target.state in {LinkState.LINKED, LinkState.AWAITING} and target.key != link.key
    if target is not None and taken:
        rival = target.partner if side is Side.CRM else target.crm
        if rival is not None and case.rival != (side.other, rival):
            case.rival, case.rival_lives = (side.other, rival), None
            return Decision(code="again")
        if case.rival_lives is not False:
            tombstone = replace(link, state=LinkState.TOMBSTONE, flags=gone_flags(side), parked={}, retry_at=0)
            return Decision(code="conflicted:merged", link=tombstone)
    open_flags = link.flags | {"diverged"}
    # The record that was kept is ours only if we made that one: a clean-up deletes by this word.
    kept_made = target.made if target is not None and target.made == side.value else ""
    made = kept_made if link.made == side.value else link.made
    agreed = _kept_by_a_merge(case, link)
    case.looked_up = case.partner_asked = False  # whoever was asked about was the record that is gone
    if side is Side.PARTNER:
        case.partner, case.partner_ref = None, winner
        moved = replace(link, partner=winner, partner_revision="", made=made, flags=open_flags, agreed=agreed)
        ended = (
            replace(target, state=LinkState.TOMBSTONE, partner=None, match=None, flags=gone_flags(Side.CRM), parked={})
            if target is not None and taken
            else None
        )
        return Decision(code="again", link=moved, retire=ended, need=frozenset(Side))
    case.crm, case.crm_ref, case.key = None, winner, link_key(winner)
    moved = replace(link, crm=winner, crm_revision="", made=made, flags=open_flags, agreed=agreed)
    retired = replace(link, state=LinkState.TOMBSTONE, partner=None, match=None, flags=gone_flags(side), parked={})
    return Decision(code="again", link=moved, retire=retired, need=frozenset(Side))


def _kept_by_a_merge(case: Case, link: Link) -> Mapping[str, Agreed]:
    """What was agreed, but of consent and of what only fills: that the record that was kept is less strict is nobody's
    loosening, and that it holds nothing is nobody's emptying. The pair meets anew there: the stricter value goes to
    both sides, an empty side is filled."""
    anew = {item.id for item in case.map.fields if item.policy.rule in MET_ANEW}
    return {name: agreed for name, agreed in link.agreed.items() if name not in anew}


def gone_flags(side: Side) -> frozenset[str]:
    """How a tombstone remembers whose record is gone."""
    return frozenset({f"gone:{side.value}"})


def gone_side(link: Link) -> Side:
    """Whose record a tombstone stands for."""
    return Side.CRM if gone_flags(Side.CRM) <= link.flags else Side.PARTNER


def edited(reconciler: Reconciler, case: Case, link: Link, survivor: Side) -> bool:
    """Did the survivor change a field since both agreed? Then its edit beats the delete."""
    seen = case.seen(survivor)
    if not isinstance(seen, Record):
        return False
    if case.waiting:
        return True
    merged = reconciler.merge(case, _with_other_columns(reconciler, case, link, seen, survivor))
    # a value that cannot be carried is an edit all the same; in doubt it did: nothing is deleted then
    return bool(merged.writes[survivor.other] or merged.need or merged.parked)


def _with_other_columns(
    reconciler: Reconciler, case: Case, link: Link, seen: Record, side: Side
) -> Mapping[str, Agreed]:
    """What is agreed, and what `side` holds in fields that stand for other columns than they did when something was
    agreed of them: that is nobody's edit."""
    changed = reconciler.columns.since
    moved = [item for item in case.map.fields if item.id not in link.agreed and changed(link.entity, item.id)]
    held = digests_of(moved, seen, side, reconciler.digester)
    return {**link.agreed, **{name: Agreed(Digest(digest), Digest(digest)) for name, digest in held.items()}}


def make_again(reconciler: Reconciler, case: Case, link: Link, gone_side: Side, links: WorkingSet) -> Decision:
    """The survivor goes through creation again, once, under a new id; the old id is never used again. One for whom
    nobody can be made yet goes on knowing whose counterpart it was: that record may come back."""
    nameless = gone_side is Side.PARTNER and reconciler.match_of(case) is None
    if nameless and reconciler.partner_caps(case).match_field is not None:
        flags = gone_flags(gone_side) | {KEPT}
        reason = {"": "no_match_value"}
        kept = replace(link, state=LinkState.TOMBSTONE, flags=flags, parked=reason, retry_at=0, match=None)
        return Decision(code="failed:no_match_value", link=kept)
    fresh = replace(
        link, state=LinkState.PARKED, agreed={}, flags=frozenset(), incarnation=link.incarnation + 1, crm_revision=""
    )
    if gone_side is Side.PARTNER:
        case.partner, case.partner_ref = None, None
        fresh = replace(fresh, partner=None)
        return Decision(code="again", link=fresh)
    partner = case.partner_ref
    if partner is None:
        raise AssertionError("a linked pair without a partner record")
    kind = case.map.entity.crm_kind
    case.crm = None
    case.crm_ref, incarnation = links.own_row(reconciler.connection, kind, partner, start=fresh.incarnation)
    case.key = link_key(case.crm_ref)
    retired = replace(link, state=LinkState.TOMBSTONE, partner=None, flags=gone_flags(Side.CRM), match=None)
    # Nobody finds it by the match value that its former row had: its own may be another one by now.
    moved = replace(fresh, crm=case.crm_ref, incarnation=incarnation, match=None)
    return Decision(code="again", link=moved, retire=retired)


def _remove(reconciler: Reconciler, case: Case, link: Link, tombstone: Link, policy: DeletePolicy) -> Decision:
    survivor = Side.PARTNER if isinstance(case.crm, Gone) else Side.CRM
    record = case.seen(survivor)
    ref = case.ref(survivor)
    if ref is None or not isinstance(record, Record):
        return Decision(code="deleted", link=tombstone)
    kinds = reconciler.capabilities[survivor].kinds[ref.kind]
    expect = record.revision if kinds.conditional_write else None
    if policy is DeletePolicy.DEACTIVATE:
        if not kinds.deactivate or not record.active:
            return Decision(code="skipped:delete_ignored", link=tombstone)
        write = PlannedWrite(side=survivor, op=Op.UPDATE, ref=ref, fields=kinds.deactivate, expect=expect)
        return Decision(code="deactivated", writes=(write,), done=Done(gone=survivor.other))
    if Op.DELETE not in kinds.writes:
        return Decision(code="skipped:delete_ignored", link=tombstone)
    write = PlannedWrite(side=survivor, op=Op.DELETE, ref=ref, expect=expect)
    return Decision(code="deleted", writes=(write,), done=Done(gone=survivor.other))
