"""When is a value on one side the value of the other? The oracle's own answer, written apart from the engine's.

It knows the two systems as their designs describe them: limits told and kept secret, value maps, what is trimmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from unicodedata import normalize

from shared.domain.records import FieldType, Side, Value
from tests.simulation.profiles import SimField

_GRAPHEME = 40
"""A cut may take up to one whole grapheme more than the limit asks for (a family emoji has 11 UTF-16 units)."""


def plain(text: str) -> str:
    """A text without what no user would call a difference."""
    return normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").rstrip()


def is_empty(value: Value | None) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == frozenset()


def tells(item: SimField, value: Value | None) -> bool:
    """Whether a value says by itself who entered it: one of a few choices, or none, anybody may have entered."""
    common = {FieldType.BOOLEAN, FieldType.CHOICE, FieldType.MULTI_CHOICE}
    return item.type not in common and not is_empty(value)


def same(item: SimField, first: Value | None, second: Value | None, *, at: tuple[Side, Side]) -> bool:
    """Whether two sides hold one value: either may be the other as its own system stores it."""
    return carries(item, first, second, at) or carries(item, second, first, (at[1], at[0]))


def carries(item: SimField, source: Value | None, target: Value | None, at: tuple[Side, Side]) -> bool:
    """Whether `target` is what `source` becomes on its way from the first side of `at` to the second."""
    if is_empty(source) or is_empty(target):
        return is_empty(source) and is_empty(target)
    if item.type is FieldType.BOOLEAN:
        return source is target
    if item.type is FieldType.CHOICE:
        return _choice(item, source, at[0]) == _choice(item, target, at[1])
    if item.type is FieldType.EMAIL:
        return plain(str(source)).strip().casefold() == plain(str(target)).strip().casefold()
    if isinstance(source, str) and isinstance(target, str):
        return _text(item, plain(source), plain(target), at)
    if isinstance(source, date) and isinstance(target, date):
        return _moment(source) == _moment(target)
    return source == target


def _choice(item: SimField, value: Value | None, side: Side) -> object:
    if side is Side.PARTNER:
        return value
    return item.words.get(str(value), f"no word for {value}")


def _moment(value: date) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat()


def _text(item: SimField, source: str, target: str, at: tuple[Side, Side]) -> bool:
    if source == target:
        return True
    limits = [limit for side in at for limit in (item.limits.get(side), item.secret.get(side)) if limit is not None]
    if not limits or not source.startswith(target.rstrip()):
        return False
    units = len(target.encode("utf-16-le")) // 2
    return units + _GRAPHEME >= min(limits)


def joins(new: Value | None, value: Mapping[Side, Value | None]) -> bool:
    """Whether these are the choices of both sides: who sees them sees what the other side's users chose."""
    return isinstance(new, frozenset) and all(
        isinstance(held, frozenset) and held <= new for held in value.values() if held is not None
    )


def composed(new: Value | None, value: Mapping[Side, Value | None]) -> bool:
    """Whether these are choices of this pair: each stands on one of its sides."""
    held = [item for item in value.values() if isinstance(item, frozenset)]
    return isinstance(new, frozenset) and new <= frozenset[str]().union(*held)
