"""Links: which record of one side is which record of the other, and what both stored when they last agreed.

A link is found by its key, derived from the Dynamics record. The Dynamics id is always known, because a row we create
there gets an id of ours, derived from the partner's record (`crm_id_for`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple, NewType
from uuid import UUID, uuid5

from shared.domain.records import FieldName, Kind, Ref, RemoteId, Side

LinkKey = NewType("LinkKey", bytes)
"""12 bytes derived from the Dynamics record; evenly spread, so that link pages fill evenly."""

Digest = NewType("Digest", bytes)
"""16 bytes, keyed, over a field's name and its canonical value; equal digests mean equal canonical values."""

MatchKey = NewType("MatchKey", bytes)
"""12 bytes, keyed, over a canonical match value (an e-mail address); state holds no readable person."""

_NAMESPACE = UUID("6f0b1c1e-5a52-5a0c-9a55-2f7d6c1f6d10")


class LinkState(StrEnum):
    """What a link stands for.

    LINKED: both records are known. AWAITING: the partner accepted a create, its id comes by the feed; no write is
    planned for it meanwhile. PARKED: one record exists, its counterpart could not be made yet (`parked` says why).
    REFUSED: a person said "never link". TOMBSTONE: one side was deleted; kept so that late messages cannot revive it.
    """

    LINKED = "linked"
    AWAITING = "awaiting"
    PARKED = "parked"
    REFUSED = "refused"
    TOMBSTONE = "tombstone"


class Agreed(NamedTuple):
    """What both sides stored of one mapped field when they last agreed: one digest a side, often the same one.

    A tuple, because each link that is read makes one a field.
    """

    crm: Digest
    partner: Digest

    def of(self, side: Side) -> Digest:
        return self.crm if side is Side.CRM else self.partner


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One pair of records.

    `agreed` is keyed by the mapping's field id (`FieldMap.id`). `crm_revision` is the version of the Dynamics row at
    the last agreement, "" when it is not known (after our own write, until its echo). `match` is the match key that
    was last agreed. `incarnation` counts earlier links of the same partner record. `made` is the side whose record
    this connection created ("" for a matched pair): purge deletes only those. `parked` maps a field id (or "" for the
    whole record) to a reason code. `labels` says which of the map's labels the partner record is known to carry.
    `bases` holds a short digest of each last agreed choice of a `union` field.
    `alternations` holds the last digests we wrote per field, for the ping-pong guard. `flags` holds short facts
    (`outside`: no longer meets the criteria; `dirty`: changed in Dynamics while its create was awaited). `seen_crm` and
    `seen_partner` number the last complete walk of that side that met the record: what a finished walk has not seen
    may be deleted. `columns` numbers the last change of the entity's columns that `agreed` takes into account.
    `sent_at` is the partner's own time (epoch seconds) when it accepted the create that is awaited, 0 when it is not
    known. `retry_at` is the time (epoch seconds) of the next try of a parked record, `tries` counts them.
    """

    crm: Ref
    partner: Ref | None = None
    entity: str
    state: LinkState = LinkState.LINKED
    agreed: Mapping[str, Agreed] = field(default_factory=dict)
    crm_revision: str = ""
    partner_revision: str = ""
    match: MatchKey | None = None
    incarnation: int = 0
    made: str = ""
    parked: Mapping[str, str] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    ticket: str = ""
    alternations: Mapping[str, bytes] = field(default_factory=dict)
    bases: Mapping[str, bytes] = field(default_factory=dict)
    retry_at: int = 0
    tries: int = 0
    seen_crm: int = 0
    seen_partner: int = 0
    sent_at: int = 0
    columns: int = 0

    @property
    def key(self) -> LinkKey:
        return link_key(self.crm)

    def with_(self, **changes: Any) -> Link:
        """A copy with some of it changed; what `dataclasses.replace` does, in a quarter of the time."""
        values = list(_OF_LINK(self))
        for name, value in changes.items():
            values[_PLACES[name]] = value
        copy = object.__new__(Link)
        for put, value in zip(_SLOTS, values, strict=True):
            put(copy, value)
        return copy


_A_PAGE = 4096
"""What is asked for several times a record is worked out once; a page has some three thousand of them."""

_PLACES = {item.name: place for place, item in enumerate(fields(Link))}
_OF_LINK = attrgetter(*_PLACES)
_SLOTS = tuple(getattr(Link, name).__set__ for name in _PLACES)


@lru_cache(maxsize=_A_PAGE)
def link_key(crm: Ref) -> LinkKey:
    """The key of the link of a Dynamics record."""
    return LinkKey(blake2b(f"{crm.kind}|{crm.id.lower()}".encode(), digest_size=12).digest())


def crm_id_for(connection: str, kind: Kind, partner: Ref, incarnation: int) -> RemoteId:
    """The id a Dynamics row gets when it is created for a partner record: the same on every retry, on every worker."""
    return RemoteId(str(uuid5(_NAMESPACE, f"{connection}|{kind}|{partner.kind}|{partner.id}|{incarnation}")))


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> blake2b:
    """A hash that has taken in the key already; copying it costs half of starting anew."""
    return blake2b(key=secret, digest_size=16)


@lru_cache(maxsize=_A_PAGE)
def _match_key(secret: bytes, canonical: str) -> MatchKey:
    return MatchKey(blake2b(canonical.encode(), key=secret, digest_size=12, person=b"match").digest())


@dataclass(frozen=True, slots=True)
class Digester:
    """Keyed digests (BLAKE2b, RFC 7693). `secret` is 16 to 64 bytes and never stored beside the digests."""

    secret: bytes

    def of(self, field_id: FieldName | str, canonical: bytes) -> Digest:
        return self.raw(field_id.encode() + b"\x00" + canonical)

    def raw(self, data: bytes) -> Digest:
        """The digest of a field's prefix (its id and a zero byte) and its canonical value, already joined."""
        keyed = _keyed(self.secret).copy()
        keyed.update(data)
        return Digest(keyed.digest())

    def keyed(self) -> blake2b:
        """A hash that has taken in the key: `copy`, `update` and `digest` give what `raw` gives, in less time."""
        return _keyed(self.secret).copy()

    def match(self, canonical: str) -> MatchKey:
        return _match_key(self.secret, canonical)
