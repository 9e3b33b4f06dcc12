"""Changes that are durable and not in the pages yet.

Where there are many pages, a large fold would rewrite most of them for a few links each. It is written as a *layer*
instead: its links packed together, in one transaction. Layers lie over the pages, the newest on top, until they are
merged into them all at once: when they hold enough, and when the lane is released. Rows: `x.<number>.<part>`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.identity import Link, LinkKey, MatchKey
from shared.domain.records import Ref
from shared.ports.state import Operation, Row
from shared.state import envelope
from shared.state.errors import StateDamaged
from shared.state.links import in_words, is_live, pack_link, unpack_link
from shared.state.parts import joined, part_rows
from shared.state.reverse import KEY_BYTES, partner_key
from shared.state.words import Words, pack_ref, unpack_ref

FIRST: Final = "x."
LAST: Final = "x/"

LARGE_FOLD: Final = 300
MANY_PAGES: Final = 20
"""A fold of so many changes over so many pages of links becomes a layer (docs/adr/0002)."""

READY_AT: Final = 16_000
READY_BYTES: Final = 16 * 1024 * 1024
"""Layers of so many links, or bytes, are merged as soon as no page of work is in hand: both at once take a quarter more
memory."""

MERGE_AT: Final = 24_000
MERGE_BYTES: Final = 24 * 1024 * 1024
"""From so many on the fold that finds them merges them itself: what they take in memory stays bounded."""

_KEY: Final = re.compile(r"x\.([0-9]{8})\.([0-9]{3})")
_REMOVED: Final = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """What of a link its reverse entries depend on."""

    partner: Ref | None = None
    place: bytes | None = None
    match: MatchKey | None = None
    live: bool = False

    @staticmethod
    def of(link: Link) -> Claim:
        place = None if link.partner is None else partner_key(link.partner)
        return Claim(link.partner, place, link.match, is_live(link))


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its rows (the one that makes it count last), and what is in them."""

    number: int
    rows: Sequence[Operation]
    words: Words
    entries: dict[bytes, bytes]
    claims: Mapping[LinkKey, Claim | None]
    candidates: Mapping[Ref, MatchKey | None]


class Layers:
    """All layers of a lane, as one."""

    def __init__(self) -> None:
        self._layers: list[tuple[Words, dict[bytes, bytes]]] = []
        self._where: dict[LinkKey, int] = {}
        self._partners: dict[bytes, tuple[LinkKey, ...]] = {}
        self._matches: dict[MatchKey, tuple[LinkKey, ...]] = {}
        self._carried: dict[MatchKey, tuple[Ref, ...]] = {}
        self._places: dict[bytes, MatchKey | None] = {}
        self._sorted: list[LinkKey] | None = None
        self._size = 0
        self.claims: dict[LinkKey, Claim | None] = {}
        self.candidates: dict[Ref, MatchKey | None] = {}
        self.rows: set[str] = set()
        self._next = 1

    @staticmethod
    def read(partition: str, rows: Sequence[Row]) -> Layers:
        """The layers in rows. Raises StateDamaged for one that does not decode, ConfigError for a newer format."""
        layers = Layers()
        by_number: dict[int, dict[int, Row]] = {}
        for row in rows:
            envelope.check_format(partition, row)
            found = _KEY.fullmatch(row.key)
            if found is None:
                raise StateDamaged(partition, row.key, "its key is not one of a layer")
            by_number.setdefault(int(found[1]), {})[int(found[2])] = row
            layers.rows.add(row.key)
        for number, parts in sorted(by_number.items()):
            if 0 not in parts:
                continue  # its fold never ended
            try:
                layers.put(_layer(number, joined(partition, parts)))
            except (ValueError, TypeError, KeyError, IndexError) as error:
                raise StateDamaged(partition, parts[0].key, f"it does not hold a layer ({error})") from error
        return layers

    def __bool__(self) -> bool:
        """Whether there is anything to merge, leftovers of a fold that never ended included."""
        return bool(self.rows)

    def __contains__(self, key: object) -> bool:
        return key in self._where

    def ready(self) -> bool:
        return len(self._where) >= READY_AT or self._size >= READY_BYTES

    def full(self) -> bool:
        return len(self._where) >= MERGE_AT or self._size >= MERGE_BYTES

    def blob(self, key: LinkKey) -> bytes:
        """A link of the layers as it is packed; b"" for one that was removed."""
        return self._layers[self._where[key]][1][key]

    def link(self, key: LinkKey) -> Link | None:
        """A link of the layers; None for one that was removed. Raises ValueError for one that does not decode."""
        words, entries = self._layers[self._where[key]]
        blob = entries[key]
        return None if blob == _REMOVED else unpack_link(blob, words)

    def packed(self, key: LinkKey, words: Words) -> bytes:
        """A link of the layers in the words of a page. Raises ValueError for one that does not decode."""
        own, entries = self._layers[self._where[key]]
        return in_words(entries[key], own, words)

    def between(self, first: int, last: int) -> Iterable[LinkKey]:
        """The keys of layers in a stretch, `last` left out, as numbers."""
        if self._sorted is None:
            self._sorted = sorted(self._where)
        start = bisect_left(self._sorted, first.to_bytes(KEY_BYTES, "big"))
        whole = last >> (8 * KEY_BYTES)
        end = len(self._sorted) if whole else bisect_left(self._sorted, last.to_bytes(KEY_BYTES, "big"))
        return self._sorted[start:end]

    def of_partner(self, place: bytes) -> Iterable[LinkKey]:
        """Links that named a partner record in some layer; to be verified."""
        return self._partners.get(place, ())

    def of_match(self, match: MatchKey) -> Iterable[LinkKey]:
        return self._matches.get(match, ())

    def carrying(self, match: MatchKey) -> Iterable[Ref]:
        """Partner records that carried a match value in some layer; to be verified."""
        return self._carried.get(match, ())

    def candidate(self, place: bytes, known: MatchKey | None) -> MatchKey | None:
        """The match key a partner record carries, `known` where no layer tells."""
        return self._places.get(place, known)

    # -- making one -------------------------------------------------------------------------------------------------

    def make(
        self, links: Iterable[Link], removed: Iterable[LinkKey], candidates: Mapping[Ref, MatchKey | None]
    ) -> Layer:
        """A layer to be written on top of these."""
        words = Words()
        claims: dict[LinkKey, Claim | None] = dict.fromkeys(removed)
        entries: dict[bytes, bytes] = dict.fromkeys(claims, _REMOVED)
        for link in links:
            claims[link.key] = Claim.of(link)
            entries[link.key] = pack_link(link, words)
        carried = [[pack_ref(ref, words), match] for ref, match in candidates.items()]
        body = envelope.pack([words.texts, words.shapes, entries, carried])
        rows = part_rows(f"{FIRST}{self._next:08d}.", body)
        return Layer(self._next, rows, words, entries, claims, dict(candidates))

    def put(self, layer: Layer) -> None:
        """Takes in a layer whose rows were written."""
        place = len(self._layers)
        self._layers.append((layer.words, layer.entries))
        self._where.update(dict.fromkeys(layer.claims, place))
        self._size += sum(len(key) + len(blob) for key, blob in layer.entries.items())
        for key, claim in layer.claims.items():
            self._index(key, claim)
        for ref, match in layer.candidates.items():
            self._remember(ref, match)
        self._sorted = None
        self._next = layer.number + 1
        self.rows.update(row.key for row in layer.rows)

    def _index(self, key: LinkKey, claim: Claim | None) -> None:
        self.claims[key] = claim
        if claim is None:
            return
        if claim.place is not None:
            add_one(self._partners, claim.place, key)
        if claim.match is not None:
            add_one(self._matches, claim.match, key)

    def _remember(self, ref: Ref, match: MatchKey | None) -> None:
        self.candidates[ref] = match
        self._places[partner_key(ref)] = match
        if match is not None:
            add_one(self._carried, match, ref)


def add_one[Place, Item](table: dict[Place, tuple[Item, ...]], place: Place, item: Item) -> None:
    """A tuple takes a quarter of the memory of a set, and there is one a link, mostly of one."""
    known = table.get(place, ())
    if item not in known:
        table[place] = (*known, item)


def _layer(number: int, packed: Any) -> Layer:
    texts, shapes, entries, carried = packed
    words = Words(texts, shapes)
    claims = {
        LinkKey(key): None if blob == _REMOVED else Claim.of(unpack_link(blob, words)) for key, blob in entries.items()
    }
    candidates: dict[Ref, MatchKey | None] = {}
    for pair, match in carried:
        ref = unpack_ref(pair, words)
        if ref is None:
            raise ValueError("a candidate names no record")
        candidates[ref] = None if match is None else MatchKey(match)
    return Layer(number, (), words, entries, claims, candidates)
