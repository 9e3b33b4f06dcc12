"""What an administrator asks while mapping: both schemas, suggestions, mistakes, one real record, a count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.domain.connection import ConnectionConfig
from shared.domain.criteria import parse_criteria, to_odata
from shared.domain.entity_file import parse_entity_map
from shared.domain.entity_map import EntityMap
from shared.domain.mapping import check_file, compile_map
from shared.domain.mistakes import Mistake
from shared.domain.records import Kind, Record, RemoteId, Schema, Side
from shared.domain.suggest import FieldPreview, Suggestion, preview, suggest
from shared.errors import ConfigError, Rejected
from shared.manage.checks import Schemas
from shared.ports.ambient import Clock
from shared.ports.connector import Connector, Counter


@dataclass(frozen=True, slots=True)
class Counted:
    """`more`: there are more than `count`. `other` is the count of all rows of the table."""

    count: int
    more: bool
    all_count: int
    all_more: bool


@dataclass(frozen=True, kw_only=True)
class Describing:
    """The questions of one connection."""

    config: ConnectionConfig
    connectors: Mapping[Side, Connector]
    clock: Clock

    @cached_property
    def schemas(self) -> Schemas:
        return Schemas(self.connectors)

    def kinds(self, side: Side) -> Sequence[Kind]:
        return list(self.connectors[side].capabilities.kinds)

    def schema(self, side: Side, kind: str) -> Schema:
        """A kind's fields as they are now. Raises Rejected (`unknown_kind`) for one this side does not have."""
        if kind not in self.connectors[side].capabilities.kinds:
            raise Rejected(
                f"the {side.value} side has no kind {kind[:100]}",
                code="unknown_kind",
                next_step="Use one of: " + ", ".join(self.kinds(side)) + ".",
            )
        return self.schemas.of(side, Kind(kind))

    def entity(self, name: str) -> Mapping[str, object]:
        """An entity map of the connection in its file form. Raises Rejected (`unknown_entity`)."""
        for data in self.config.entities:
            if data.get("name") == name:
                return data
        known = ", ".join(str(data.get("name")) for data in self.config.entities)
        raise Rejected(
            f"the connection has no entity {name[:100]}", code="unknown_entity", next_step=f"Use one of: {known}."
        )

    def suggested(self, name: str) -> list[Suggestion]:
        """Pairs of fields that seem to belong together and are not mapped yet."""
        entity = parse_entity_map(self.entity(name))
        crm, partner = self._both(entity)
        taken = {field for item in entity.fields for field in (item.crm, item.partner)}
        return suggest(crm, partner, taken)

    def mistakes(self, data: Mapping[str, object]) -> tuple[Mistake, ...]:
        """Everything that is wrong with an entity map in its file form, against both schemas as they are now."""
        kinds = {side: str(data.get(f"{side.value}_kind", "")) for side in Side}
        return check_file(data, *(self.schema(side, kinds[side]) for side in Side))

    def previewed(
        self, data: Mapping[str, object], side: Side, record: str
    ) -> tuple[Record, list[FieldPreview], Mapping[str, str]]:
        """A real record of `side` as the map would carry it over; and the fields that cannot work, with their codes.

        Raises MapErrors for a map that cannot be used, Rejected (`record_not_found`).
        """
        entity = parse_entity_map(data)
        compiled = compile_map(entity, *self._both(entity))
        kind = entity.crm_kind if side is Side.CRM else entity.partner_kind
        wanted = RemoteId(record)
        found = self.connectors[side].read(kind, [wanted], compiled.reads(side)).get(wanted)
        if not isinstance(found, Record):
            raise Rejected(
                f"there is no such {kind} on the {side.value} side, or it may not be seen",
                code="record_not_found",
                next_step="Copy the record's id from its address in that system.",
            )
        return found, preview(compiled, found, side), compiled.broken

    def counted(self, name: str, criteria: object, *, exact: bool) -> Counted:
        """How many Dynamics rows meet `criteria` (None: those of the entity), and how many there are in all.

        Raises MapErrors with the places of what is wrong with them.
        """
        data = self.entity(name)
        asked = criteria if criteria is not None else data.get("criteria")
        kind, counter = Kind(str(data["crm_kind"])), self.connectors[Side.CRM]
        if not isinstance(counter, Counter):
            raise ConfigError("this system does not count rows", setting="criteria")
        total, total_more = counter.count(kind, "", exact=exact)
        if not asked:
            return Counted(total, total_more, total, total_more)
        bound = parse_criteria(asked, self.schema(Side.CRM, kind))
        found, more = counter.count(kind, to_odata(bound, now=self.clock.now()), exact=exact)
        return Counted(found, more, total, total_more)

    def _both(self, entity: EntityMap) -> tuple[Schema, Schema]:
        return self.schema(Side.CRM, entity.crm_kind), self.schema(Side.PARTNER, entity.partner_kind)
