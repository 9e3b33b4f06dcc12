"""Entries of the reverse pages: partner record -> link or candidate, match key -> links and candidates.

A reverse entry is a hint and is verified against the link it names (sync-semantics 1.11): a crash may leave one that
is stale, never one that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

import msgpack

from shared.domain.identity import LinkKey, MatchKey
from shared.domain.records import Ref
from shared.state.model import MatchEntry
from shared.state.words import Words, pack_ref, unpack_ref

KEY_BYTES: Final = 12
REMEMBERED: Final = 32
"""Links and candidates kept of one match value; more are only told as `MatchEntry.more`."""

_LINKS, _MIXED = 1, 2


def partner_key(ref: Ref) -> bytes:
    """The key of a partner record's reverse entry: 12 bytes, evenly spread."""
    return blake2b(f"{ref.kind}|{ref.id}".encode(), digest_size=KEY_BYTES, person=b"partner").digest()


@dataclass(frozen=True, slots=True)
class PartnerEntry:
    """What is known of one partner record: the links that name it, and the match key it carries while it has none.

    More than one link: all but one are tombstones or refusals, or left by a crash.
    """

    links: tuple[LinkKey, ...] = ()
    match: MatchKey | None = None

    def pack(self) -> bytes:
        if self.match is None:
            return bytes([_LINKS]) + b"".join(self.links)
        return bytes([_MIXED]) + self.match + b"".join(self.links)

    @staticmethod
    def unpack(blob: bytes) -> PartnerEntry:
        """Raises ValueError for anything `pack` did not make."""
        if blob[:1] == bytes([_LINKS]):
            return PartnerEntry(_keys(blob[1:]))
        if blob[:1] == bytes([_MIXED]) and len(blob) > KEY_BYTES:
            return PartnerEntry(_keys(blob[1 + KEY_BYTES :]), MatchKey(blob[1 : 1 + KEY_BYTES]))
        raise ValueError("one of its partner entries does not decode")

    def with_link(self, key: LinkKey) -> PartnerEntry:
        return self if key in self.links else replace(self, links=tuple(sorted((*self.links, key))))

    def without_link(self, key: LinkKey) -> PartnerEntry:
        return replace(self, links=tuple(other for other in self.links if other != key))

    def is_empty(self) -> bool:
        return not self.links and self.match is None


def pack_match(entry: MatchEntry, words: Words) -> bytes:
    if not entry.candidates and not entry.more:
        return bytes([_LINKS]) + b"".join(entry.links)
    refs = [pack_ref(ref, words) for ref in entry.candidates]
    mixed: bytes = msgpack.packb([b"".join(entry.links), refs, entry.more])
    return bytes([_MIXED]) + mixed


def unpack_match(blob: bytes, words: Words) -> MatchEntry:
    try:
        if blob[0] == _LINKS:
            return MatchEntry(_keys(blob[1:]))
        if blob[0] == _MIXED:
            links, refs, more = msgpack.unpackb(blob[1:])
            candidates = [ref for packed in refs if (ref := unpack_ref(packed, words)) is not None]
            return MatchEntry(_keys(links), tuple(candidates), bool(more))
    except (ValueError, TypeError, IndexError, msgpack.exceptions.UnpackException) as error:
        raise ValueError("one of its match entries does not decode") from error
    raise ValueError("one of its match entries is of an unknown sort")


def with_link(entry: MatchEntry, key: LinkKey) -> MatchEntry:
    if key in entry.links:
        return entry
    if len(entry.links) >= REMEMBERED:
        return replace(entry, more=True)
    return replace(entry, links=tuple(sorted((*entry.links, key))))


def without_link(entry: MatchEntry, key: LinkKey) -> MatchEntry:
    return replace(entry, links=tuple(other for other in entry.links if other != key))


def with_candidate(entry: MatchEntry, ref: Ref) -> MatchEntry:
    if ref in entry.candidates:
        return entry
    if len(entry.candidates) >= REMEMBERED:
        return replace(entry, more=True)
    return replace(entry, candidates=tuple(sorted((*entry.candidates, ref))))


def without_candidate(entry: MatchEntry, ref: Ref) -> MatchEntry:
    return replace(entry, candidates=tuple(other for other in entry.candidates if other != ref))


def is_empty(entry: MatchEntry) -> bool:
    return not (entry.links or entry.candidates or entry.more)


def _keys(joined: bytes) -> tuple[LinkKey, ...]:
    if len(joined) % KEY_BYTES:
        raise ValueError("its link keys are cut off")
    return tuple(LinkKey(joined[start : start + KEY_BYTES]) for start in range(0, len(joined), KEY_BYTES))
