"""What a memory system is like: its kinds of record, its limits and its habits.

Habits are the ways in which a real system departs from what it was asked to store: it cuts, trims, re-cases, keeps
coarse times, tells only part of a row. The engine knows of a habit only what `describe` and the capabilities tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from shared.domain.records import FieldName, FieldSpec, Kind, Schema
from shared.ports.connector import ClearBy, KindCapabilities


class Overlong(StrEnum):
    """What the system does with a text longer than its column: refuses the record, or cuts it and says nothing."""

    REJECT = "reject"
    TRUNCATE = "truncate"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindDesign:
    """One kind of record and how its system treats it.

    `fields` are the columns, as `describe` tells them; those marked `custom` are missing from rows of feeds and walks
    where the kind has `partial_rows`, and so are labels where `partial_labels`. `secret_limits` are lengths (UTF-16
    units) that the system enforces without telling. `habits` rewrite a text before it is stored. `representation`: a
    write answers with what was stored. `token_lifetime` is how long a DELTA token is good, `retention` how long a LOG
    keeps its entries. `import_time` is how long an asynchronous create takes, `imports_update`: one of a match value
    that somebody has changes that record (else it is refused). `refuses_unknown_fields`: a query that names a column
    which does not exist fails as a whole (else the column is absent from the answer). `keeps_used`: a record that
    another one refers to cannot be deleted.
    """

    kind: Kind
    fields: tuple[FieldSpec, ...]
    capabilities: KindCapabilities
    overlong: Overlong = Overlong.REJECT
    secret_limits: Mapping[FieldName, int] = field(default_factory=dict)
    habits: Mapping[FieldName, Callable[[str], str]] = field(default_factory=dict)
    representation: bool = False
    tells_revision: bool = True
    page_size: int = 50
    partial_labels: bool = False
    token_lifetime: timedelta = timedelta(days=7)
    retention: timedelta = timedelta(days=90)
    import_time: timedelta = timedelta(seconds=5)
    imports_update: bool = False
    refuses_unknown_fields: bool = False
    keeps_used: bool = False

    def schema(self) -> Schema:
        """What `describe` tells at first; where emptying stores one kind of empty only, every field says so."""
        one_empty = self.capabilities.clear is not ClearBy.NULL
        clearable = self.capabilities.clear is not ClearBy.IMPOSSIBLE
        return Schema.of(
            self.kind,
            (
                replace(spec, blank=spec.blank and not one_empty, clearable=spec.clearable and clearable)
                for spec in self.fields
            ),
        )


def fold(text: str) -> str:
    """How a memory system compares match values: without case, without surrounding space."""
    return text.strip().casefold()
