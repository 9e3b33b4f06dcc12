"""Declared transforms of a field map: each knows its types, its way there (towards the partner) and its way back.

| kind | options | types | back |
|---|---|---|---|
| trim | | text | trim |
| prefix, suffix | text | text | taken off; a value without it does not fit |
| upper, lower, title | | text | none |
| invert | | yes/no | invert |
| default | value | any | none |
| date_format | format (%Y %m %d and plain characters) | date to text | parsed |
| day | zone | time to date | the day's start in that zone |
| label | | choice to text | the option with that label |
| concat | side, column, separator | two texts of one side | split at the separator |

A transform without a way back makes the field one-way: a two-way field with one is refused. `concat` goes both ways
only with a separator that is more than white space, and a value that holds the separator elsewhere does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.domain.convert import TEXTS, Step, Unfit
from shared.domain.records import FieldName, FieldSpec, FieldType, Side, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """A transform made ready.

    `filler` is what an empty field becomes towards the partner. `coarse`: it drops something on purpose, so that a
    value need only come back as far as the transform keeps it.
    """

    there: Step
    back: Step | None
    accepts: frozenset[FieldType]
    makes: FieldType | None = None
    filler: str | None = None
    coarse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """Two columns of `side` that are one field on the other side."""

    side: Side
    column: FieldName
    separator: str

    @property
    def splits(self) -> bool:
        """Whether the joined text can be taken apart again for certain."""
        return bool(self.separator.strip())

    def join(self, first: Value | None, second: Value | None) -> str | None:
        """One text of both; a `Tangled` one when it could not be taken apart again."""
        parts = tuple(part if isinstance(part, str) else "" for part in (first, second))
        if not self.splits:
            return self.separator.join(part for part in parts if part) or None
        joined = self.separator.join(parts) if parts[1] else parts[0]
        if tuple(part or "" for part in self.split(joined)) != parts:
            return Tangled(joined)
        return joined or None

    def split(self, joined: Value | None) -> tuple[str | None, str | None]:
        if not isinstance(joined, str) or not joined:
            return None, None
        first, _, second = joined.partition(self.separator)
        return first or None, second or None


class Tangled(str):
    """A joined text of which nobody can tell where its second part begins; it stays on its own side."""

    __slots__ = ()


class BadOption(Exception):
    """An option that is missing or of the wrong kind; the text says which."""


def _text(options: Mapping[str, object], name: str) -> str:
    value = options.get(name)
    if not isinstance(value, str) or not value:
        raise BadOption(f"needs '{name}', a text")
    return value


def _on_text(change: Callable[[str], str]) -> Step:
    def step(value: Value) -> Value:
        return change(value) if isinstance(value, str) else value

    return step


def _trim(_options: Mapping[str, object], _spec: FieldSpec) -> Transform:
    step = _on_text(str.strip)
    return Transform(there=step, back=step, accepts=TEXTS, coarse=True)


def _case(change: Callable[[str], str]) -> Callable[[Mapping[str, object], FieldSpec], Transform]:
    def build(_options: Mapping[str, object], _spec: FieldSpec) -> Transform:
        return Transform(there=_on_text(change), back=None, accepts=TEXTS)

    return build


def _title(text: str) -> str:
    return re.sub(r"[^\W\d_]+", lambda word: word.group()[0].upper() + word.group()[1:].lower(), text)


def _prefix(options: Mapping[str, object], _spec: FieldSpec) -> Transform:
    prefix = _text(options, "text")

    def back(value: Value) -> Value:
        if not isinstance(value, str) or not value.startswith(prefix):
            raise Unfit("prefix_missing")
        return value[len(prefix) :]

    return Transform(there=_on_text(lambda text: prefix + text), back=back, accepts=TEXTS)


def _suffix(options: Mapping[str, object], _spec: FieldSpec) -> Transform:
    suffix = _text(options, "text")

    def back(value: Value) -> Value:
        if not isinstance(value, str) or not value.endswith(suffix):
            raise Unfit("suffix_missing")
        return value[: -len(suffix)]

    return Transform(there=_on_text(lambda text: text + suffix), back=back, accepts=TEXTS)


def _invert(_options: Mapping[str, object], _spec: FieldSpec) -> Transform:
    def step(value: Value) -> Value:
        return not value if isinstance(value, bool) else value

    return Transform(there=step, back=step, accepts=frozenset({FieldType.BOOLEAN}))


def _default(options: Mapping[str, object], _spec: FieldSpec) -> Transform:
    return Transform(there=lambda value: value, back=None, accepts=frozenset(FieldType), filler=_text(options, "value"))


_DIRECTIVES: Final = {"%Y": r"(?P<Y>\d{4})", "%m": r"(?P<m>\d{2})", "%d": r"(?P<d>\d{2})"}


def _date_format(options: Mapping[str, object], _spec: FieldSpec) -> Transform:
    pattern = _text(options, "format")
    pieces = re.split(r"(%.)", pattern)
    used = [piece for piece in pieces if piece.startswith("%")]
    if sorted(used) != sorted(_DIRECTIVES):
        raise BadOption("needs 'format' with %Y, %m and %d once each, and no other %")
    reader = re.compile("".join(_DIRECTIVES.get(piece) or re.escape(piece) for piece in pieces), re.ASCII)

    def there(value: Value) -> Value:
        if not isinstance(value, date):
            raise Unfit("not_a_date")
        parts = {"%Y": f"{value.year:04}", "%m": f"{value.month:02}", "%d": f"{value.day:02}"}
        return "".join(parts.get(piece, piece) for piece in pieces)

    def back(value: Value) -> Value:
        found = reader.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            raise Unfit("not_a_date")
        try:
            return date(int(found["Y"]), int(found["m"]), int(found["d"]))
        except ValueError:
            raise Unfit("not_a_date") from None

    return Transform(there=there, back=back, accepts=frozenset({FieldType.DATE}), makes=FieldType.TEXT)


def _day(options: Mapping[str, object], _spec: FieldSpec) -> Transform:
    name = _text(options, "zone")
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadOption(f"needs 'zone', the name of a time zone; {name!r} is none") from None

    def there(value: Value) -> Value:
        return value.astimezone(zone).date() if isinstance(value, datetime) else value

    def back(value: Value) -> Value:
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(), zone).astimezone(UTC)
        return value

    accepts = frozenset({FieldType.DATETIME})
    return Transform(there=there, back=back, accepts=accepts, makes=FieldType.DATE, coarse=True)


def _label(_options: Mapping[str, object], spec: FieldSpec) -> Transform:
    labels = {option.value: option.label for option in spec.options}
    values = {label.strip().casefold(): value for value, label in labels.items()}
    unique = len(values) == len(labels)

    def there(value: Value) -> Value:
        if str(value) not in labels:
            raise Unfit("unknown_option")
        return labels[str(value)]

    def back(value: Value) -> Value:
        found = values.get(value.strip().casefold()) if isinstance(value, str) else None
        if found is None:
            raise Unfit("unknown_option")
        return found

    return Transform(
        there=there, back=back if unique else None, accepts=frozenset({FieldType.CHOICE}), makes=FieldType.TEXT
    )


KINDS: Final[Mapping[str, Callable[[Mapping[str, object], FieldSpec], Transform]]] = {
    "trim": _trim,
    "prefix": _prefix,
    "suffix": _suffix,
    "upper": _case(str.upper),
    "lower": _case(str.lower),
    "title": _case(_title),
    "invert": _invert,
    "default": _default,
    "date_format": _date_format,
    "day": _day,
    "label": _label,
}

OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "prefix": frozenset({"text"}),
    "suffix": frozenset({"text"}),
    "default": frozenset({"value"}),
    "date_format": frozenset({"format"}),
    "day": frozenset({"zone"}),
    "concat": frozenset({"side", "column", "separator"}),
}
"""The options each kind knows; a kind that is not listed has none."""


def concat(options: Mapping[str, object]) -> Concat:
    """The `concat` transform of a field map. Raises BadOption."""
    side = options.get("side")
    if side not in {"crm", "partner"}:
        raise BadOption("needs 'side', crm or partner: the side that has two columns")
    return Concat(
        side=Side(str(side)), column=FieldName(_text(options, "column")), separator=_text(options, "separator")
    )
