"""The engine, broken on purpose: each mutant is one plausible mistake (`patching`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from types import MappingProxyType
from typing import Any

from shared.connectors.memory import MemoryConnector
from shared.connectors.memory import feeds as memory_feeds
from shared.domain import clash, settle
from shared.domain import merge as merging
from shared.domain.compiled import CompiledField, Unmappable
from shared.domain.draft import Draft
from shared.domain.identity import Agreed, Digest, LinkState
from shared.domain.policy import Rule
from shared.domain.records import FieldType, Gone, GoneReason, Record, RemoteId, Side
from shared.ports.connector import Op, Outcome
from shared.state.held import Held
from shared.sync import apply, basis, cycle, deletes, linked, page, recover, settling, sweep, working
from shared.sync.apply import Applier
from shared.sync.basis import Basis
from shared.sync.columns import Columns
from shared.sync.context import Work
from shared.sync.cycle import Cycle
from shared.sync.feeds import Feed
from shared.sync.linked import Linked
from shared.sync.page import Page
from shared.sync.reconcile import Reconciler
from shared.sync.tally import Tally
from shared.sync.unlinked import Unlinked
from shared.sync.working import WorkingSet
from tests.simulation.patching import Make, Mutant, Real, answers, nothing


def _agreed_of_the_one_that_went(_real: Any) -> Real:
    return lambda _case, link: link.agreed


def _as_it_is(_real: Any) -> Real:
    return lambda _self, given: given


# -- the fourteen of the model -----------------------------------------------------------------------------------------


def _cursor_first(real: Real) -> Real:
    def take(self: Feed, changes: Any, cursor: Any, *, epoch: int) -> None:
        Page(self.work, f"early|{self.name}|{changes.cursor}").fold({self.name: cursor})
        real(self, changes, cursor, epoch=epoch)

    return take


def _strict(real: Real) -> Real:
    def page_of(system: Any, reading: Any, position: Any) -> Any:
        if position.mark and not position.upper and not reading.overlap:
            after = datetime.fromisoformat(position.mark) + timedelta(microseconds=1)
            position = replace(position, mark=after.isoformat())
        return real(system, reading, position)

    return page_of


def _no_overlap(real: Real) -> Real:
    def init(self: MemoryConnector, *args: Any, **named: Any) -> None:
        real(self, *args, **{**named, "overlap": timedelta(0)})

    return init


def _without_condition(real: Real) -> Real:
    return lambda self, task: replace(real(self, task), expect=None)


_fresh = count(1)


def _fresh_id(_real: Real) -> Real:
    return lambda *_args: RemoteId(f"00000000-0000-4000-8000-{next(_fresh):012x}")


def _looks_at_nobody(_real: Real) -> Real:
    def look_up(_self: Page, cases: Sequence[Any]) -> None:
        for case in cases:
            case.looked_up = True

    return look_up


def _base_first(real: Real) -> Real:
    def intent(self: Applier, side: Side, kind: Any, op: Op, tasks: Sequence[Any]) -> Any:
        early = Page(self._work, "early|" + "|".join(task.key for task in tasks))
        for task in tasks:
            known = self._links.link(task.case.key)
            if op is Op.UPDATE and known is not None:
                early.links.put(replace(known, agreed={**known.agreed, **task.write.pending}))
        early.fold()
        return real(self, side, kind, op, tasks)

    return intent


def _base_from_read(real: Real) -> Real:
    def applied(self: Applier, task: Any, result: Any) -> None:
        real(self, task, result)
        known, side = self._links.link(task.case.key), task.write.side
        ref = result.ref or task.write.ref
        if known is None or task.write.op is not Op.UPDATE or not ref.id:
            return
        seen = self._work.connector(side).read(ref.kind, [ref.id], task.case.map.reads(side)).get(ref.id)
        if isinstance(seen, Record):
            now = basis.digests(task.case.map, seen, side, self._work.engine.digester)
            agreed = {name: _rebased(pair, side, now.get(name)) for name, pair in known.agreed.items()}
            self._links.put(replace(known, agreed=agreed))

    return applied


def _rebased(pair: Agreed, side: Side, digest: bytes | None) -> Agreed:
    if digest is None:
        return pair
    return Agreed(Digest(digest), pair.partner) if side is Side.CRM else Agreed(pair.crm, Digest(digest))


def _limitless(real: Real) -> Real:
    def describe(self: MemoryConnector, kind: Any) -> Any:
        schema = real(self, kind)
        fields = {name: replace(spec, max_length=None) for name, spec in schema.fields.items()}
        return replace(schema, fields=fields)

    return describe


def _raw_compare(real: Real) -> Real:
    return lambda compiled, _agreed, crm, partner, **named: real(compiled, {}, crm, partner, **named)


def _id_later(real: Real) -> Real:
    def after(known: Any, entry: Any, side: Side, *, ref: Any = None, revision: str = "") -> Any:
        return real(known, entry, side, ref=None if side is Side.PARTNER else ref, revision=revision)

    return after


def _id_before_base(real: Real) -> Real:
    def fold(self: Page, *args: Any, **named: Any) -> None:
        early = Page(self.work, f"early|{self.part}")
        for link in self.links.links:
            if link.state is LinkState.LINKED:
                early.links.put(replace(link, agreed={}))
        real(early, batches=named.get("batches", self.applier.finished))
        real(self, *args, **named)

    return fold


def _upsert(_real: Real) -> Real:
    def exists(self: Applier, task: Any, result: Any) -> None:
        if result.ref is None:
            self._look_again(task, None)
            return
        write = replace(self._write(task), op=Op.UPDATE, ref=result.ref, expect=None)
        (answer,) = self._work.connector(task.write.side).write([write])
        if answer.outcome is Outcome.APPLIED:
            self._applied(task, replace(answer, ref=result.ref))

    return exists


MODEL = (
    Mutant("cursor_before_work", "the cursor is saved before the page is done", [(Feed, "_take", _cursor_first)]),
    Mutant("strict_greater", "`>` instead of `>=` on a coarse clock", [(memory_feeds, "page", _strict)]),
    Mutant("no_overlap", "no overlap where commits show late", [(MemoryConnector, "__init__", _no_overlap)]),
    Mutant("unconditional_write", "no write is conditional", [(Applier, "_write", _without_condition)]),
    Mutant(
        "create_without_key",
        "a create has a new id at each try, and nobody looks first",
        [(working, "crm_id_for", _fresh_id), (page, "ask_crm", _looks_at_nobody)],
    ),
    Mutant("base_before_write", "the base is saved before the remote write", [(Applier, "_intent", _base_first)]),
    Mutant("base_from_read", "the base is what a later read shows", [(Applier, "_applied", _base_from_read)]),
    Mutant("limits_unknown", "the length of fields is not known", [(MemoryConnector, "describe", _limitless)]),
    Mutant("raw_compare", "left is compared with right, not with the base", [(basis, "merge", _raw_compare)]),
    Mutant("resync_forgets", "a resync does not look for known ids it missed", [(Feed, "_epoch", answers(0))]),
    Mutant(
        "id_in_own_write",
        "the id of a created record is not stored with its create",
        [(apply, "link_after", _id_later), (recover, "link_after", _id_later)],
    ),
    Mutant("id_before_base", "the link is saved before its base", [(Page, "fold", _id_before_base)]),
    Mutant("no_intent", "a write leaves no intent", [(Held, "begin", nothing)]),
    Mutant("upsert_on_retry", "a create that exists becomes an update", [(Applier, "_exists", _upsert)]),
)

# -- our own -----------------------------------------------------------------------------------------------------------


def _rules(**changes: Any) -> Make:
    return lambda real: MappingProxyType({**real, **{Rule(name): rule for name, rule in changes.items()}})


def _deleted_comes_back(real: Real) -> Real:
    def decide(self: Reconciler, case: Any, links: Any) -> Any:
        link = links.link(case.key)
        if link is not None and link.state is LinkState.TOMBSTONE and not isinstance(case.crm or case.partner, Gone):
            survivor = case.crm if isinstance(case.crm, Record) else case.partner
            if survivor is not None and case.seen(deletes.gone_side(link)) is None:
                fresh = replace(link, state=LinkState.PARKED, agreed={}, partner=None, flags=frozenset())
                return self.unlinked(case, replace(fresh, incarnation=link.incarnation + 1), links)
        return real(self, case, links)

    return decide


def _unconfirmed(_real: Real) -> Real:
    def confirmed(feed: Feed, links: Sequence[Any]) -> list[Any]:
        cases = []
        for link in links:
            ref, compiled = link.crm if feed.side is Side.CRM else link.partner, feed.work.map_named(link.entity)
            if ref is not None and compiled is not None:
                case = sweep.Case(map=compiled, crm_ref=link.crm, key=link.key, partner_ref=link.partner)
                setattr(case, feed.side.value, Gone(ref, GoneReason.CONFIRMED))
                cases.append(case)
        return cases

    return confirmed


def _no_clear(real: Real) -> Real:
    def one_changed(draft: Draft, pair: Any, side: Side) -> None:
        if draft.empty(pair, side):
            draft.settle(pair)
        else:
            real(draft, pair, side)

    return one_changed


def _last_wins(_real: Real) -> Real:
    def restrict(draft: Draft, pair: Any, changed: Side | None) -> None:
        if pair.field.flows((changed or Side.CRM).other):
            draft.write(pair, (changed or Side.CRM).other)

    return restrict


def _other_side(real: Real) -> Real:
    return lambda pair: real(pair).other


def _no_gates(_real: Real) -> Real:
    return lambda _self, _case, link, *_args, **_named: (link, {})


def _merge_is_delete(_real: Real) -> Real:
    def merged(case: Any, link: Any, side: Side, winner: Any, links: Any) -> Any:
        del case, winner, links
        tombstone = replace(link, state=LinkState.TOMBSTONE, flags=deletes.gone_flags(side), parked={}, retry_at=0)
        return deletes.Decision(code="deleted", link=tombstone)

    return merged


def _meets(_real: Real) -> Real:
    return lambda self, case, link, _links: self._meet(case, link)


def _held_back_is_agreed(real: Real) -> Real:
    def linked_(self: Linked, case: Any, link: Any, **named: Any) -> Any:
        decision = real(self, case, link, **named)
        if decision.link is None or decision.need:
            return decision
        done = self._settled(case, decision.link.match, {write.side for write in decision.writes})
        after = replace(decision.link, flags=decision.link.flags - {linked.DIVERGED})
        after = after if decision.writes else linked.finished(after, done)
        return replace(decision, link=after, done=done)

    return linked_


def _choices_kept(real: Real) -> Real:
    return lambda self, link: real(self, link).with_(bases=link.bases)


def _half_counts(draft: Draft, pair: Any) -> None:
    clash._union(draft, pair)
    for side, bases in draft.pending_bases.items():
        if pair.field.id in bases:
            bases[pair.field.id] = clash.choices(draft.writes[side].get(pair.field.name(side)))


def _believes_the_old(real: Real) -> Real:
    def applied(self: Applier, task: Any, result: Any) -> None:
        stale = set(task.case.stale)
        real(self, task, result)
        task.case.stale = stale

    return applied


def _unawaited(real: Real) -> Real:
    return lambda *args: (real(*args)[0], frozenset())


def _no_choice_fits(real: Real) -> Real:
    def carry(self: CompiledField, value: Any, source: Side, resolve: Any = None) -> Any:
        if self.spec(source).type is FieldType.CHOICE and value is not None:
            return Unmappable("unmapped_value")
        return real(self, value, source, resolve)

    return carry


def _title_loops(real: Real) -> Real:
    def without_loops(compiled: Any, link: Any, merged: Any) -> Any:
        if not any("title" in pending for pending in merged.pending.values()):
            return real(compiled, link, merged)
        kept = {
            name: {
                side: {key: found for key, found in fields.items() if key != "title"} for side, fields in old.items()
            }
            for name, old in (("writes", merged.writes), ("pending", merged.pending), ("before", merged.before))
        }
        return real(compiled, link, replace(merged, **kept, parked={**merged.parked, "title": "ping_pong"}))

    return without_loops


def _unseeded(real: Real) -> Real:
    def create_field(draft: Draft, item: CompiledField, source: Any, target: Side) -> None:
        if item.policy.rule is not Rule.ONLY_ON_CREATE:
            real(draft, item, source, target)

    return create_field


OWN = (
    Mutant("stale_write_dropped", "a write refused as stale is forgotten", [(Applier, "_look_again", nothing)]),
    Mutant("rejected_dropped", "a refused write is forgotten", [(Applier, "_rejected", nothing)]),
    Mutant("partner_not_drained", "the partner's edits are not taken first", [(Cycle, "_drain_partners", nothing)]),
    Mutant("no_recovery", "what a dead worker left is not looked at", [(cycle, "recover", nothing)]),
    Mutant("answers_not_retold", "stored answers of a dead worker are not folded", [(recover, "_retell", nothing)]),
    Mutant("intents_not_judged", "intents without an answer are not judged", [(recover, "_judged", answers(()))]),
    Mutant("intents_all_done", "every intent counts as applied", [(recover, "_verdict", answers(True))]),
    Mutant("import_refusals_lost", "what an import refused stays agreed", [(settling, "_take_back", nothing)]),
    Mutant("retries_forgotten", "nothing is tried again later", [(Work, "retry", nothing)]),
    Mutant("deleted_comes_back", "a tombstone is made again", [(Reconciler, "decide", _deleted_comes_back)]),
    Mutant("delete_beats_edit", "a delete beats an edit not yet taken over", [(deletes, "edited", answers(False))]),
    Mutant("merge_is_delete", "a merge is taken for a delete", [(deletes, "_merged", _merge_is_delete)]),
    Mutant("sweep_unconfirmed", "absence from a walk is enough to delete", [(sweep, "_confirmed", _unconfirmed)]),
    Mutant("no_look_up", "Dynamics is not asked before a create", [(page, "ask_crm", _looks_at_nobody)]),
    Mutant("candidates_forgotten", "unlinked partner records are not kept", [(WorkingSet, "remember", nothing)]),
    Mutant("conflicts_untold", "no conflict is logged", [(Tally, "conflicted", nothing)]),
    Mutant("wrong_owner", "the other side than the owner wins", [(clash, "_tie", _other_side)]),
    Mutant("one_way_flows_back", "a one-way field flows both ways", [(CompiledField, "flows", answers(True))]),
    Mutant("clear_not_carried", "an emptied field is not an edit", [(settle, "_one_changed", _no_clear)]),
    Mutant("filled_twice", "fill-if-empty also overwrites", [(settle, "_stays", answers(False))]),
    Mutant(
        "consent_loosened",
        "the last value of a consent wins",
        [(clash, "restrict", _last_wins), (settle, "restrict", _last_wins)],
    ),
    Mutant("union_is_owner", "of two sets the owner's is kept", [(clash, "_RULES", _rules(union=clash._owner))]),
    Mutant("ask_is_owner", "nobody is asked, and nothing is written", [(clash, "_RULES", _rules(ask=clash._keep))]),
    Mutant("ask_is_told", "the owner wins, nobody is asked", [(clash, "_RULES", _rules(ask=clash._owner))]),
    Mutant("choices_return", "what was agreed of a set is forgotten", [(basis, "recalled", answers({}))]),
    Mutant(
        "half_is_all", "a set counts as agreed while one side lacks it", [(clash, "_RULES", _rules(union=_half_counts))]
    ),
    Mutant("applied_forgotten", "what was applied goes when the rest is not sent", [(WorkingSet, "prove", nothing)]),
    Mutant("met_forgotten", "a first meeting goes when its worker dies", [(recover, "_was_first_met", answers(False))]),
    Mutant("written_unread", "what was just written is not read again", [(Applier, "_applied", _believes_the_old)]),
    Mutant("walked_unread", "the walked are written unread", [(Linked, "_looked_at_first", answers(frozenset()))]),
    Mutant("gates_open", "labels and criteria do not hold writes back", [(Linked, "_gates", _no_gates)]),
    Mutant("parent_not_awaited", "a child does not wait for its parent's link", [(page, "as_links", _unawaited)]),
    Mutant("holds_never", "two edits to one value count as a conflict", [(Draft, "holds", answers(False))]),
    Mutant("rivals_linked", "two rows share one partner record", [(Unlinked, "_first_link", _meets)]),
    Mutant("held_back_is_agreed", "a held-back write counts as done", [(Linked, "linked", _held_back_is_agreed)]),
    Mutant(
        "consent_merged_away",
        "a merge into a record without the opt-out loosens it",
        [(deletes, "_kept_by_a_merge", _agreed_of_the_one_that_went)],
    ),
    Mutant("former_base_kept", "what was agreed of a former column counts", [(Columns, "current", _as_it_is)]),
    Mutant("former_choices_kept", "what a new column lacks was taken away", [(Columns, "current", _choices_kept)]),
    Mutant("owners_ask", "owner and newest ask", [(clash, "_RULES", _rules(owner=clash._ask, newest=clash._ask))]),
    Mutant("choices_unmapped", "no choice has a counterpart", [(CompiledField, "carry", _no_choice_fits)]),
    Mutant("parked_as_loop", "one field's first edit counts as a loop", [(linked, "without_loops", _title_loops)]),
    Mutant("seed_left_out", "what travels on create only does not", [(merging, "create_field", _unseeded)]),
    Mutant("revision_dropped", "no revision is expected of anything", [(Basis, "conditional", answers(False))]),
)

MUTANTS: Mapping[str, Mutant] = MappingProxyType(
    {item.name: item for item in (*(replace(item, model=True) for item in MODEL), *OWN)}
)
