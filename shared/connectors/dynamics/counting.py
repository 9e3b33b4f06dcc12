"""Counts rows exactly, key by key.

`$count` stops at 5,000 rows (https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/count-rows).
"""

from __future__ import annotations

from typing import Final

from shared.connectors.dynamics.client import DataverseClient
from shared.errors import Transient

COUNTED: Final = 5000
_PAGES: Final = 40
_PREFER: Final = ("odata.maxpagesize=5000",)


def count_keys(client: DataverseClient, set_name: str, key: str, where: str) -> tuple[int, bool]:
    """How many rows there are, and whether there are more: it stops after 40 pages of 5,000."""
    options = {"filter": where} if where else {}
    target = client.target(set_name, select=key, **options)
    found, seen = 0, set[str]()
    for _ in range(_PAGES):
        if target in seen:
            raise Transient("Dynamics 365 sent a page that leads to itself", code="paging_loop")
        seen.add(target)
        fetched = client.get(target, "count", prefer=_PREFER)
        found += len(fetched.rows)
        link = fetched.data.get("@odata.nextLink")
        if not link:
            return found, False
        target = client.http.origin.pin(link, below=client.base + set_name)
    return found, True
