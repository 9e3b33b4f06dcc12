"""What entity maps of a connection must keep, besides what each must keep by itself: all of it is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shared.domain.connection import ConnectionConfig
from shared.domain.entity_file import parse_entity_map
from shared.domain.entity_map import EntityMap
from shared.domain.map_rules import check_fixed, check_parents, check_shared
from shared.domain.mapping import check_file
from shared.domain.mistakes import MapErrors, Mistake
from shared.domain.records import Side
from shared.errors import SyncError
from shared.manage.checks import Schemas
from shared.manage.ports import Systems
from shared.sync.options import parse_options


def check_entities(
    config: ConnectionConfig, before: ConnectionConfig | None, others: Sequence[ConnectionConfig], systems: Systems
) -> None:
    """Raises MapErrors with every mistake and its place.

    Against the schemas only what changed is judged: a column that was dropped in Dynamics must not keep anybody from
    saving something else. A side that cannot be asked now is judged by the check of the connection.
    """
    maps = [parse_entity_map(item) for item in config.entities]
    known = {item.name: item for item in (parse_entity_map(data) for data in before.entities)} if before else {}
    mistakes = [*_names(maps), *check_parents(maps)]
    for entity in maps:
        if entity.name in known:
            mistakes.extend(check_fixed(entity, known[entity.name]))
    mistakes.extend(check_shared(*_environment(config, maps, others)))
    if before is not None and not mistakes:
        mistakes.extend(_unfit(config, before, systems))
    if mistakes:
        raise MapErrors(mistakes)


def _names(maps: Sequence[EntityMap]) -> Iterator[Mistake]:
    names = [item.name for item in maps]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Mistake(name, "duplicate_id", "is the name of several entities; give each its own")
    taken: dict[str, str] = {}
    for item in (item for item in maps if item.on):
        other = taken.setdefault(item.crm_kind, item.name)
        if other != item.name:
            yield Mistake(
                f"{item.name}.on", "kind_twice", f"{other} takes {item.crm_kind} already; switch one of them off"
            )


def _environment(
    config: ConnectionConfig, maps: Sequence[EntityMap], others: Sequence[ConnectionConfig]
) -> tuple[list[tuple[str, EntityMap]], list[str]]:
    """All maps onto the same environment by connection, and the connections that stand in the order, strongest first
    (`options.order`, the smallest number first; 0 is no place)."""
    same = [config, *(other for other in others if _address(other) == _address(config))]
    found = [(config.id, item) for item in maps]
    found += [(other.id, parse_entity_map(data)) for other in same[1:] for data in other.entities]
    placed = [(parse_options(item.options).order, item.id) for item in same]
    return found, [name for place, name in sorted(placed) if place]


def _address(config: ConnectionConfig) -> str:
    return str(config.crm.get("url", "")).strip().rstrip("/").lower()


def _unfit(config: ConnectionConfig, before: ConnectionConfig, systems: Systems) -> list[Mistake]:
    """What of the new maps does not fit the schemas, and did not stand there before."""
    schemas = Schemas({Side.CRM: systems.crm(config), Side.PARTNER: systems.partner(config)})

    def found(maps: Sequence[Mapping[str, object]]) -> list[Mistake]:
        mistakes: list[Mistake] = []
        for data in maps:
            item = parse_entity_map(data)
            if item.on:
                crm, partner = schemas.of(Side.CRM, item.crm_kind), schemas.of(Side.PARTNER, item.partner_kind)
                mistakes.extend(check_file(data, crm, partner))
        return mistakes

    try:
        old = {(mistake.code, mistake.message) for mistake in found(before.entities)}
        return [mistake for mistake in found(config.entities) if (mistake.code, mistake.message) not in old]
    except SyncError:
        return []
