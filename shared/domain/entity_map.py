"""Which Dynamics kind goes with which partner kind, and how, as an administrator sets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.criteria_tree import Criteria
from shared.domain.labels import Labels
from shared.domain.mistakes import MapErrors, Mistake
from shared.domain.policy import OWNER_CRM, Policy
from shared.domain.records import FieldName, Kind, Side

__all__ = [
    "DeletePolicy",
    "Direction",
    "EntityMap",
    "FieldMap",
    "Leaves",
    "MapErrors",
    "Mistake",
    "TransformSpec",
]


class Direction(StrEnum):
    BOTH = "both"
    TO_PARTNER = "to_partner"
    TO_CRM = "to_crm"

    def into(self, side: Side) -> bool:
        """Whether values flow into `side`."""
        return self is Direction.BOTH or self is (Direction.TO_CRM if side is Side.CRM else Direction.TO_PARTNER)

    def within(self, outer: Direction) -> Direction | None:
        """This direction where the entity allows only `outer`: the entity governs unless it goes both ways."""
        if outer is Direction.BOTH or self is outer:
            return self
        return outer if self is Direction.BOTH else None


class DeletePolicy(StrEnum):
    """What a delete on one side does to the record on the other.

    `make_again`: the other record is kept, and at its next edit the deleted one is made anew.
    """

    IGNORE = "ignore"
    DEACTIVATE = "deactivate"
    DELETE = "delete"
    MAKE_AGAIN = "make_again"


class Leaves(StrEnum):
    """What becomes of the partner record when the Dynamics row no longer meets the criteria."""

    KEEP = "keep"
    UNLINK = "unlink"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformSpec:
    """One declared transform: its kind and its options (`shared.domain.transforms` lists them)."""

    kind: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """One pair of fields.

    `value_map` goes from Dynamics' stored value to the partner's. `transforms` are applied in order towards the
    partner and undone in reverse order towards Dynamics. `required`: without a good value the record is not written
    to a side that lacks it. `first` says who wins this field on a first link (None: the entity's `first_match`).
    """

    id: str
    crm: FieldName
    partner: FieldName
    direction: Direction = Direction.BOTH
    policy: Policy = OWNER_CRM
    value_map: Mapping[str, str] | None = None
    transforms: tuple[TransformSpec, ...] = ()
    required: bool = False
    first: Side | None = None


def _ignore_deletes() -> Mapping[Side, DeletePolicy]:
    return dict.fromkeys(Side, DeletePolicy.IGNORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMap:
    """One entity of a connection.

    `deletes` is keyed by the side on which something would be deleted. `match` is the id of the field a person is
    found by. `parents` are entities that come first. Of two entities that share the partner's kind, the one with the
    higher `rank` keeps a record that both claim (contact beats lead). `fixed` are field ids whose mapping may not be
    changed on the page. `creates` are the sides on which new records may be made; on the others only records that are
    there already take part.
    """

    name: str
    crm_kind: Kind
    partner_kind: Kind
    direction: Direction = Direction.BOTH
    criteria: Criteria | None = None
    fields: tuple[FieldMap, ...] = ()
    match: str | None = None
    deletes: Mapping[Side, DeletePolicy] = field(default_factory=_ignore_deletes)
    labels: Labels | None = None
    leaves: Leaves = Leaves.KEEP
    first_match: Side = Side.CRM
    on: bool = True
    parents: tuple[str, ...] = ()
    rank: int = 0
    fixed: frozenset[str] = frozenset()
    creates: frozenset[Side] = frozenset(Side)

    def makes(self, side: Side) -> bool:
        """Whether the entity makes new records on `side`."""
        return self.sends(side) and side in self.creates

    def sends(self, side: Side) -> bool:
        """Whether the entity sends anything to `side`."""
        return self.on and self.direction.into(side)

    def field(self, field_id: str) -> FieldMap | None:
        return next((item for item in self.fields if item.id == field_id), None)


def parents_first(entities: Sequence[EntityMap]) -> list[EntityMap]:
    """The entities as they stand, but each after its parents. A circle is cut, a name of none of them passed over."""
    by_name = {entity.name: entity for entity in entities}
    met: set[str] = set()
    placed: list[EntityMap] = []

    def place(entity: EntityMap) -> None:
        if entity.name not in met:
            met.add(entity.name)
            for parent in entity.parents:
                if parent in by_name:
                    place(by_name[parent])
            placed.append(entity)

    for entity in entities:
        place(entity)
    return placed
