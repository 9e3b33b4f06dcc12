"""Makes an entity map ready against both schemas, once; the record path then only calls what was made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b

from shared.domain.compiled import CRITERIA, CompiledField, CompiledMap
from shared.domain.convert import COMPATIBLE, MAPPABLE, Conversion, Step, Unfit, literal
from shared.domain.criteria import Bound, bind
from shared.domain.entity_file import outside, read_entity_map
from shared.domain.entity_map import Direction, EntityMap, FieldMap, MapErrors, Mistake
from shared.domain.map_rules import check_entity, effective
from shared.domain.normalize import canonicaliser
from shared.domain.policy import Rule
from shared.domain.records import FieldName, FieldSpec, FieldType, Schema, Side, Value
from shared.domain.samples import round_trip_breach
from shared.domain.transforms import KINDS, BadOption, Concat, Transform, concat
from shared.domain.value_maps import mapped


class _Broken(Exception):
    """One field that cannot work against these schemas."""

    def __init__(self, at: str, code: str, message: str) -> None:
        super().__init__(message)
        self.at, self.code, self.message = at, code, message


def compile_map(entity: EntityMap, crm: Schema, partner: Schema, *, siblings: Sequence[EntityMap] = ()) -> CompiledMap:
    """Compiles `entity` against what both systems describe now.

    A field that does not fit the schemas (any more) lands in `broken` and leaves the others alone. `siblings` are
    the connection's other entities, for their ranks. Raises MapErrors for what no schema could make right.
    """
    mistakes = check_entity(entity)
    if mistakes:
        raise MapErrors(mistakes)
    return _compile(entity, crm, partner, siblings)[0]


def check_map(entity: EntityMap, crm: Schema, partner: Schema) -> tuple[Mistake, ...]:
    """Everything that is wrong with `entity` against these schemas, in the order of the file; for saving it."""
    mistakes = check_entity(entity)
    return tuple(mistakes + _compile(entity, crm, partner, ())[1])


def check_file(data: object, crm: Schema, partner: Schema) -> tuple[Mistake, ...]:
    """Everything that is wrong with an entity map in its file form, the form, the rules and the schemas together."""
    entity, mistakes = read_entity_map(data)
    return tuple(mistakes + outside(_compile(entity, crm, partner, ())[1], mistakes))


def _compile(
    entity: EntityMap, crm: Schema, partner: Schema, siblings: Sequence[EntityMap]
) -> tuple[CompiledMap, list[Mistake]]:
    fields: list[CompiledField] = []
    broken: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for index, item in enumerate(entity.fields):
        direction = effective(entity, item)
        if direction is None:
            continue
        try:
            fields.append(_FieldCompiler(entity, item, crm, partner, direction).compile())
        except _Broken as found:
            broken[item.id] = found.code
            place = f"{entity.name}.fields[{index}]" + (f".{found.at}" if found.at else "")
            mistakes.append(Mistake(place, found.code, found.message))
    criteria, more = _criteria(entity, crm)
    if more:
        broken[CRITERIA] = more[0].code
    reads = {side: _reads(fields, criteria, side) for side in Side}
    compiled = CompiledMap(
        entity=entity,
        crm=crm,
        partner=partner,
        fields=tuple(fields),
        broken=broken,
        criteria=criteria,
        digest=_digest(entity, crm, partner, reads),
        ranks={other.name: other.rank for other in siblings},
        reads_by_side=reads,
        references_by_side={side: _references(fields, side) for side in Side},
        match_field=next((item for item in fields if item.id == entity.match), None),
        columns={item.id: _columns(item, {Side.CRM: crm, Side.PARTNER: partner}) for item in entity.fields},
    )
    return compiled, mistakes + more


def _criteria(entity: EntityMap, crm: Schema) -> tuple[Bound | None, list[Mistake]]:
    if entity.criteria is None:
        return None, []
    return bind(entity.criteria, crm, place=f"{entity.name}.criteria")


def _columns(item: FieldMap, schemas: Mapping[Side, Schema]) -> bytes:
    """The columns that a field stands for, as a short digest; b"" where one is missing. A system that gives its columns
    no ids is taken to make another one where the type changed: most offer no other way to change it."""
    names = [(Side.CRM, item.crm), (Side.PARTNER, item.partner)]
    for spec in item.transforms:
        if spec.kind == "concat":
            with suppress(BadOption):
                joined = concat(spec.options)
                names.append((joined.side, joined.column))
    found = [(side, name, schemas[side].fields.get(name)) for side, name in names]
    parts = [f"{side}|{name}|{column.made or column.type}" for side, name, column in found if column is not None]
    if len(parts) < len(found):
        return b""
    return blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=4).digest()


def _reads(fields: Sequence[CompiledField], criteria: Bound | None, side: Side) -> tuple[FieldName, ...]:
    names = {name for item in fields for name in item.names(side)}
    if side is Side.CRM and criteria is not None:
        names |= set(criteria.columns)
    return tuple(sorted(names))


def _references(fields: Sequence[CompiledField], side: Side) -> tuple[FieldName, ...]:
    both = [item for item in fields if {item.crm_spec.type, item.partner_spec.type} == {FieldType.REFERENCE}]
    return tuple(item.name(side) for item in both)


def _digest(entity: EntityMap, crm: Schema, partner: Schema, reads: dict[Side, tuple[FieldName, ...]]) -> str:
    parts = [repr(entity)]
    for side, schema in ((Side.CRM, crm), (Side.PARTNER, partner)):
        used = (schema.fields[name] for name in reads[side] if name in schema.fields)
        parts.extend(repr(replace(spec, label="")) for spec in used)
    return blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class _FieldCompiler:
    """One field map against two schemas. Raises _Broken."""

    def __init__(self, entity: EntityMap, field: FieldMap, crm: Schema, partner: Schema, direction: Direction) -> None:
        self.entity = entity
        self.field = field
        self.schemas = {Side.CRM: crm, Side.PARTNER: partner}
        self.direction = direction

    def compile(self) -> CompiledField:
        crm, partner = self._spec(Side.CRM, self.field.crm), self._spec(Side.PARTNER, self.field.partner)
        joined, parts = self._concat(crm, partner)
        if joined is not None:
            crm, partner = (_joined(crm), partner) if joined.side is Side.CRM else (crm, _joined(partner))
        there, back, filler, coarse = self._steps(crm, partner)
        self._check_policy(crm, partner)
        compiled = CompiledField(
            id=self.field.id,
            prefix=self.field.id.encode() + b"\x00",
            crm_name=self.field.crm,
            partner_name=self.field.partner,
            crm_spec=crm,
            partner_spec=partner,
            crm_canonical=canonicaliser(crm),
            partner_canonical=canonicaliser(partner),
            direction=self.direction,
            to_crm=self.direction.into(Side.CRM),
            to_partner=self.direction.into(Side.PARTNER),
            policy=self.field.policy,
            first=self.field.first or self.entity.first_match,
            required=self.field.required,
            there=there,
            back=back,
            filler=filler,
            concat=joined,
            part_specs=parts,
            coarse=coarse,
        )
        self._check_round_trip(compiled)
        return compiled

    def _spec(self, side: Side, name: FieldName) -> FieldSpec:
        schema = self.schemas[side]
        spec = schema.fields.get(name)
        if spec is None:
            raise _Broken(
                side.value,
                f"{side.value}_field_missing",
                f"{schema.kind} has no field {name!r} (any more); restore it there or choose another",
            )
        if not spec.readable:
            raise _Broken(
                side.value,
                f"{side.value}_field_unreadable",
                f"{name!r} of {schema.kind} cannot be read by this connection, so its value is unknown; "
                "grant read access or remove the mapping",
            )
        creates_only = self.field.policy.rule is Rule.ONLY_ON_CREATE
        if self.direction.into(side) and not (spec.creatable if creates_only else spec.updatable):
            raise _Broken(
                "direction",
                f"{side.value}_field_read_only",
                f"{name!r} of {schema.kind} cannot be written by this connection; let the field flow the other way",
            )
        return spec

    def _concat(self, crm: FieldSpec, partner: FieldSpec) -> tuple[Concat | None, tuple[FieldSpec, ...]]:
        for item in self.field.transforms:
            if item.kind == "concat":
                joined = self._read_concat(item.options)
                first = crm if joined.side is Side.CRM else partner
                return joined, (first, self._spec(joined.side, joined.column))
        return None, ()

    def _read_concat(self, options: Mapping[str, object]) -> Concat:
        try:
            return concat(options)
        except BadOption as bad:
            raise _Broken("transforms[0]", "bad_option", f"concat {bad}") from None

    def _steps(
        self, crm: FieldSpec, partner: FieldSpec
    ) -> tuple[tuple[Step, ...], tuple[Step, ...], Value | None, bool]:
        there: list[Step] = []
        back: list[Step] = []
        filler: Value | None = None
        coarse = False
        kind = crm.type
        for index, transform in enumerate(self._transforms(crm)):
            if kind not in transform.accepts:
                raise _Broken(
                    f"transforms[{index}]", "transform_unfit", f"does not work on a field of type {kind.value}"
                )
            if transform.back is None and self.direction is not Direction.TO_PARTNER:
                raise _Broken(
                    f"transforms[{index}]", "no_round_trip", "has no way back; let the field flow to the partner only"
                )
            there.append(transform.there)
            if transform.back is not None:
                back.insert(0, transform.back)
            kind = transform.makes or kind
            coarse = coarse or transform.coarse
            if transform.filler is not None:
                filler = self._literal(f"transforms[{index}].value", transform.filler, partner)
        made = crm if kind is crm.type else replace(crm, type=kind, options=())
        conversion = self._conversion(made, partner)
        if conversion.there is not None:
            there.append(conversion.there)
        if conversion.back is not None:
            back.insert(0, conversion.back)
        return tuple(there), tuple(back), filler, coarse

    def _transforms(self, crm: FieldSpec) -> list[Transform]:
        made = []
        for index, item in enumerate(self.field.transforms):
            if item.kind in KINDS:
                try:
                    made.append(KINDS[item.kind](item.options, crm))
                except BadOption as bad:
                    raise _Broken(f"transforms[{index}]", "bad_option", f"{item.kind} {bad}") from None
        return made

    def _conversion(self, crm: FieldSpec, partner: FieldSpec) -> Conversion:
        if self.field.value_map is not None:
            return self._value_map(self.field.value_map, crm, partner)
        found = COMPATIBLE.get((crm.type, partner.type))
        if found is None or not found.allows(self.direction):
            way = "" if found is None else f" {self.direction.value}"
            raise _Broken(
                "",
                "incompatible_types",
                f"{crm.name!r} ({crm.type.value}) and {partner.name!r} ({partner.type.value}) do not go together{way}; "
                "choose a field of a fitting type, a one-way direction, or a transform",
            )
        return found

    def _value_map(self, values: dict[str, str] | object, crm: FieldSpec, partner: FieldSpec) -> Conversion:
        pairs = dict(self.field.value_map or {})
        for side, spec in (("crm", crm), ("partner", partner)):
            if spec.type not in MAPPABLE:
                raise _Broken("values", "value_map_unfit", f"{side} type {spec.type.value} has no values to map")
        self._check_options(pairs, crm, partner)
        inverse = {partner_text: crm_text for crm_text, partner_text in pairs.items()}
        return Conversion(
            mapped(pairs, crm, partner),
            mapped(inverse, partner, crm) if len(inverse) == len(pairs) else None,
        )

    def _check_options(self, pairs: dict[str, str], crm: FieldSpec, partner: FieldSpec) -> None:
        for spec, texts in ((crm, pairs.keys()), (partner, pairs.values())):
            for text in texts:
                self._literal("values", text, spec)
                known = {option.value for option in spec.options}
                if known and text not in known:
                    raise _Broken(
                        "values",
                        "option_missing",
                        f"{spec.name!r} has no option {text!r} (any more); restore it there or correct the value map",
                    )

    def _literal(self, at: str, text: str, spec: FieldSpec) -> Value:
        try:
            return literal(text, spec)
        except Unfit:
            raise _Broken(at, "bad_value", f"{text!r} is no value of {spec.name!r} ({spec.type.value})") from None

    def _check_policy(self, crm: FieldSpec, partner: FieldSpec) -> None:
        rule = self.field.policy.rule
        if rule is Rule.UNION and {crm.type, partner.type} != {FieldType.MULTI_CHOICE}:
            raise _Broken("policy", "policy_unfit", "union needs fields of several choices on both sides")
        if rule is Rule.RESTRICTIVE and crm.type not in {FieldType.BOOLEAN, FieldType.CHOICE}:
            raise _Broken("policy", "policy_unfit", "restrictive needs a yes/no or a choice column in Dynamics")

    def _check_round_trip(self, compiled: CompiledField) -> None:
        breach = round_trip_breach(compiled) if self.direction is Direction.BOTH else None
        if breach is not None:
            raise _Broken(
                "",
                "no_round_trip",
                f"does not round-trip: {breach!r} comes back from the partner as something else; "
                "correct the value map or the transforms, or let the field flow one way only",
            )


def _joined(spec: FieldSpec) -> FieldSpec:
    return replace(spec, type=FieldType.TEXT, max_length=None)
