"""The operators of criteria: which column types each takes, and the test it makes of a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from shared.domain.criteria_tree import MAX_VALUES
from shared.domain.predicates import (
    AnyChoice,
    Between,
    Contains,
    Empty,
    Fold,
    OneOf,
    Predicate,
    folded,
    literal_text,
    reference_id,
)
from shared.domain.records import FieldSpec, FieldType, Value
from shared.domain.spans import COUNTED, FIXED, MOST, Calendar, day_bounds, moment_bounds, parts_of
from shared.domain.text import unstorable

T: Final = FieldType
TEXTS: Final = frozenset({T.TEXT, T.MEMO, T.EMAIL, T.PHONE, T.URL})
NUMBERS: Final = frozenset({T.INTEGER, T.DECIMAL, T.MONEY})
TIMES: Final = frozenset({T.DATE, T.DATETIME})
SINGLES: Final = TEXTS | NUMBERS | {T.BOOLEAN, T.CHOICE, T.REFERENCE}
LONGEST_TEXT: Final = 850
"""UTF-16 units of a text in criteria; longer ones cannot be indexed by Dataverse."""

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,28}(\.\d{1,10})?", re.ASCII)


class BadValue(Exception):
    """A value that does not fit its column; the text says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Made:
    """What a line became: tests of one column that must all hold, or of which not one may."""

    tests: tuple[Predicate, ...]
    negated: bool = False
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What a value's meaning depends on besides its column."""

    calendar: Calendar
    accents: bool = True


type Build = Callable[[FieldSpec, object, Context], Made]


@dataclass(frozen=True, slots=True)
class Operator:
    types: frozenset[FieldType]
    build: Build


# -- values -----------------------------------------------------------------------------------------------------------


def read_value(value: object, spec: FieldSpec) -> Value:
    """A single value of the file as the column holds it. Raises BadValue."""
    if spec.type in TEXTS:
        return _text(value)
    if spec.type in NUMBERS:
        return _number(value, spec)
    readers: dict[FieldType, Callable[[object, FieldSpec], Value]] = {
        T.BOOLEAN: _boolean,
        T.CHOICE: _choice,
        T.MULTI_CHOICE: _choice,
        T.DATE: lambda given, _spec: _day(given),
        T.DATETIME: lambda given, _spec: _moment(given),
        T.REFERENCE: _reference,
    }
    return readers[spec.type](value, spec)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadValue("wrong_type", "must be a text")
    if not value:
        raise BadValue("empty_value", "is an empty text; use the operators empty and not_empty")
    if len(value) > LONGEST_TEXT:
        raise BadValue("too_long", f"is longer than {LONGEST_TEXT} characters")
    if unstorable(value):
        raise BadValue("invalid_character", "holds a character that no text in Dynamics can hold")
    return value


def _number(value: object, spec: FieldSpec) -> Value:
    text = "" if isinstance(value, bool) else str(value) if isinstance(value, int | float | Decimal) else ""
    if spec.type is T.INTEGER:
        if not isinstance(value, int) or not _WHOLE.fullmatch(text):
            raise BadValue("wrong_type", "must be a whole number")
        return int(text)
    if not _DECIMAL.fullmatch(text):
        raise BadValue("wrong_type", "must be a number with at most 10 decimals")
    return Decimal(text)


def _boolean(value: object, _spec: FieldSpec) -> bool:
    if not isinstance(value, bool):
        raise BadValue("wrong_type", "must be true or false")
    return value


def _choice(value: object, spec: FieldSpec) -> str:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _WHOLE.fullmatch(text):
        raise BadValue("wrong_type", "must be the number of an option")
    if spec.options and all(option.value != text for option in spec.options):
        raise BadValue("unknown_option", f"{text} is no option of this column (any more)")
    return text


def _reference(value: object, _spec: FieldSpec) -> str:
    if not isinstance(value, str) or not _GUID.fullmatch(value):
        raise BadValue("wrong_type", "must be the id of a row")
    return value.lower()


def _day(value: object) -> date:
    try:
        if isinstance(value, str) and len(value) == len("2024-01-31"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise BadValue("wrong_type", "must be a date such as 2024-01-31")


def _moment(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadValue("wrong_type", "must be a time with its zone, such as 2024-01-31T09:00:00Z")
    return found.astimezone(UTC).replace(microsecond=0)


def _list(value: object, least: int, most: int) -> Sequence[object]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not least <= len(value) <= most:
        how_many = f"{least}" if least == most else f"{least} to {most}"
        raise BadValue("wrong_type", f"must be a list of {how_many} values")
    return value


# -- tests ------------------------------------------------------------------------------------------------------------


def _fold(spec: FieldSpec, context: Context) -> Fold:
    if spec.type in TEXTS:
        return lambda value: folded(str(value), accents=context.accents)
    if spec.type is T.REFERENCE:
        return reference_id
    return str if spec.type is T.CHOICE else _same


def _same(value: Value) -> object:
    return value


def _literal(value: Value, spec: FieldSpec) -> str:
    return str(value) if spec.type in {T.CHOICE, T.REFERENCE} else literal_text(value)


def _one_of(spec: FieldSpec, values: Sequence[object], context: Context) -> OneOf:
    fold = _fold(spec, context)
    read = [read_value(value, spec) for value in values]
    return OneOf(frozenset(map(fold, read)), tuple(_literal(value, spec) for value in read), fold)


def _equals(*, negated: bool) -> Build:
    def build(spec: FieldSpec, value: object, context: Context) -> Made:
        if spec.type is T.DATE:
            return Made((_on(spec, value, context),), negated)
        if spec.type is T.DATETIME:
            found = _moment(value)
            return Made((Between(lambda _now: (found, found), high_in=True, of=_whole_second),), negated)
        return Made((_one_of(spec, (value,), context),), negated)

    return build


def _in(*, negated: bool) -> Build:
    def build(spec: FieldSpec, value: object, context: Context) -> Made:
        return Made((_one_of(spec, _list(value, 1, MAX_VALUES), context),), negated)

    return build


def _empty(*, negated: bool) -> Build:
    def build(_spec: FieldSpec, value: object, _context: Context) -> Made:
        if value is not None:
            raise BadValue("needless_value", "takes no value")
        return Made((Empty(),), negated)

    return build


def _holds(function: str, *, negated: bool) -> Build:
    def build(_spec: FieldSpec, value: object, context: Context) -> Made:
        text = _text(value)

        def fold(found: str) -> str:
            return folded(found, accents=context.accents)

        return Made((Contains(function, text, fold, fold(text)),), negated)

    return build


def _compare(op: str) -> Build:
    def build(spec: FieldSpec, value: object, _context: Context) -> Made:
        found = read_value(value, spec)
        of = _whole_second if spec.type is T.DATETIME else _same
        if op in {"lt", "le"}:
            return Made((Between(lambda _now: (None, found), high_in=op == "le", of=of),))
        return Made((Between(lambda _now: (found, None), low_in=op == "ge", of=of),))

    return build


def _whole_second(value: Value) -> object:
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


def _between(*, negated: bool) -> Build:
    def build(spec: FieldSpec, value: object, _context: Context) -> Made:
        low: Any
        high: Any
        low, high = (read_value(item, spec) for item in _list(value, 2, 2))
        if low > high:
            raise BadValue("wrong_order", "must name the smaller value first")
        of = _whole_second if spec.type is T.DATETIME else _same
        return Made((Between(lambda _now: (low, high), high_in=True, of=of),), negated)

    return build


def _on(spec: FieldSpec, value: object, context: Context, *, after: bool = False) -> Between:
    """The whole of one calendar day; with `after`, from that day on without end."""
    day = _day(value)
    if spec.type is T.DATE:
        return Between(lambda _now: (day, None if after else day), high_in=True)
    start, end = context.calendar.start_of(day), context.calendar.start_of(min(day, _LAST_DAY) + timedelta(days=1))
    return Between(lambda _now: (start, None if after else end))


_LAST_DAY: Final = date.max - timedelta(days=1)


def _day_op(name: str) -> Build:
    """on, not_on, before, after, on_or_before, on_or_after a calendar day."""

    def build(spec: FieldSpec, value: object, context: Context) -> Made:
        if name in {"on", "not_on"}:
            return Made((_on(spec, value, context),), name == "not_on")
        since = _on(spec, value, context, after=True)
        if name == "on_or_after":
            return Made((since,))
        low: Any = since.bounds(_EPOCH)[0]
        high: Any = low if spec.type is T.DATE else _on(spec, value, context).bounds(_EPOCH)[1]
        dates = spec.type is T.DATE
        if name == "before":
            return Made((Between(lambda _now: (None, low)),))
        if name == "on_or_before":
            return Made((Between(lambda _now: (None, high), high_in=dates),))
        return Made((Between(lambda _now: (high, None), low_in=not dates),))

    return build


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _relative(name: str) -> Build:
    def build(spec: FieldSpec, value: object, context: Context) -> Made:
        count = _count(name, value)
        if spec.type is T.DATE:
            if name.endswith("_hours"):
                raise BadValue("wrong_type", "counts hours; this column holds days")
            return Made((Between(lambda now: day_bounds(name, count, now, context.calendar)),), relative=True)
        bounds = Between(lambda now: moment_bounds(name, count, now, context.calendar), of=_whole_second)
        return Made((bounds,), relative=True)

    return build


def _count(name: str, value: object) -> int:
    if name in FIXED:
        if value is not None:
            raise BadValue("needless_value", "takes no value")
        return 0
    most = MOST[parts_of(name)[1]]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise BadValue("wrong_type", f"must be a whole number from 1 to {most}")
    return value


def _choices(*, every: bool, negated: bool) -> Build:
    def build(spec: FieldSpec, value: object, _context: Context) -> Made:
        wanted = [_choice(item, spec) for item in _list(value, 1, MAX_VALUES)]
        if every:
            return Made(tuple(AnyChoice(frozenset({choice})) for choice in dict.fromkeys(wanted)))
        return Made((AnyChoice(frozenset(wanted)),), negated)

    return build


def _operators() -> dict[str, Operator]:
    some = frozenset(FieldType)
    table = {
        "eq": Operator(SINGLES | TIMES, _equals(negated=False)),
        "ne": Operator(SINGLES | TIMES, _equals(negated=True)),
        "in": Operator(SINGLES, _in(negated=False)),
        "not_in": Operator(SINGLES, _in(negated=True)),
        "empty": Operator(some, _empty(negated=False)),
        "not_empty": Operator(some, _empty(negated=True)),
        "between": Operator(NUMBERS | TIMES, _between(negated=False)),
        "not_between": Operator(NUMBERS | TIMES, _between(negated=True)),
        "contains_any": Operator(frozenset({T.MULTI_CHOICE}), _choices(every=False, negated=False)),
        "contains_all": Operator(frozenset({T.MULTI_CHOICE}), _choices(every=True, negated=False)),
        "contains_none": Operator(frozenset({T.MULTI_CHOICE}), _choices(every=False, negated=True)),
    }
    for name, function in (("contains", "contains"), ("starts_with", "startswith"), ("ends_with", "endswith")):
        table[name] = Operator(TEXTS, _holds(function, negated=False))
        table[f"not_{name}"] = Operator(TEXTS, _holds(function, negated=True))
    for name in ("lt", "le", "gt", "ge"):
        table[name] = Operator(NUMBERS | TIMES, _compare(name))
    for name in ("on", "not_on", "before", "after", "on_or_before", "on_or_after"):
        table[name] = Operator(TIMES, _day_op(name))
    for name in FIXED | COUNTED:
        table[name] = Operator(TIMES, _relative(name))
    return table


OPERATORS: Final = _operators()
"""Every operator by its name in files."""


_LISTS: Final = frozenset({"in", "not_in", "contains_any", "contains_all", "contains_none"})
_DAYS: Final = frozenset({"on", "not_on", "before", "after", "on_or_before", "on_or_after"})


def takes(op: str) -> str:
    """What an operator's value is, for forms: `none`, `one` value of the column, `two`, `many`, a day (`days`), or a
    `count` of hours, days, weeks, months, years."""
    if op in FIXED or op in {"empty", "not_empty"}:
        return "none"
    if op in COUNTED:
        return "count"
    if op in _LISTS:
        return "many"
    if op in _DAYS:
        return "days"
    return "two" if op in {"between", "not_between"} else "one"
