"""The working set of one page: links as they will be after it, over what the lane state holds now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.identity import Link, LinkKey, LinkState, MatchKey
from shared.domain.records import Ref
from shared.state.lane import Held


@dataclass(frozen=True, slots=True)
class Matched:
    """What is known under one match key: links in use, and partner records nobody is linked to."""

    links: tuple[Link, ...]
    candidates: tuple[Ref, ...]


class WorkingSet:
    """Reads through to the lane state, keeps what the page changes. Nothing is durable before `fold`."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._links: dict[LinkKey, Link | None] = {}
        self._partners: dict[Ref, LinkKey | None] = {}
        self._matches: dict[MatchKey, tuple[set[LinkKey], dict[Ref, None]]] = {}
        self.changed: set[LinkKey] = set()
        self.remembered: set[tuple[MatchKey, Ref]] = set()
        self.forgotten: set[tuple[MatchKey, Ref]] = set()

    def load(
        self, keys: Iterable[LinkKey] = (), partners: Iterable[Ref] = (), matches: Iterable[MatchKey] = ()
    ) -> None:
        """Fetches what is not there yet, in three rounds of point reads at the most."""
        wanted_refs = [ref for ref in dict.fromkeys(partners) if ref not in self._partners]
        found_refs = self._held.by_partner(wanted_refs) if wanted_refs else {}
        for ref in wanted_refs:
            self._partners[ref] = found_refs.get(ref)
        wanted_matches = [match for match in dict.fromkeys(matches) if match not in self._matches]
        found_matches = self._held.by_match(wanted_matches) if wanted_matches else {}
        for match in wanted_matches:
            entry = found_matches.get(match)
            self._matches[match] = (
                (set(entry.links), dict.fromkeys(entry.candidates)) if entry is not None else (set(), {})
            )
        wanted = dict.fromkeys(keys)
        wanted.update((key, None) for key in found_refs.values())
        for match in wanted_matches:
            wanted.update((key, None) for key in self._matches[match][0])
        missing = [key for key in wanted if key not in self._links]
        found = self._held.links(missing) if missing else {}
        for key in missing:
            self._links[key] = found.get(key)

    def link(self, key: LinkKey) -> Link | None:
        if key not in self._links:
            self.load(keys=[key])
        return self._links[key]

    def of_partner(self, ref: Ref) -> Link | None:
        """The link of a partner record; a stale reverse row is no link."""
        if ref not in self._partners:
            self.load(partners=[ref])
        key = self._partners[ref]
        link = self.link(key) if key is not None else None
        return link if link is not None and link.partner == ref else None

    def matched(self, match: MatchKey) -> Matched:
        if match not in self._matches:
            self.load(matches=[match])
        keys, candidates = self._matches[match]
        links = [self.link(key) for key in sorted(keys)]
        return Matched(
            tuple(link for link in links if link is not None and link.match == match and _in_use(link)),
            tuple(ref for ref in candidates if self.of_partner(ref) is None),
        )

    def put(self, link: Link) -> None:
        self._links[link.key] = link
        self.changed.add(link.key)
        if link.partner is not None and link.state is not LinkState.TOMBSTONE:
            self._partners[link.partner] = link.key
        elif link.partner is not None:
            self._partners.setdefault(link.partner, link.key)
        if link.match is not None:
            self.load(matches=[link.match])
            self._matches[link.match][0].add(link.key)
            if link.partner is not None:
                self.forget(link.match, link.partner)

    def remember(self, match: MatchKey, ref: Ref) -> None:
        """Keeps an unlinked partner record as a candidate under its match key."""
        self.load(matches=[match])
        if ref not in self._matches[match][1]:
            self._matches[match][1][ref] = None
            self.remembered.add((match, ref))
            self.forgotten.discard((match, ref))

    def forget(self, match: MatchKey, ref: Ref) -> None:
        self.load(matches=[match])
        if ref in self._matches[match][1]:
            del self._matches[match][1][ref]
            self.forgotten.add((match, ref))
            self.remembered.discard((match, ref))

    def changed_links(self) -> list[Link]:
        return [link for key in sorted(self.changed) if (link := self._links[key]) is not None]


def _in_use(link: Link) -> bool:
    return link.state in {LinkState.LINKED, LinkState.AWAITING}
