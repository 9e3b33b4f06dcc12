"""Reads an entity map from its file form, and writes it back.

```json
{
  "name": "contact", "crm_kind": "contact", "partner_kind": "contact", "direction": "both",
  "match": "email", "rank": 2, "parents": ["account"], "first_match": "crm",
  "deletes": {"crm": "ignore", "partner": "deactivate"}, "leaves": "keep", "creates": ["crm", "partner"],
  "policy": "owner_crm",
  "criteria": {"all": [{"column": "statecode", "op": "eq", "value": 0}]},
  "labels": {"kind": "D365: Contact", "pushed": "D365: Pushed from Dynamics", "pulled": "D365: Pulled from Partner"},
  "fields": [
    {"id": "email", "crm": "emailaddress1", "partner": "email", "required": true},
    {"id": "title", "crm": "salutation", "partner": "field:7", "direction": "to_partner", "values": {"1": "Ms"}},
    {"id": "optin", "crm": "donotbulkemail", "partner": "field:9", "transforms": ["invert"],
     "policy": {"rule": "restrictive", "strict": ["true"]}}
  ]
}
```
`policy` of the entity is that of every field that names none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from shared.domain.criteria_tree import Criteria, read_criteria
from shared.domain.entity_map import (
    DeletePolicy,
    Direction,
    EntityMap,
    FieldMap,
    Leaves,
    MapErrors,
    Mistake,
    TransformSpec,
)
from shared.domain.labels import Labels
from shared.domain.map_rules import check_entity
from shared.domain.policy import Policy, Rule
from shared.domain.reader import Reader
from shared.domain.records import FieldName, Kind, Side

POLICY_NAMES = ("owner_crm", "owner_partner", *(rule.value for rule in Rule if rule is not Rule.OWNER))


def parse_entity_map(data: Mapping[str, object]) -> EntityMap:
    """The entity map in `data`. Raises MapErrors with every mistake and its place (`contact.fields[3].policy`)."""
    entity, mistakes = read_entity_map(data)
    if mistakes:
        raise MapErrors(mistakes)
    return entity


def read_entity_map(data: object) -> tuple[EntityMap, list[Mistake]]:
    """What can be read of an entity map, and every mistake in it, so that one round of corrections is enough."""
    mistakes: list[Mistake] = []
    entity = _entity(data, mistakes)
    return entity, mistakes + outside(check_entity(entity), mistakes)


def outside(found: Iterable[Mistake], known: Iterable[Mistake]) -> list[Mistake]:
    """Those of `found` that do not follow from a mistake that is known already at the same place."""
    places = {mistake.place for mistake in known}
    return [mistake for mistake in found if not _within(mistake.place, places)]


def _within(place: str, broken: set[str]) -> bool:
    return any(place.startswith(other) or other.startswith(place) for other in broken)


def _entity(data: object, mistakes: list[Mistake]) -> EntityMap:
    name = data.get("name") if isinstance(data, Mapping) else None
    top = Reader(data, name if isinstance(name, str) and name else "entity", mistakes)
    default = _policy(top, "policy", Policy())
    entity = EntityMap(
        name=top.text("name") or "entity",
        crm_kind=Kind(top.text("crm_kind")),
        partner_kind=Kind(top.text("partner_kind")),
        direction=top.choice("direction", Direction, Direction.BOTH),
        criteria=_criteria(top),
        fields=tuple(_field(item, top, index, default) for index, item in enumerate(top.items("fields"))),
        match=top.text("match", "") or None,
        deletes=_deletes(top),
        labels=_labels(top),
        leaves=top.choice("leaves", Leaves, Leaves.KEEP),
        first_match=top.choice("first_match", Side, Side.CRM),
        on=top.flag("on", default=True),
        parents=top.texts("parents"),
        rank=top.number("rank", 0),
        fixed=frozenset(top.texts("fixed")),
        creates=_creates(top),
    )
    top.close()
    return entity


def _creates(top: Reader) -> frozenset[Side]:
    """The sides on which records are made; both unless it is given."""
    names = top.texts("creates") if top.has("creates") else tuple(side.value for side in Side)
    known = {side.value for side in Side}
    for name in names:
        if name not in known:
            top.unknown("creates", name, sorted(known))
    return frozenset(Side(name) for name in names if name in known)


def _criteria(top: Reader) -> Criteria | None:
    if not top.has("criteria"):
        return None
    found, mistakes = read_criteria(top.get("criteria"), top.at("criteria"))
    top.mistakes.extend(mistakes)
    return found


def _deletes(top: Reader) -> Mapping[Side, DeletePolicy]:
    if not top.has("deletes"):
        return dict.fromkeys(Side, DeletePolicy.IGNORE)
    reader = Reader(top.get("deletes"), top.at("deletes"), top.mistakes)
    found = {side: reader.choice(side.value, DeletePolicy, DeletePolicy.IGNORE) for side in Side}
    reader.close()
    return found


def _labels(top: Reader) -> Labels | None:
    if not top.has("labels"):
        return None
    reader = Reader(top.get("labels"), top.at("labels"), top.mistakes)
    kind, pushed, pulled = (reader.text(key) for key in ("kind", "pushed", "pulled"))
    foreign: dict[str, int] = {}
    for label, rank in reader.pairs("foreign").items():
        if rank.lstrip("-").isdecimal():
            foreign[label] = int(rank)
        else:
            reader.note(f"foreign.{label}", "wrong_type", "must be a whole number")
    aliases = reader.pairs("aliases")
    for alias, meant in aliases.items():
        if meant not in {kind, pushed, pulled, *foreign}:
            reader.note(f"aliases.{alias}", "unknown_value", f"{meant!r} is none of this entity's labels")
    reader.close()
    return Labels(kind, pushed, pulled, aliases, foreign)


def _field(data: object, top: Reader, index: int, default: Policy) -> FieldMap:
    reader = Reader(data, f"{top.place}.fields[{index}]", top.mistakes)
    crm = reader.text("crm")
    direction = reader.choice("direction", Direction, Direction.BOTH)
    field = FieldMap(
        id=reader.text("id", crm or "field"),
        crm=FieldName(crm),
        partner=FieldName(reader.text("partner")),
        direction=direction,
        policy=_field_policy(reader, direction, default),
        value_map=reader.pairs("values") if reader.has("values") else None,
        transforms=tuple(_transform(item, reader, at) for at, item in enumerate(reader.items("transforms"))),
        required=reader.flag("required", default=False),
        first=reader.choice("first", Side, Side.CRM) if reader.has("first") else None,
    )
    reader.close()
    return field


def _field_policy(reader: Reader, direction: Direction, default: Policy) -> Policy:
    """A field's own policy, else the entity's. A one-way field is owned by the side it comes from."""
    policy = _policy(reader, "policy", default)
    if policy.rule is not Rule.OWNER or direction is Direction.BOTH or not direction.into(policy.side):
        return policy
    if reader.has("policy"):
        reader.note(
            "policy",
            "owner_never_sends",
            f"{policy.name} owns a field that only flows into it; choose the other owner or another direction",
        )
    return replace(policy, side=policy.side.other)


def _policy(reader: Reader, key: str, default: Policy) -> Policy:
    value = reader.get(key)
    if value is None:
        return default
    if isinstance(value, str):
        return _named(reader, key, value)
    inner = Reader(value, reader.at(key), reader.mistakes)
    named = _named(inner, "rule", inner.text("rule"))
    policy = Policy(
        rule=named.rule,
        side=inner.choice("side", Side, named.side),
        skew=inner.number("skew", named.skew, most=86_400),
        strict=inner.texts("strict") if inner.has("strict") else named.strict,
    )
    inner.close()
    return policy


def _named(reader: Reader, key: str, name: str) -> Policy:
    if name == Rule.OWNER.value:
        return Policy()
    if name not in POLICY_NAMES:
        if name:
            reader.unknown(key, name, POLICY_NAMES)
        return Policy()
    if name.startswith("owner_"):
        return Policy(side=Side(name.removeprefix("owner_")))
    return Policy(rule=Rule(name))


def _transform(data: object, field: Reader, index: int) -> TransformSpec:
    place = f"transforms[{index}]"
    if isinstance(data, str):
        return TransformSpec(kind=data)
    reader = Reader(data, field.at(place), field.mistakes)
    kind = reader.text("kind")
    return TransformSpec(kind=kind, options={key: item for key, item in reader.data.items() if key != "kind"})
