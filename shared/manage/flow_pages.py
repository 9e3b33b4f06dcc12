"""People of a flow step's call, in pages that are worked together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.records import RemoteId
from shared.ports.flow import Choices, PeoplePage, Person

PAGE: Final = 250
"""People worked together: one read of the partner system."""

_PAGE_BYTES: Final = 250_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One person as handed over."""

    id: RemoteId
    choices: Choices
    live: bool


def paged(people: Sequence[Wanted]) -> list[PeoplePage]:
    """Pages of at most `PAGE` people, fewer where their texts are long."""
    pages: list[PeoplePage] = []
    for group in _groups(people):
        choices = list(dict.fromkeys(tuple(sorted(person.choices.items())) for person in group))
        places = {told: place for place, told in enumerate(choices)}
        pages.append(
            PeoplePage(
                number=len(pages),
                people=tuple(
                    Person(id=one.id, choice=places[tuple(sorted(one.choices.items()))], live=one.live) for one in group
                ),
                choices=tuple(dict(told) for told in choices),
            )
        )
    return pages


def _groups(people: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    group: list[Wanted] = []
    size, seen = 0, set[tuple[tuple[str, str], ...]]()
    for person in people:
        told = tuple(sorted(person.choices.items()))
        weight = 0 if told in seen else sum(4 * len(value) for value in person.choices.values())
        if group and (len(group) == PAGE or size + weight > _PAGE_BYTES):
            yield group
            group, size, seen = [], 0, set()
            weight = sum(4 * len(value) for value in person.choices.values())
        group.append(person)
        seen.add(told)
        size += weight
    if group:
        yield group
