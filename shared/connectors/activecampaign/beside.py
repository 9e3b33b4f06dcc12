"""What hangs on contacts beside their own fields, for many of them at once: company and standing on lists."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shared.connectors.activecampaign.client import PAGE, Client
from shared.connectors.activecampaign.contacts import as_id
from shared.connectors.activecampaign.fields import ACCOUNT
from shared.domain.records import Ref, RemoteId


def opted_out(client: Client, ids: Sequence[RemoteId], *, purpose: str = "opt-outs") -> set[RemoteId]:
    """Those of up to 100 contacts who unsubscribed somewhere and are active nowhere: one call or two."""
    left = _of_status(client, "2", ids, purpose)
    return left - _of_status(client, "1", sorted(left), purpose) if left else left


def _of_status(client: Client, status: str, ids: Sequence[RemoteId], purpose: str) -> set[RemoteId]:
    query = [("status", status), ("limit", str(PAGE)), *(("ids[]", row) for row in ids)]
    found = {as_id(row.get("id")) for row in client.get("contacts", purpose, query).listed("contacts")}
    return found & set(ids)


def companies(client: Client, ids: Collection[RemoteId]) -> dict[RemoteId, Ref] | None:
    """The account of each of these contacts that has one, by a walk over all associations; None when reading the
    contacts one by one takes fewer calls."""
    found: dict[RemoteId, Ref] = {}
    for page in client.pages("accountContacts", "accountContacts", "companies"):
        if page.total is not None and -(-page.total // PAGE) > len(ids):
            return None
        for row in page.listed("accountContacts"):
            contact = as_id(row.get("contact"))
            if contact in ids:
                found[contact] = Ref(ACCOUNT, as_id(row.get("account")))
    return found
