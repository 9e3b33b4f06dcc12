"""Fields of the lead database: their names, what they hold, and how a value is read. Source: marketo.md 2.4."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from simulators.frame.switches import Switches
from simulators.marketo.errors import RecordError, invalid_type
from simulators.marketo.times import read_date, read_instant, stamp

TEXT_BYTES = 30_000
WHOLE = frozenset({"integer", "score", "percent"})
NUMBERS = frozenset({"float", "currency"})
TYPES = frozenset({
    "string", "email", "phone", "url", "text", "reference", "boolean", "date", "datetime", *WHOLE, *NUMBERS
})  # fmt: skip
SEARCHABLE_CUSTOM = frozenset({"string", "email", "integer"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `company`: its value lives on the company of a linked lead. `key`: a lookup and filter field."""

    id: int
    name: str
    display: str
    type: str = "string"
    length: int | None = 255
    updateable: bool = True
    custom: bool = False
    company: bool = False
    crm: bool = False
    key: bool = False

    @property
    def searchable(self) -> bool:
        """Whether leads are found by it: some standard fields, and custom ones of three types."""
        return self.key or (self.custom and self.type in SEARCHABLE_CUSTOM)

    def described(self) -> dict[str, Any]:
        """As describe2 and the describe calls of other objects show it."""
        shown: dict[str, Any] = {"name": self.name, "displayName": self.display, "dataType": self.type}
        if self.length is not None:
            shown["length"] = self.length
        return {**shown, "updateable": self.updateable, "crmManaged": self.crm}


def _length_of(kind: str) -> int | None:
    if kind in {"string", "email", "phone", "url", "reference"}:
        return 255
    return TEXT_BYTES if kind == "text" else None


def field(
    number: int, name: str, display: str, kind: str = "string", *, length: int | None = None, **more: bool
) -> Field:
    """A field with the usual length of its type."""
    return Field(number, name, display, kind, length or _length_of(kind), **more)


def custom_field(number: int, name: str, display: str, kind: str, length: int | None = None) -> Field:
    """A field made by an administrator or through the API."""
    return field(number, name, display, kind, length=length, custom=True)


def read_value(spec: Field, raw: Any, switches: Switches) -> Any:
    """`raw` as this field stores it; null and "" are no value. Raises RecordError 1001 or 1003."""
    if raw is None or raw == "":
        return None
    if spec.type == "boolean":
        return _boolean(raw)
    if spec.type in WHOLE:
        return _whole(raw, spec.type)
    if spec.type in NUMBERS:
        return _number(raw, spec.type)
    if spec.type == "date":
        return _checked(read_date(raw) if isinstance(raw, str) else None, raw, "date")
    if spec.type == "datetime":
        moment = read_instant(raw) if isinstance(raw, str) else None
        return _checked(None if moment is None else stamp(moment), raw, "datetime")
    return _text(spec, raw, switches)


def _checked(value: Any, raw: Any, kind: str) -> Any:
    if value is None:
        raise invalid_type(raw, kind)
    return value


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return bool(_checked(words.get(str(raw).strip().lower()), raw, "boolean"))


def _whole(raw: Any, kind: str) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str | float):
        raise invalid_type(raw, kind)
    if isinstance(raw, float) and not raw.is_integer():
        raise invalid_type(raw, kind)
    text = str(int(raw)) if isinstance(raw, float) else str(raw).strip()
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 11:
        raise invalid_type(raw, "integer" if kind == "integer" else kind)
    return int(text)


def _number(raw: Any, kind: str) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | str | float):
        raise invalid_type(raw, kind)
    try:
        value = float(raw)
    except (ValueError, OverflowError) as error:
        raise invalid_type(raw, kind) from error
    if not math.isfinite(value):
        raise invalid_type(raw, kind)
    return value


def _text(spec: Field, raw: Any, switches: Switches) -> str:
    if isinstance(raw, list | dict):
        raise invalid_type(raw, spec.type)
    text = str(raw).lower() if isinstance(raw, bool) else str(raw)
    if spec.type == "email" and not text.isascii():
        raise RecordError("1003", f"Invalid data: '{spec.name}' may hold ASCII characters only")
    too_long = (
        len(text.encode("utf-8", "replace")) > TEXT_BYTES if spec.type == "text" else len(text) > (spec.length or 255)
    )
    if not too_long:
        return text
    if switches.word("too_long") == "truncate":
        return text[: spec.length or 255]
    raise RecordError("1003", f"Invalid data: value of '{spec.name}' is too long")
