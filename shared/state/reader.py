"""Answers from the pages of a lane: links by key, by partner record, by match key.

Reverse entries are hints. Each is verified against the link it names, and what is found stale is remembered, so that
the next fold takes it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.domain.identity import Link, LinkKey, MatchKey
from shared.domain.records import Ref
from shared.ports.state import PartitionStore
from shared.state import layers as layer_rows
from shared.state.errors import StateDamaged
from shared.state.links import is_live, tally, unpack_link
from shared.state.model import MatchEntry
from shared.state.page import KEY_BITS, Page
from shared.state.pages import Pages, Tree, row_key
from shared.state.reverse import KEY_BYTES, PartnerEntry, is_empty, partner_key, unpack_match
from shared.state.tellings import Tellings

_SCANNED: Final = 24
_SEEN: Final = 50_000
_DECODED: Final = 4096


@dataclass(slots=True)
class Stale:
    """Reverse entries that no link bears out."""

    partners: set[tuple[bytes, LinkKey]] = field(default_factory=set)
    matches: set[tuple[MatchKey, LinkKey]] = field(default_factory=set)
    candidates: set[tuple[MatchKey, Ref]] = field(default_factory=set)

    def clear(self) -> None:
        self.partners.clear()
        self.matches.clear()
        self.candidates.clear()


class LaneReader:
    """Reads one lane, each page once. With the lease in hand that stays true; without, it is as old as the reader.

    Raises StateDamaged for a page that does not decode, ConfigError for one of a newer release, Transient.
    """

    def __init__(self, store: PartitionStore, partition: str) -> None:
        self._partition = partition
        self.pages = Pages(store, partition)
        self.stale = Stale()
        self.told = Tellings(store, partition)
        self._seen: dict[LinkKey, tuple[str, ...]] = {}
        self._decoded: dict[bytes, tuple[bytes, Link]] = {}

    def links(self, keys: Iterable[LinkKey]) -> dict[LinkKey, Link]:
        """The links that exist."""
        layers = self.pages.layers()
        found: dict[LinkKey, Link] = {}
        below: list[LinkKey] = []
        for key in keys:
            if key not in layers:
                below.append(key)
            elif link := self._layered(key):
                found[key] = link
        for page, wanted in self.pages.walk(Tree.LINKS, below):
            for name in wanted:
                if link := self.link_in(page, name):
                    found[LinkKey(name)] = link
        self._note(below, found)
        return found

    def tallies(self, keys: Iterable[LinkKey]) -> dict[LinkKey, tuple[str, ...]]:
        """What each link adds to the lane's counters; nothing, where there is none. Links that were read a moment ago
        are not read again."""
        wanted = list(keys)
        known = {key: self._seen[key] for key in wanted if key in self._seen}
        found = self.links(key for key in wanted if key not in known)
        return dict.fromkeys(wanted, ()) | {key: tuple(tally(link)) for key, link in found.items()} | known

    def changed(self) -> None:
        """Links were changed: what was seen of them is no longer so."""
        self._seen.clear()
        self._decoded.clear()

    def forget(self) -> None:
        """Believes nothing that was read before."""
        self.pages.forget()
        self.told.forget()
        self._seen.clear()
        self._decoded.clear()

    def by_partner(self, refs: Iterable[Ref]) -> dict[Ref, LinkKey]:
        """The link of each partner record: the one in use if there is one, else the last tombstone or refusal."""
        by_key = {partner_key(ref): ref for ref in refs}
        entries = self.partner_entries(by_key)
        links = self.links(key for entry in entries.values() for key in entry.links)
        found: dict[Ref, LinkKey] = {}
        for key, entry in entries.items():
            ref = by_key[key]
            true = [link for name in entry.links if (link := links.get(name)) and link.partner == ref]
            self.stale.partners.update((key, name) for name in entry.links if links.get(name) not in true)
            if true:
                found[ref] = max(true, key=lambda link: (is_live(link), link.incarnation, link.key)).key
        return found

    def by_match(self, keys: Iterable[MatchKey]) -> dict[MatchKey, MatchEntry]:
        """Links agreed on each match key and unlinked partner records that carry it; keys without any are left out."""
        entries = self.match_entries(keys)
        partners = self.partner_entries(partner_key(ref) for entry in entries.values() for ref in entry.candidates)
        names = {name for entry in entries.values() for name in entry.links}
        names |= {name for entry in partners.values() for name in entry.links}
        links = self.links(names)
        found: dict[MatchKey, MatchEntry] = {}
        for key, entry in entries.items():
            true = tuple(name for name in entry.links if name in links and links[name].match == key)
            carried = tuple(ref for ref in entry.candidates if _carries(ref, key, partners, links))
            self.stale.matches.update((key, name) for name in entry.links if name not in true)
            self.stale.candidates.update((key, ref) for ref in entry.candidates if ref not in carried)
            if true or carried or entry.more:
                found[key] = MatchEntry(true, carried, entry.more)
        return found

    def scan_links(self, after: LinkKey | None = None, limit: int | None = None) -> Iterator[Link]:
        """Links in key order, those after `after`, at most `limit`."""
        return scan(self.scan_window, after, limit)

    def scan_window(self, start: int) -> tuple[list[Link], int | None]:
        """The links of some pages from the key `start` on (as a number), in key order, and where to go on."""
        directory = self.pages.directory(Tree.LINKS)
        place = directory.place(start.to_bytes(KEY_BYTES, "big"))
        window = directory.prefixes[place : place + _SCANNED]
        pages = self.pages.read(Tree.LINKS, window)
        links: dict[LinkKey, Link] = {}
        end = directory.bounds(window[-1])[1]
        for prefix in window:
            page = pages[prefix]
            if page.prefix != prefix:  # it was split since the directory was read, which knows now
                end = max(start, directory.bounds(prefix)[0])
                break
            wanted = [LinkKey(key) for key, _ in page.items() if int.from_bytes(key, "big") >= start]
            links.update((key, link) for key in wanted if (link := self.link_in(page, key)))
        for name in self.pages.layers().between(start, end):
            layered = self._layered(name)
            if layered is None:
                links.pop(name, None)
            else:
                links[name] = layered
        return [links[key] for key in sorted(links)], None if end >> KEY_BITS else end

    def link_in(self, page: Page, key: bytes, *, keep: bool = True) -> Link | None:
        """The link a page has under a key. Between two folds the same link is asked for several times: it is decoded
        once, as long as the page holds the very same bytes. `keep` is False for the last who asks."""
        blob = page.get(key)
        if blob is None:
            return None
        known = self._decoded.get(key)
        if known is not None and known[0] == blob:
            return known[1]
        try:
            link = unpack_link(blob, page.words)
        except ValueError as error:
            raise self.damaged(Tree.LINKS, page, error) from error
        if keep:
            self._remember(key, blob, link)
        return link

    def partner_entries(self, keys: Iterable[bytes]) -> dict[bytes, PartnerEntry]:
        """Unverified entries by `partner_key`, of pages and layers together."""
        layers, wanted = self.pages.layers(), list(keys)
        found = self._entries(Tree.PARTNERS, wanted, lambda _, blob: PartnerEntry.unpack(blob))
        for place in wanted if layers else ():
            entry = found.get(place, PartnerEntry())
            names = tuple(sorted({*entry.links, *layers.of_partner(place)}))
            found[place] = PartnerEntry(names, layers.candidate(place, entry.match))
        return {place: entry for place, entry in found.items() if not entry.is_empty()}

    def match_entries(self, keys: Iterable[MatchKey]) -> dict[MatchKey, MatchEntry]:
        """Unverified entries by match key, of pages and layers together."""
        layers, wanted = self.pages.layers(), list(keys)
        below = self._entries(Tree.MATCHES, wanted, lambda page, blob: unpack_match(blob, page.words))
        found = {MatchKey(key): entry for key, entry in below.items()}
        for match in wanted if layers else ():
            entry = found.get(match, MatchEntry())
            links = tuple(sorted({*entry.links, *layers.of_match(match)}))
            refs = tuple(sorted({*entry.candidates, *layers.carrying(match)}))
            found[match] = MatchEntry(links, refs, entry.more)
        return {match: entry for match, entry in found.items() if not is_empty(entry)}

    def damaged(self, tree: Tree, page: Page, error: ValueError) -> StateDamaged:
        return StateDamaged(self._partition, row_key(tree, page.prefix), str(error))

    def _layered(self, key: LinkKey) -> Link | None:
        layers = self.pages.layers()
        blob = layers.blob(key)
        known = self._decoded.get(key)
        if known is not None and known[0] is blob:
            return known[1]
        try:
            link = layers.link(key)
        except ValueError as error:
            raise StateDamaged(self._partition, layer_rows.FIRST, str(error)) from error
        if link is not None:
            self._remember(key, blob, link)
        return link

    def _remember(self, key: bytes, blob: bytes, link: Link) -> None:
        if len(self._decoded) >= _DECODED:
            self._decoded.clear()
        self._decoded[key] = blob, link

    def _note(self, below: Iterable[LinkKey], found: Mapping[LinkKey, Link]) -> None:
        if len(self._seen) > _SEEN:
            self._seen.clear()
        self._seen.update((key, ()) for key in below if key not in found)
        self._seen.update((key, tuple(tally(link))) for key, link in found.items())

    def _entries[T](self, tree: Tree, keys: Iterable[bytes], decode: Callable[[Page, bytes], T]) -> dict[bytes, T]:
        found: dict[bytes, T] = {}
        for page, wanted in self.pages.walk(tree, keys):
            try:
                for key in wanted:
                    if (blob := page.get(key)) is not None:
                        found[key] = decode(page, blob)
            except ValueError as error:
                raise self.damaged(tree, page, error) from error
        return found


def _carries(ref: Ref, match: MatchKey, partners: Mapping[bytes, PartnerEntry], links: Mapping[LinkKey, Link]) -> bool:
    """Whether a partner record is still without a link in use, and still known to carry a match value."""
    entry = partners.get(partner_key(ref))
    if entry is None or entry.match != match:
        return False
    return not any((link := links.get(name)) and link.partner == ref and is_live(link) for name in entry.links)


def scan(
    window: Callable[[int], tuple[list[Link], int | None]], after: LinkKey | None, limit: int | None
) -> Iterator[Link]:
    """Links window by window; between two of them anything may be folded."""
    start: int | None = 0 if after is None else int.from_bytes(after, "big") + 1
    left = limit
    while start is not None and (left is None or left > 0) and not start >> KEY_BITS:
        links, start = window(start)
        yield from links if left is None else links[:left]
        left = None if left is None else left - len(links)
