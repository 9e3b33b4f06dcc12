"""A link as bytes, and as the counts it adds to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is an exception
from typing import Any, Final, cast

import msgpack

from shared.domain.identity import Agreed, Link, LinkState, MatchKey
from shared.domain.records import Kind, Ref, RemoteId
from shared.state.words import Words, compact, expand

_DIGEST: Final = 16

_PARKED, _LABELS, _FLAGS, _TICKET, _ALTERNATIONS = range(5)
_PLAIN_NAMES: Final = {
    5: "retry_at",
    6: "tries",
    7: "seen_crm",
    8: "seen_partner",
    9: "incarnation",
    11: "sent_at",
    12: "columns",
}
_BASES: Final = 10
_WORDS: Final = {_LABELS: "labels", _FLAGS: "flags"}
_BY_WORD: Final = {_ALTERNATIONS: "alternations", _BASES: "bases"}
_AGREED: Final = partial(cast("Callable[[type[Agreed], Iterable[bytes]], Agreed]", tuple.__new__), Agreed)
_STATES: Final = {state.value: state for state in LinkState}
_PLAIN_EXTRAS: Final = [(number, attrgetter(name)) for number, name in _PLAIN_NAMES.items()]


def pack_link(link: Link, words: Words) -> bytes:
    """One link. Words new to the page are added to `words`."""
    partner = link.partner
    head = (link.entity, link.state.value, link.crm.kind, partner.kind if partner else "", link.made)
    names = tuple(sorted(link.agreed))
    differs, digests = _pack_agreed([link.agreed[name] for name in names])
    packed: bytes = msgpack.packb(
        [
            words.shape(head),
            compact(link.crm.id),
            None if partner is None else compact(partner.id),
            compact(link.crm_revision),
            compact(link.partner_revision),
            link.match,
            words.shape(names),
            differs,
            digests,
            _pack_extras(link, words),
        ]
    )
    return packed


def unpack_link(blob: bytes, words: Words) -> Link:
    """The inverse of `pack_link`. Raises ValueError for anything it did not make."""
    try:
        shape, crm_id, partner_id, crm_revision, partner_revision, match, names, differs, digests, extras = (
            msgpack.unpackb(blob, strict_map_key=False)
        )
        entity, state, crm_kind, partner_kind, made = words.texts_of(shape)
        return Link(
            crm=Ref(Kind(crm_kind), RemoteId(expand(crm_id))),
            partner=None if partner_id is None else Ref(Kind(partner_kind), RemoteId(expand(partner_id))),
            entity=entity,
            state=_STATES[state],
            agreed=dict(zip(words.texts_of(names), _unpack_agreed(differs, digests), strict=True)),
            crm_revision=expand(crm_revision),
            partner_revision=expand(partner_revision),
            match=None if match is None else MatchKey(match),
            made=made,
            **_unpack_extras(extras or {}, words),
        )
    except (
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        StopIteration,
        StructError,
        msgpack.exceptions.UnpackException,
    ) as error:
        raise ValueError(f"one of its links does not decode ({type(error).__name__})") from error


def in_words(blob: bytes, words: Words, others: Words) -> bytes:
    """What `pack_link` gives of the same link in other words, without decoding all of it. Raises ValueError."""
    try:
        shape, crm_id, partner_id, crm_revision, partner_revision, match, names, differs, digests, extras = (
            msgpack.unpackb(blob, strict_map_key=False)
        )
        head, agreed = others.shape(words.texts_of(shape)), others.shape(words.texts_of(names))
        more = None if extras is None else {number: _moved(number, extras[number], words, others) for number in extras}
    except (ValueError, TypeError, IndexError, KeyError, msgpack.exceptions.UnpackException) as error:
        raise ValueError(f"one of its links does not decode ({type(error).__name__})") from error
    packed: bytes = msgpack.packb(
        [head, crm_id, partner_id, crm_revision, partner_revision, match, agreed, differs, digests, more]
    )
    return packed


def _moved(number: int, value: Any, words: Words, others: Words) -> Any:
    """An extra in other words."""
    texts = words.texts
    if number in _WORDS:
        return [others.number(texts[each]) for each in value]
    if number in _BY_WORD:
        return {others.number(texts[each]): held for each, held in value.items()}
    if number == _PARKED:
        return {others.number(texts[each]): others.number(texts[code]) for each, code in value.items()}
    return value


def is_live(link: Link) -> bool:
    """Whether a link claims its partner record; a tombstone or a refusal does not."""
    return link.state not in {LinkState.TOMBSTONE, LinkState.REFUSED}


def tally(link: Link) -> Iterator[str]:
    """The names of the lane's counters that this link adds one to."""
    yield f"{link.entity}.{link.state.value}"
    if link.parked and link.state is LinkState.LINKED:
        yield f"{link.entity}.parked_fields"
    for flag in link.flags:
        yield f"{link.entity}.is:{flag}"


def _pack_agreed(pairs: list[Agreed]) -> tuple[bytes, bytes | list[bytes]]:
    """Which of the pairs differ, as bits, and all digests in a row: one for an equal pair, two for another."""
    bits = 0
    digests: list[bytes] = []
    for number, pair in enumerate(pairs):
        crm, partner = pair.crm, pair.partner
        digests.append(crm)
        if partner != crm:
            bits |= 1 << number
            digests.append(partner)
    differs = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    if set(map(len, digests)) <= {_DIGEST}:
        return differs, b"".join(digests)
    return differs, digests


def _unpack_agreed(differs: bytes, digests: bytes | list[bytes]) -> list[Agreed]:
    rows: Sequence[bytes] = digests if isinstance(digests, list) else _cut(digests)
    if not differs:
        return list(map(_AGREED, zip(rows, rows, strict=True)))
    bits = int.from_bytes(differs, "little")
    pairs: list[Agreed] = []
    remaining = iter(rows)
    for row in remaining:
        pairs.append(_AGREED((row, next(remaining) if bits & 1 else row)))
        bits >>= 1
    return pairs


def _cut(digests: bytes) -> Sequence[bytes]:
    return _row_of(len(digests) // _DIGEST).unpack(digests)


@lru_cache(maxsize=256)
def _row_of(count: int) -> Struct:
    return Struct(f"{_DIGEST}s" * count)


def _pack_extras(link: Link, words: Words) -> dict[int, Any] | None:
    extras: dict[int, Any] = {number: value for number, of in _PLAIN_EXTRAS if (value := of(link))}
    if link.parked:
        extras[_PARKED] = {words.number(name): words.number(code) for name, code in sorted(link.parked.items())}
    if link.labels:
        extras[_LABELS] = words.numbers(sorted(link.labels))
    if link.flags:
        extras[_FLAGS] = words.numbers(sorted(link.flags))
    if link.ticket:
        extras[_TICKET] = link.ticket
    if link.alternations:
        extras[_ALTERNATIONS] = {words.number(name): value for name, value in sorted(link.alternations.items())}
    if link.bases:
        extras[_BASES] = {words.number(name): value for name, value in sorted(link.bases.items())}
    return extras or None


def _unpack_extras(extras: Mapping[int, Any], words: Words) -> dict[str, Any]:
    texts = words.texts
    found: dict[str, Any] = {}
    for number, value in extras.items():
        name = _PLAIN_NAMES.get(number)
        if name is not None:
            found[name] = value
        elif number in _WORDS:
            found[_WORDS[number]] = frozenset([texts[each] for each in value])
        elif number in _BY_WORD:
            found[_BY_WORD[number]] = {texts[each]: held for each, held in value.items()}
        elif number == _PARKED:
            found["parked"] = {texts[each]: texts[code] for each, code in value.items()}
        elif number == _TICKET:
            found["ticket"] = value
    return found
