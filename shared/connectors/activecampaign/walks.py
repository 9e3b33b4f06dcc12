"""Walks over lists that know no keyset, only offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.connectors.activecampaign.client import PAGE, Client, Query
from shared.connectors.activecampaign.contacts import as_id
from shared.connectors.activecampaign.place import Place


def next_rows(
    client: Client, resource: str, place: Place, *, purpose: str, query: Query = ()
) -> tuple[list[Mapping[str, Any]], Place]:
    """The next page, and the place after it; its `anchor` is "" at the end of the list.

    A row that is removed while the list is read moves the following ones forward, and one would be skipped. So each
    page begins with the last row of the page before (the anchor). Where that row does not come, the walk goes back by
    a page, and some rows come twice; only more than a page of removals between two calls could still hide a row, until
    the next walk.
    """
    start = max(place.last - 1, 0) if place.anchor else place.last
    page = client.get(resource, purpose, [*query, ("limit", str(PAGE)), ("offset", str(start))])
    rows = page.rows(resource)
    ids = [str(as_id(row.get("id"))) for row in rows]
    if place.anchor and place.anchor not in ids:
        return [], replace(place, last=max(start - PAGE, 0), anchor="", rewound=True)
    end = start + len(rows)
    over = not rows or (len(rows) < PAGE if page.total is None else end >= page.total)
    return rows, replace(place, last=0 if over else end, anchor="" if over else ids[-1], rewound=False)
