"""One page of work: from what a feed, a message or a person pointed at, to links that are agreed again.

Cases are decided, written, and decided once more where somebody wrote at the same time, a bounded number of times.
Nothing of a page is durable before `fold`, except the intents and answers of its writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from shared.domain.identity import Link, LinkKey, LinkState, link_key
from shared.domain.records import Gone, GoneReason, Record, Side
from shared.errors import Transient
from shared.state.errors import AlreadyLinked
from shared.state.model import CursorState, LaneChanges
from shared.sync.apply import Applier
from shared.sync.basis import DIVERGED, WAITS
from shared.sync.cases import Case, Decision
from shared.sync.context import EARLY, LABELS_DUE, Work
from shared.sync.lookup import ask_crm, ask_partner, let_go, read_rivals
from shared.sync.notices import tell_refusals
from shared.sync.order import comes_last, merges_first, put_aside
from shared.sync.parting import part
from shared.sync.recall import Recall
from shared.sync.reconcile import Reconciler
from shared.sync.references import as_ids, as_links, load_parents, pairs_of
from shared.sync.suppression import kept_away, keys_of
from shared.sync.tally import Tally
from shared.sync.told_once import made_once
from shared.sync.working import WorkingSet


class Page:
    """The work of one page. Call `run` with cases, then `fold` with the cursor; a page that raises leaves no trace
    but its batches, and is done again. `last`: the page of what was put aside for the end of a run."""

    def __init__(self, work: Work, part: str, *, last: bool = False) -> None:
        self.work = work
        self.last = last
        self.part = work.part(part)
        self.links = WorkingSet(work.held, work.columns)
        self.tally = Tally()
        self.applier = Applier(work, self.links, self.tally, self.part)
        self.reconciler = Reconciler(
            connection=work.engine.connection.id,
            capabilities={side: work.connector(side).capabilities for side in Side},
            digester=work.engine.digester,
            now=work.now,
            initial=bool(work.number("initial")) and work.engine.options.initial_one_way,
            journal=work.engine.options.journal,
            anew=bool(work.number("initial")),
            epoch=int(work.number("epoch")),
            is_open=work.is_open,
            columns=work.columns,
        )
        self.recall = Recall(work, self.links)
        self.pairs = pairs_of(work.maps)
        self._waiting: dict[int, frozenset[str]] = {}

    # -- deciding and doing --------------------------------------------------------------------------------------------

    def run(self, cases: Sequence[Case]) -> None:
        todo = list(cases)
        self._prefetch(todo)
        for _ in range(self.work.engine.options.rounds + 2):
            if not todo:
                return
            self._read(todo)
            ready, later = self._decide(todo)
            self._tell_conflicts()
            self.applier.run(ready)
            todo = [*later, *self.applier.again]
        for case in todo:
            self._put_off(case)

    def _prefetch(self, cases: Sequence[Case]) -> None:
        """All links, reverse rows and parents of the page in few rounds of reads."""
        matches = [
            self.reconciler.digester.match(text)
            for case in cases
            if (text := self.reconciler.match_of(case)) is not None
        ]
        self.links.load(
            keys=[case.key for case in cases],
            partners=[case.partner_ref for case in cases if case.partner_ref is not None],
            matches=matches,
        )
        for side in Side:
            grouped: defaultdict[str, list[Case]] = defaultdict(list)
            for case in cases:
                grouped[case.map.entity.name].append(case)
            for group in grouped.values():
                records = [seen for case in group if isinstance(seen := case.seen(side), Record)]
                load_parents(group[0].map, records, side, self.links)

    def _decide(self, cases: Sequence[Case]) -> tuple[list[tuple[Case, Decision]], list[Case]]:
        ready: list[tuple[Case, Decision]] = []
        later: list[tuple[Case, Decision]] = []
        writing: set[LinkKey] = set()
        for case in merges_first(cases):
            if self._erased(case):
                self._note(case, Decision(code="skipped:suppressed"))
                continue
            self._step_aside(case)
            decision = self._one(case)
            if not self.last and comes_last(self.work, case, decision):
                put_aside(self.work, case)
                self.tally.note(case, "waiting:children")
                continue
            if decision.writes and case.key in writing:
                self._put_off(case)  # another record of this page is being written for the same pair
                continue
            self._keep(case, decision)
            if decision.writes:
                writing.add(case.key)
            if decision.need or decision.look_up or decision.find or decision.code == "again":
                case.stale |= decision.need
                case.recall = decision.recall
                case.rounds += 1
                later.append((case, decision))
            elif decision.writes:
                ready.append((case, decision))
            else:
                self._note(case, decision)
        ask_crm(self, [case for case, decision in later if decision.look_up])
        ask_partner(self, [case for case, decision in later if decision.find])
        return ready, [case for case, _ in later]

    def _erased(self, case: Case) -> bool:
        """Whether the case is about a person who was erased: nothing is linked, kept or written then."""
        suppressed, engine = self.work.suppressed, self.work.engine
        return bool(suppressed) and kept_away(suppressed, keys_of(engine.digester, engine.connection.id, case))

    def _step_aside(self, case: Case) -> None:
        """A case whose Dynamics row was linked to another partner record meanwhile goes back to being its own; one that
        knew of none goes on with that one."""
        link = self.links.link(case.key)
        if link is None or link.partner is None or case.partner_ref == link.partner:
            return
        if link.state is not LinkState.LINKED:
            return
        if not isinstance(case.partner, Record):
            case.partner, case.partner_ref = None, link.partner
            return
        kind = case.map.entity.crm_kind
        case.crm, case.ambiguous = None, True
        connection = self.work.engine.connection.id
        case.crm_ref, case.incarnation = self.links.own_row(connection, kind, case.partner.ref)
        case.key = link_key(case.crm_ref)

    def _one(self, case: Case) -> Decision:
        """Decides with references as links and without the fields that were refused, then turns both back."""
        kept = case.crm, case.partner
        waiting: frozenset[str] = frozenset()
        for side in Side:
            seen = case.seen(side)
            if isinstance(seen, Record):
                record, missing = as_links(case.map, self._visible(case, seen, side), side, self.links, self.pairs)
                waiting |= missing
                self._set(case, side, record)
        case.waiting = waiting
        decision = self.reconciler.decide(case, self.links)
        if case.crm is not None and isinstance(kept[0], Record):
            case.crm = kept[0]
        if case.partner is not None and isinstance(kept[1], Record):
            case.partner = kept[1]
        self._waiting[id(case)] = waiting
        if decision.writes and case.map.references(Side.CRM):
            named = (replace(write, fields=as_ids(write.fields, write.side, self.links)) for write in decision.writes)
            decision = replace(decision, writes=tuple(named))
        if (waiting or case.refused) and not made_once(self.work, case.map):
            decision = self._incomplete(case, decision, waiting)
        return decision

    def _visible(self, case: Case, record: Record, side: Side) -> Record:
        if not case.hidden:
            return record
        names = {name for item in case.map.fields if item.id in case.hidden for name in item.names(side)}
        return replace(record, fields={name: value for name, value in record.fields.items() if name not in names})

    def _incomplete(self, case: Case, decision: Decision, waiting: frozenset[str]) -> Decision:
        """Something of this pair stays open: it is looked at again, with both sides read."""
        link = decision.link
        if link is None or link.state is LinkState.TOMBSTONE:
            return decision
        parked = {**link.parked, **case.refused, **dict.fromkeys(waiting, "waiting_parent")}
        tries = link.tries + 1
        when = self.work.next_try(link.tries)
        open_link = replace(
            link, parked=parked, flags=link.flags | {DIVERGED}, retry_at=int(when.timestamp()), tries=tries
        )
        self.work.retry(case, when)
        done = replace(decision.done, settled=False, crm_revision=None, partner_revision=None)
        return replace(decision, link=open_link, done=done)

    def _keep(self, case: Case, decision: Decision) -> None:
        case.base = self.links.link(case.key)
        if decision.retire is not None:
            self.links.put(decision.retire)
            case.others.add(decision.retire.key)
        if decision.forget is not None:
            self.links.remove(decision.forget)
            case.others.add(decision.forget)
        if decision.link is not None:
            self.links.put(self._parked(case, decision.link) if decision.retry else decision.link)
        elif decision.retry:
            # without a link nothing counts its tries, and the feed may tell it again and again
            self.work.retry(case, self.work.next_try(len(self.work.engine.options.retries)))
        if decision.code == WAITS and case.commanded and case.base is not None and case.base.retry_at:
            self.work.retry(case, datetime.fromtimestamp(case.base.retry_at, UTC))  # it was asked for before its time
        if decision.candidate is not None and case.partner_ref is not None:
            self.links.remember(case.partner_ref, decision.candidate)
            self.recall.note(case)
            if self.work.awaiting():
                self.work.facts[EARLY] = 1
            if case.map.entity.labels is not None and isinstance(case.partner, Record) and case.partner.labels is None:
                self.work.facts[f"{LABELS_DUE}{case.partner.ref.kind}"] = 1
        for conflict in decision.conflicts:
            self.tally.conflicted(case, conflict)

    def _parked(self, case: Case, link: Link) -> Link:
        """A parked record with the time of its next try."""
        when = self.work.next_try(link.tries)
        self.work.retry(case, when)
        return replace(link, retry_at=int(when.timestamp()), tries=link.tries + 1)

    def _note(self, case: Case, decision: Decision) -> None:
        link = self.links.link(case.key)
        self.tally.note(case, decision.code, field=decision.at_field, link=link)
        if self.work.engine.plan is not None:
            self.work.engine.plan.skip(case.map.entity.name, decision.code)

    # -- reading what is not known -------------------------------------------------------------------------------------

    def _read(self, cases: Sequence[Case]) -> None:
        read_rivals(self, cases)
        self.recall.answer(cases)
        for side in Side:
            groups: defaultdict[str, list[Case]] = defaultdict(list)
            for case in cases:
                if side in case.stale and case.ref(side) is not None:
                    groups[case.map.entity.name].append(case)
            for group in groups.values():
                self._read_group(side, group)
            for case in cases:
                if side is Side.PARTNER and side in case.stale and case.partner_ref is None:
                    self._find_partner(case)
                case.stale.discard(side)
        let_go(self, cases)

    def _read_group(self, side: Side, cases: Sequence[Case]) -> None:
        compiled = cases[0].map
        ids = list(dict.fromkeys(ref.id for case in cases if (ref := case.ref(side)) is not None))
        found = self.work.connector(side).read(compiled.kind(side), ids, compiled.reads(side))
        for case in cases:
            ref = case.ref(side)
            if ref is not None and (seen := found.get(ref.id)) is not None:
                self._set(case, side, seen)
        self._prefetch(cases)

    def _find_partner(self, case: Case) -> None:
        """A create met a record of the same match value, and the answer did not say which."""
        text = self.reconciler.match_of(case)
        if text is None:
            return
        compiled = case.map
        found = self.work.engine.partner.find(compiled.entity.partner_kind, [text], compiled.reads(Side.PARTNER))
        records = found.get(text, ())
        if len(records) == 1:
            case.partner, case.partner_ref = records[0], records[0].ref
        else:
            match = self.reconciler.digester.match(text)
            for record in records:
                self.links.remember(record.ref, match)

    def _set(self, case: Case, side: Side, seen: Record | Gone) -> None:
        if isinstance(seen, Gone) and seen.reason is GoneReason.HIDDEN:
            return  # it lives, but not for us: nothing is known of it
        if side is Side.CRM:
            case.crm = seen
        else:
            case.partner = seen

    def _put_off(self, case: Case) -> None:
        """Somebody keeps writing this record: it is looked at again later, nothing of it is lost."""
        when = self.work.next_try(0)
        link = self.links.link(case.key)
        if link is not None:
            self.links.put(replace(link, flags=link.flags | {DIVERGED}))
        self.work.retry(case, when)
        self.tally.note(case, "waiting:busy")

    def _tell_conflicts(self) -> None:
        """Before anything is written: a value that lost is in the log before it is overwritten, whoever dies then. The
        same values are one conflict, however often a page is decided."""
        run = self._run()
        if run and self.tally.conflicts:
            part = self.reconciler.digester.raw(self.tally.conflicts_told()).hex()
            self.work.engine.journal.conflicts(run, part, self.tally.conflicts)
        self.tally.conflicts = []

    def _run(self) -> str:
        return self.work.text("run") or self.work.text("last_run")

    # -- making it durable ---------------------------------------------------------------------------------------------

    def fold(
        self,
        cursors: Mapping[str, CursorState | None] | None = None,
        *,
        commands_done: Sequence[str] = (),
        batches: Sequence[str] = (),
    ) -> None:
        """Tells the journal, then stores links, commands and cursors. A page with writes that were not sent raises
        Transient afterwards, its cursor unmoved. What is done between two runs belongs to the last one; to take that
        run back does not take back what people decided since."""
        work = self.work
        postponed = self.applier.postponed
        unknown = bool(self.applier.unknown)
        work.tick()
        tell_refusals(work, self.tally)
        run, told = work.text("run"), self._run()
        if told and (self.tally.outcomes or self.tally.counts):
            work.engine.journal.tell(told, self.part, self.tally.outcomes, self.tally.counts)
        if run and work.engine.images is not None and self.applier.images:
            work.engine.images(run, self.part, self.applier.images)
        self._tell_conflicts()
        if healed := self.links.healed:
            work.engine.journal.well([key.hex() for key in healed])
        incomplete = postponed is not None or unknown
        tellings = self.recall.tellings()
        taken = set(commands_done)
        fresh = [command for command in work.retries if command.key not in taken]
        if fresh:
            work.engine.lane.put_commands(fresh)
        again = {command.key: command for command in work.retries if command.key in taken}
        facts = work.put_back() if incomplete else work.changed_facts()
        changes = LaneChanges(
            links=self.links.links,
            links_removed=self.links.removed,
            candidates=self.links.candidates,
            tellings=tellings,
            batches_dropped=[*self.applier.finished, *batches],
            commands_done=() if incomplete else tuple(key for key in commands_done if key not in again),
            commands_postponed=tuple(again.values()),
            cursors={} if incomplete else cursors or {},
            facts=facts,
        )
        try:
            work.held.fold(changes)
        except AlreadyLinked as clash:
            part(work, self.links, clash)
            work.held.fold(replace(changes, links=self.links.links))
        work.folded()
        work.retries = []
        work.batches_changed()
        if incomplete:
            raise Transient(
                "the other side did not take every write of this page",
                retry_after=postponed,
                code="page_incomplete",
                next_step="Nothing to do: the page is read again.",
            )
