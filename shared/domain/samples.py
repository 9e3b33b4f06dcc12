"""Values to try a mapping with before it is used: does each come back from the partner as it went there?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from shared.domain.compiled import Carried, CompiledField
from shared.domain.convert import Unfit
from shared.domain.limits import fit
from shared.domain.policy import as_text
from shared.domain.records import FieldSpec, FieldType, Side, Value

_TEXTS = ("a", "Zoë", "O'Neil  jr", " x y ", "ÅNGSTRÖM", "Ünïcode ✓", "a\nb", "0", "-", "Ann, B.")


def samples(spec: FieldSpec) -> Iterator[Value]:
    """Values of a field of `spec`, the awkward ones among them."""
    match spec.type:
        case FieldType.INTEGER:
            yield from (0, 1, -1, 2_147_483_647)
        case FieldType.DECIMAL | FieldType.MONEY:
            yield from (Decimal(text) for text in ("0", "0.1", "-12.34", "1000000000", "0.00001"))
        case FieldType.BOOLEAN:
            yield from (True, False)
        case FieldType.DATE:
            yield from (date(1980, 3, 1), date(2024, 2, 29), date(1753, 1, 1), date(9999, 12, 31))
        case FieldType.DATETIME:
            yield from (datetime(2024, 3, 31, 1, 30, tzinfo=UTC), datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC))
        case FieldType.CHOICE:
            yield from (option.value for option in spec.options)
        case FieldType.MULTI_CHOICE:
            options = [option.value for option in spec.options]
            yield from (frozenset({option}) for option in options)
            yield frozenset(options)
        case FieldType.EMAIL:
            yield from ("ann@example.com", "o'neil+news@sub.example.com")
        case FieldType.REFERENCE:
            return
        case _:
            yield from _TEXTS


def round_trip_breach(field: CompiledField) -> str | None:
    """A value of Dynamics that does not come back as itself, as text; None when every one tried does.

    A value that does not fit or is cut short is no breach: it is parked, or kept apart by the digests of both sides.
    """
    for sample in samples(field.crm_spec):
        try:
            value, _ = fit(sample, field.crm_spec)
        except Unfit:
            continue
        if not _comes_back(field, value):
            return as_text(value) or ""
    return None


def _comes_back(field: CompiledField, value: Value | None) -> bool:
    there = field.carry(value, Side.CRM)
    if not isinstance(there, Carried) or there.clipped or there.value is None:
        return True
    back = field.carry(there.value, Side.PARTNER)
    if not isinstance(back, Carried):
        return False
    if field.coarse:
        again = field.carry(back.value, Side.CRM)
        return isinstance(again, Carried) and again.value == there.value
    return back.clipped or field.canonical(back.value, Side.CRM) == field.canonical(value, Side.CRM)
