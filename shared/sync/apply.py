"""Does what was decided: intents first, then the calls, then what each answer means for its link."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import batched, groupby

from shared.domain.identity import LinkState
from shared.domain.mapping import CompiledMap
from shared.domain.records import ABSENT, Gone, GoneReason, Kind, Record, Ref, RemoteId, Side
from shared.errors import GuardTripped, SyncError
from shared.ports.connector import Op, Outcome, Portioned, Write, WriteResult
from shared.ports.report import Image
from shared.state.model import Batch, Entry, Result
from shared.sync.after import accepted, entry_of, in_part, link_after
from shared.sync.basis import DIVERGED
from shared.sync.cases import Case, Decision, Done, PlannedWrite
from shared.sync.context import Work
from shared.sync.planned import change_of
from shared.sync.tally import Tally
from shared.sync.told_once import made_once
from shared.sync.working import WorkingSet

_ORDER = {Op.CREATE: 0, Op.UPDATE: 1, Op.DELETE: 2}


@dataclass(slots=True)
class Task:
    """One planned write on its way."""

    case: Case
    decision: Decision
    write: PlannedWrite
    last: bool
    entry: Entry | None = None

    @property
    def key(self) -> str:
        return self.case.key.hex()


class Applier:
    """Writes the planned writes of one page. `again` holds the cases that have to be decided once more."""

    def __init__(self, work: Work, links: WorkingSet, tally: Tally, part: str) -> None:
        self._work = work
        self._links = links
        self._tally = tally
        self._part = part
        self._failed: set[str] = set()
        self._off: set[str] = set()  # cases whose further writes wait: the pair is decided again
        self.again: list[Case] = []
        self.finished: list[str] = []
        self.unknown: list[str] = []
        self.postponed: float | None = None
        self.images: list[Image] = []

    def run(self, decided: Sequence[tuple[Case, Decision]]) -> None:
        self.again = []
        self._failed.clear()
        self._off.clear()
        tasks = sorted(self._tasks(decided), key=_order)
        self._guard(tasks)
        for (side, kind, op), group in groupby(tasks, key=_group):
            self._group(side, kind, op, [task for task in group if task.key not in self._off])

    def _tasks(self, decided: Sequence[tuple[Case, Decision]]) -> Iterator[Task]:
        for case, decision in decided:
            for write in decision.writes:
                yield Task(case, decision, write, last=write is decision.writes[-1])

    def _guard(self, tasks: Sequence[Task]) -> None:
        """A run may not delete more than a person would expect it to (sync-semantics, mass deletion)."""
        options = self._work.engine.options
        deletes = sum(1 for task in tasks if task.decision.done.gone is not None)
        if not deletes:
            return
        known = self._work.linked()
        limit = max(options.delete_guard, int(options.delete_share * known))
        total = self._work.number("deletes") + deletes
        if total > limit and not self._work.number("guard_released"):
            raise GuardTripped(
                f"{total} records would be deleted or deactivated in this run, of {known} linked ones; "
                f"the limit is {limit}",
                code="mass_delete",
                next_step="Look at what was deleted on the other side. If it was meant, release the guard for one run.",
            )
        self._work.facts["deletes"] = total

    def _group(self, side: Side, kind: Kind, op: Op, tasks: list[Task]) -> None:
        connector = self._work.connector(side)
        capabilities = connector.capabilities
        size = capabilities.kinds[kind].bulk_size
        if len(tasks) > 1 and isinstance(connector, Portioned):
            size = connector.portion([self._write(task) for task in tasks])
        chunks = evenly(tasks, size)
        for window in batched(chunks, max(1, capabilities.concurrency), strict=False):
            if self.postponed is not None:
                self._give_back([task for chunk in window for task in chunk])
                continue
            self._work.keep_lease()
            sent = [self._intent(side, kind, op, chunk) for chunk in window]
            self._work.intend(sent)
            calls = [[self._write(task) for task in chunk] for chunk in window]
            told: list[Sequence[WriteResult]] = []
            try:
                told.extend(self._work.each(connector.write, calls))
            except SyncError:
                self._store(sent, window, told)  # what was answered before the fault counts
                raise
            self._store(sent, window, told)
            for batch, chunk, results in zip(sent, window, told, strict=True):
                self._absorb(batch, chunk, results)

    def _store(
        self, sent: Sequence[Batch], window: Sequence[list[Task]], told: Sequence[Sequence[WriteResult]]
    ) -> None:
        """Stores the answers of calls that were in flight together, before anything is done about them."""
        ended: dict[str, list[Result]] = {}
        for batch, chunk, results in zip(sent, window, told, strict=False):
            answers = {result.key: result for result in results if result.outcome is not Outcome.UNKNOWN}
            ended[batch.id] = [_kept(task, answers[task.key]) for task in chunk if task.key in answers]
        if ended:
            self._work.held.finish(ended)

    def _intent(self, side: Side, kind: Kind, op: Op, tasks: Sequence[Task]) -> Batch:
        if self._work.engine.plan is not None:
            for task in tasks:
                self._work.engine.plan.add(change_of(task.case, task.decision.code, task.write))
        sealer, began = self._work.engine.sealer, int(self._work.engine.clock.now().timestamp())
        for task in tasks:
            link = self._links.link(task.case.key)
            if link is None:
                raise AssertionError("a write was planned without a link")
            done = task.decision.done if task.last and task.key not in self._failed else Done()
            stamp = self._stamp(task) or ""
            task.entry = entry_of(task.case, link, task.write, done, stamp=stamp, sealer=sealer, at=began)
        first, *others = (task.entry for task in tasks if task.entry is not None)
        entries = (in_part(first, self._part), *others)
        self._work.written |= {(side, task.write.ref) for task in tasks}
        return Batch(id=self._work.engine.ids.new_id(), side=side, kind=kind, op=op, entries=entries)

    def _stamp(self, task: Task) -> str | None:
        kinds = self._work.connector(task.write.side).capabilities.kinds
        return f"{task.key}.{self._work.held.fence}" if kinds[task.write.ref.kind].stamp is not None else None

    def _write(self, task: Task) -> Write:
        planned = task.write
        return Write(
            key=task.key,
            op=planned.op,
            ref=planned.ref,
            fields=planned.fields,
            expect=planned.expect,
            match=planned.match,
            add_labels=planned.add_labels,
            remove_labels=planned.remove_labels,
            stamp=self._stamp(task),
        )

    def _absorb(self, batch: Batch, tasks: Sequence[Task], results: Sequence[WriteResult]) -> None:
        """What has no answer is judged by reading before anything else is done."""
        answers = {result.key: result for result in results}
        unknown = [task for task in tasks if task.key not in answers or answers[task.key].outcome is Outcome.UNKNOWN]
        accepted = any(result.outcome is Outcome.ACCEPTED for result in results)
        if unknown:
            self.unknown.append(batch.id)
            self._take_back(unknown)
        elif not accepted:
            self.finished.append(batch.id)
        for task in tasks:
            if task not in unknown:
                self._answer(task, answers[task.key])

    def _answer(self, task: Task, result: WriteResult) -> None:
        if result.outcome not in {Outcome.APPLIED, Outcome.ACCEPTED}:
            self._failed.add(task.key)
        match result.outcome:
            case Outcome.APPLIED | Outcome.ACCEPTED:
                self._applied(task, result)
            case Outcome.EXISTS if made_once(self._work, task.case.map):
                self._applied(task, replace(result, ref=task.write.ref))  # nobody else makes a row of this id
            case Outcome.EXISTS:
                self._exists(task, result)
            case Outcome.STALE:
                self._look_again(task, None)
            case Outcome.GONE:
                self._look_again(task, Gone(task.write.ref, GoneReason.CONFIRMED))
            case Outcome.REJECTED:
                self._rejected(task, result)
            case _:
                self._give_back([task])
                self.postponed = max(self.postponed or 0.0, result.retry_after or 0.0)

    def _give_back(self, tasks: Sequence[Task]) -> None:
        """These were not sent: nothing of their links changes, and the page is read again."""
        self.postponed = self.postponed or 0.0
        self._take_back(tasks)

    def _take_back(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._off.add(task.key)
            for key in (task.case.key, *task.case.others):
                self._links.restore(key)

    def _applied(self, task: Task, result: WriteResult) -> None:
        if task.entry is None:
            raise AssertionError("an answer to a write that was never begun")
        known = self._links.link(task.case.key)
        after = link_after(
            known,
            task.entry,
            task.write.side,
            ref=result.ref,
            revision=result.revision or "",
        )
        if result.outcome is Outcome.ACCEPTED:  # it may still be refused: its tries count on
            tries = known.tries if known is not None else 0
            after = accepted(after, ticket=result.ticket or "", at=_seconds(result), tries=tries)
        self._links.put(after)
        self._links.prove(after.key, *(() if task.last else (DIVERGED,)))  # the rest is decided again, both sides read
        for key in task.case.others:
            self._links.prove(key)
        if not task.last:  # should the case be decided again, what it knows of this side is from before the write
            task.case.stale.add(task.write.side)
        self._tally.wrote(task.case, task.write.side, task.decision.code)
        if self._work.engine.images is not None:
            self.images.append(_image(task))

    def found(self, batch: Batch, entry: Entry) -> None:
        """A write of a worker that died was made after all: the run that takes it back has to know of it."""
        compiled = self._work.map_named(entry.entity)
        if compiled is not None and self._work.engine.images is not None:
            self.images.append(image_found(batch, entry, compiled))

    def _exists(self, task: Task, result: WriteResult) -> None:
        """The record is there already: read it, and link the two as a first meeting."""
        case = task.case
        self._undecide(case)
        if task.write.side is Side.CRM:
            case.crm = None
        else:
            case.partner, case.partner_ref = None, result.ref
        case.stale.add(task.write.side)
        self._again(case)

    def _undecide(self, case: Case) -> None:
        """The pair stands again as it did before this round, also one that an earlier round made anew."""
        if case.base is not None:
            self._links.put(case.base)
        else:
            self._links.restore(case.key)

    def _look_again(self, task: Task, seen: Gone | None) -> None:
        case = task.case
        if task.write.side is Side.CRM:
            case.crm = seen
        else:
            case.partner = seen
        case.stale.add(task.write.side)  # a merge looks like a delete to a writer; the reader is told what became of it
        self._again(case)

    def _again(self, case: Case) -> None:
        self._off.add(case.key.hex())
        if case not in self.again:
            self.again.append(case)

    def _rejected(self, task: Task, result: WriteResult) -> None:
        """A refused field is left out and the rest tried again; a refused record is parked until its next try."""
        case, side = task.case, task.write.side
        item = case.map.by_name(result.field, side) if result.field is not None else None
        if item is not None and item.id not in case.hidden and not case.map.is_required(item.id, side):
            case.hidden.add(item.id)
            case.refused[item.id] = result.code or "rejected"
            if task.write.op is Op.CREATE:
                self._undecide(case)
            self._tally.refused(case, side, item.id, result)
            self._again(case)
            return
        link = self._links.link(case.key)
        if link is None:
            return
        once = made_once(self._work, case.map)
        when = self._work.next_walk() if once else self._work.next_try(link.tries)
        creating = task.write.op is Op.CREATE
        parked = replace(
            link,
            state=LinkState.PARKED if creating else link.state,
            partner=None if creating and side is Side.PARTNER else link.partner,
            agreed={} if creating else link.agreed,
            made="" if creating else link.made,
            parked={**link.parked, "": result.code or "rejected"},
            flags=link.flags | {DIVERGED},
            tries=link.tries + 1,
            retry_at=int(when.timestamp()),
        )
        self._links.put(parked)
        self._tally.rejected(case, side, result, when)
        if not once:
            self._work.retry(case, when)


def evenly(tasks: Sequence[Task], size: int) -> list[list[Task]]:
    """As few chunks as fit, of nearly the same size: no small rest that a system would take one by one."""
    count = -(-len(tasks) // size)
    return [list(tasks[number * len(tasks) // count : (number + 1) * len(tasks) // count]) for number in range(count)]


def _image(task: Task) -> Image:
    """What the write changed. Of a record that was made nothing is kept but that it was."""
    write, seen = task.write, task.case.seen(task.write.side)
    values = write.fields if write.op is Op.UPDATE else {}
    before = {name: seen.value(name) if isinstance(seen, Record) else ABSENT for name in values}
    return Image(
        link=task.key,
        entity=task.case.map.entity.name,
        side=write.side,
        op=write.op,
        ref=write.ref,
        before=before,
        after=dict(values),
    )


def image_found(batch: Batch, entry: Entry, compiled: CompiledMap) -> Image:
    """Of a write that was found made after its worker died: which fields, not what stood in them."""
    items = [item for item in compiled.fields if item.id in entry.intended and entry.op is Op.UPDATE]
    ref = entry.crm if batch.side is Side.CRM else entry.partner
    return Image(
        link=entry.key.hex(),
        entity=entry.entity,
        side=batch.side,
        op=entry.op,
        ref=ref or Ref(batch.kind, RemoteId("")),
        after={name: None for item in items for name in item.names(batch.side)},
    )


def _kept(task: Task, result: WriteResult) -> Result:
    return Result(
        key=task.case.key,
        outcome=result.outcome,
        ref=result.ref,
        revision=result.revision or "",
        code=result.code,
        message=result.message,
        field=result.field or "",
        ticket=result.ticket or "",
        at=_seconds(result),
    )


def _seconds(result: WriteResult) -> int:
    return int(result.at.timestamp()) if result.at is not None else 0


def _order(task: Task) -> tuple[str, str, int]:
    return task.write.side.value, task.write.ref.kind, _ORDER[task.write.op]


def _group(task: Task) -> tuple[Side, Kind, Op]:
    return task.write.side, task.write.ref.kind, task.write.op
