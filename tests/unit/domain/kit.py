"""Small builders for the domain's tests: schemas, maps and records in one line each."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.domain.identity import Agreed, Digest, Digester
from shared.domain.mapping import CompiledMap, compile_map, parse_entity_map
from shared.domain.merge import Merged, merge
from shared.domain.records import (
    ABSENT,
    FieldName,
    FieldSpec,
    FieldState,
    FieldType,
    Kind,
    Option,
    Record,
    Ref,
    RemoteId,
    Schema,
    Side,
)

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
DIGESTER = Digester(b"0123456789abcdef0123456789abcdef")
CRM_REF = Ref(Kind("contact"), RemoteId("c-1"))
PARTNER_REF = Ref(Kind("person"), RemoteId("7"))


def spec(name: str, kind: FieldType = FieldType.TEXT, **more: Any) -> FieldSpec:
    options = tuple(Option(value, f"Option {value}") for value in more.pop("options", ()))
    return FieldSpec(name=FieldName(name), type=kind, options=options, **more)


def schema(kind: str, *specs: FieldSpec) -> Schema:
    return Schema.of(Kind(kind), specs)


def compiled(
    fields: list[Mapping[str, Any]],
    crm: list[FieldSpec],
    partner: list[FieldSpec],
    **entity: Any,
) -> CompiledMap:
    """A map of contacts to people; `fields` and `entity` in file form."""
    data = {"name": "contact", "crm_kind": "contact", "partner_kind": "person", "fields": fields, **entity}
    return compile_map(parse_entity_map(data), schema("contact", *crm), schema("person", *partner))


def one_field(
    crm: FieldSpec | None = None,
    partner: FieldSpec | None = None,
    entity: Mapping[str, Any] | None = None,
    **field: Any,
) -> CompiledMap:
    """A map with the single field `f`, from `a` in Dynamics to `b` at the partner."""
    data = {"id": "f", "crm": "a", "partner": "b", **field}
    found = compiled([data], [crm or spec("a")], [partner or spec("b")], **(entity or {}))
    assert not found.broken, found.broken
    return found


def record(side: Side, fields: Mapping[str, FieldState], modified_at: datetime | None = None) -> Record:
    told = {FieldName(name): value for name, value in fields.items() if value is not ABSENT}
    return Record(CRM_REF if side is Side.CRM else PARTNER_REF, told, modified_at=modified_at)  # type: ignore[arg-type]


def digest(item: CompiledMap, value: Any, side: Side, field_id: str = "f") -> Digest:
    field = item.by_id(field_id)
    assert field is not None
    return DIGESTER.of(field_id, field.canonical(value, side))


def base(item: CompiledMap, crm: Any, partner: Any, field_id: str = "f") -> dict[str, Agreed]:
    """What both sides stored when they agreed."""
    return {
        field_id: Agreed(digest(item, crm, Side.CRM, field_id), digest(item, partner, Side.PARTNER, field_id)),
    }


def decide(
    item: CompiledMap,
    agreed: Mapping[str, Agreed],
    crm: FieldState = ABSENT,
    partner: FieldState = ABSENT,
    *,
    crm_time: datetime | None = None,
    partner_time: datetime | None = None,
    **more: Any,
) -> Merged:
    """Merges a map of the single field `f`."""
    return merge(
        item,
        agreed,
        record(Side.CRM, {"a": crm}, crm_time),
        record(Side.PARTNER, {"b": partner}, partner_time),
        digester=DIGESTER,
        now=NOW,
        **more,
    )
