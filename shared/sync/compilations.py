"""Entity maps compiled once, and used for as long as nothing they were made from has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.mapping import CompiledMap, EntityMap, compile_map, parse_entity_map
from shared.domain.records import Kind, Schema, Side

type Entities = Sequence[Mapping[str, Any]]

_SIZE = 16


@dataclass(slots=True)
class Compilations:
    """What was compiled lately. Compiling tries every mapping with sample values, and its answer depends on the
    entities and the schemas alone, so that the engines of one process may share it."""

    _parsed: list[tuple[Entities, list[EntityMap]]] = field(default_factory=list)
    _made: list[tuple[tuple[Entities, list[Schema]], list[CompiledMap]]] = field(default_factory=list)

    def of(self, entities: Entities, describe: Callable[[Side, Kind], Schema]) -> list[CompiledMap]:
        """The entities that are switched on, compiled against their kinds as `describe` tells them now.

        Raises MapErrors for maps that cannot be used, and whatever `describe` raises.
        """
        parsed = _kept(self._parsed, entities, lambda: [parse_entity_map(item) for item in entities])
        wanted = [item for item in parsed if item.on]
        pairs = [(describe(Side.CRM, item.crm_kind), describe(Side.PARTNER, item.partner_kind)) for item in wanted]

        def made() -> list[CompiledMap]:
            return [
                compile_map(item, crm, partner, siblings=parsed)
                for item, (crm, partner) in zip(wanted, pairs, strict=True)
            ]

        return _kept(self._made, (entities, [schema for pair in pairs for schema in pair]), made)


def _kept[Key, Made](shelf: list[tuple[Key, Made]], key: Key, make: Callable[[], Made]) -> Made:
    """What was made for an equal key, else what is made now; the shelf keeps the newest."""
    for known, found in shelf:
        if known == key:
            return found
    found = make()
    shelf.insert(0, (key, found))
    del shelf[_SIZE:]
    return found
