"""The file form of criteria: nested groups of lines, read without any schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.domain.mistakes import Mistake
from shared.domain.reader import Reader
from shared.domain.records import FieldName

MAX_DEPTH: Final = 6
"""Groups inside groups; a deeper tree is refused."""
MAX_LINES: Final = 100
"""Lines of one criteria."""
MAX_VALUES: Final = 100
"""Values of one list."""


class Joint(StrEnum):
    """How a group joins its items. NONE holds when not one of them does."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: a column, an operator's name, and the value as the file has it."""

    column: FieldName
    op: str
    value: object
    place: str


@dataclass(frozen=True, slots=True)
class Group:
    joint: Joint
    items: tuple[Group | Line, ...]
    place: str

    def lines(self) -> Iterator[Line]:
        for item in self.items:
            if isinstance(item, Line):
                yield item
            else:
                yield from item.lines()


@dataclass(frozen=True, slots=True)
class Criteria:
    """A tree as written. `zone` gives days their beginning and end; `week_starts` is `sunday` or `monday`."""

    root: Group
    zone: str = "UTC"
    week_starts: str = "sunday"


class _Tree:
    """Reads the tree and counts its lines."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        self.lines = 0

    def item(self, data: object, place: str, depth: int) -> Group | Line | None:
        reader = Reader(data, place, self.mistakes)
        joints = [joint for joint in Joint if reader.has(joint.value)]
        if len(joints) == 1:
            reader.known.clear()
            return self.group(reader, joints[0], depth)
        reader.known.clear()
        if joints:
            reader.note("", "two_joints", f"has {' and '.join(joints)}; put one group inside the other")
            return None
        if not isinstance(data, Mapping):
            return None
        return self.line(reader)

    def group(self, reader: Reader, joint: Joint, depth: int) -> Group | None:
        if depth > MAX_DEPTH:
            reader.note("", "too_deep", f"is more than {MAX_DEPTH} groups deep; put lines of one joint together")
            return None
        found = []
        items = reader.items(joint.value)
        for index, item in enumerate(items):
            read = self.item(item, reader.at(f"{joint.value}[{index}]"), depth + 1)
            if read is not None:
                found.append(read)
        if not items and isinstance(reader.data.get(joint.value), list | tuple):
            reader.note(joint.value, "empty_group", "is an empty group; remove it or add a line")
        if depth > 1:
            reader.close()
        return Group(joint, tuple(found), reader.place)

    def line(self, reader: Reader) -> Line | None:
        self.lines += 1
        if self.lines == MAX_LINES + 1:
            reader.note("", "too_many_lines", f"is line {MAX_LINES + 1}; criteria have at most {MAX_LINES}")
        column, op = reader.text("column"), reader.text("op")
        value = reader.get("value")
        reader.close()
        return Line(FieldName(column), op, value, reader.place) if column and op else None


def read_criteria(data: object, place: str = "criteria") -> tuple[Criteria | None, list[Mistake]]:
    """The tree in `data`, and every mistake in its form. With mistakes, the tree is what could be read, or None.

    The top is a group (`all`, `any` or `none`) and may name a `zone` and the first day of the week.
    """
    mistakes: list[Mistake] = []
    if isinstance(data, Mapping) and "column" in data:
        data = {"all": [data]}
    top = Reader(data, place, mistakes)
    tree = _Tree(mistakes)
    joints = [joint for joint in Joint if top.has(joint.value)]
    if len(joints) != 1:
        if not mistakes:
            top.note("", "no_group", "must hold exactly one of all, any, none")
        return None, mistakes
    zone, week_starts = top.text("zone", "UTC"), top.text("week_starts", "sunday")
    if week_starts not in {"sunday", "monday"}:
        top.unknown("week_starts", week_starts, ["sunday", "monday"])
    root = tree.group(top, joints[0], 1)
    top.close()
    if root is None:
        return None, mistakes
    return Criteria(root, zone, week_starts), mistakes
