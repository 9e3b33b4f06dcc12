"""Entity maps, from the file an administrator edits to the form the engine works with. One import for all of it."""

from shared.domain.compile_map import check_file, check_map, compile_map
from shared.domain.compiled import Carried, CompiledField, CompiledMap, Resolve, Unmappable
from shared.domain.entity_file import parse_entity_map
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

__all__ = [
    "Carried",
    "CompiledField",
    "CompiledMap",
    "DeletePolicy",
    "Direction",
    "EntityMap",
    "FieldMap",
    "Labels",
    "Leaves",
    "MapErrors",
    "Mistake",
    "Resolve",
    "TransformSpec",
    "Unmappable",
    "check_file",
    "check_map",
    "compile_map",
    "parse_entity_map",
]
