"""Walks over lists, several pages in flight, without losing a row to what happens meanwhile.

A page is asked for by an offset from a fixed place, so the pages of one stretch can be asked for at once. Each begins
with the last row of the page before: where that row does not come, a row was removed in between and others moved up;
then only what is known to be seamless is taken, and the walk goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from shared.connectors.activecampaign.client import PAGE, Client, Fetched, Query
from shared.connectors.activecampaign.contacts import as_id
from shared.connectors.activecampaign.place import Place
from shared.http.parallel import raised, run_all

STEP = PAGE - 1

type Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of one or several pages, each row once. `ended`: the last page was not a full one."""

    pages: Sequence[Fetched]
    rows: Sequence[Mapping[str, Any]]
    ended: bool

    @property
    def total(self) -> int | None:
        return self.pages[0].total


def width(remaining: int, at_once: int) -> int:
    """Pages to ask for at once when about so many rows are still to come."""
    return max(1, min(at_once, -(-remaining // STEP)))


def pages_left(place: Place) -> int:
    """Pages that a walk by offsets has still to ask for, as far as it is known."""
    return -(-(place.size - max(place.last - 1, 0)) // STEP)


def id_of(row: Mapping[str, Any]) -> str:
    """What a row is known by. Raises Transient for one without a usable id."""
    return str(as_id(row.get("id")))


def stretch(
    fetch: Callable[[int], Fetched], name: str, *, start: int, pages: int, known_by: Callable[[Row], str] = id_of
) -> Stretch:
    """The seamless rows of up to `pages` pages from offset `start` on. `fetch` gets a page by its offset."""
    offsets = [start + STEP * number for number in range(pages)]
    fetched = raised(run_all([partial(fetch, offset) for offset in offsets], at_once=pages))
    taken: list[Fetched] = []
    rows: list[Mapping[str, Any]] = []
    for page in fetched:
        found = page.listed(name)
        if taken and (not found or known_by(found[0]) != known_by(rows[-1])):
            return Stretch(taken, rows, ended=False)
        rows += found[1:] if taken else found
        taken.append(page)
        if len(found) < PAGE:
            return Stretch(taken, rows, ended=True)
    return Stretch(taken, rows, ended=False)


def next_rows(
    client: Client, resource: str, place: Place, *, purpose: str, query: Query = (), at_once: int = 1
) -> tuple[Sequence[Mapping[str, Any]], Place]:
    """As `next_stretch`, the rows alone."""
    found, after = next_stretch(client, resource, place, purpose=purpose, query=query, at_once=at_once)
    return found.rows, after


def next_stretch(
    client: Client,
    resource: str,
    place: Place,
    *,
    purpose: str,
    query: Query = (),
    at_once: int = 1,
    known_by: Callable[[Row], str] = id_of,
) -> tuple[Stretch, Place]:
    """The next rows of a list that knows only offsets, and the place after them; its `anchor` is "" at the end.

    Where the anchor (the row before the offset) does not come, the walk goes back by a page, and some rows come twice;
    only more than a page of removals between two calls could still hide a row, until the next walk.
    """
    start = max(place.last - 1, 0) if place.anchor else place.last

    def fetch(offset: int) -> Fetched:
        return client.get(resource, purpose, [*query, ("limit", str(PAGE)), ("offset", str(offset))])

    pages = width(place.size - start, at_once)
    found = stretch(fetch, resource, start=start, pages=pages, known_by=known_by)
    ids = [known_by(row) for row in found.rows]
    if place.anchor and place.anchor not in ids[:PAGE]:
        return Stretch([], [], ended=False), replace(place, last=max(start - PAGE, 0), anchor="", rewound=True)
    end = start + len(found.rows)
    size = found.total if found.total is not None else 0
    over = not ids or (found.ended if found.total is None else end >= size)
    if over:
        return found, replace(place, last=0, anchor="", rewound=False, size=0)
    return found, replace(place, last=end, anchor=ids[-1], rewound=False, size=size)
