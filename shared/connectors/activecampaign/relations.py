"""A contact's account and its standing on lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.connectors.activecampaign.client import Client, Fetched
from shared.connectors.activecampaign.contacts import as_id
from shared.connectors.activecampaign.errors import VendorError, raise_for
from shared.connectors.activecampaign.fields import ACCOUNT_FIELD
from shared.domain.records import Ref, Value
from shared.errors import Rejected

_UNSUBSCRIBED = 2
_LEFT = "2"


class Relations:
    """Associations and subscriptions. `replace`: a contact moves to the account it is given, else that is refused."""

    def __init__(self, client: Client, *, replace: bool) -> None:
        self._client = client
        self._replace = replace

    def set_account(self, contact: Ref, account: Value | None) -> None:
        """Puts the contact under the account, or under none. Raises Rejected."""
        if account is not None and not isinstance(account, Ref):
            raise Rejected("an account is given by reference", field=ACCOUNT_FIELD, code="bad_value")
        if account is not None and self._associate(contact, account):
            return
        present = self._present(contact)
        if present is None:
            return
        if account is None:
            self._done(self._client.send("DELETE", f"accountContacts/{present['id']}", "associate"))
        elif str(present.get("account")) != account.id:
            if not self._replace:
                raise Rejected(
                    "the contact belongs to another account already", field=ACCOUNT_FIELD, code="second_account"
                )
            body = {"accountContact": {"account": account.id, "contact": contact.id}}
            self._done(self._client.send("PUT", f"accountContacts/{present['id']}", "associate", body))

    def unsubscribe(self, contact: Ref) -> None:
        """Takes the contact off every list it is on, or could be put on. Never the other way round."""
        for page in self._client.pages(f"contacts/{contact.id}/contactLists", "contactLists", "opt-outs"):
            for row in page.rows("contactLists"):
                if str(row.get("status")) != _LEFT:
                    body = {"list": str(row.get("list")), "contact": contact.id, "status": _UNSUBSCRIBED}
                    self._done(self._client.send("POST", "contactLists", "opt-outs", {"contactList": body}))

    def _associate(self, contact: Ref, account: Ref) -> bool:
        """True when the contact had no account and has this one now; False when it has one already."""
        body = {"accountContact": {"account": account.id, "contact": contact.id}}
        found = self._client.send("POST", "accountContacts", "associate", body)
        if isinstance(found, VendorError) and found.code == "field_invalid":
            return False
        self._done(found)
        return True

    def _present(self, contact: Ref) -> Mapping[str, Any] | None:
        page = self._client.get(f"contacts/{contact.id}/accountContacts", "associate")
        row = next(iter(page.rows("accountContacts")), None)
        return {**row, "id": as_id(row.get("id"))} if row is not None else None

    def _done(self, found: Fetched | VendorError) -> None:
        if isinstance(found, VendorError) and not found.is_missing:
            if found.code:
                raise Rejected("the account cannot be set", field=ACCOUNT_FIELD, code=found.code)
            raise raise_for(found, "to change an association")
