"""Field values as bytes and back, exactly: for what is kept sealed for 30 days."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from shared.domain.records import ABSENT, FieldState, Kind, Ref, RemoteId


def pack_value(value: object) -> bytes:
    """A value of a record's field, `None` (cleared) or `ABSENT`. Raises TypeError for anything else."""
    return json.dumps(_tagged(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def unpack_value(packed: bytes) -> FieldState:
    """The inverse of `pack_value`. Raises ValueError for bytes it did not make."""
    try:
        tag, held = json.loads(packed.decode("utf-8", "surrogatepass"))
        return _value(tag, held)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise ValueError("the kept value does not decode") from error


def _tagged(value: object) -> list[Any]:
    match value:
        case None | bool() | int() | str():
            return ["plain", value]
        case Decimal():
            return ["decimal", str(value)]
        case datetime():
            return ["datetime", value.astimezone(UTC).isoformat()]
        case date():
            return ["date", value.isoformat()]
        case frozenset():
            return ["set", sorted(value)]
        case Ref(kind, name):
            return ["ref", [kind, name]]
        case _ if value is ABSENT:
            return ["absent", None]
    raise TypeError(f"a field value is never a {type(value).__name__}")


def _value(tag: str, held: Any) -> FieldState:
    match tag:
        case "plain" if held is None or isinstance(held, bool | int | str):
            return held
        case "decimal":
            return Decimal(held)
        case "datetime":
            return datetime.fromisoformat(held)
        case "date":
            return date.fromisoformat(held)
        case "set":
            return frozenset(str(item) for item in held)
        case "ref":
            return Ref(Kind(held[0]), RemoteId(held[1]))
        case "absent":
            return ABSENT
    raise ValueError(f"unknown sort of value {tag}")
