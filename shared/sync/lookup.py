"""Asks a system whether it has a record of a match value already, before one is made there.

Dynamics is asked for every row that is to be made, the partner where its creates carry no key of any kind. Such a
system makes a second record without a word, and what the hub remembers of match values may be behind: a user typed the
same person a moment ago, or a linked record carries a value that could not be taken over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import batched
from typing import TYPE_CHECKING

from shared.domain.identity import LinkKey, LinkState, link_key
from shared.domain.mapping import CompiledMap
from shared.domain.records import Gone, GoneReason, Record, Ref, Side
from shared.sync.cases import Case

if TYPE_CHECKING:
    from shared.sync.page import Page


def ask_crm(page: Page, cases: Sequence[Case]) -> None:
    """Notes on each case the one free row that Dynamics has of its match value, or that it is not clear. Where somebody
    asked for a row, one of any kind that people of theirs are made as will do: nobody is to be there twice."""
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        case.looked_up = True
        groups[case.map.entity.name].append(case)
    for group in groups.values():
        _rows_of(page, group, group[0].map)
    alone: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.asked is not None and case.crm is None and not case.ambiguous:
            alone[case.map.entity.name].append(case)
    for group in alone.values():
        own = group[0].map
        for other in page.work.maps_of(Side.PARTNER, own.entity.partner_kind):
            if other.entity.crm_kind != own.entity.crm_kind:
                _rows_of(page, [case for case in group if case.crm is None and not case.ambiguous], other)


def _rows_of(page: Page, cases: Sequence[Case], compiled: CompiledMap) -> None:
    """Looks for rows of this map's kind, which need not be that of the cases'."""
    kinds = page.work.engine.crm.capabilities.kinds[compiled.entity.crm_kind]
    if kinds.match_field is None or not cases:
        return
    texts = {id(case): _text_of(case, compiled) for case in cases}
    found: dict[str, Sequence[Record]] = {}
    wanted = dict.fromkeys(text for text in texts.values() if text is not None)
    for part in batched(wanted, kinds.find_size, strict=False):
        found.update(page.work.engine.crm.find(compiled.entity.crm_kind, list(part), compiled.reads(Side.CRM)))
    asked = Counter(texts.values())
    for case in cases:
        text = texts[id(case)]
        records = found.get(text or "", ())
        if records:
            case.ambiguous = len(records) > 1 or asked[text] > 1
        if records and not case.ambiguous:
            _found(page, case, compiled, records[0])


def _text_of(case: Case, compiled: CompiledMap) -> str | None:
    return compiled.match_of(case.partner, Side.PARTNER) if isinstance(case.partner, Record) else None


def _found(page: Page, case: Case, compiled: CompiledMap, row: Record) -> None:
    met = page.links.link(link_key(row.ref))
    if met is not None and met.state is LinkState.LINKED and met.partner != case.partner_ref:
        case.ambiguous = True
        return
    if page.links.link(case.key) is not None:
        page.links.remove(case.key)
    case.map, case.crm, case.crm_ref, case.key, case.incarnation = compiled, row, row.ref, link_key(row.ref), 0


def ask_partner(page: Page, cases: Iterable[Case]) -> None:
    """Notes on each case what the partner answered: the one free record, that it is taken, or that it is not clear."""
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.map.entity.name].append(case)
    for group in groups.values():
        compiled = group[0].map
        kind = compiled.entity.partner_kind
        connector = page.work.engine.partner
        texts = {id(case): page.reconciler.match_of(case) for case in group}
        wanted = dict.fromkeys(text for text in texts.values() if text is not None)
        found: dict[str, Sequence[Record]] = {}
        for part in batched(wanted, connector.capabilities.kinds[kind].find_size, strict=False):
            found.update(connector.find(kind, part, compiled.reads(Side.PARTNER)))
        page.links.load(partners=[record.ref for records in found.values() for record in records])
        for case in group:
            _answered(page, case, found.get(texts[id(case)] or "", ()))


def _answered(page: Page, case: Case, records: Sequence[Record]) -> None:
    case.partner_asked = True
    if len(records) > 1:
        case.ambiguous = True
    elif records and _is_linked(page, records[0]):
        case.taken = True
    elif records:
        case.partner, case.partner_ref = records[0], records[0].ref


def _is_linked(page: Page, record: Record) -> bool:
    link = page.links.of_partner(record.ref)
    return link is not None and link.state in {LinkState.LINKED, LinkState.AWAITING}


def read_rivals(page: Page, cases: Sequence[Case]) -> None:
    """What stands in the way of these cases. Merges and contested match values are rare: a call for each record.

    Of a record that was merged away: whether the counterpart of the one that stayed is there. Of a pair that was agreed
    under the case's match value: whether one of its records holds it still.
    """
    for case in cases:
        if case.rival is not None and case.rival_lives is None:
            side, ref = case.rival
            seen = _read(page, case.map, side, ref)
            hidden = isinstance(seen, Gone) and seen.reason is GoneReason.HIDDEN
            case.rival_lives = hidden or not (isinstance(seen, Gone) and seen.merged_into is None)
        for key in [key for key, holds in case.claims.items() if holds is None]:
            case.claims[key] = _holds(page, case, key)


def _holds(page: Page, case: Case, key: LinkKey) -> bool:
    link, text = page.links.link(key), page.reconciler.match_of(case)
    compiled = page.work.map_named(link.entity) if link is not None else None
    if link is None or compiled is None:
        return link is not None
    for side, ref in ((Side.CRM, link.crm), (Side.PARTNER, link.partner)):
        seen = _read(page, compiled, side, ref) if ref is not None else None
        if isinstance(seen, Record) and compiled.match_of(seen, side) == text:
            return True
        if isinstance(seen, Gone) and seen.reason is GoneReason.HIDDEN:
            return True  # nobody can tell
    return False


def _read(page: Page, compiled: CompiledMap, side: Side, ref: Ref) -> Record | Gone | None:
    return page.work.connector(side).read(ref.kind, [ref.id], compiled.reads(side)).get(ref.id)


def let_go(page: Page, cases: Sequence[Case]) -> None:
    """Takes partner records that carry another match value by now away from cases that found them under the former
    one: they are somebody else, and stand under their own."""
    for case in cases:
        found, case.found_under = case.found_under, None
        if found is None or not isinstance(case.partner, Record) or case.partner_ref is None:
            continue
        text = case.map.match_of(case.partner, Side.PARTNER)
        match = page.reconciler.match_key(text)
        if match == found:
            continue
        waiting = page.links.of_partner(case.partner_ref)
        if waiting is not None and waiting.state is LinkState.PARKED:
            page.links.put(replace(waiting, match=match))
        else:
            page.links.remember(case.partner_ref, match)
        case.partner = case.partner_ref = None
