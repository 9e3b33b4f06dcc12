"""I17: a field rests only for a reason that its users, or the two systems, brought about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from shared.domain.identity import Link
from shared.domain.records import Ref, Side, Value
from shared.ports.connector import ClearBy, Op
from tests.simulation.forms import is_empty
from tests.simulation.profiles import MAIL, WORKS, SimField

if TYPE_CHECKING:
    from tests.simulation.oracle import Court

ASKED = "conflict"
"""The park of a field about which a person is asked: what stands there is judged all the same (`fieldrules`)."""
RECORD_PARKS = frozenset({"duplicate"})
"""Why a pair of living records may rest as a whole."""
_BEFORE_A_LOOP = 3
"""Writes of one field before the one that would close a loop: that one is held back."""


@dataclass(frozen=True, slots=True)
class Park:
    """One field that rests, and what stands in it. `pairs` has the counterparts of linked Dynamics records."""

    court: Court
    link: Link
    item: SimField
    values: Mapping[Side, Value | None]
    pairs: Mapping[Ref, Ref | None]

    def sides(self) -> list[tuple[Side, Ref]]:
        assert self.link.partner is not None
        return [(Side.CRM, self.link.crm), (Side.PARTNER, self.link.partner)]

    def code(self) -> str:
        return self.link.parked[self.item.id].split(":")[-1]


def founded(park: Park) -> bool:
    """Whether the systems at rest, or what users did, bear out the reason a field is parked with."""
    grounds = _GROUNDS.get(park.code())
    return grounds is not None and grounds(park)


def _may_ask(park: Park) -> bool:
    return park.item.rule == "ask"


def _unmapped(park: Park) -> bool:
    """Dynamics holds a choice that the value map does not name; every choice of the partner's is named."""
    value = park.values[Side.CRM]
    return bool(park.item.words) and not is_empty(value) and str(value) not in park.item.words


def _cannot_clear(park: Park) -> bool:
    """Nothing is to stand where something does: of two sets without a common choice nothing may be left, too."""
    crm, partner = park.values[Side.CRM], park.values[Side.PARTNER]
    disjoint = isinstance(crm, frozenset) and isinstance(partner, frozenset) and not crm & partner
    return any(
        park.court.profile.capabilities(side).clear is ClearBy.IMPOSSIBLE
        and not is_empty(park.values[side])
        and (is_empty(park.values[side.other]) or (park.item.rule == "union" and disjoint))
        for side in park.item.into
    )


def _duplicate(park: Park) -> bool:
    """Match values alone are anybody's own (`conduct` judges whether somebody has it still)."""
    return park.item.name == MAIL.name


def _orphan(park: Park) -> bool:
    """Somebody works for a company that has no living counterpart."""
    if park.item.name != WORKS.name:
        return False
    alive = {
        crm: partner
        for crm, partner in park.pairs.items()
        if park.court.row(Side.CRM, crm) is not None and park.court.row(Side.PARTNER, partner) is not None
    }
    crm, partner = park.values[Side.CRM], park.values[Side.PARTNER]
    alone = isinstance(crm, Ref) and crm not in alive
    return alone or (isinstance(partner, Ref) and partner not in alive.values())


def _loops(park: Park) -> bool:
    """The hub was to write the field to either side in turn, again and again."""
    wrote = [
        asked.side
        for asked in park.court.ledger.asked_for
        if asked.op is Op.UPDATE and (asked.side, asked.ref) in park.sides() and park.item.name in asked.fields
    ]
    return len(wrote) >= _BEFORE_A_LOOP and len(set(wrote)) > 1


def _lacks_a_column(park: Park) -> bool:
    systems = park.court.world.systems
    return any(park.item.name not in systems[side].specs[ref.kind] for side, ref in park.sides())


def _too_long(park: Park) -> bool:
    return any(_units(park.values[side.other]) > _limit(park, side) for side in park.item.into)


def _limit(park: Park, side: Side) -> float:
    item, lengths = park.item, park.court.ledger.lengths
    known = (item.limits.get(side), item.secret.get(side), lengths.get((side, item.name)))
    return min((limit for limit in known if limit is not None), default=float("inf"))


def _units(value: Value | None) -> int:
    return len(value.encode("utf-16-le", "surrogatepass")) // 2 if isinstance(value, str) else 0


_GROUNDS: Mapping[str, Callable[[Park], bool]] = MappingProxyType(
    {
        ASKED: _may_ask,
        "unmapped_value": _unmapped,
        "cannot_clear": _cannot_clear,
        "duplicate": _duplicate,
        "waiting_parent": _orphan,
        "dangling_reference": _orphan,
        "ping_pong": _loops,
        "column_missing": _lacks_a_column,
        "too_long": _too_long,
    }
)
