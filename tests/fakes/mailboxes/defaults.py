"""What a new connection of these mailboxes starts with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.connectors.limits import Limit

TITLE = "Mailboxes"
LIMIT = Limit(100, 1.0)
ON_REQUEST = ("mode", ("client",))


def default_entities() -> Sequence[Mapping[str, object]]:
    fields = [
        {"id": "mail", "crm": "emailaddress1", "partner": "mail", "required": True},
        {"id": "name", "crm": "lastname", "partner": "name"},
    ]
    contact = {"name": "contact", "crm_kind": "contact", "partner_kind": "person", "direction": "to_partner"}
    return ({**contact, "match": "mail", "fields": fields},)


def default_rhythm() -> Mapping[str, object]:
    return {"kind": "grid", "hours": 12}


def default_options() -> Mapping[str, object]:
    return {"initial_one_way": True}
