"""From rows of the Web API to records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from shared.connectors.dynamics.metadata import TableMeta
from shared.connectors.dynamics.values import LOOKUP_NAME, UNTOLD, Column, parse_time, reader_of
from shared.domain.records import FieldName, Gone, GoneReason, Record, Ref, RemoteId, Value
from shared.errors import Transient
from shared.http.shape import shaped

_MASTER = "_masterid_value"


@dataclass(frozen=True, slots=True)
class RowMapper:
    """Reads rows of one table for some fields. What may not be read, or does not exist, stays absent."""

    meta: TableMeta
    fields: Sequence[FieldName]
    columns: Sequence[Column] = field(init=False)
    select: str = field(init=False)
    _readers: Sequence[tuple[FieldName, Any]] = field(init=False)

    def __post_init__(self) -> None:
        columns = self.meta.readable(dict.fromkeys(self.fields))
        wires = dict.fromkeys([str(self.meta.table.key), *(column.wire for column in columns), *self._own()])
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "select", ",".join(wires))
        object.__setattr__(self, "_readers", [(column.name, reader_of(column)) for column in columns])

    @property
    def annotations(self) -> tuple[str, ...]:
        """The preference that makes lookups to several tables say which one; none when there are no such lookups."""
        if any(column.polymorphic for column in self.columns):
            return (f'odata.include-annotations="{LOOKUP_NAME}"',)
        return ()

    @shaped("Dynamics 365")
    def record(self, row: Mapping[str, Any], reason: GoneReason = GoneReason.TOLD) -> Record | Gone:
        """One row. The loser of a merge is gone, into its winner. A value that cannot be read stays absent."""
        ref = self.ref(row.get(self.meta.table.key))
        state = row.get("statecode")
        active = state not in self.meta.table.inactive
        master = row.get(_MASTER)
        if self.meta.table.merges and not active and isinstance(master, str) and row.get("merged") is not False:
            return Gone(ref, reason, self.ref(master))
        try:
            values = {name: value for name, read in self._readers if (value := read(row)) is not UNTOLD}
        except (ValueError, TypeError, ArithmeticError):
            values = self._readable(row)
        return Record(ref, values, row.get("@odata.etag"), parse_time(row.get("modifiedon")), active=active)

    def _readable(self, row: Mapping[str, Any]) -> dict[FieldName, Value | None]:
        """Value by value: one that makes no sense is left out, and the others are told."""
        values: dict[FieldName, Value | None] = {}
        for name, read in self._readers:
            with suppress(ValueError, TypeError, ArithmeticError):
                value = read(row)
                if value is not UNTOLD:
                    values[name] = value
        return values

    def ref(self, row_id: object) -> Ref:
        """The reference of a row of this table. Raises Transient for what is no id."""
        if not isinstance(row_id, str) or not row_id:
            raise Transient("Dynamics 365 sent a row without its id", code="unreadable_answer")
        return Ref(self.meta.table.kind, RemoteId(row_id.lower()))

    def incomplete(self, record: Record | Gone) -> bool:
        """Does a lookup of this record still lack its table?"""
        return isinstance(record, Record) and len(record.fields) < len(self.columns)

    def _own(self) -> list[str]:
        """What we need besides the fields: activity, time, and where a merge led."""
        wanted = ["statecode", "modifiedon", *(["merged", "masterid"] if self.meta.table.merges else [])]
        return [self.meta.columns[FieldName(name)].wire for name in wanted if name in self.meta.columns]
