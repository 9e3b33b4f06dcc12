"""Canonical forms: what makes two stored values "the same".

A canonical form is only for comparing, and only within one side: each side's value is compared with what that side
stored when last agreed. `canonical` never raises, whatever a system answers, and is idempotent in the sense that a
value and its clipped, re-ordered or re-encoded twin that the side cannot tell apart have the same bytes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from shared.domain.emails import is_role_address, match_value
from shared.domain.records import FieldSpec, FieldType, Ref, Value
from shared.domain.text import clip_text

__all__ = [
    "Canonical",
    "canonical",
    "canonicaliser",
    "clip",
    "explainable",
    "is_role_address",
    "match_value",
    "reformatted",
]

type Canonical = Callable[[Value | None], bytes]

_TO_SECONDS = len("2024-01-31T09:00:00")
_TRAILING = " \t\r\n"
_WIDEST_SCALE = 10  # Dataverse keeps at most 10 decimals, ActiveCampaign a text


def canonical(value: Value | None, spec: FieldSpec) -> bytes:
    """The canonical bytes of what a side with `spec` told for a field; b"" for a cleared one."""
    return canonicaliser(spec)(value)


def canonicaliser(spec: FieldSpec) -> Canonical:
    """`canonical` for one field, compiled once. Answers plain functions: this runs for each field of each record."""
    match spec.type:
        case FieldType.DECIMAL | FieldType.MONEY | FieldType.INTEGER:
            return _numbers(_scale(spec))
        case FieldType.BOOLEAN:
            return _boolean
        case FieldType.DATE:
            return _date
        case FieldType.DATETIME:
            return _datetime
        case FieldType.EMAIL:
            return _email
        case FieldType.MULTI_CHOICE:
            return _choices
        case FieldType.CHOICE | FieldType.REFERENCE:
            return _plain
    return _text if spec.blank else _text_without_blank


def _scale(spec: FieldSpec) -> int:
    if spec.type is FieldType.INTEGER:
        return 0
    return _WIDEST_SCALE if spec.scale is None else spec.scale


def _text(value: Value | None) -> bytes:
    if type(value) is not str:
        return _plain(value)
    if not value.isascii():
        value = unicodedata.normalize("NFC", value)
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return b"s" + value.rstrip(_TRAILING).encode("utf-8", "surrogatepass")


def _text_without_blank(value: Value | None) -> bytes:
    found = _text(value)
    return b"" if found == b"s" else found


def _email(value: Value | None) -> bytes:
    if type(value) is not str:
        return _plain(value)
    if value.isascii():
        plain = value.strip().lower()
        return b"s" + plain.encode() if plain else b""
    found = unicodedata.normalize("NFC", unicodedata.normalize("NFC", value.strip()).casefold())
    return b"s" + found.encode("utf-8", "surrogatepass") if found else b""


def _numbers(scale: int) -> Canonical:
    quantum = Decimal(1).scaleb(-scale)

    def of(value: Value | None) -> bytes:
        if type(value) is int:
            return b"n%d" % value
        if type(value) is not Decimal:
            return _plain(value)
        try:
            rounded = value.quantize(quantum, ROUND_HALF_UP)
        except InvalidOperation:  # infinite, or more digits than any system keeps
            return b"n?" + str(value).encode()
        if not rounded:
            return b"n0"
        digits = f"{rounded:f}"
        return b"n" + (digits.rstrip("0").rstrip(".") if "." in digits else digits).encode()

    return of


def _boolean(value: Value | None) -> bytes:
    if value is True:
        return b"b1"
    if value is False:
        return b"b0"
    return _plain(value)


def _date(value: Value | None) -> bytes:
    if isinstance(value, datetime):
        value = value.date()
    return b"d" + value.isoformat().encode() if isinstance(value, date) else _plain(value)


def _datetime(value: Value | None) -> bytes:
    if type(value) is datetime and value.tzinfo is UTC:
        return b"t" + value.isoformat().encode()[:_TO_SECONDS]
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(), UTC)
    if not isinstance(value, datetime):
        return _plain(value)
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    try:
        return b"t" + aware.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat().encode()
    except OverflowError:  # the first and the last day of the calendar have no UTC twin in every zone
        return b"t?" + aware.isoformat(timespec="seconds").encode()


def _choices(value: Value | None) -> bytes:
    if isinstance(value, str):
        value = frozenset((value,)) if value else None
    if not isinstance(value, frozenset):
        return _plain(value)
    if not value:
        return b""
    chosen = sorted(_escape(choice) for choice in value)
    return b"m" + "\x1f".join(chosen).encode("utf-8", "surrogatepass")


def _escape(choice: str) -> str:
    if "\x1f" in choice or "\x10" in choice:
        return choice.replace("\x10", "\x10a").replace("\x1f", "\x10b")
    return choice


def _plain(value: Value | None) -> bytes:
    """Any value by its own type: for choices and references, and for answers that do not fit their field's type."""
    if value is None:
        return b""
    if isinstance(value, str):
        return b"s" + value.encode("utf-8", "surrogatepass")
    if isinstance(value, Ref):
        return b"r" + f"{value.kind}/{value.id}".encode("utf-8", "surrogatepass")
    if isinstance(value, frozenset):
        return _choices(value)
    return _scalar(value)


def _scalar(value: int | Decimal | date) -> bytes:
    if isinstance(value, bool):
        return b"b1" if value else b"b0"
    if isinstance(value, int):
        return b"n%d" % value
    if isinstance(value, Decimal):
        return _numbers(_WIDEST_SCALE)(value)
    return _datetime(value) if isinstance(value, datetime) else _date(value)


def clip(value: Value | None, spec: FieldSpec) -> Value | None:
    """The value under the limits of `spec`: text by its length, numbers by their scale, times to the second.

    What is clipped already stays as it is. A number that is out of range is not clipped; `carry` refuses it.
    """
    if isinstance(value, str):
        return value if spec.max_length is None else clip_text(value, spec.max_length)
    if isinstance(value, Decimal) and spec.scale is not None:
        try:
            return value.quantize(Decimal(1).scaleb(-spec.scale), ROUND_HALF_UP)
        except InvalidOperation:
            return value
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    return value


def reformatted(intended: Value | None, seen: Value | None) -> bool:
    """Whether `seen` differs from `intended` in case and white space only."""
    if not isinstance(intended, str) or not isinstance(seen, str):
        return intended == seen
    return _bare(intended) == _bare(seen)


def _bare(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def explainable(intended: Value | None, seen: Value | None) -> bool:
    """Whether `seen` is what a side may have made of `intended`: cut short, trimmed, or in another case.

    For the answer of a write: an explainable one confirms the write, any other leaves the intended value as the base.
    """
    if intended == seen:
        return True
    if not isinstance(intended, str) or not isinstance(seen, str):
        return intended in (None, "") and seen in (None, "")
    kept = _bare(seen)
    return bool(kept) and _bare(intended).startswith(kept)
