"""What became of writes whose worker died, whose answer was lost, or whose outcome comes later.

A batch that is still an intent is judged by reading (sync-semantics, the lost answer): the row version says that
nothing was applied, the intended digests say that it was; neither marks the pair so that both sides are read before it
is merged, and a field that differs on both is a conflict then, never silently overwritten. What stands as it was meant
is agreed then, field by field, where its value is evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import batched

from shared.domain.identity import Link, LinkState
from shared.domain.mapping import CompiledField, CompiledMap
from shared.domain.records import FieldName, FieldType, Gone, GoneReason, Kind, Record, Ref, Side
from shared.errors import Throttled, Transient
from shared.ports.connector import Op, Outcome
from shared.state.model import Awaited, Batch, BatchState, Entry, Result
from shared.sync.after import accepted, code_of, done_of, found_again, link_after, link_before, of_now, part_of
from shared.sync.basis import DIRTY, DIVERGED, digests
from shared.sync.cases import Case
from shared.sync.context import Work
from shared.sync.deletes import gone_flags
from shared.sync.finding import find_written
from shared.sync.page import Page
from shared.sync.settling import TOGETHER, changed_match, settle
from shared.sync.tally import Tally
from shared.sync.told_once import told_again

_COMMON = frozenset({FieldType.BOOLEAN, FieldType.CHOICE, FieldType.MULTI_CHOICE})

_PART = 25
"""Lost writes that are judged together where each takes a call: some six seconds of a limit of four a second."""

_JUDGED = "judged"
"""The code of an entry whose answer was lost, and of which what there is to find out was found out."""

_MARGIN = 5.0  # seconds of the slice that are kept for its release


def recover(work: Work) -> bool:
    """Settles what earlier slices left behind; leaves accepted batches that are still running.

    A large load leaves hundreds of accepted ones: they are taken many at a time. Answers whether any is
    left for another slice.
    """
    asking = Asking(work)
    for number, group in enumerate(_groups(of_now(batch, work.columns) for batch in work.held.each_batch())):
        if number and work.left < _MARGIN:
            return True
        if _is_answered(group[0]):
            _retell_together(work, group)
        elif not _recover_one(work, group[0]):
            return True
        asking.about([Awaited.of(batch) for batch in group if batch.state is BatchState.ACCEPTED])
    return False


def _is_answered(batch: Batch) -> bool:
    """Whether every write of it was accepted, or refused at once: nothing is left to be judged by reading."""
    return batch.state is BatchState.ACCEPTED and all(entry.key in batch.results for entry in batch.entries)


def _groups(batches: Iterable[Batch]) -> Iterator[Sequence[Batch]]:
    """Accepted batches that follow each other together, any other alone, in their order."""
    group: list[Batch] = []
    for batch in batches:
        if group and not (_is_answered(batch) and sum(len(each.entries) for each in group) < TOGETHER):
            yield group
            group = []
        group.append(batch)
        if not _is_answered(batch):
            yield group
            group = []
    if group:
        yield group


def _retell_together(work: Work, batches: Sequence[Batch]) -> None:
    """Of most their fold came: then nothing is written."""
    page = Page(work, "recover|" + "|".join(batch.id for batch in batches))
    page.links.load(keys=[entry.key for batch in batches for entry in batch.entries])
    for batch in batches:
        _retell(page, batch)
    if page.links.links or page.applier.images:
        page.fold()
    work.tick()


def _recover_one(work: Work, batch: Batch) -> bool:
    """Judges a batch part by part, each stored before the next is read: who dies on the way leaves little to do again.
    Answers whether it came to the end; a slice that ends before goes on with the rest in the next."""
    parts = list(_parts(work, batch))
    for number, part in enumerate(parts):
        if number and work.left < _MARGIN:
            return False
        last = part is parts[-1]
        name = f"recover|{batch.id}" + (f"|{part[0].key.hex()}" if part else "")
        page = Page(work, name)
        if not number:
            _retell(page, batch)
        cases = list(_judged(page, batch, part))
        page.fold(batches=[batch.id] if last and batch.state is not BatchState.ACCEPTED else ())
        if not last:
            batch = _with_judged(work, batch, part)
        if cases:  # what was found is known for good before anything follows from it: this worker may die, too
            page = Page(work, f"{name}|after")
            page.run(cases)
            page.fold()
        work.tick()
    return True


def _parts(work: Work, batch: Batch) -> Iterator[Sequence[Entry]]:
    """The entries of which nobody knows what became of them: those that are read by their ids together, the others,
    which take a call each, a few at a time. One empty part where all are known. A batch of which some were accepted is
    kept as it is until those end, and stays in one part."""
    left = [entry for entry in batch.entries if entry.key not in batch.results and not told_again(work, batch, entry)]
    unnamed = [] if batch.state is BatchState.ACCEPTED else [entry for entry in left if not _has_id(batch, entry)]
    if len(unnamed) < len(left) or not left:
        found_by_match = {entry.key for entry in unnamed}
        yield [entry for entry in left if entry.key not in found_by_match]
    yield from batched(unnamed, _PART, strict=False)


def _has_id(batch: Batch, entry: Entry) -> bool:
    ref = entry.crm if batch.side is Side.CRM else entry.partner
    return ref is not None and bool(ref.id)


def _with_judged(work: Work, batch: Batch, entries: Sequence[Entry]) -> Batch:
    """The batch, stored as one of which these entries need not be judged again. What was found out of them was folded
    already; where this did not come, it is found out once more."""
    told = {entry.key: Result(key=entry.key, outcome=Outcome.UNKNOWN, code=_JUDGED) for entry in entries}
    results = {**batch.results, **told}
    work.held.finish({batch.id: list(results.values())})
    return replace(batch, results=results)


class Asking:
    """Asks what became of accepted writes, as far as an answer is likely: behind one that runs the others run, too, and
    while a run is open the end of it asks about what there was no time for."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._running = False
        self._until = work.engine.clock.monotonic() + work.engine.options.inbox_every

    def about(self, batches: Sequence[Awaited]) -> None:
        work = self._work
        late = bool(work.text("run")) and work.engine.clock.monotonic() >= self._until
        if batches and not self._running and not late:
            try:
                self._running = settle(work, batches)
            except (Throttled, Transient):  # the inbox and the feeds wait for nobody's answer about an import
                self._running = True


def _retell(page: Page, batch: Batch) -> None:
    """Folds the answers that were stored, where their fold never came.

    Refusals come up again when their record is looked at again. A link that moved on since (it was told the id of an
    accepted create, or a later write) is left alone.
    """
    page.links.load(keys=[entry.key for entry in batch.entries])
    tally = Tally()
    for entry in batch.entries:
        result = batch.results.get(entry.key)
        if result is None or result.outcome not in {Outcome.APPLIED, Outcome.ACCEPTED}:
            continue
        known = page.links.link(entry.key)
        if known is not None and _told_before(known, entry, batch):
            continue
        _retire_former(page, entry)
        after = link_after(link_before(known, entry), entry, batch.side, ref=result.ref, revision=result.revision)
        after = _half_done(after, entry)
        if result.outcome is Outcome.ACCEPTED:
            after = accepted(after, ticket=result.ticket, at=result.at)
        page.links.put(after)
        _found(page, tally, batch, entry, result.ref)
    run = page.work.text("run") or page.work.text("last_run")
    if run and tally.outcomes:  # at once, and only where the page that wrote did not come to tell it
        journal = page.work.engine.journal
        journal.tell(run, f"answers|{batch.id}", tally.outcomes, tally.counts, unless=part_of(batch))


def _found(page: Page, tally: Tally, batch: Batch, entry: Entry, ref: Ref | None = None) -> None:
    """The run whose worker died shows what it wrote, in its list and to those who take it back."""
    page.applier.found(batch, entry)
    compiled = page.work.map_named(entry.entity)
    if compiled is not None:
        partner = ref if ref is not None and batch.side is Side.PARTNER else entry.partner
        case = Case(map=compiled, crm_ref=entry.crm, key=entry.key, partner_ref=partner)
        tally.wrote(case, batch.side, code_of(entry))


def _half_done(link: Link, entry: Entry) -> Link:
    """A decision whose other writes nobody heard of is made again with both sides read: the revision that this write
    got stands also for what was seen on its side and not yet taken over to the other, or could not be."""
    if link.state not in {LinkState.LINKED, LinkState.AWAITING} or done_of(entry).settled:
        return link
    return replace(link, flags=link.flags | {DIVERGED})


def _told_before(known: Link, entry: Entry, batch: Batch) -> bool:
    """Whether the link knows this answer already.

    A batch whose answers were all told at once goes with its fold, and what is left of one is settled before anything
    else is done: its links can only say what they said before the write, or all that came of it. A batch with accepted
    writes outlives many folds; there a link that does not say any more what it said before has moved on.
    """
    if known.state is LinkState.PARKED or known.incarnation < entry.incarnation:
        return entry.op is Op.DELETE
    if entry.op is Op.CREATE or known.state in {LinkState.TOMBSTONE, LinkState.REFUSED}:
        return True
    if batch.state is BatchState.ACCEPTED:
        return not entry.before or any(
            (agreed := known.agreed.get(name)) is not None and agreed.of(batch.side) != digest
            for name, digest in entry.before.items()
        )
    return bool(entry.intended) and all(known.agreed.get(name) == found for name, found in entry.intended.items())


def _judged(page: Page, batch: Batch, open_entries: Sequence[Entry]) -> Iterable[Case]:
    if not open_entries:
        return
    found = find_written(page.work, batch, open_entries)
    for entry in open_entries:
        compiled = page.work.map_named(entry.entity)
        if compiled is None:
            continue
        seen = found.get(entry.key)
        case = _judge(page, batch, entry, compiled, seen)
        if case is not None:
            yield case
        elif seen is None and entry.op is Op.CREATE:
            _await(page, batch, entry)


def _judge(page: Page, batch: Batch, entry: Entry, compiled: CompiledMap, seen: Record | Gone | None) -> Case | None:
    known = page.links.link(entry.key)
    if entry.op is Op.DELETE:
        if isinstance(seen, Gone) and seen.reason is not GoneReason.HIDDEN:
            page.links.put(link_after(known, entry, batch.side))
            _found(page, page.tally, batch, entry)
        return None
    if not isinstance(seen, Record):
        return None
    verdict = _verdict(page, batch, entry, compiled, seen)
    if not verdict:
        before = known if verdict is False else _in_doubt(page, batch, entry, compiled, seen)
        if before is not None:  # what it was read with may be news: both sides are read before a merge
            page.links.put(replace(before, flags=before.flags | {DIVERGED}))
        return None
    _retire_former(page, entry)
    after = link_after(link_before(known, entry), entry, batch.side, ref=seen.ref)
    as_sent = entry.op is Op.CREATE and _is_as_sent(page, batch, entry, compiled, seen)
    again = found_again(after, entry, seen, stamped=_stamped(page, batch, entry), as_sent=as_sent)
    page.links.put(replace(again, flags=again.flags | {DIVERGED}))  # what follows from it may not be sent
    _found(page, page.tally, batch, entry, seen.ref)
    case = Case(map=compiled, crm_ref=entry.crm, key=entry.key)
    if batch.side is Side.CRM:
        case.crm, case.partner_ref = seen, entry.partner
    else:
        case.partner, case.partner_ref = seen, seen.ref
    if case.ref(batch.side.other) is not None:
        case.stale.add(batch.side.other)  # no feed was read yet: what the other side holds by now is not known
    return case


def _in_doubt(page: Page, batch: Batch, entry: Entry, compiled: CompiledMap, seen: Record) -> Link | None:
    """The link of a write of which nobody can tell whether it was made. A field that an update was to change, and that
    stands as it was to be, is agreed all the same, where its value is evidence by itself: what either side holds there
    later is an edit of it. Of the others only what was agreed before counts."""
    known = page.links.link(entry.key)
    link = link_before(None, entry) if _was_first_met(known, entry) else known
    if link is None or entry.op is not Op.UPDATE or link.state is not LinkState.LINKED or link.partner != entry.partner:
        return link
    now = digests(compiled, seen, batch.side, page.reconciler.digester)
    meant = {name: entry.intended[name] for name in _telling(compiled, entry.intended, batch.side)}
    stands = {name for name in meant if now.get(name) == meant[name].of(batch.side) != entry.before.get(name)}
    empty = {item.id for item in compiled.fields if now.get(item.id) in _empties(page, item, batch.side)}
    arrived = {name: meant[name] for name in stands - empty}
    return link.with_(agreed={**link.agreed, **arrived}) if arrived else link


def _was_first_met(known: Link | None, entry: Entry) -> bool:
    """Whether the write was of a first meeting: what both sides held alike was agreed then, before anything that users
    entered since."""
    return known is None and entry.op is Op.UPDATE and entry.partner is not None


def _retire_former(page: Page, entry: Entry) -> None:
    """A row made again for a partner record whose former row is gone: its link ends, as it was meant to."""
    former = page.links.of_partner(entry.partner) if entry.op is Op.CREATE and entry.partner is not None else None
    if former is not None and former.key != entry.key and former.incarnation < entry.incarnation:
        ended = replace(former, state=LinkState.TOMBSTONE, partner=None, flags=gone_flags(Side.CRM), match=None)
        page.links.put(ended)
        page.links.prove(former.key)


def _verdict(page: Page, batch: Batch, entry: Entry, compiled: CompiledMap, seen: Record) -> bool | None:
    """True: it was applied. False: it was not. None: what stands there is neither before nor intended."""
    if _stamped(page, batch, entry):
        return seen.fields.get(_stamp_field(page, batch) or FieldName("")) == entry.facts["stamp"]
    if entry.expect and seen.revision == entry.expect:
        return False
    now = digests(compiled, seen, batch.side, page.reconciler.digester)
    intended = {name: agreed.of(batch.side) for name, agreed in entry.intended.items()}
    told = {name: digest for name, digest in intended.items() if name in now}
    if entry.op is Op.CREATE:
        return True if _is_ours(page, batch, entry, compiled, now) else None
    moved = {name: digest for name, digest in told.items() if entry.before.get(name) != digest}
    if moved and all(now[name] == digest for name, digest in moved.items()):
        return True
    if all(now[name] == entry.before.get(name) for name in moved):
        return False
    return None  # some as intended, others not: those may be all that a user entered alike (`_in_doubt`)


def _stamp_field(page: Page, batch: Batch) -> FieldName | None:
    return page.work.connector(batch.side).capabilities.kinds[Kind(batch.kind)].stamp


def _stamped(page: Page, batch: Batch, entry: Entry) -> bool:
    return _stamp_field(page, batch) is not None and bool(entry.facts.get("stamp"))


def _is_ours(page: Page, batch: Batch, entry: Entry, compiled: CompiledMap, now: Mapping[str, bytes]) -> bool:
    """Whether the record that was found is the one a create made. One found by its match value may be a stranger's:
    that value, and what is empty on both, is no evidence."""
    ref = entry.crm if batch.side is Side.CRM else entry.partner
    told = {name: agreed.of(batch.side) for name, agreed in entry.intended.items() if name in now}
    if (ref is not None and ref.id) or all(now[name] == digest for name, digest in told.items()):
        return True
    return any(
        now[item.id] == told[item.id] and now[item.id] not in _empties(page, item, batch.side)
        for item in compiled.fields
        if item.id in _telling(compiled, told, batch.side) and item.id != compiled.entity.match
    )


def _is_as_sent(page: Page, batch: Batch, entry: Entry, compiled: CompiledMap, seen: Record) -> bool:
    """Whether a record holds what a create sent and nothing beside it. A reference is spoken of as a link there, and
    says nothing here."""
    side, sent = batch.side, {**entry.settled, **entry.intended}
    now = digests(compiled, seen, side, page.reconciler.digester)
    for item in compiled.fields:
        if item.id not in sent or item.id not in now or item.spec(side).type is FieldType.REFERENCE:
            continue
        both = {now[item.id], sent[item.id].of(side)}
        if len(both) > 1 and not both <= _empties(page, item, side):
            return False
    return True


def _empties(page: Page, item: CompiledField, side: Side) -> set[bytes]:
    """The digests of a field that holds nothing."""
    return {page.reconciler.digester.raw(item.prefix + item.canonical(value, side)) for value in (None, "")}


def _telling(compiled: CompiledMap, names: Iterable[str], side: Side) -> list[str]:
    """Fields whose intended value is evidence by itself; a yes or no, or a choice, another user may have entered."""
    by_id = {item.id: item for item in compiled.fields}
    return [name for name in names if name in by_id and by_id[name].spec(side).type not in _COMMON]


def _await(page: Page, batch: Batch, entry: Entry) -> None:
    """A create that takes effect later, whose answer was lost, and whose row has another match value by now: sent
    again under the new one it could make a second record. It is awaited under the value it was sent with, as an
    accepted one is, and given up by the walks like that one."""
    capabilities = page.work.connector(batch.side).capabilities.kinds[Kind(batch.kind)]
    compiled = page.work.map_named(entry.entity)
    if batch.side is Side.CRM or not capabilities.asynchronous_create or compiled is None or entry.match is None:
        return
    if not changed_match(page, compiled, entry):
        return
    known = page.links.link(entry.key)
    awaited = link_after(link_before(known, entry), entry, batch.side)
    page.links.put(replace(awaited, flags=awaited.flags | {DIRTY}))
