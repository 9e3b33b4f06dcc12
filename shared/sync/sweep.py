"""After a complete walk: links whose record it did not meet are confirmed one by one, then treated as deleted."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from shared.domain.identity import Link, LinkKey, LinkState
from shared.domain.records import Gone, GoneReason, Side
from shared.errors import GuardTripped
from shared.sync.basis import MISSED
from shared.sync.cases import Case
from shared.sync.feeds import LIVE, Feed
from shared.sync.page import Page

_PAGE = 200


def sweep(feed: Feed) -> bool:
    """One stretch of the sweep of `feed`; answers whether more is left. The guard stops it before any delete."""
    state = feed.cursor()
    if state is None:
        return False
    epoch = int(str(state.facts.get("epoch", 0)))
    after = LinkKey(bytes.fromhex(state.position)) if state.position else None
    if after is None:
        _guard(feed, epoch)
    stretch = list(islice(feed.work.held.scan_links(after, _PAGE), _PAGE))
    unmet = [link for link in stretch if _unmet(feed, link, epoch)]
    page = Page(feed.work, f"{feed.name}|sweep|{epoch}|{state.position}")
    if unmet:
        page.run(_confirmed(feed, unmet))
    _give_up_waiting(feed, page, stretch, epoch, after_all=bool(state.facts.get("after_all")))
    done = len(stretch) < _PAGE
    nxt = replace(state, position="" if done else stretch[-1].key.hex(), phase=LIVE if done else state.phase)
    page.fold({feed.name: nxt})
    return not done


def _unmet(feed: Feed, link: Link, epoch: int) -> bool:
    compiled = feed.work.map_named(link.entity)
    seen = link.seen_crm if feed.side is Side.CRM else link.seen_partner
    return (
        compiled is not None
        and compiled.kind(feed.side) == feed.kind
        and link.state is LinkState.LINKED
        and seen != epoch
    )


def _give_up_waiting(feed: Feed, page: Page, links: list[Link], epoch: int, *, after_all: bool) -> None:
    """An import that ended well, and a whole walk after it that met no record with its match value: somebody changed or
    deleted it before its id was known. The row starts anew; the record, if it lives, is found as anybody's own. Where
    the walk may have begun before the end (not `after_all`, or nobody knows when that was), it takes a second one."""
    for link in map(feed.work.columns.current, links):
        compiled = feed.work.map_named(link.entity)
        if feed.side is Side.CRM or compiled is None or compiled.kind(feed.side) != feed.kind:
            continue
        if link.state is not LinkState.AWAITING or (link.ticket and feed.work.is_open(link.ticket)):
            continue
        if link.seen_partner >= epoch:
            continue  # it came while the walk was under way, or this sweep had it already
        flags = link.flags - {MISSED}
        if MISSED not in link.flags and not (after_all and link.ticket):
            page.links.put(replace(link, seen_partner=epoch, flags=flags | {MISSED}))
            continue
        why = {"": "id_never_told"}
        parked = replace(link, state=LinkState.PARKED, agreed={}, partner=None, parked=why, seen_partner=0, flags=flags)
        page.links.put(parked)
        case = Case(map=compiled, crm_ref=link.crm, key=link.key, tries=link.tries)
        page.tally.note(case, "failed:id_never_told", link=parked)
        feed.work.retry(case, feed.work.now)


def _confirmed(feed: Feed, links: list[Link]) -> list[Case]:
    """Absence is only a hint: each record is read once, and only "not there" counts."""
    refs = [ref for link in links if (ref := link.crm if feed.side is Side.CRM else link.partner) is not None]
    found = feed.work.connector(feed.side).read(feed.kind, [ref.id for ref in refs], feed.fields)
    cases: list[Case] = []
    for link in links:
        ref = link.crm if feed.side is Side.CRM else link.partner
        compiled = feed.work.map_named(link.entity)
        if ref is None or compiled is None:
            continue
        seen = found.get(ref.id)
        if seen is None:
            continue
        if isinstance(seen, Gone) and seen.reason is GoneReason.HIDDEN:
            continue
        case = Case(map=compiled, crm_ref=link.crm, key=link.key, partner_ref=link.partner)
        if feed.side is Side.CRM:
            case.crm = seen
        else:
            case.partner = seen
        cases.append(case)
    return cases


def _guard(feed: Feed, epoch: int) -> None:
    """Counts before the first confirmation: a side that looks empty, or lost a large share, stops the connection."""
    options = feed.work.engine.options
    if feed.work.number("guard_released"):
        return
    total = unmet = 0
    for link in feed.work.held.scan_links(None, None):
        compiled = feed.work.map_named(link.entity)
        if compiled is None or compiled.kind(feed.side) != feed.kind or link.state is not LinkState.LINKED:
            continue
        total += 1
        unmet += _unmet(feed, link, epoch)
    limit = max(options.delete_guard, int(options.delete_share * total))
    if (total >= options.empty_guard and unmet == total) or unmet > limit:
        raise GuardTripped(
            f"{unmet} of {total} linked {feed.kind} records are missing from the {feed.side.value} side; "
            f"the limit is {limit}",
            code="empty_side" if unmet == total else "mass_delete",
            next_step="Check that the other side is complete and readable. If the records were deleted on purpose, "
            "release the guard for one run.",
        )
