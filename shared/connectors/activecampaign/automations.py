"""Automations of the account, and taking a contact into one: what its users do on a contact's page.

An entry is a `contactAutomation` ("SubscriberSeries"): its id grows with each entry, status 1 is inside, 2 is through.
Source: the vendor's reference pages (`GET /automations`, `GET /contacts/{id}/contactAutomations`,
`POST /contactAutomations`). What the vendor says to a contact who is inside already is not documented: clients were
refused with 403 and with 422, in the words `Could not create SubscriberSeries` for everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from shared.connectors.activecampaign.client import Client
from shared.connectors.activecampaign.contacts import as_id
from shared.connectors.activecampaign.errors import VendorError, raise_for
from shared.connectors.activecampaign.standing import standing_of
from shared.domain.records import RemoteId
from shared.errors import ConfigError, OutcomeUnknown, Rejected, SyncError, Throttled
from shared.ports.enrolling import Automation, Entries, Refusal

_RUNNING = "1"
_INSIDE = "1"
_ENTRIES = "contactAutomations"
_BOUNCED = "bounced_hard"
_PURPOSE = "automations"


def list_automations(client: Client) -> list[Automation]:
    """Every automation, in the vendor's order; one whose status is not 1 takes nobody in."""
    found = [
        Automation(id=as_id(row.get("id")), name=str(row.get("name") or ""), running=str(row.get("status")) == _RUNNING)
        for page in client.pages("automations", "automations", _PURPOSE, interactive=True)
        for row in page.listed("automations")
    ]
    return [item for item in found if item.id]


def entries_of(client: Client, automation: str, contact: RemoteId) -> Entries:
    """The contact's entries of one automation, those that ended included. Raises Rejected (`gone`)."""
    if not contact.isdigit():
        raise _gone(contact)
    path = f"contacts/{contact}/contactAutomations"
    try:
        rows = [row for page in client.pages(path, _ENTRIES, _PURPOSE) for row in page.listed(_ENTRIES)]
    except ConfigError as error:
        if error.code == "wrong_address":  # the path is right: what is missing is the contact
            raise _gone(contact) from None
        raise
    own = [row for row in rows if automation in {as_id(row.get("seriesid")), as_id(row.get("automation"))}]
    return Entries(
        last=max((int(as_id(row.get("id")) or 0) for row in own), default=0),
        inside=any(str(row.get("status")) == _INSIDE for row in own),
    )


def enter(client: Client, automation: str, contact: RemoteId) -> None:
    """Adds a contact to an automation, unless they opted out. See `shared.ports.enrolling.Enrols.enrol`."""
    _check_consent(client, contact)
    body = {"contactAutomation": {"contact": int(contact), "automation": int(automation)}}
    answer = client.send("POST", _ENTRIES, _PURPOSE, body)
    if isinstance(answer, VendorError):
        raise _refused(answer, automation, contact)


def _check_consent(client: Client, contact: RemoteId) -> None:
    """Raises Rejected (`gone`, `opted_out`). Asked here and not of what a run saw: a change of standing moves no date
    of the contact."""
    found = client.try_get(f"contacts/{contact}", _PURPOSE)
    if isinstance(found, VendorError):
        if found.is_missing:
            raise _gone(contact)
        raise raise_for(found, "to read a contact")
    row: Mapping[str, Any] = found.one("contact")
    if as_id(row.get("id")) != contact:
        raise _gone(contact)  # merged: some accounts answer with the contact it was merged into
    bounced = str(row.get(_BOUNCED) or "0")
    if (bounced.isdigit() and int(bounced) > 0) or standing_of(client, contact).opted_out:
        raise Rejected(
            f"contact {contact} is unsubscribed from every list, or bounced",
            code=Refusal.OPTED_OUT,
            next_step="Leave them out; only the person's own subscription in ActiveCampaign brings them back.",
        )


def _refused(error: VendorError, automation: str, contact: RemoteId) -> SyncError:
    """What a refused entry means. Whether the contact is inside by now is for the caller to look at."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return OutcomeUnknown(f"ActiveCampaign did not say whether contact {contact} was added", code=error.name)
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled("ActiveCampaign asks to wait", retry_after=1.0, scope="account")
    if error.is_contact_limit:
        return Rejected(
            f"contact {contact} was not added: a limit of the ActiveCampaign account is reached ({error.name})",
            code=Refusal.LIMIT,
            next_step="Raise the plan's limit or free contacts in ActiveCampaign, then add the record again.",
        )
    if error.is_missing:
        return _gone(contact)
    if error.refuses_entry or error.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return Rejected(
            f"ActiveCampaign did not take contact {contact} into automation {automation} ({error.name})",
            code=Refusal.REFUSED,
            next_step="Look at the automation in ActiveCampaign: it may take each contact only once.",
        )
    return raise_for(error, f"to add contact {contact} to automation {automation}")


def _gone(contact: RemoteId) -> Rejected:
    return Rejected(
        f"ActiveCampaign has no contact {contact} any more: it was deleted or merged",
        code=Refusal.GONE,
        next_step="Look the record up: it says what the next run does about the missing contact.",
    )
