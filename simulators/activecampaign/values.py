"""Reading what clients send: numbers as text, text as numbers, and what is neither."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.errors import invalid

_MAX_ID_DIGITS = 18


def as_id(value: Any) -> int | None:
    """An id sent as number or digits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 < value < 10**_MAX_ID_DIGITS else None
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdigit() and len(text) <= _MAX_ID_DIGITS:
            return int(text) or None
    return None


def as_int(value: Any, default: int) -> int:
    """A whole number sent as number or text; `default` for anything else."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value == value and abs(value) < 1e15:  # noqa: PLR0124 - NaN is not itself
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_ID_DIGITS:
            return int(text)
    return default


def as_text(value: Any, pointer: str) -> str:
    """Text sent as text, number or flag; null is empty. Raises 422 for lists and objects."""
    if value is None or value is False:
        return ""
    if isinstance(value, str):
        return value
    if value is True:
        return "1"
    if isinstance(value, int | float):
        return str(value)
    raise invalid(f"The {pointer} is not valid.", code="field_invalid", pointer=pointer)


def as_flag(value: Any) -> str:
    """`"1"` or `"0"`, however truth was sent."""
    if isinstance(value, str):
        return "0" if value.strip().lower() in {"", "0", "false", "no"} else "1"
    return "1" if value else "0"


def as_objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; anything else in it is left out."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
