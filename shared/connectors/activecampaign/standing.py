"""A person's standing on lists, and who carries a tag: what ActiveCampaign's own functions ask beside the port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.connectors.activecampaign.client import PAGE, Client
from shared.connectors.activecampaign.contacts import as_id
from shared.connectors.activecampaign.fields import parse_time
from shared.connectors.activecampaign.tags import TagBook
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


def tagged(client: Client, tags: TagBook, label: str, after: RemoteId | None = None) -> Sequence[RemoteId]:
    """Ids of up to 100 contacts that carry a tag, in order, above `after`; none when the tag or the rest is missing.

    The reconciliation of automation requests goes over these: a webhook of ActiveCampaign is never sent twice.
    """
    tag = tags.find(label)
    if tag is None:
        return []
    query = [("tagid", tag), ("status", "-1"), ("orders[id]", "ASC"), ("limit", str(PAGE))]
    if after is not None:
        query.append(("id_greater", after))
    return [as_id(row.get("id")) for row in client.get("contacts", "tagged", query).listed("contacts")]


def _latest(rows: Sequence[Mapping[str, Any]], status: str, name: str) -> datetime | None:
    moments = [parse_time(row.get(name)) for row in rows if str(row.get("status")) == status]
    return max((moment for moment in moments if moment is not None), default=None)
