"""The collections of metadata: what lies under ``EntityDefinitions`` and its neighbours, as lists of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from simulators.dataverse.errors import error
from simulators.dataverse.metadata import columns, shapes
from simulators.dataverse.metadata.labels import CRM, label, metadata_id
from simulators.dataverse.metadata.options import Expander, Query, apply_query, shape_item
from simulators.dataverse.metadata.refusals import no_attribute, no_entity
from simulators.dataverse.odata.path import Segment, unquote
from simulators.dataverse.schema import Column, Kind, Schema, Table

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

type Json = dict[str, Any]
COLLECTIONS = {
    "Attributes": "AttributeMetadata",
    "Keys": "EntityKeyMetadata",
    "ManyToOneRelationships": "OneToManyRelationshipMetadata",
    "OneToManyRelationships": "OneToManyRelationshipMetadata",
    "ManyToManyRelationships": "ManyToManyRelationshipMetadata",
}
_CASTS = frozenset(columns.TYPE_NAMES.values()) - {"AttributeMetadata"}
_CHOICE_CASTS = frozenset(columns.TYPE_NAMES[kind] for kind in columns.ENUM_KINDS)


class Metadata:
    """A view over the schema of one organisation."""

    def __init__(self, service: DataverseSystem) -> None:
        self._service = service

    @property
    def schema(self) -> Schema:
        return self._service.schema

    @property
    def global_sets(self) -> dict[str, Json]:
        """Global option sets by name: `{"Name", "Options": [[value, label]], "label"}`."""
        sets: dict[str, Json] = self._service.extra.setdefault("option_sets", {})
        return sets

    @property
    def bound_sets(self) -> dict[tuple[str, str], str]:
        """Which column uses which global option set."""
        bound: dict[tuple[str, str], str] = self._service.extra.setdefault("bound_option_sets", {})
        return bound

    @property
    def plain_enums(self) -> bool:
        return self._service.switches.on("metadata_plain_enum_literals")

    def table(self, segment: Segment) -> Table:
        """The table a segment names by `LogicalName`, `MetadataId` or a lone id. Raises 404 when there is none."""
        wanted = _wanted(segment, "EntityMetadata")
        for table in self.schema.tables.values():
            if wanted in (("name", table.name), ("id", metadata_id("entity", table.name))):
                return table
        raise no_entity(wanted[1])

    def column(self, table: Table, segment: Segment) -> Column:
        """The column a segment names. Raises 404 when there is none."""
        wanted = _wanted(segment, "AttributeMetadata")
        for column in table.columns.values():
            if wanted in (("name", column.name), ("id", columns.column_id(table, column))):
                return column
        raise no_attribute(table.name, wanted[1])

    def entities(self, query: Query) -> list[Json]:
        """All tables, shaped by the query."""
        items = [shapes.entity(table) for table in self.schema.tables.values()]
        return apply_query(items, query, "EntityMetadata", self._entity_expanders(), plain_enums=self.plain_enums)

    def entity(self, table: Table, query: Query) -> Json:
        return shape_item(shapes.entity(table), query, "EntityMetadata", self._entity_expanders())

    def collection(self, table: Table, name: str, query: Query, cast: str = "") -> list[Json]:
        """One collection of a table (`Attributes`, `Keys`, ...), optionally cast to a type of column."""
        makers: dict[str, Callable[[], list[Json]]] = {
            "Attributes": lambda: self._attributes(table, cast),
            "Keys": lambda: [shapes.key(table, key) for key in table.keys.values()],
            "ManyToOneRelationships": lambda: list(self.many_to_one(table)),
            "OneToManyRelationships": lambda: list(self.one_to_many(table)),
            "ManyToManyRelationships": lambda: list(self.many_to_many(table)),
        }
        items = makers[name]()
        if cast:
            for item in items:
                item.pop("@odata.type", None)
        type_name = cast or COLLECTIONS[name]
        return apply_query(items, query, type_name, self.expanders(table, cast), plain_enums=self.plain_enums)

    def attribute(self, table: Table, column: Column, query: Query, cast: str = "") -> Json:
        """One column; with a cast to its own type `OptionSet` can be expanded. Raises 404 for another type's cast."""
        item = columns.attribute(table, column)
        if cast:
            self.check_cast(cast)
            if cast != columns.TYPE_NAMES[column.kind]:
                raise no_attribute(table.name, column.name)
            item.pop("@odata.type", None)
        return shape_item(item, query, cast or "AttributeMetadata", self.expanders(table, cast))

    def check_cast(self, cast: str) -> None:
        """Refuse a cast that the Web API does not know; `EnumAttributeMetadata` is one of those."""
        if cast not in _CASTS:
            raise error("SegmentNotFound", segment=f"{CRM}{cast[:100]}")

    def expanders(self, table: Table, cast: str) -> Mapping[str, Expander]:
        """What may be expanded below an attribute: the option sets, under a cast to a choice only."""
        if cast not in _CHOICE_CASTS:
            return {}
        return {
            "OptionSet": lambda item, query: self._shaped_set(table, item, query, only_global=False),
            "GlobalOptionSet": lambda item, query: self._shaped_set(table, item, query, only_global=True),
        }

    def _shaped_set(self, table: Table, item: Json, query: Query, *, only_global: bool) -> object:
        column = table.columns[item["LogicalName"]]
        shape = self.option_set(table, column)
        if only_global and not shape["IsGlobal"]:
            return None
        return shape_item(shape, query, "OptionSetMetadata", {})

    def option_set(self, table: Table, column: Column) -> Json:
        """The option set a choice uses: its own, or the global one it is bound to."""
        name = self.bound_sets.get((table.name, column.name))
        if name is None:
            return columns.option_set(table, column)
        return self.global_set(name)

    def global_set(self, name: str) -> Json:
        """A global option set as JSON. Raises KeyError for an unknown name."""
        declared = self.global_sets[name]
        owner = Table(name, name, name, "", "", {})
        column = Column(name, name, Kind.PICKLIST, options=declared["options"], custom=True)
        return columns.option_set(owner, column) | {
            "Name": name,
            "IsGlobal": True,
            "DisplayName": label(declared["label"], name, managed=False),
            "MetadataId": metadata_id("globaloptionset", name),
        }

    def relationships(self) -> Iterator[Json]:
        """All one-to-many relationships of the organisation."""
        for table in self.schema.tables.values():
            yield from self.many_to_one(table)

    def many_to_one(self, table: Table) -> Iterator[Json]:
        """The relationships in which the table holds the lookup."""
        for column in table.columns.values():
            for target_name, navigation in column.targets.items():
                target = self.schema.get(target_name)
                if target is not None:
                    reverse = column.reverse.get(target_name) or f"{target_name}_{table.name}_{column.name}"
                    yield shapes.relationship(target, table, column, navigation=navigation, reverse=reverse)

    def one_to_many(self, table: Table) -> Iterator[Json]:
        """The relationships in which others look up the table."""
        for item in self.relationships():
            if item["ReferencedEntity"] == table.name:
                yield item

    def many_to_many(self, table: Table) -> Iterator[Json]:
        """The relationships of the table that run through a table in between."""
        for navigation in table.navigation.values():
            other = self.schema.get(navigation.table)
            if navigation.intersect and other is not None:
                yield shapes.many_to_many(table, other, navigation)

    def _attributes(self, table: Table, cast: str) -> list[Json]:
        if cast:
            self.check_cast(cast)
        return [
            columns.attribute(table, column, number)
            for number, column in enumerate(table.columns.values(), 1)
            if not cast or columns.TYPE_NAMES[column.kind] == cast
        ]

    def _entity_expanders(self) -> Mapping[str, Expander]:
        def expand(name: str) -> Expander:
            return lambda item, query: self.collection(self.schema[item["LogicalName"]], name, query)

        return {name: expand(name) for name in COLLECTIONS}


def _wanted(segment: Segment, type_name: str) -> tuple[str, str]:
    """What a key segment asks for: `("name", logical name)` or `("id", metadata id)`."""
    arguments = segment.arguments or {}
    if segment.guid is not None and len(arguments) == 1:
        return "id", segment.guid
    if len(arguments) == 1:
        ((name, literal),) = arguments.items()
        text = unquote(literal)
        if name == "LogicalName" and text is not None:
            return "name", text.lower()
        if name == "MetadataId":
            return "id", (text or literal).lower()
    raise error("InvalidKey", table=type_name)
