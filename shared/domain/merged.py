"""What a merge decided: plain facts, nothing done yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from shared.domain.identity import Agreed, Digest
from shared.domain.records import FieldName, FieldState, Side, Value

NEVER = Digest(bytes(16))
"""A base that no value equals: the field counts as changed on that side as soon as it is seen again."""

UNSENT = Digest(b"\xff" * 16)
"""Such a base of the side whose value was to be written to the other one, and was refused there after all: it is sent
again. Nothing of the other side yields to it, so that of a one-way field no conflict is told."""

ASKED = "conflict"
"""The reason a field is parked with while a person is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldConflict:
    """Both sides changed one field to different values.

    `winner` is the side whose value stays, None while a person is asked. The digests tell whether an answer is still
    about these values.
    """

    field_id: str
    policy: str
    winner: Side | None
    crm: FieldState
    partner: FieldState
    crm_digest: Digest | None = None
    partner_digest: Digest | None = None


def _none() -> dict[Side, dict[str, Agreed]]:
    return {side: {} for side in Side}


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The decisions about one pair of records. Every mapping by side has both sides.

    `writes`: columns to write. `settled`: agreed now, without any write. `pending`: agreed once that side's write was
    applied. `before`: what that side stored before its write (for recovery of a lost answer). `conflicts`: both
    values, and who won. `apart`: fields where each side keeps its own value by policy, told once. `parked`: field id
    to reason. `healed`: parked fields that are no longer. `blocked`: a side on which the record cannot be written at
    all, because a required field has no good value: (field id, reason); nothing is written there. `need`: sides that
    have to be read before the fields left out can be judged. `clipped`: fields that lost their end in a write.
    `bases`: the choices of `union` fields that are agreed now; `pending_bases` once that side's write was applied.
    """

    writes: Mapping[Side, Mapping[FieldName, Value | None]]
    settled: Mapping[str, Agreed] = field(default_factory=dict)
    pending: Mapping[Side, Mapping[str, Agreed]] = field(default_factory=_none)
    before: Mapping[Side, Mapping[str, Digest]] = field(default_factory=dict)
    conflicts: tuple[FieldConflict, ...] = ()
    apart: tuple[FieldConflict, ...] = ()
    parked: Mapping[str, str] = field(default_factory=dict)
    healed: tuple[str, ...] = ()
    blocked: Mapping[Side, tuple[str, str]] = field(default_factory=dict)
    need: frozenset[Side] = frozenset()
    clipped: Mapping[Side, frozenset[str]] = field(default_factory=dict)
    bases: Mapping[str, frozenset[str]] = field(default_factory=dict)
    pending_bases: Mapping[Side, Mapping[str, frozenset[str]]] = field(default_factory=dict)


def _unchanged() -> Merged:
    """Nothing differs, nothing is decided; one read-only object serves every such pair."""
    empty: Mapping[str, Any] = MappingProxyType({})
    sides: Mapping[Side, Any] = MappingProxyType(dict.fromkeys(Side, empty))
    return Merged(
        writes=sides,
        settled=empty,
        pending=sides,
        before=sides,
        parked=empty,
        blocked=MappingProxyType({}),
        clipped=MappingProxyType(dict.fromkeys(Side, frozenset[str]())),
        bases=empty,
        pending_bases=sides,
    )


UNCHANGED: Final = _unchanged()
