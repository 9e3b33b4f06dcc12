"""One partner record, one link in use: checked before anything is written (invariant I3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final

from shared.domain.identity import Link, LinkKey
from shared.domain.records import Ref
from shared.state.errors import AlreadyLinked
from shared.state.links import is_live
from shared.state.reader import LaneReader
from shared.state.reverse import PartnerEntry, partner_key

_NONE: Final = PartnerEntry()


def refuse_second_links(
    reader: LaneReader, links: Mapping[LinkKey, Link], removed: Set[LinkKey]
) -> tuple[set[LinkKey], set[Ref]]:
    """Raises AlreadyLinked when a partner record would have two links in use.

    Answers the links that give or take a partner record of each other, and the partner records that were candidates
    for a match and get a link now.
    """
    claims: dict[Ref, list[LinkKey]] = {}
    for key, link in links.items():
        if link.partner and is_live(link):
            claims.setdefault(link.partner, []).append(key)
    places = {ref: partner_key(ref) for ref in claims}
    entries = reader.partner_entries(places.values())
    known = {ref: entries.get(place, _NONE) for ref, place in places.items()}
    contested = {ref: keys for ref in claims if len(keys := {*claims[ref], *known[ref].links}) > 1}
    if contested:
        before = reader.links(key for keys in contested.values() for key in keys)
        clashes: dict[LinkKey, tuple[Ref, LinkKey]] = {}
        for ref, keys in contested.items():
            after = {key: links.get(key) or (None if key in removed else before.get(key)) for key in keys}
            clashes.update(_clashes(ref, claims[ref], before, after))
        if clashes:
            raise AlreadyLinked(clashes)
    moving = {key for keys in contested.values() for key in keys}
    return moving, {ref for ref, entry in known.items() if entry.match is not None}


def _clashes(
    ref: Ref, claims: Sequence[LinkKey], before: Mapping[LinkKey, Link], after: Mapping[LinkKey, Link | None]
) -> Iterable[tuple[LinkKey, tuple[Ref, LinkKey]]]:
    """The claims on a partner record beyond the first; a link that has it already comes before all others."""
    live = [key for key, link in after.items() if link and is_live(link) and link.partner == ref]
    held = [key for key in live if (old := before.get(key)) and is_live(old) and old.partner == ref]
    ranked = sorted(held) + [key for key in claims if key not in held]
    return [(key, (ref, ranked[0])) for key in ranked[1:] if key in claims and key not in held]
