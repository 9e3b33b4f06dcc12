"""The law that field maps are judged by, and fields to judge."""

from typing import Any

from shared.domain.compiled import Carried, CompiledField, Unmappable
from shared.domain.records import FieldSpec, FieldType, Side
from tests.unit.domain.kit import spec
from tests.unit.domain.strategies import OPTIONS

T = FieldType


def only(item: Any) -> CompiledField:
    found: CompiledField = item.fields[0]
    return found


def typed(name: str, kind: FieldType, **more: Any) -> FieldSpec:
    options = {"options": OPTIONS} if kind in {T.CHOICE, T.MULTI_CHOICE} else {}
    return spec(name, kind, **options, **more)


def comes_back(field: CompiledField, value: Any) -> None:
    """The law itself, for a value of Dynamics that has a counterpart and was not cut."""
    there = field.carry(value, Side.CRM)
    if isinstance(there, Unmappable) or there.clipped:
        return
    back = field.carry(there.value, Side.PARTNER)
    assert isinstance(back, Carried), (value, there, back)
    assert field.canonical(back.value, Side.CRM) == field.canonical(value, Side.CRM)
