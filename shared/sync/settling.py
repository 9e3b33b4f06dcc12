"""What became of writes that were only accepted: asked of the partner, and stored many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, takewhile

from shared.domain.draft import agreed
from shared.domain.identity import Agreed, Link, LinkState
from shared.domain.mapping import CompiledMap
from shared.domain.merged import UNSENT
from shared.domain.normalize import match_value
from shared.domain.records import Record, Ref, Side
from shared.ports.connector import Op, Outcome, Settled, Ticket, WriteResult
from shared.state.model import Awaited, Batch, Entry
from shared.sync.after import of_now, owed_by
from shared.sync.basis import DIRTY, DIVERGED
from shared.sync.cases import Case
from shared.sync.choices import still_true
from shared.sync.context import EARLY, Work
from shared.sync.page import Page

TOGETHER = 3000  # entries of ended imports that one fold takes

type Ended = tuple[Awaited, Sequence[Settled]]
"""A batch with what became of each of its tickets."""

LOST = "lost"
"""Why a record is parked whose import the partner no longer knows."""


def settle(work: Work, batches: Sequence[Awaited]) -> bool:
    """Asks what became of accepted writes, the oldest first; answers whether any is still running.

    What was accepted later ends later: behind one that is running nothing is asked, so that waiting costs one call.
    """
    ended: list[Ended] = []
    running = False
    for window in _windows(batches, work.connector(batches[0].side).capabilities.concurrency if batches else 1):
        tickets = [[Ticket(ticket) for ticket in batch.tickets] for batch in window]
        answers = iter(work.connector(window[0].side).settle([ticket for group in tickets for ticket in group]))
        told = [list(islice(answers, len(group))) for group in tickets]
        done = list(takewhile(lambda pair: not any(one.running for one in pair[1]), zip(window, told, strict=True)))
        ended.extend(done)
        running = len(done) < len(window)
        if running or sum(batch.size for batch, _ in ended) >= TOGETHER:
            _fold_ended(work, ended)
            ended = []
        if running:
            break
    _fold_ended(work, ended)
    return running


def _windows(batches: Sequence[Awaited], width: int) -> Iterator[Sequence[Awaited]]:
    """The oldest alone, because nothing else is asked while it runs; then as many at a time as may be in flight."""
    if batches:
        yield batches[:1]
    side = batches[0].side if batches else None
    for start in range(1, len(batches), width):
        window = batches[start : start + width]
        if all(batch.side is side for batch in window):
            yield window
        else:
            yield from ([batch] for batch in window)


def _fold_ended(work: Work, ended: Sequence[Ended]) -> None:
    """What many imports came to is stored together: each fold rewrites the pages that its links lie in. Of creates that
    ended well, which are nearly all, not even the batch is read."""
    if not ended:
        return
    page = Page(work, "settle|" + "|".join(batch.id for batch, _ in ended))
    told = {batch.id: answers for batch, answers in ended}
    news = [batch.id for batch, answers in ended if _has_news(work, batch, answers)]
    found = [
        (batch, entry, answer, code)
        for kept in (work.held.batches_of(news) if news else ())
        for batch in [of_now(kept, work.columns)]
        for answer in told[batch.id]
        for entry, code in _outcomes(page, batch, answer)
        if code is not None or entry.op is not Op.CREATE or work.number(EARLY)
    ]
    entries = [entry for _, entry, _, _ in found]
    page.links.load(
        keys=[entry.key for entry in entries], matches=[entry.match for entry in entries if entry.match is not None]
    )
    for batch, entry, answer, code in found:
        _settled(page, batch, entry, answer, code)
    page.fold(batches=[batch.id for batch, _ in ended])


def _has_news(work: Work, batch: Awaited, answers: Sequence[Settled]) -> bool:
    """Whether a link may have to be changed for what a batch came to."""
    ended_well = not any(answer.lost or answer.refused for answer in answers)
    return not ended_well or batch.op is not Op.CREATE or bool(work.number(EARLY))


def _outcomes(page: Page, batch: Batch, answer: Settled) -> Iterator[tuple[Entry, str | None]]:
    """The entries of a ticket, each with the code it was refused with. A create that ended well changes nothing: its
    link says so as soon as its batch is gone, and is written when its record is told."""
    digest = page.reconciler.digester.match
    refused = {digest(key): code for text, code in answer.refused.items() if (key := match_value(text)) is not None}
    for entry in batch.entries:
        result = batch.results.get(entry.key)
        if result is not None and result.ticket == answer.ticket:
            yield entry, LOST if answer.lost else refused.get(entry.match) if entry.match is not None else None


def _settled(page: Page, batch: Batch, entry: Entry, answer: Settled, code: str | None) -> None:
    known = page.links.link(entry.key)
    if known is None or known.ticket != answer.ticket:
        return
    if code is None:
        page.links.put(known.with_(ticket="", tries=0, retry_at=0))
        _look_at_what_waited(page, known)
    else:
        _take_back(page, batch, entry, known, code)


def _look_at_what_waited(page: Page, known: Link) -> None:
    """The write ended well. What was told meanwhile is looked at now: of a pair, what was left open; for a create, a
    record with its match value."""
    waited: Sequence[Ref] = ()
    if known.state is LinkState.LINKED and DIVERGED in known.flags and known.partner is not None:
        waited = [known.partner]
    elif known.state is LinkState.AWAITING and known.match is not None:
        waited = page.links.matched(known.match).candidates
    compiled = page.work.map_named(known.entity)
    if len(waited) == 1 and compiled is not None:
        case = Case(map=compiled, crm_ref=known.crm, key=known.key, partner_ref=waited[0])
        page.work.retry(case, page.work.now)


def _take_back(page: Page, batch: Batch, entry: Entry, known: Link, code: str) -> None:
    """The write did not happen after all: the link says again what was true before, and the pair is looked at again."""
    compiled = page.work.map_named(entry.entity)
    if compiled is None:
        return
    creating = entry.op is Op.CREATE and known.state is LinkState.AWAITING
    if creating and code == LOST and changed_match(page, compiled, entry):
        page.links.put(replace(known, ticket="", flags=known.flags | {DIRTY}))  # it may have been made all the same
        return
    when = page.work.now if code == LOST else page.work.next_try(known.tries)
    changes: dict[str, object] = {
        "ticket": "",
        "flags": known.flags | {DIVERGED},
        "parked": {**known.parked, "": code},
        "tries": known.tries + 1,
        "retry_at": int(when.timestamp()),
    }
    if creating:
        changes |= {"state": LinkState.PARKED, "agreed": {}, "partner": None, "labels": frozenset(), "made": ""}
    else:
        before = {**known.agreed, **_before(known, entry, batch.side)}
        changes |= {"agreed": before, "bases": still_true(known.bases, known.agreed, before)}
        changes["labels"] = known.labels - entry.add_labels
        changes["flags"] = known.flags | {DIVERGED} | owed_by(entry)
    page.links.put(replace(known, **changes))  # type: ignore[arg-type]
    case = Case(map=compiled, crm_ref=known.crm, key=known.key, partner_ref=known.partner, tries=known.tries)
    if code == LOST:
        page.tally.note(case, f"failed:{LOST}", link=page.links.link(known.key))
    else:
        result = WriteResult(key=known.key.hex(), outcome=Outcome.REJECTED, code=code)
        page.tally.rejected(case, batch.side, result, when)
    page.work.retry(case, when)


def _before(known: Link, entry: Entry, side: Side) -> dict[str, Agreed]:
    """What was agreed of the fields that were not written: `side` holds what it held before, and what the other side
    holds was not taken over, so that it is sent again."""
    back: dict[str, Agreed] = {}
    for name, digest in entry.before.items():
        if name in known.agreed:
            back[name] = agreed(side, digest, UNSENT)
    return back


def changed_match(page: Page, compiled: CompiledMap, entry: Entry) -> bool:
    """Whether the row has another match value than the one its create was sent with."""
    found = page.work.engine.crm.read(compiled.entity.crm_kind, [entry.crm.id], compiled.reads(Side.CRM))
    source = found.get(entry.crm.id)
    text = compiled.match_of(source, Side.CRM) if isinstance(source, Record) else None
    return text is None or page.reconciler.digester.match(text) != entry.match
