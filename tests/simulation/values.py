"""What users type: a value that no other edit has, where the type lets it, in one of several nasty shapes."""

from __future__ import annotations

from shared.domain.records import FieldType, Side, Value
from tests.simulation.profiles import SimField

SHAPES = 9


def value_of(item: SimField, side: Side, number: int, shape: int) -> Value | None:
    """A value that no other edit has (where the type lets it), in one of several nasty shapes."""
    match item.type:
        case FieldType.BOOLEAN:
            return shape % 2 == 0
        case FieldType.CHOICE:
            words = tuple(item.words) if side is Side.CRM else tuple(item.words.values())
            return (words + (("4",) if side is Side.CRM else ()))[shape % (len(words) + (side is Side.CRM))]
        case FieldType.MULTI_CHOICE:
            return frozenset(
                name for bit, name in enumerate(("art", "books", "cars", "dance")) if (shape + 1) >> bit & 1
            )
    text = f"{number:x}"
    match shape % SHAPES:
        case 1:
            return f"{text} a much longer text than the other side keeps, to the very last word"
        case 2:
            return f"{text} trailing   "
        case 3:
            return f"{text} José"
        case 4:
            return f"{text} {'x' * (20 - len(text))}👩‍👩‍👧‍👦 end"
        case 5:
            return f"{text}\r\nsecond line"
        case 6:
            return f"{text} ' or (1 eq 1)"
        case 7:
            return ""
        case 8:
            return f" {text} MiXed"
    return text
