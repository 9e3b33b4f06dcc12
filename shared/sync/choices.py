"""The last agreed choices of `union` fields, remembered as digests: what one side took away since then stays away.

A digest of the whole set tells that something changed, not what. So each choice has a short digest of its own on the
link, in Dynamics' form; a choice nobody holds any more need not be known by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.domain.identity import Agreed, Digester
from shared.domain.mapping import Carried, CompiledField, CompiledMap
from shared.domain.policy import Rule
from shared.domain.records import Record, Side

_SIZE: Final = 8


def remembered(digester: Digester, bases: Mapping[str, frozenset[str]]) -> dict[str, bytes]:
    """Field ids to the digests of their choices in a row."""
    return {name: b"".join(sorted(_digest(digester, name, choice) for choice in bases[name])) for name in bases}


def recalled(
    compiled: CompiledMap,
    bases: Mapping[str, bytes],
    crm: Record | None,
    partner: Record | None,
    *,
    digester: Digester,
) -> dict[str, frozenset[str]]:
    """Of the choices that either record holds, those that were agreed on last."""
    found: dict[str, frozenset[str]] = {}
    for item in compiled.fields if bases else ():
        packed = bases.get(item.id)
        if packed is not None and item.policy.rule is Rule.UNION:
            known = {packed[start : start + _SIZE] for start in range(0, len(packed), _SIZE)}
            held = _held(item, crm, Side.CRM) | _held(item, partner, Side.PARTNER)
            found[item.id] = frozenset(choice for choice in held if _digest(digester, item.id, choice) in known)
    return found


def still_true(
    bases: Mapping[str, bytes], before: Mapping[str, Agreed], after: Mapping[str, Agreed]
) -> dict[str, bytes]:
    """The bases of fields on which nothing else was agreed since."""
    return {name: packed for name, packed in bases.items() if name in after and before.get(name) == after[name]}


def _held(item: CompiledField, record: Record | None, side: Side) -> frozenset[str]:
    value = record.fields.get(item.name(side)) if record is not None else None
    if side is Side.PARTNER and value is not None:
        carried = item.carry(value, side)
        value = carried.value if isinstance(carried, Carried) else None
    return value if isinstance(value, frozenset) else frozenset()


def _digest(digester: Digester, name: str, choice: str) -> bytes:
    return digester.raw(name.encode() + b"\x01" + choice.encode("utf-8", "surrogatepass"))[:_SIZE]
