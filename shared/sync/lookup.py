"""Asks the partner whether it has a record of a match value already, where its creates carry no key of any kind.

Such a system makes a second record without a word, and what the hub remembers of match values may be behind: a user
typed the same person a moment ago, or a linked record carries a value that could not be taken over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import batched
from typing import TYPE_CHECKING

from shared.domain.identity import LinkState
from shared.domain.records import Gone, Record, Side
from shared.sync.cases import Case

if TYPE_CHECKING:
    from shared.sync.page import Page


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
    """Whether the counterparts of records that others were merged into are there. A merge is rare: one call each."""
    for case in cases:
        if case.rival is None or case.rival_lives is not None:
            continue
        side, ref = case.rival
        seen = page.work.connector(side).read(ref.kind, [ref.id], case.map.reads(side)).get(ref.id)
        case.rival_lives = not (isinstance(seen, Gone) and seen.merged_into is None)
