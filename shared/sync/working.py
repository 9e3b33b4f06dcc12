"""The working set of one page: links as they will be after it, over what the lane state holds now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.domain.identity import Link, LinkKey, LinkState, MatchKey, crm_id_for, link_key
from shared.domain.records import Kind, Ref
from shared.state.lanes import HeldLane
from shared.sync.columns import Columns


@dataclass(frozen=True, slots=True)
class Matched:
    """What is known under one match key: links in use, partner records nobody is linked to, and the parked links of
    partner records that wait for a Dynamics row."""

    links: tuple[Link, ...]
    candidates: tuple[Ref, ...]
    more: bool = False  # too many to remember: ambiguous, whatever else is known
    parked: tuple[Link, ...] = ()


class WorkingSet:
    """Reads through to the lane state, keeps what the page changes. Nothing is durable before `fold`.

    What a link agreed of former `columns` is not shown."""

    def __init__(self, held: HeldLane, columns: Columns) -> None:
        self._held = held
        self.columns = columns
        self._links: dict[LinkKey, Link | None] = {}
        self._partners: dict[Ref, LinkKey | None] = {}
        self._matches: dict[MatchKey, tuple[set[LinkKey], dict[Ref, None], bool]] = {}
        self._before: dict[LinkKey, Link | None] = {}
        self._proven: dict[LinkKey, Link | None] = {}
        self._removed: set[LinkKey] = set()
        self._candidates: dict[Ref, MatchKey | None] = {}

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
                (set(entry.links), dict.fromkeys(entry.candidates), entry.more)
                if entry is not None
                else (set(), {}, False)
            )
        wanted = dict.fromkeys(keys)
        wanted.update((key, None) for key in found_refs.values())
        for match in wanted_matches:
            wanted.update((key, None) for key in self._matches[match][0])
        missing = [key for key in wanted if key not in self._links]
        found = self._held.links(missing) if missing else {}
        for key in missing:
            link = found.get(key)
            self._links[key] = None if link is None else self.columns.current(link)

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
        keys, candidates, more = self._matches[match]
        links = [self.link(key) for key in sorted(keys)]
        # A candidate that changed its match value within this page stands under its new one only.
        return Matched(
            tuple(link for link in links if link is not None and link.match == match and _in_use(link)),
            tuple(ref for ref in candidates if self._free(ref) and self._candidates.get(ref, match) == match),
            more,
            tuple(link for link in links if link is not None and link.match == match and _waits(link)),
        )

    def _free(self, ref: Ref) -> bool:
        """Whether a partner record may be linked: it never was, or its Dynamics row was deleted."""
        link = self.of_partner(ref)
        return link is None or link.state is LinkState.TOMBSTONE

    def own_row(self, connection: str, kind: Kind, partner: Ref, *, start: int = 0) -> tuple[Ref, int]:
        """The Dynamics row that would be made for a partner record, and its incarnation (from `start`).

        It is the first whose id no other pair has: a row that was made for this record may belong to another one by
        now, or be deleted, and the id of a deleted row is never used again. A record that waits for a row already
        goes on waiting for that one; a link that waits without a partner record is that of a row which was made.
        """
        waiting = self.of_partner(partner)
        parked = waiting is not None and waiting.state is LinkState.PARKED
        incarnation = max(start, waiting.incarnation) if waiting is not None and parked else start
        while True:
            crm = Ref(kind, crm_id_for(connection, kind, partner, incarnation))
            link = self.link(link_key(crm))
            if link is None or (link.state is LinkState.PARKED and link.partner == partner):
                return crm, incarnation
            incarnation += 1

    def put(self, link: Link) -> None:
        link = self.columns.of_now(link)
        key = link.key
        before = self.link(key)
        self._before.setdefault(key, before)
        self._links[key] = link
        self._removed.discard(key)
        if link.partner is not None and (
            link.state is not LinkState.TOMBSTONE or self.of_partner(link.partner) is None
        ):
            self._partners[link.partner] = key
            self._candidates.pop(link.partner, None)
        if link.match is not None and (link.match in self._matches or before is None or before.match != link.match):
            self.load(matches=[link.match])
            self._matches[link.match][0].add(key)
            if link.partner is not None:
                self._matches[link.match][1].pop(link.partner, None)

    def prove(self, key: LinkKey, *flags: str) -> None:
        """From here on this link is not taken back any further: a write that it tells of was applied. `flags` are what
        it gets if it is."""
        if key in self._before:
            link = self._links[key]
            self._proven[key] = replace(link, flags=link.flags | set(flags)) if link is not None and flags else link

    def restore(self, key: LinkKey) -> None:
        """Takes back what this page did to a link since its last write that was applied (the next one was not sent, or
        its answer was lost)."""
        if key not in self._before:
            return
        undone = self._links[key]
        before = self._proven[key] if key in self._proven else self._before.pop(key)
        if undone is not None and undone.partner is not None and self._partners.get(undone.partner) == key:
            del self._partners[undone.partner]
        self._links[key] = before
        if before is None and key in self._proven:
            self._removed.add(key)
        else:
            self._removed.discard(key)
        if before is not None and before.partner is not None and before.state is not LinkState.TOMBSTONE:
            self._partners[before.partner] = key

    def remove(self, key: LinkKey) -> None:
        """Forgets a link altogether (a parked one whose record turned out to belong to another link)."""
        self._before.setdefault(key, self.link(key))
        self._links[key] = None
        self._removed.add(key)

    def remember(self, ref: Ref, match: MatchKey | None) -> None:
        """Keeps an unlinked partner record as a candidate under its match key (None: it carries none any more)."""
        self._candidates[ref] = match
        if match is not None:
            self.load(matches=[match])
            self._matches[match][1][ref] = None

    @property
    def links(self) -> list[Link]:
        """The links to store."""
        return [
            link for key, before in self._before.items() if (link := self._links[key]) is not None and link != before
        ]

    @property
    def removed(self) -> list[LinkKey]:
        return [key for key in self._removed if self._before.get(key) is not None]

    @property
    def healed(self) -> list[LinkKey]:
        """Links that were failing before this page, the record or one of its fields, and are not so after it."""
        return [
            key
            for key, before in self._before.items()
            if before is not None and (before.parked or before.tries) and _is_well(self._links[key])
        ]

    @property
    def candidates(self) -> dict[Ref, MatchKey | None]:
        return dict(self._candidates)


def _is_well(link: Link | None) -> bool:
    return link is None or (link.state not in {LinkState.PARKED, LinkState.AWAITING} and not link.parked)


def _waits(link: Link) -> bool:
    return link.state is LinkState.PARKED and link.partner is not None


def _in_use(link: Link) -> bool:
    return link.state in {LinkState.LINKED, LinkState.AWAITING}
