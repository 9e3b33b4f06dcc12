"""Turns what a feed or a message points at into cases: which pair is it about, and what was seen of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from shared.domain.identity import LinkState, link_key
from shared.domain.mapping import CompiledMap
from shared.domain.records import ABSENT, Gone, GoneReason, Kind, Record, Ref, Side
from shared.sync.cases import Asked, Case
from shared.sync.page import Page
from shared.sync.parts import Parts
from shared.sync.told_once import told_once


def from_crm(page: Page, kind: Kind, items: Iterable[Record | Gone]) -> list[Case]:
    """One case a Dynamics row; a row that comes twice in a page counts with its last appearance."""
    maps = page.work.maps_of(Side.CRM, kind)
    if not maps:
        return []
    latest = _latest(items)
    cases = [Case(map=maps[0], crm_ref=ref, key=link_key(ref), crm=seen) for ref, seen in latest.items()]
    page.links.load(keys=[case.key for case in cases])
    for case in cases:
        link = page.links.link(case.key)
        if link is not None:
            case.partner_ref = link.partner
            case.tries = link.tries
    return cases


def from_partner(
    page: Page,
    kind: Kind,
    items: Sequence[Record | Gone],
    *,
    only_news: bool = False,
    asked: Mapping[Ref, Asked] | None = None,
) -> list[Case]:
    """One case a partner record: its link's, the awaiting one its match value fits, or one of its own. With `only_news`
    none for values told apart from their record that say what is agreed; they count as unchanged. `asked` are those
    that somebody wants a row of."""
    maps = page.work.maps_of(Side.PARTNER, kind)
    if not maps:
        return []
    latest = _latest(items)
    matches = {ref: _match(page, maps[0], seen) for ref, seen in latest.items() if isinstance(seen, Record)}
    digest = page.reconciler.digester.match
    page.links.load(partners=latest, matches=[digest(text) for text in matches.values() if text is not None])
    latest = _unmade(page, kind, latest)
    cases: list[Case] = []
    kept = {seen.merged_into for seen in latest.values() if isinstance(seen, Gone)}
    spared = only_news and not page.work.suppressed and page.work.engine.plan is None
    parts = Parts(maps[0], page.reconciler.digester) if spared else None
    for ref, seen in latest.items():
        if parts is not None and isinstance(seen, Record) and _is_echo(page, maps[0], parts, seen):
            page.tally.counts["unchanged"] += 1
            continue
        case = _linked(page, ref, seen)
        if case is None and ref in kept:
            continue  # the pair of the record that was merged into it goes on with it, and reads it
        if isinstance(seen, Gone):
            page.links.remember(ref, None)
            if case is None:
                continue
        if case is None and isinstance(seen, Record):
            if _is_part(maps[0], seen):
                page.recall.part(seen)
                continue  # a value of a record nobody is linked to; its row was told, and judged, without it
            text = matches[ref]
            case = _awaiting(page, kind, seen, text) or _own(page, maps, seen)
        if case is not None:
            cases.append(_wanted(page, maps, case, (asked or {}).get(ref)))
    return cases


def _wanted(page: Page, maps: Sequence[CompiledMap], case: Case, asked: Asked | None) -> Case:
    """The case of a record that somebody wants a row of: where it had none, or it was deleted, one of its own."""
    if asked is None or not isinstance(case.partner, Record):
        return case
    link = page.links.of_partner(case.partner.ref)
    if link is None or link.state is LinkState.TOMBSTONE:
        named = [item for item in maps if item.entity.crm_kind == asked.kind]
        case = _own(page, named or maps, case.partner)
    case.asked = asked
    return case


def _unmade(page: Page, kind: Kind, latest: dict[Ref, Record | Gone]) -> dict[Ref, Record | Gone]:
    """Without the entries of a log whose rows were made."""
    if not told_once(page.work, kind):
        return latest
    return {ref: seen for ref, seen in latest.items() if not _made_before(page, ref)}


def _made_before(page: Page, ref: Ref) -> bool:
    """An entry of a log comes again whose row was made: it is left as it is, also where users deleted it."""
    link = page.links.of_partner(ref)
    if link is None or link.state is LinkState.PARKED:
        return False
    page.tally.counts["unchanged"] += 1
    if page.work.engine.plan is not None:
        page.work.engine.plan.skip(link.entity, "unchanged")
    return True


def _is_echo(page: Page, compiled: CompiledMap, parts: Parts, seen: Record) -> bool:
    link = page.links.of_partner(seen.ref)
    return link is not None and link.entity == compiled.entity.name and parts.say_nothing_new(link, seen)


def _latest(items: Iterable[Record | Gone]) -> dict[Ref, Record | Gone]:
    """Each record once, as it was told last. A feed may tell a record in parts (a row, then values that rows lack):
    what a later part does not hold stays as an earlier one told it. Of a record that lives, but not for us, nothing is
    known: it is not gone."""
    latest: dict[Ref, Record | Gone] = {}
    for item in items:
        if isinstance(item, Gone) and item.reason is GoneReason.HIDDEN:
            latest.pop(item.ref, None)
            continue
        known = latest.get(item.ref)
        latest[item.ref] = joined(known, item) if isinstance(known, Record) and isinstance(item, Record) else item
    return latest


def joined(earlier: Record, later: Record) -> Record:
    """Two parts of one record."""
    return replace(
        later,
        fields={**earlier.fields, **later.fields},
        modified_at=later.modified_at or earlier.modified_at,
        labels=later.labels if later.labels is not None else earlier.labels,
        created_at=later.created_at or earlier.created_at,
    )


def _is_part(compiled: CompiledMap, seen: Record) -> bool:
    name = compiled.match_name(Side.PARTNER)
    return name is not None and seen.value(name) is ABSENT and seen.labels is None


def _match(page: Page, compiled: CompiledMap, seen: Record | Gone) -> str | None:
    return compiled.match_of(seen, Side.PARTNER) if isinstance(seen, Record) else None


def _linked(page: Page, ref: Ref, seen: Record | Gone) -> Case | None:
    link = page.links.of_partner(ref)
    compiled = page.work.map_named(link.entity) if link is not None else None
    if link is None or compiled is None:
        return None
    return Case(map=compiled, crm_ref=link.crm, key=link.key, partner_ref=ref, partner=seen, tries=link.tries)


def _awaiting(page: Page, kind: Kind, seen: Record, text: str | None) -> Case | None:
    """The link whose accepted create this record is."""
    if text is None:
        return None
    for link in page.links.matched(page.reconciler.digester.match(text)).links:
        compiled = page.work.map_named(link.entity)
        if link.state is LinkState.AWAITING and compiled is not None and compiled.entity.partner_kind == kind:
            return Case(map=compiled, crm_ref=link.crm, key=link.key, partner_ref=seen.ref, partner=seen)
    return None


def _own(page: Page, maps: Sequence[CompiledMap], seen: Record) -> Case:
    """A record nobody is linked to: the entity it asks to be made as, else the first of its kind."""
    compiled = next(
        (item for item in maps if item.entity.labels is not None and item.entity.labels.asks_to_create(seen.labels)),
        maps[0],
    )
    kind = compiled.entity.crm_kind
    crm, incarnation = page.links.own_row(page.work.engine.connection.id, kind, seen.ref)
    return Case(
        map=compiled,
        crm_ref=crm,
        key=link_key(crm),
        partner_ref=seen.ref,
        partner=seen,
        incarnation=incarnation,
    )
