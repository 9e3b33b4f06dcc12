"""Makes changes true: links, their reverse entries, and with the last transaction the cursors.

The order is what makes a crash harmless at any point. First every reverse entry that will be true is added, then the
links are written, then reverse entries that are no longer true are taken out, then batches and commands go, and the
cursors move with the last transaction. At each point a true link has its reverse entries; some others may be stale,
which the reader verifies. Folding the same changes again ends in the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Final

from shared.domain.identity import Link, LinkKey, MatchKey
from shared.domain.records import Ref
from shared.ports.state import Operation
from shared.state.layers import Claim, add_one
from shared.state.lease import Fence
from shared.state.links import tally
from shared.state.model import Fact, MatchEntry
from shared.state.page import SPLIT_BYTES, Change, Page
from shared.state.pages import Tree
from shared.state.reader import LaneReader
from shared.state.reverse import (
    PartnerEntry,
    is_empty,
    pack_match,
    partner_key,
    unpack_match,
    with_candidate,
    with_link,
    without_candidate,
    without_link,
)
from shared.state.words import Words
from shared.state.writer import Writer

_NONE: Final = PartnerEntry()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the pages are to hold: `claims` of the links to put and how to get each in the words of its page, those to
    take out, and which match key unlinked partner records carry. `moving` are links that give or take a partner record
    of each other. `tallies` are what the links to put add to the lane's counters; None: those were moved already."""

    claims: Mapping[LinkKey, Claim]
    packed: Callable[[LinkKey, Words], bytes]
    removed: Set[LinkKey]
    candidates: Mapping[Ref, MatchKey | None]
    moving: Set[LinkKey] = frozenset()
    tallies: Callable[[LinkKey], Iterable[str]] | None = None


class Fold:
    """One fold into the pages."""

    def __init__(self, fence: Fence, reader: LaneReader, target: Target) -> None:
        self._reader = reader
        self._target = target
        self._writer = Writer(fence, reader.pages)
        claims = target.claims
        self._places = {key: claim.place for key, claim in claims.items() if claim.place is not None}
        self._names = {claim.place: claim.partner for claim in claims.values() if claim.place and claim.partner}
        self._live = {claim.place for claim in claims.values() if claim.place and claim.live}
        self._old_partners = set(reader.stale.partners)
        self._old_matches = set(reader.stale.matches)
        self._old_candidates = set(reader.stale.candidates)
        self._settled: set[bytes] = set()
        self._added_links: dict[bytes, tuple[LinkKey, ...]] = {}
        self._added_candidates: dict[bytes, set[Ref]] = {}

    def run(self, loose: Iterable[Sequence[Operation]], last: Sequence[Operation], facts: Mapping[str, Fact]) -> int:
        """Commits everything and answers in how many transactions.

        `loose` are groups of operations on other rows, `last` those of the last transaction.
        """
        self._add_partners()
        self._add_matches()
        self._put_links()
        self._drop_matches()
        self._drop_partners()
        for group in loose:
            self._writer.add(group)
        self._writer.finish(last, facts)
        self._reader.stale.clear()
        return self._writer.commits

    # -- reverse entries that will be true ------------------------------------------------------------------------

    def _add_partners(self) -> None:
        linked: dict[bytes, tuple[LinkKey, ...]] = {}
        for key, place in self._places.items():
            add_one(linked, place, key)
        matches = {partner_key(ref): match for ref, match in self._target.candidates.items()}
        names = self._names | {partner_key(ref): ref for ref in self._target.candidates}
        for page, wanted in self._walk(Tree.PARTNERS, names):
            edits: list[Change] = []
            for place in wanted:
                old = _partner_entry(self._reader, page, place)
                # a candidate that is linked now stays one until its link is written: a crash must not lose it
                match = old.match if place in self._live else matches.get(place, old.match)
                new = PartnerEntry(tuple(sorted({*old.links, *linked.get(place, ())})), match)
                if old.match and (place in self._live or old.match != match):
                    self._old_candidates.add((old.match, names[place]))
                    self._settled.update({place} & self._live)
                edits.extend(_edit(page, place, None if new.is_empty() else new.pack()))
            self._writer.change(Tree.PARTNERS, page, edits)

    def _add_matches(self) -> None:
        links, candidates = self._added_links, self._added_candidates
        for key, claim in self._target.claims.items():
            if claim.match is not None:
                add_one(links, claim.match, key)
        for ref, match in self._target.candidates.items():
            if match is not None and partner_key(ref) not in self._live:
                candidates.setdefault(match, set()).add(ref)
        for page, wanted in self._walk(Tree.MATCHES, links.keys() | candidates.keys()):
            edits: list[Change] = []
            for place in wanted:
                entry = _match_entry(self._reader, page, place)
                for key in sorted(links.get(place, ())):
                    entry = with_link(entry, key)
                for ref in sorted(candidates.get(place, ())):
                    entry = with_candidate(entry, ref)
                edits.extend(_edit(page, place, pack_match(entry, page.words)))
            self._writer.change(Tree.MATCHES, page, edits)

    # -- links ----------------------------------------------------------------------------------------------------

    def _put_links(self) -> None:
        changed = self._target.claims.keys() | self._target.removed
        moving = self._target.moving & changed
        # a partner record goes from one link to another in one transaction, as long as those fit one
        with self._writer.in_one(2 * len(moving), 2 * len(moving) * SPLIT_BYTES):
            self._put(moving)
        self._put(changed - moving)

    def _put(self, keys: Iterable[LinkKey]) -> None:
        for page, wanted in self._walk(Tree.LINKS, keys):
            edits: list[Change] = []
            before: dict[bytes, Link | None] = {}
            for place in wanted:
                key = LinkKey(place)
                claim = self._target.claims.get(key)
                before[key] = old = self._reader.link_in(page, key, keep=False)
                self._retire(key, old, claim)
                edits.extend(_edit(page, key, None if claim is None else self._target.packed(key, page.words)))
            count = partial(self._count, before) if self._target.tallies is not None else None
            self._writer.change(Tree.LINKS, page, edits, count)

    def _retire(self, key: LinkKey, old: Link | None, new: Claim | None) -> None:
        """Notes the reverse entries of the old link that the new one no longer bears out."""
        if old is None:
            return
        if old.partner and (new is None or new.partner != old.partner):
            self._old_partners.add((partner_key(old.partner), key))
        if old.match is not None and (new is None or new.match != old.match):
            self._old_matches.add((old.match, key))

    def _count(self, before: Mapping[bytes, Link | None], key: bytes) -> None:
        old, tallies = before[key], self._target.tallies
        self._writer.counts.subtract(tally(old) if old else ())
        if tallies is not None and LinkKey(key) in self._target.claims:
            self._writer.counts.update(tallies(LinkKey(key)))

    # -- reverse entries that are no longer true ------------------------------------------------------------------

    def _drop_partners(self) -> None:
        gone: dict[bytes, set[LinkKey]] = {}
        for place, key in self._old_partners:
            if self._places.get(key) != place:
                gone.setdefault(place, set()).add(key)
        for page, wanted in self._walk(Tree.PARTNERS, gone.keys() | self._settled):
            edits: list[Change] = []
            for place in wanted:
                entry = _partner_entry(self._reader, page, place)
                links = tuple(key for key in entry.links if key not in gone.get(place, ()))
                entry = PartnerEntry(links, None if place in self._settled else entry.match)
                edits.extend(_edit(page, place, None if entry.is_empty() else entry.pack()))
            self._writer.change(Tree.PARTNERS, page, edits)

    def _drop_matches(self) -> None:
        links: dict[bytes, set[LinkKey]] = {}
        candidates: dict[bytes, set[Ref]] = {}
        for match, key in self._old_matches:
            if key not in self._added_links.get(match, ()):
                links.setdefault(match, set()).add(key)
        for match, ref in self._old_candidates:
            if ref not in self._added_candidates.get(match, ()):
                candidates.setdefault(match, set()).add(ref)
        for page, wanted in self._walk(Tree.MATCHES, links.keys() | candidates.keys()):
            edits: list[Change] = []
            for place in wanted:
                entry = _match_entry(self._reader, page, place)
                for key in links.get(place, ()):
                    entry = without_link(entry, key)
                for ref in candidates.get(place, ()):
                    entry = without_candidate(entry, ref)
                edits.extend(_edit(page, place, None if is_empty(entry) else pack_match(entry, page.words)))
            self._writer.change(Tree.MATCHES, page, edits)

    def _walk(self, tree: Tree, keys: Iterable[bytes]) -> Iterable[tuple[Page, list[bytes]]]:
        return self._reader.pages.walk(tree, keys, self._writer.overlay)


def _edit(page: Page, key: bytes, blob: bytes | None) -> list[Change]:
    """The change of one entry, or none when the page holds it already."""
    return [] if page.get(key) == blob else [(key, blob)]


def _partner_entry(reader: LaneReader, page: Page, key: bytes) -> PartnerEntry:
    blob = page.get(key)
    try:
        return _NONE if blob is None else PartnerEntry.unpack(blob)
    except ValueError as error:
        raise reader.damaged(Tree.PARTNERS, page, error) from error


def _match_entry(reader: LaneReader, page: Page, key: bytes) -> MatchEntry:
    blob = page.get(key)
    try:
        return MatchEntry() if blob is None else unpack_match(blob, page.words)
    except ValueError as error:
        raise reader.damaged(Tree.MATCHES, page, error) from error
