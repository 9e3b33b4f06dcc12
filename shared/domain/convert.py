"""Which types go together, and how a value of one becomes a value of the other.

The table is ActiveCampaign's published compatibility list put in our field types, with the pairs that other partners
need added (numbers with numbers, like with like). A conversion that loses something in one direction has no way back:
such a pair is only good one way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Final

from shared.domain.entity_map import Direction
from shared.domain.records import FieldSpec, FieldType, Ref, Value

type Step = Callable[[Value], Value]
"""Turns one value that is not None into another. Raises Unfit."""


class Unfit(Exception):
    """A value that has no counterpart. `code` is a reason of `shared.domain.outcomes`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Conversion:
    """`there` leads from Dynamics' type to the partner's, `back` the other way; None where there is no such way.

    `returns` false: each way works by itself, but what went there does not come back as it was (`007` as 7).
    """

    there: Step | None
    back: Step | None
    returns: bool = True

    def allows(self, direction: Direction) -> bool:
        if direction is Direction.BOTH:
            return self.returns and self.there is not None and self.back is not None
        return (self.there if direction is Direction.TO_PARTNER else self.back) is not None


T: Final = FieldType
TEXTS: Final = frozenset({T.TEXT, T.EMAIL, T.PHONE, T.URL, T.MEMO})
NUMBERS: Final = frozenset({T.INTEGER, T.DECIMAL, T.MONEY})
_NUMBER = re.compile(r"[+-]?\d{1,38}(\.\d{1,38})?", re.ASCII)
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def same(value: Value) -> Value:
    return value


def number_text(value: Value) -> Value:
    """Plain digits with a decimal point: never an exponent, never a locale's comma."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def text_decimal(value: Value) -> Value:
    text = value.strip() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text) is None:
        raise Unfit("not_a_number")
    return Decimal(text)


def whole(value: Value) -> Value:
    """A number as an integer; a fraction is refused, not rounded."""
    if isinstance(value, int):
        return value
    try:
        if isinstance(value, Decimal) and value == value.to_integral_value():
            return int(value)
    except (InvalidOperation, OverflowError):
        pass
    raise Unfit("not_a_whole_number")


def text_whole(value: Value) -> Value:
    return whole(text_decimal(value))


def as_decimal(value: Value) -> Value:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def boolean_text(value: Value) -> Value:
    return "true" if value is True else "false"


def text_boolean(value: Value) -> Value:
    text = value.strip().casefold() if isinstance(value, str) else ""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise Unfit("not_yes_or_no")


def day_start(value: Value) -> Value:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value


def day_of(value: Value) -> Value:
    return value.astimezone(UTC).date() if isinstance(value, datetime) else value


def one_choice(value: Value) -> Value:
    """The only choice of a set; several do not fit into a single choice."""
    if isinstance(value, frozenset):
        if len(value) != 1:
            raise Unfit("several_choices")
        return next(iter(value))
    return value


def choice_set(value: Value) -> Value:
    return frozenset({value}) if isinstance(value, str) else value


def ref_text(value: Value) -> Value:
    return str(value.id) if isinstance(value, Ref) else value


def _table() -> dict[tuple[FieldType, FieldType], Conversion]:
    """Keyed by (Dynamics' type, partner's type)."""
    both = Conversion(same, same)
    table = {(kind, kind): both for kind in FieldType}
    for kind in TEXTS - {T.MEMO, T.TEXT}:
        table[(kind, T.TEXT)] = table[(T.TEXT, kind)] = both
    for kind in NUMBERS:
        table[(kind, T.TEXT)] = Conversion(number_text, text_whole if kind is T.INTEGER else text_decimal)
        table[(T.TEXT, kind)] = Conversion(
            text_whole if kind is T.INTEGER else text_decimal, number_text, returns=False
        )
    table[(T.DECIMAL, T.MONEY)] = table[(T.MONEY, T.DECIMAL)] = both
    for kind in (T.DECIMAL, T.MONEY):
        table[(T.INTEGER, kind)] = Conversion(as_decimal, whole)
        table[(kind, T.INTEGER)] = Conversion(whole, as_decimal)
    table[(T.BOOLEAN, T.TEXT)] = Conversion(boolean_text, text_boolean)
    table[(T.DATE, T.DATETIME)] = Conversion(day_start, day_of)
    table[(T.DATETIME, T.DATE)] = Conversion(day_of, None)
    table[(T.CHOICE, T.MULTI_CHOICE)] = Conversion(choice_set, one_choice)
    table[(T.REFERENCE, T.TEXT)] = Conversion(ref_text, None)
    return table


COMPATIBLE: Final = _table()
"""Every pair that goes together without a value map or a transform; what is missing here is refused."""


def compatible(crm: FieldType, partner: FieldType, direction: Direction = Direction.TO_PARTNER) -> bool:
    """Whether a Dynamics column of one type may be mapped to a partner field of the other."""
    found = COMPATIBLE.get((crm, partner))
    return found is not None and found.allows(direction)


MAPPABLE: Final = frozenset({T.CHOICE, T.MULTI_CHOICE, T.BOOLEAN, T.TEXT, T.INTEGER})
"""Types whose values a value map can name."""


def literal(text: str, spec: FieldSpec) -> Value:
    """A value written as text in a configuration, as a field of `spec` holds it. Raises Unfit."""
    match spec.type:
        case T.INTEGER:
            return text_whole(text)
        case T.DECIMAL | T.MONEY:
            return text_decimal(text)
        case T.BOOLEAN:
            return text_boolean(text)
        case T.DATE | T.DATETIME:
            return _literal_time(text, spec.type)
        case T.MULTI_CHOICE:
            return frozenset(text.split(";")) if text else frozenset()
        case T.REFERENCE:
            raise Unfit("wrong_type")
    return text


def _literal_time(text: str, kind: FieldType) -> Value:
    try:
        if kind is T.DATE:
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Unfit("not_a_date") from None
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
