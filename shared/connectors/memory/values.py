"""What a column accepts, and what it makes of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from shared.connectors.memory.design import KindDesign, Overlong
from shared.domain.records import FieldSpec, FieldType, Ref, Value
from shared.ports.connector import ClearBy

_TEXTS = frozenset({FieldType.TEXT, FieldType.MEMO, FieldType.EMAIL, FieldType.PHONE, FieldType.URL})
_PYTHON_TYPES: dict[FieldType, type | tuple[type, ...]] = {
    FieldType.INTEGER: int,
    FieldType.DECIMAL: (Decimal, int),
    FieldType.MONEY: (Decimal, int),
    FieldType.BOOLEAN: bool,
    FieldType.DATE: date,
    FieldType.DATETIME: datetime,
    FieldType.CHOICE: str,
    FieldType.MULTI_CHOICE: frozenset,
    FieldType.REFERENCE: Ref,
    **dict.fromkeys(_TEXTS, str),
}


class Refusal(Exception):
    """The system will not store this. `field` is the column at fault, where one is."""

    def __init__(self, code: str, field: str = "") -> None:
        super().__init__(f"{code}: {field}" if field else code)
        self.code = code
        self.field = field


_LAST_OF_ONE_UNIT = 0xFFFF
_SURROGATES = range(0xD800, 0xE000)


def _units(char: str) -> int:
    return 1 if ord(char) <= _LAST_OF_ONE_UNIT else 2


def utf16_units(text: str) -> int:
    return sum(_units(char) for char in text)


def cut(text: str, units: int) -> str:
    """The longest beginning that fits, as a server cuts it: between characters, with no regard for graphemes."""
    used = 0
    for place, char in enumerate(text):
        used += _units(char)
        if used > units:
            return text[:place]
    return text


def stored(design: KindDesign, spec: FieldSpec, value: Value | None) -> Value | None:
    """What the column holds after being given `value`. Raises Refusal."""
    if value is None:
        _cleared(design, spec)
        return None
    wanted = _PYTHON_TYPES[spec.type]
    if not isinstance(value, wanted) or (isinstance(value, bool) and spec.type is not FieldType.BOOLEAN):
        raise Refusal("wrong_type", spec.name)
    if isinstance(value, datetime) is not (spec.type is FieldType.DATETIME):
        raise Refusal("wrong_type", spec.name)
    if spec.type in _TEXTS:
        return _text(design, spec, str(value))
    if isinstance(value, date) and spec.earliest is not None and _day(value) < spec.earliest:
        raise Refusal("out_of_range", spec.name)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0)
    if spec.type in {FieldType.DECIMAL, FieldType.MONEY}:
        return _decimal(spec, Decimal(value))  # type: ignore[arg-type]
    if spec.type is FieldType.INTEGER:
        _in_range(spec, Decimal(value))  # type: ignore[arg-type]
    _known_options(spec, value)
    return value


def _day(value: date) -> date:
    return value.astimezone(UTC).date() if isinstance(value, datetime) else value


def _cleared(design: KindDesign, spec: FieldSpec) -> None:
    if design.capabilities.clear is ClearBy.IMPOSSIBLE or not spec.clearable:
        raise Refusal("cannot_clear", spec.name)
    if spec.required:
        raise Refusal("required", spec.name)


def _text(design: KindDesign, spec: FieldSpec, text: str) -> str | None:
    if "\x00" in text or any(ord(char) in _SURROGATES for char in text):
        raise Refusal("invalid_character", spec.name)
    habit = design.habits.get(spec.name)
    text = habit(text) if habit else text
    limits = [limit for limit in (spec.max_length, design.secret_limits.get(spec.name)) if limit is not None]
    if limits and utf16_units(text) > min(limits):
        if design.overlong is Overlong.REJECT:
            raise Refusal("too_long", spec.name)
        text = cut(text, min(limits))
    if not text and (not spec.blank or design.capabilities.clear is not ClearBy.NULL):
        _cleared(design, spec)
        return None  # such a column has one kind of empty only
    return text


def _decimal(spec: FieldSpec, value: Decimal) -> Decimal:
    if not value.is_finite():
        raise Refusal("wrong_type", spec.name)
    _in_range(spec, value)
    return value.quantize(Decimal(1).scaleb(-spec.scale), ROUND_HALF_EVEN) if spec.scale is not None else value


def _in_range(spec: FieldSpec, value: Decimal) -> None:
    if (spec.minimum is not None and value < spec.minimum) or (spec.maximum is not None and value > spec.maximum):
        raise Refusal("out_of_range", spec.name)


def _known_options(spec: FieldSpec, value: Value) -> None:
    known = {option.value for option in spec.options}
    if (spec.type is FieldType.CHOICE and value not in known) or (isinstance(value, frozenset) and not value <= known):
        raise Refusal("unknown_option", spec.name)
