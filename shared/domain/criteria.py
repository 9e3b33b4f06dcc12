"""Criteria: which Dynamics rows take part.

One tree gives both answers: the `$filter` text that counts, previews and first loads use, and the judge that decides
in Python for each changed row (change tracking takes no filter). Where Dataverse's own comparison is not documented,
the text avoids it: empty fields are always named, wildcards are escaped, relative dates are sent as the moments they
mean. A row found by the text is judged again before anything is done with it; the judge has the last word.

A judge's answer is None only when the row does not tell a column that decides (absent is not empty).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote as percent
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.domain.criteria_ops import OPERATORS, BadValue, Context
from shared.domain.criteria_tree import Criteria, Group, Joint, Line, read_criteria
from shared.domain.mistakes import MapErrors, Mistake
from shared.domain.predicates import Predicate
from shared.domain.records import ABSENT, FieldName, FieldSpec, FieldType, Record, Schema, Value
from shared.domain.spans import Calendar

__all__ = [
    "Bound",
    "Criteria",
    "Failing",
    "bind",
    "difference",
    "failing_line",
    "matches",
    "parse_criteria",
    "read_criteria",
    "to_odata",
]

MAX_FILTER: Final = 24_000
"""Characters of the encoded filter; a GET has 32,768 for everything."""

type Fields = Mapping[FieldName, Value | None]


@dataclass(frozen=True, slots=True)
class BoundLine:
    """A line against its column: `tests` must all hold (or, negated, not one of them)."""

    column: FieldName
    wire: str
    op: str
    tests: tuple[Predicate, ...]
    negated: bool
    place: str

    def judge(self, fields: Fields, now: datetime) -> bool | None:
        value = fields.get(self.column, ABSENT)
        if value is ABSENT:
            return None
        return all(test.holds(value, now) is not self.negated for test in self.tests)

    def text(self, now: datetime, *, negated: bool) -> str:
        parts = [test.odata(self.wire, now, negated=self.negated is not negated) for test in self.tests]
        return _join("or" if negated else "and", parts)


@dataclass(frozen=True, slots=True)
class BoundGroup:
    joint: Joint
    items: tuple[BoundGroup | BoundLine, ...]
    place: str

    def judge(self, fields: Fields, now: datetime) -> bool | None:
        """Whether the group holds: one item that decides is enough, whatever is unknown beside it."""
        decides = self.joint is not Joint.ALL  # for `all` a false item decides, for `any` and `none` a true one
        unknown = False
        for item in self.items:
            found = item.judge(fields, now)
            if found is decides:
                return self.joint is Joint.ANY
            unknown = unknown or found is None
        return None if unknown else self.joint is not Joint.ANY

    def text(self, now: datetime, *, negated: bool) -> str:
        """In OData. A negation is pushed down to the lines, whose opposites are exact."""
        inner = negated is not (self.joint is Joint.NONE)
        word = "and" if (self.joint is Joint.ALL) is not inner else "or"
        return _join(word, [item.text(now, negated=inner) for item in self.items])

    def lines(self) -> Iterable[BoundLine]:
        for item in self.items:
            if isinstance(item, BoundLine):
                yield item
            else:
                yield from item.lines()


@dataclass(frozen=True, slots=True)
class Bound:
    """Criteria against a schema. `relative`: the answer depends on when it is asked, not only on the row."""

    root: BoundGroup
    columns: tuple[FieldName, ...]
    relative: bool = False


def _join(word: str, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else "(" + f" {word} ".join(parts) + ")"


def parse_criteria(data: object, schema: Schema, *, place: str = "criteria", accents: bool = True) -> Bound:
    """Criteria in their file form, against a Dynamics table. Raises MapErrors with every mistake and its place."""
    tree, mistakes = read_criteria(data, place)
    bound = None
    if tree is not None:
        bound, more = bind(tree, schema, place=place, accents=accents)
        mistakes = sorted(mistakes + more)
    if bound is None or mistakes:
        raise MapErrors(mistakes)
    return bound


def bind(
    criteria: Criteria, schema: Schema, *, place: str = "criteria", accents: bool = True
) -> tuple[Bound | None, list[Mistake]]:
    """`criteria` against the columns of `schema`; None when there is any mistake.

    `accents` false judges `é` as `e`, for organisations whose database compares so.
    """
    try:
        zone = ZoneInfo(criteria.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None, [Mistake(f"{place}.zone", "unknown_zone", f"{criteria.zone!r} is not the name of a time zone")]
    context = Context(Calendar(zone, criteria.week_starts == "monday"), accents)
    binder = _Binder(schema, context)
    root = binder.group(criteria.root)
    if binder.mistakes:
        return None, binder.mistakes
    bound = Bound(root, tuple(sorted({line.column for line in root.lines()})), binder.relative)
    length = len(percent(to_odata(bound, now=_ANY_TIME)))
    if length > MAX_FILTER:
        return None, [Mistake(place, "too_large", f"is {length} characters as a query; at most {MAX_FILTER} fit")]
    return bound, []


_ANY_TIME: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


class _Binder:
    """Binds line by line and gathers mistakes."""

    def __init__(self, schema: Schema, context: Context) -> None:
        self.schema = schema
        self.context = context
        self.mistakes: list[Mistake] = []
        self.relative = False

    def group(self, group: Group) -> BoundGroup:
        items: list[BoundGroup | BoundLine] = []
        for item in group.items:
            found = self.group(item) if isinstance(item, Group) else self.line(item)
            if found is not None:
                items.append(found)
        return BoundGroup(group.joint, tuple(items), group.place)

    def line(self, line: Line) -> BoundLine | None:
        spec = self._column(line)
        operator = OPERATORS.get(line.op)
        if operator is None:
            known = ", ".join(
                sorted(name for name, found in OPERATORS.items() if spec is None or spec.type in found.types)
            )
            self._note(line, "op", "unknown_operator", f"{line.op!r} is not an operator; known here are {known}")
        if spec is None or operator is None:
            return None
        if spec.type not in operator.types:
            self._note(
                line,
                "op",
                "operator_unfit",
                f"{line.op} does not work on {line.column!r}, a column of {spec.type.value}",
            )
            return None
        try:
            made = operator.build(spec, line.value, self.context)
        except BadValue as bad:
            self._note(line, "value", bad.code, f"{bad.message} ({line.column}, {spec.type.value})")
            return None
        self.relative = self.relative or made.relative
        return BoundLine(line.column, _wire(spec), line.op, made.tests, made.negated, line.place)

    def _column(self, line: Line) -> FieldSpec | None:
        spec = self.schema.fields.get(line.column)
        if spec is None:
            self._note(line, "column", "unknown_column", f"{self.schema.kind} has no column {line.column!r} (any more)")
            return None
        if not spec.readable:
            self._note(
                line,
                "column",
                "unreadable_column",
                f"{line.column!r} cannot be read by this connection, so nobody can tell which rows meet this line; "
                "grant read access (column security profile) or remove the line",
            )
            return None
        return spec

    def _note(self, line: Line, key: str, code: str, message: str) -> None:
        self.mistakes.append(Mistake(f"{line.place}.{key}", code, message))


def _wire(spec: FieldSpec) -> str:
    """A column's name in a query: lookups are asked for by their value property."""
    if spec.type is not FieldType.REFERENCE or (spec.name.startswith("_") and spec.name.endswith("_value")):
        return spec.name
    return f"_{spec.name}_value"


def matches(bound: Bound, record: Record, *, now: datetime) -> bool | None:
    """Whether a row meets the criteria at `now`; None when it does not tell a column that decides."""
    return bound.root.judge(record.fields, now)


def to_odata(bound: Bound, *, now: datetime) -> str:
    """The `$filter` text (not percent-encoded) for rows that meet the criteria at `now`."""
    return bound.root.text(now, negated=False)


def difference(new: Bound | None, old: Bound | None) -> Bound | None:
    """Rows that meet `new` and did not meet `old`: what a widening has to load. Swapped: what a narrowing leaves out.

    None as an argument stands for "all rows", as an answer for "no row".
    """
    if old is None:
        return None
    outside = BoundGroup(Joint.NONE, (old.root,), old.root.place)
    if new is None:
        return Bound(outside, old.columns, old.relative)
    root = BoundGroup(Joint.ALL, (new.root, outside), new.root.place)
    return Bound(root, tuple(sorted({*new.columns, *old.columns})), new.relative or old.relative)


@dataclass(frozen=True, slots=True)
class Failing:
    """Why a row is outside: the line (or group) at `place`, and whether it failed or could not be judged."""

    place: str
    column: str
    op: str
    known: bool = True


def failing_line(bound: Bound, record: Record, *, now: datetime) -> Failing | None:
    """The first line that keeps the row outside; a whole group where no single line does. None when it is inside."""
    return _failing(bound.root, record.fields, now)


def _failing(group: BoundGroup, fields: Fields, now: datetime) -> Failing | None:
    found = group.judge(fields, now)
    if found:
        return None
    if group.joint is Joint.ALL:
        first = next(item for item in group.items if item.judge(fields, now) is not True)
        return _failing(first, fields, now) if isinstance(first, BoundGroup) else _told(first, fields, now)
    if group.joint is Joint.NONE:
        first = next(item for item in group.items if item.judge(fields, now) is not False)
        return _told(first, fields, now)
    if len(group.items) == 1 and isinstance(group.items[0], BoundGroup):
        return _failing(group.items[0], fields, now)
    return _told(group.items[0] if len(group.items) == 1 else group, fields, now)


def _told(item: BoundGroup | BoundLine, fields: Fields, now: datetime) -> Failing:
    known = item.judge(fields, now) is not None
    if isinstance(item, BoundLine):
        return Failing(item.place, item.column, item.op, known)
    columns = ", ".join(dict.fromkeys(line.column for line in item.lines()))
    return Failing(item.place, columns, item.joint.value, known)
