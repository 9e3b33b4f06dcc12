"""Criteria: which Dynamics rows take part (first form: the judge and the OData text follow)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.mistakes import Mistake
from shared.domain.records import FieldName, Record, Schema


@dataclass(frozen=True, slots=True)
class Criteria:
    """A tree as it stands in the file."""

    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Bound:
    """Criteria bound to a schema."""

    criteria: Criteria
    columns: tuple[FieldName, ...]


def parse_criteria(data: object, *, place: str = "criteria") -> tuple[Criteria | None, list[Mistake]]:
    raise NotImplementedError


def bind(criteria: Criteria, schema: Schema, *, place: str = "criteria") -> tuple[Bound | None, list[Mistake]]:
    raise NotImplementedError


def matches(bound: Bound, record: Record, *, now: datetime) -> bool | None:
    raise NotImplementedError
