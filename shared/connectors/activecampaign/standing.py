"""A person's standing on lists, and who carries a tag: what ActiveCampaign's own functions ask beside the port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.connectors.activecampaign.client import PAGE, Client
from shared.connectors.activecampaign.contacts import as_id
from shared.connectors.activecampaign.fields import parse_time
from shared.domain.records import RemoteId

_ACTIVE, _UNSUBSCRIBED = "1", "2"


@dataclass(frozen=True, slots=True)
class Standing:
    """`opted_out`: on some list once, and active on none. The times are the latest of their kind, None for never.

    Whether a subscription was the person's own act is told by the `subscribe` event and its source, never by this:
    a standing found by a look only says that it may be worth asking.
    """

    opted_out: bool
    opted_out_at: datetime | None
    subscribed_at: datetime | None


def standing_of(client: Client, contact: RemoteId) -> Standing:
    """Reads the standing of one contact on all lists."""
    rows = [
        row
        for page in client.pages(f"contacts/{contact}/contactLists", "contactLists", "opt-outs")
        for row in page.rows("contactLists")
    ]
    statuses = {str(row.get("status")) for row in rows}
    return Standing(
        opted_out=_UNSUBSCRIBED in statuses and _ACTIVE not in statuses,
        opted_out_at=_latest(rows, _UNSUBSCRIBED, "udate"),
        subscribed_at=_latest(rows, _ACTIVE, "sdate"),
    )


def carriers(client: Client, tags: Sequence[str], after: RemoteId | None = None) -> Sequence[RemoteId]:
    """Ids of contacts that carry any of these tags (by id), in order, above `after`: up to a hundred of each tag, and
    as far as all that were told reach."""
    found = [_carrying(client, tag, after) for tag in tags]
    ends = [ids[-1] for ids in found if len(ids) == PAGE]
    end = min(ends, default=None)
    return [RemoteId(str(row)) for row in sorted({row for ids in found for row in ids if end is None or row <= end})]


def _carrying(client: Client, tag: str, after: RemoteId | None) -> list[int]:
    query = [("tagid", tag), ("status", "-1"), ("orders[id]", "ASC"), ("limit", str(PAGE))]
    if after is not None:
        query.append(("id_greater", after))
    return sorted(int(as_id(row.get("id"))) for row in client.get("contacts", "tagged", query).listed("contacts"))


def _latest(rows: Sequence[Mapping[str, Any]], status: str, name: str) -> datetime | None:
    moments = [parse_time(row.get(name)) for row in rows if str(row.get("status")) == status]
    return max((moment for moment in moments if moment is not None), default=None)
