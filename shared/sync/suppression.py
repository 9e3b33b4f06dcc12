"""Who must stay away: people who were erased, known by keyed digests of their address and of their records' ids.

The digests are made with the installation's key, so the list tells nobody who is on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.domain.identity import Digester
from shared.domain.normalize import match_value
from shared.domain.records import Record, Ref, Side
from shared.sync.cases import Case
from shared.sync.told_once import owners


def address_key(digester: Digester, text: str) -> bytes | None:
    """The key of an e-mail address, whatever its spelling; None for a text that is none."""
    canonical = match_value(text)
    return digester.match(canonical) if canonical is not None else None


def record_key(digester: Digester, connection: str, side: Side, ref: Ref) -> bytes:
    return digester.match(f"\x00{connection}\x00{side.value}\x00{ref.kind}\x00{ref.id}")


def keys_of(digester: Digester, connection: str, case: Case) -> Iterator[bytes]:
    """Everything by which a pair of records could be recognised."""
    for side in Side:
        record, ref = case.seen(side), case.ref(side)
        if ref is not None:
            yield record_key(digester, connection, side, ref)
        if side is Side.PARTNER and isinstance(record, Record):
            for owner in owners(case.map, record):
                yield record_key(digester, connection, side, owner)
        text = case.map.match_text(record, side) if isinstance(record, Record) else None
        key = address_key(digester, text) if isinstance(text, str) else None
        if key is not None:
            yield key


def kept_away(suppressed: frozenset[bytes], keys: Iterable[bytes]) -> bool:
    return any(key in suppressed for key in keys)
