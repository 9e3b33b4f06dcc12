"""The paths of an API as a tree, and what each leads to by method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Place[T]:
    """One segment of a path: fixed children, one child for each ending a variable segment may have, and what it is."""

    fixed: dict[str, Place[T]] = field(default_factory=dict)
    variable: dict[str, Place[T]] = field(default_factory=dict)
    by_method: dict[str, T] = field(default_factory=dict)
    template: str = ""


@dataclass(frozen=True, slots=True)
class Match[T]:
    """What a path leads to. `target` is None where the path exists and the method does not."""

    target: T | None
    template: str
    arguments: tuple[str, ...]


class Paths[T]:
    """A tree of paths such as `/contacts/{id}/contactTags`; a fixed segment goes before a variable one.

    `endings` never belong to what varies: with `.json`, `/lead/{id}.json` and `/lead/{id}` are different places.
    """

    def __init__(self, endings: Sequence[str] = ()) -> None:
        self._root: Place[T] = Place()
        self._endings = endings

    def add(self, method: str, path: str, target: T) -> None:
        place = self._root
        for segment in _segments(path):
            children, name = place.fixed, segment
            if segment.startswith("{"):
                children, name = place.variable, segment.partition("}")[2]
            place = children.setdefault(name, Place())
        place.template = path
        place.by_method[method] = target

    def match(self, method: str, path: str) -> Match[T] | None:
        """None for a path nobody knows. A final slash does not count."""
        place: Place[T] | None = self._root
        arguments: list[str] = []
        for segment in _segments(path):
            if place is None:
                return None
            child = place.fixed.get(segment)
            if child is None:
                ending = next((each for each in self._endings if segment.endswith(each)), "")
                arguments.append(segment.removesuffix(ending))
                child = place.variable.get(ending)
            place = child
        if place is None or not place.by_method:
            return None
        return Match(place.by_method.get(method), place.template, tuple(arguments))

    def known(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each path with its methods."""
        places = [self._root]
        while places:
            place = places.pop()
            if place.by_method:
                yield place.template, tuple(place.by_method)
            places += [*place.fixed.values(), *place.variable.values()]


def _segments(path: str) -> list[str]:
    inner = path.strip("/")
    return inner.split("/") if inner else []
