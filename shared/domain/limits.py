"""What a field can hold: a value is fitted under a field's limits before anything is sent."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from shared.domain.convert import Unfit
from shared.domain.normalize import clip
from shared.domain.records import LINK_KIND, FieldSpec, FieldType, Ref, Value
from shared.domain.text import unstorable, utf16_length

_TEXTS = frozenset({FieldType.TEXT, FieldType.MEMO, FieldType.EMAIL, FieldType.PHONE, FieldType.URL})
_CLIPPED = frozenset({FieldType.TEXT, FieldType.MEMO})
"""Only prose is cut short; half an address, half a number to dial or half a link is worse than none."""


def fit(value: Value, spec: FieldSpec) -> tuple[Value | None, bool]:
    """The value as a field of `spec` would store it, and whether it lost its end. Raises Unfit."""
    if spec.type in _TEXTS:  # nearly all fields are
        return _text(_typed(value, str), spec)
    match spec.type:
        case FieldType.INTEGER | FieldType.DECIMAL | FieldType.MONEY:
            return _number(value, spec)
        case FieldType.BOOLEAN:
            return _typed(value, bool), False
        case FieldType.DATE | FieldType.DATETIME:
            return _time(value, spec), False
        case FieldType.CHOICE:
            return _option(_typed(value, str), spec), False
        case FieldType.MULTI_CHOICE:
            chosen = _typed(value, frozenset)
            return frozenset(_option(choice, spec) for choice in chosen) or None, False
        case FieldType.REFERENCE:
            return _reference(value, spec), False
    return _text(_typed(value, str), spec)


def _typed[T](value: object, wanted: type[T]) -> T:
    if not isinstance(value, wanted):
        raise Unfit("wrong_type")
    return value


def _text(text: str, spec: FieldSpec) -> tuple[Value | None, bool]:
    if unstorable(text):
        raise Unfit("invalid_character")
    if spec.type is FieldType.EMAIL and text:
        text = text.strip()
        _check_address(text)
    if spec.max_length is None or len(text) * 2 <= spec.max_length or utf16_length(text) <= spec.max_length:
        return text if text or spec.blank else None, False
    if spec.type not in _CLIPPED:
        raise Unfit("too_long")
    return clip(text, spec), True


def _check_address(text: str) -> None:
    local, _, domain = text.rpartition("@")
    if not local or not domain or any(char.isspace() for char in text):
        raise Unfit("invalid_email")


def _number(value: Value, spec: FieldSpec) -> tuple[Value, bool]:
    if isinstance(value, bool):
        raise Unfit("wrong_type")
    if spec.type is FieldType.INTEGER:
        number: int | Decimal = _typed(value, int)
        cut = False
    else:
        given = Decimal(value) if isinstance(value, int) else _typed(value, Decimal)
        if not given.is_finite():
            raise Unfit("out_of_range")
        number = _typed(clip(given, spec), Decimal)
        cut = number != given
    if (spec.minimum is not None and number < spec.minimum) or (spec.maximum is not None and number > spec.maximum):
        raise Unfit("out_of_range")
    return number, cut


def _time(value: Value, spec: FieldSpec) -> Value:
    found = _typed(value, date)
    if isinstance(found, datetime) is (spec.type is FieldType.DATE):
        raise Unfit("wrong_type")
    if isinstance(found, datetime):
        if found.tzinfo is None:
            raise Unfit("no_time_zone")
        day = found.date()
    else:
        day = found
    if spec.earliest is not None and day < spec.earliest:
        raise Unfit("out_of_range")
    return _typed(clip(found, spec), date)


def _option(choice: str, spec: FieldSpec) -> str:
    if spec.options and all(option.value != choice for option in spec.options):
        raise Unfit("unknown_option")
    return choice


def _reference(value: Value, spec: FieldSpec) -> Value:
    ref = _typed(value, Ref)
    if spec.targets and ref.kind not in {*spec.targets, LINK_KIND}:
        raise Unfit("wrong_target")
    return ref
