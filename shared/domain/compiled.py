"""An entity map made ready for work: what it reads, and how each field's values travel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from shared.domain.convert import Step, Unfit
from shared.domain.criteria import Bound, matches
from shared.domain.emails import match_name, match_value
from shared.domain.entity_map import Direction, EntityMap
from shared.domain.limits import fit
from shared.domain.normalize import Canonical
from shared.domain.policy import Policy
from shared.domain.records import (
    ABSENT,
    FieldName,
    FieldSpec,
    FieldState,
    FieldType,
    Kind,
    Record,
    Ref,
    Schema,
    Side,
    Value,
)
from shared.domain.transforms import Concat, Tangled

CRITERIA = "criteria"
"""The key of `CompiledMap.broken` for criteria that cannot be judged (any more)."""

type Resolve = Callable[[Ref], Ref | None]
"""The linked record of the other side; None while it has none."""


class Carried(NamedTuple):
    """A value as the other side would store it. `clipped`: it lost its end there, which must not flow back."""

    value: Value | None
    clipped: bool = False


@dataclass(frozen=True, slots=True)
class Unmappable:
    """A value without a counterpart: the field is parked with this reason (`shared.domain.outcomes`)."""

    reason: str


CANNOT_CLEAR = Unmappable("cannot_clear")
"""Nothing is to stand in a field that cannot be emptied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledField:
    """One pair of fields, made ready.

    `to_crm` and `to_partner` say where values may flow. `prefix` goes before the canonical bytes in a digest.
    `part_specs` are those of the two columns of a `concat`.
    `coarse`: a declared transform (trim, day) keeps less than Dynamics does; only what it keeps has to come back.
    """

    id: str
    prefix: bytes
    crm_name: FieldName
    partner_name: FieldName
    crm_spec: FieldSpec
    partner_spec: FieldSpec
    crm_canonical: Canonical
    partner_canonical: Canonical
    direction: Direction
    to_crm: bool
    to_partner: bool
    policy: Policy
    first: Side
    required: bool
    there: tuple[Step, ...]
    back: tuple[Step, ...]
    filler: Value | None = None
    concat: Concat | None = None
    part_specs: tuple[FieldSpec, ...] = ()
    coarse: bool = False

    def name(self, side: Side) -> FieldName:
        return self.crm_name if side is Side.CRM else self.partner_name

    def spec(self, side: Side) -> FieldSpec:
        return self.crm_spec if side is Side.CRM else self.partner_spec

    def names(self, side: Side) -> tuple[FieldName, ...]:
        """The columns of `side` that make up this field: one, or two of a `concat`."""
        if self.concat is not None and self.concat.side is side:
            return self.name(side), self.concat.column
        return (self.name(side),)

    def canonical(self, value: Value | None, side: Side) -> bytes:
        return self.crm_canonical(value) if side is Side.CRM else self.partner_canonical(value)

    def flows(self, into: Side) -> bool:
        return self.to_crm if into is Side.CRM else self.to_partner

    def take(self, record: Record, side: Side) -> FieldState:
        """The field's value in a record of `side`; ABSENT when the record does not tell it."""
        found = record.fields.get(self.name(side), ABSENT)
        if self.concat is None or self.concat.side is not side or found is ABSENT:
            return found
        second = record.fields.get(self.concat.column, ABSENT)
        return ABSENT if second is ABSENT else self.concat.join(found, second)

    def spread(self, value: Value | None, side: Side) -> dict[FieldName, Value | None]:
        """The columns to write for a value that was carried to `side`."""
        if self.concat is None or self.concat.side is not side:
            return {self.name(side): value}
        first, second = self.concat.split(value)
        return {self.name(side): first, self.concat.column: second}

    def needs(self, side: Side) -> bool:
        """Whether `side` refuses a record without this field."""
        return self.required or self.spec(side).required

    def carry(self, value: Value | None, source: Side, resolve: Resolve | None = None) -> Carried | Unmappable:
        """`source`'s value as the other side would store it under its known limits.

        `resolve` finds the counterpart of a reference; without one (or while the parent has none) a reference cannot
        be carried.
        """
        target = source.other
        try:
            if type(value) is str and value and self.concat is None and not (self.there or self.back):
                kept, clipped = fit(value, self.spec(target))  # most fields are texts that stay as they are
                if kept is not None:
                    return Carried(kept, clipped)
            return self._carry(value, source, target, resolve)
        except Unfit as unfit:
            return Unmappable(unfit.code)

    def _carry(self, value: Value | None, source: Side, target: Side, resolve: Resolve | None) -> Carried:
        if type(value) is Tangled:
            raise Unfit("separator_in_value")
        if value == "" and not self.spec(source).blank:
            value = None
        if value is None and target is Side.PARTNER:
            value = self.filler
        elif value is not None:
            value = self._steps(value, target, resolve)
        clipped = False
        if value is not None:
            value, clipped = self._fit(value, target)
        if value is None:
            self._check_empty(target)
        return Carried(value, clipped)

    def _steps(self, value: Value, target: Side, resolve: Resolve | None) -> Value | None:
        if isinstance(value, Ref) and self.spec(target).type is self.spec(target.other).type:
            found = resolve(value) if resolve is not None else None
            if found is None:
                raise Unfit("parent_not_linked")
            return found
        for step in self.there if target is Side.PARTNER else self.back:
            value = step(value)
        return value

    def _fit(self, value: Value, target: Side) -> tuple[Value | None, bool]:
        if self.concat is None or self.concat.side is not target:
            return fit(value, self.spec(target))
        cut = False
        parts: list[Value | None] = []
        for part, spec in zip(self.concat.split(value), self.part_specs, strict=True):
            kept, clipped = fit(part, spec) if part is not None else (None, False)
            cut = cut or clipped
            parts.append(kept)
        return self.concat.join(*parts), cut

    def _check_empty(self, target: Side) -> None:
        if self.needs(target):
            raise Unfit("required_empty")
        if not self.spec(target).clearable:
            raise Unfit(CANNOT_CLEAR.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledMap:
    """An entity map against two schemas.

    `fields` are those that work; `broken` maps the id of each other one (and `criteria`, when they cannot be judged)
    to its reason: only that field is parked, and it heals when the schema has what it needs again. `digest` changes
    whenever a change of the configuration or of a schema could change what is read. `columns` says for the id of each
    field, those that do not work included, which columns it stands for; b"" where one of them is missing.
    """

    entity: EntityMap
    crm: Schema
    partner: Schema
    fields: tuple[CompiledField, ...]
    broken: Mapping[str, str]
    criteria: Bound | None
    digest: str
    reads_by_side: Mapping[Side, tuple[FieldName, ...]]
    references_by_side: Mapping[Side, tuple[FieldName, ...]]
    match_field: CompiledField | None = None
    ranks: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, bytes] = field(default_factory=dict)

    def reads(self, side: Side) -> tuple[FieldName, ...]:
        """Every column of `side` that has to be asked for: mapped, judged by the criteria, and matched by."""
        return self.reads_by_side[side]

    def by_id(self, field_id: str) -> CompiledField | None:
        return next((item for item in self.fields if item.id == field_id), None)

    def kind(self, side: Side) -> Kind:
        return self.entity.crm_kind if side is Side.CRM else self.entity.partner_kind

    def by_name(self, name: FieldName, side: Side) -> CompiledField | None:
        """The mapped field that a column of `side` belongs to."""
        return next((item for item in self.fields if name in item.names(side)), None)

    def is_required(self, field_id: str, side: Side) -> bool:
        found = self.by_id(field_id)
        return found is not None and found.needs(side)

    def references(self, side: Side) -> tuple[FieldName, ...]:
        """The mapped columns of `side` that name a parent record on both sides."""
        return self.references_by_side[side]

    def scope(self, record: Record, now: datetime) -> bool | None:
        """Whether a Dynamics row meets the criteria; None when that cannot be told.

        It cannot when the row lacks a column that decides, or when the criteria name a column that is gone or may not
        be read (`broken["criteria"]`): then nothing may be concluded, least of all that the row has left.
        """
        if self.criteria is None:
            return None if CRITERIA in self.broken else True
        return matches(self.criteria, record, now=now)

    def in_scope(self, record: Record, now: datetime) -> bool:
        return self.scope(record, now) is True

    def outranks(self, name: str) -> bool:
        """Whether this entity keeps a partner record that the entity `name` claims too (contact beats lead)."""
        return self.ranks.get(name, self.entity.rank) < self.entity.rank

    def match_name(self, side: Side) -> FieldName | None:
        """The column of `side` that people are matched by."""
        return self.match_field.name(side) if self.match_field is not None else None

    def match_text(self, record: Record, side: Side) -> str | None:
        """The match field's value as it stands in a record of `side`."""
        name = self.match_name(side)
        value = record.fields.get(name) if name is not None else None
        return value if isinstance(value, str) else None

    def match_of(self, record: Record, side: Side) -> str | None:
        """The canonical match value of a record of `side`; None when it can match nobody."""
        return self.canonical_match(self.match_text(record, side))

    def canonical_match(self, text: str | None) -> str | None:
        """A match value as it is compared: an address as an address, anything else as a name."""
        named = self.match_field is not None and FieldType.EMAIL not in {
            self.match_field.crm_spec.type,
            self.match_field.partner_spec.type,
        }
        return match_name(text) if named else match_value(text)
