"""Rules an entity map must keep whatever the schemas say. Every breach is told, with its place."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from shared.domain.entity_map import Direction, EntityMap, FieldMap, Mistake
from shared.domain.policy import Rule
from shared.domain.records import FieldName, Side
from shared.domain.transforms import KINDS, OPTIONS, BadOption, concat

ONE_WAY_TRANSFORMS = frozenset({"upper", "lower", "title", "default"})
"""Transforms that never have a way back."""


def effective(entity: EntityMap, field: FieldMap) -> Direction | None:
    """Where a field's values flow: its own direction where the entity goes both ways, else the entity's.

    None when the two leave nothing: a field that is only read into Dynamics rests in an entity that only sends.
    """
    return field.direction.within(entity.direction)


def check_entity(entity: EntityMap) -> list[Mistake]:
    """Every mistake that can be found without a schema."""
    mistakes: list[Mistake] = []
    mistakes.extend(_ids(entity))
    mistakes.extend(_writers(entity))
    for index, field in enumerate(entity.fields):
        place = f"{entity.name}.fields[{index}]"
        mistakes.extend(_policy(place, field))
        mistakes.extend(_value_map(place, field))
        mistakes.extend(_transforms(place, field))
    return mistakes


def _ids(entity: EntityMap) -> Iterator[Mistake]:
    if not entity.fields:
        yield Mistake(f"{entity.name}.fields", "no_fields", "maps no field; add at least the one people are matched by")
    seen = Counter(field.id for field in entity.fields)
    for index, field in enumerate(entity.fields):
        if seen[field.id] > 1 and any(field.id == earlier.id for earlier in entity.fields[:index]):
            yield Mistake(
                f"{entity.name}.fields[{index}].id",
                "duplicate_id",
                f"the id {field.id!r} is taken by another field of this entity; choose another",
            )
    if entity.match is not None and entity.match not in seen:
        yield Mistake(f"{entity.name}.match", "unknown_field", f"names {entity.match!r}, which no field has as its id")


def _columns(field: FieldMap, side: Side) -> list[FieldName]:
    names = [field.crm if side is Side.CRM else field.partner]
    joins = (spec.options for spec in field.transforms if spec.kind == "concat")
    names.extend(FieldName(str(options.get("column"))) for options in joins if options.get("side") == side.value)
    return names


def _writers(entity: EntityMap) -> Iterator[Mistake]:
    for side in Side:
        writers: defaultdict[FieldName, list[int]] = defaultdict(list)
        for index, field in enumerate(entity.fields):
            direction = effective(entity, field)
            if direction is not None and direction.into(side):
                for name in _columns(field, side):
                    writers[name].append(index)
        for name, indexes in writers.items():
            first, *others = indexes
            for other in others:
                yield Mistake(
                    f"{entity.name}.fields[{other}].{side.value}",
                    "two_writers",
                    f"{name!r} is written by {entity.name}.fields[{first}] ({entity.fields[first].id!r}) too; "
                    "let one of the two flow only the other way, or remove it",
                )


def _policy(place: str, field: FieldMap) -> Iterator[Mistake]:
    policy = field.policy
    if policy.rule is Rule.RESTRICTIVE and not policy.strict:
        yield Mistake(f"{place}.policy.strict", "no_strict_value", "names no strict value; list them, strictest first")


def _value_map(place: str, field: FieldMap) -> Iterator[Mistake]:
    if field.value_map is None:
        return
    if not field.value_map:
        yield Mistake(f"{place}.values", "empty_value_map", "is empty; remove it or name at least one value")
    if field.direction is Direction.TO_PARTNER:
        return
    sources: defaultdict[str, list[str]] = defaultdict(list)
    for crm, partner in field.value_map.items():
        sources[partner].append(crm)
    for partner, crms in sources.items():
        if len(crms) > 1:
            yield Mistake(
                f"{place}.values",
                "no_round_trip",
                f"does not round-trip: {partner!r} stands for {', '.join(map(repr, sorted(crms)))}; "
                "give each its own value, or let the field flow to the partner only",
            )


def _transforms(place: str, field: FieldMap) -> Iterator[Mistake]:
    for index, spec in enumerate(field.transforms):
        at = f"{place}.transforms[{index}]"
        if spec.kind not in KINDS and spec.kind != "concat":
            known = ", ".join(sorted([*KINDS, "concat"]))
            yield Mistake(at, "unknown_transform", f"{spec.kind!r} is not a transform; known are {known}")
            continue
        unknown = sorted(set(spec.options) - OPTIONS.get(spec.kind, frozenset()))
        if unknown:
            yield Mistake(at, "unknown_option", f"{spec.kind} has no option {', '.join(map(repr, unknown))}")
        if spec.kind in ONE_WAY_TRANSFORMS and field.direction is not Direction.TO_PARTNER:
            yield Mistake(
                at,
                "no_round_trip",
                f"does not round-trip: {spec.kind} has no way back; let the field flow to the partner only",
            )
        if spec.kind == "concat":
            yield from _concat(at, field, index)


def _concat(at: str, field: FieldMap, index: int) -> Iterator[Mistake]:
    try:
        joined = concat(field.transforms[index].options)
    except BadOption as bad:
        yield Mistake(at, "bad_option", f"concat {bad}")
        return
    if len(field.transforms) > 1:
        yield Mistake(
            at, "concat_alone", "concat cannot be combined with other transforms; map the parts by themselves"
        )
    splitting = field.direction.into(joined.side)
    if field.direction is Direction.BOTH and not joined.splits:
        yield Mistake(
            at,
            "no_round_trip",
            "does not round-trip: white space also occurs inside the parts; choose a separator such as ', ', "
            "or let the field flow one way only",
        )
    if splitting and field.value_map is not None:
        yield Mistake(at, "concat_alone", "concat cannot be combined with a value map")


def check_parents(entities: Sequence[EntityMap]) -> list[Mistake]:
    """Parents that are no entity of the connection, and parents that run in a circle."""
    by_name = {entity.name: entity for entity in entities}
    mistakes = []
    for entity in entities:
        place = f"{entity.name}.parents"
        for parent in entity.parents:
            if parent not in by_name:
                wrong = f"names {parent!r}, which is no entity of this connection; add it, or take the name out"
                mistakes.append(Mistake(place, "unknown_entity", wrong))
        if entity.name in _above(entity, by_name):
            wrong = f"run in a circle that leads back to {entity.name!r}; take one of them out"
            mistakes.append(Mistake(place, "circle", wrong))
    return mistakes


def _above(entity: EntityMap, by_name: Mapping[str, EntityMap]) -> set[str]:
    """The names of an entity's parents, of their parents, and so on."""
    found: set[str] = set()
    open_names = list(entity.parents)
    while open_names:
        name = open_names.pop()
        if name in by_name and name not in found:
            found.add(name)
            open_names += by_name[name].parents
    return found


def check_shared(maps: Sequence[tuple[str, EntityMap]], order: Sequence[str] = ()) -> list[Mistake]:
    """Dynamics columns that several connections write, without an order between them.

    `maps` are (connection id, entity map) pairs of one Dynamics environment; `order` lists connection ids, the
    strongest first. Two connections that are both in `order` may write the same column: the engine of the weaker
    one treats the stronger one's value as Dynamics' own.
    """
    writers: defaultdict[tuple[str, FieldName], list[str]] = defaultdict(list)
    for connection, entity in maps:
        for field in entity.fields:
            direction = effective(entity, field)
            if entity.on and direction is not None and direction.into(Side.CRM):
                for name in _columns(field, Side.CRM):
                    writers[entity.crm_kind, name].append(connection)
    mistakes = []
    for (kind, name), found in sorted(writers.items()):
        unordered = sorted({connection for connection in found if connection not in order})
        if len(set(found)) > 1 and unordered:
            mistakes.append(
                Mistake(
                    f"{kind}.{name}",
                    "two_connections",
                    f"is written by the connections {', '.join(sorted(set(found)))}; "
                    f"put {', '.join(unordered)} into the order of connections, or let all but one only read it",
                )
            )
    return mistakes


def check_fixed(entity: EntityMap, before: EntityMap) -> list[Mistake]:
    """Fields of `before` that are fixed (the e-mail address, the account) and that `entity` changes or leaves out."""
    mistakes = []
    for index, field in enumerate(before.fields):
        if field.id not in before.fixed:
            continue
        now = entity.field(field.id)
        place = f"{entity.name}.fields[{index}]"
        if now is None:
            mistakes.append(Mistake(place, "fixed", f"the mapping {field.id!r} is fixed and cannot be removed"))
        elif (now.crm, now.partner, now.value_map, now.transforms) != (
            field.crm,
            field.partner,
            field.value_map,
            field.transforms,
        ):
            mistakes.append(Mistake(place, "fixed", f"the mapping {field.id!r} is fixed; put it back as it was"))
    if before.fixed - entity.fixed:
        mistakes.append(Mistake(f"{entity.name}.fixed", "fixed", "fixed mappings stay fixed"))
    return mistakes
