"""What a new connection of this system starts with: entity maps and rhythm, ready to be edited.

Tag names are the English ones of the vendor's own integration (help article 360018995760); other languages' spellings
count as the same tag. The article's Spanish text gives people that come from Dynamics as contacts the Lead tag; its
rules for updates need the Contact tag, which is what is used here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TITLE = "ActiveCampaign"

RATE = (4, 1.0)
"""Calls and seconds: 80 % of the account's five requests a second (all keys and integrations together)."""

RHYTHMS = ("grid", "daily")
"""The vendor's own integration runs every 1, 2, 4, 6, 8 or 12 hours, or once a day, and never on request."""

ON_REQUEST = False

VENDOR_APPS = ("activecampaign",)
"""Words in the names of Dynamics solutions that are the vendor's own integration. Its exact name is not documented."""

LEAD, CONTACT = "D365: Lead", "D365: Contact"
PUSHED, PULLED = "D365: Pushed from Dynamics", "D365: Pulled from ActiveCampaign"

_ALIASES: Mapping[str, str] = {
    "D365: Cliente potencial": LEAD,
    "D365: Contacto": CONTACT,
    "D365: Contatto": CONTACT,
    "D365: Enviado desde Dynamics": PUSHED,
    "D365: Extraído de ActiveCampaign": PULLED,
}

_FIELDS: Sequence[Mapping[str, object]] = (
    {"id": "email", "crm": "emailaddress1", "partner": "email", "required": True},
    {"id": "firstname", "crm": "firstname", "partner": "firstName"},
    {"id": "lastname", "crm": "lastname", "partner": "lastName"},
    {"id": "phone", "crm": "telephone1", "partner": "phone"},
)


def default_entities() -> Sequence[Mapping[str, object]]:
    """Leads and contacts, both ways, Dynamics winning; a contact beats a lead with the same address."""
    return (
        _entity("contact", kind=CONTACT, foreign={LEAD: "-1"}, rank=2),
        _entity("lead", kind=LEAD, foreign={CONTACT: "1"}, rank=1),
    )


def default_rhythm() -> Mapping[str, object]:
    """Every hour: the shortest of the vendor's seven."""
    return {"kind": "grid", "hours": 1}


def default_options() -> Mapping[str, object]:
    """The initial sync goes from Dynamics to ActiveCampaign only, as the vendor's own does."""
    return {"initial_one_way": True}


def _entity(name: str, *, kind: str, foreign: Mapping[str, str], rank: int) -> Mapping[str, object]:
    known = {kind, PUSHED, PULLED, *foreign}
    return {
        "name": name,
        "crm_kind": name,
        "partner_kind": "contact",
        "direction": "both",
        "match": "email",
        "rank": rank,
        "policy": "owner_crm",
        "fixed": ["email"],
        "labels": {
            "kind": kind,
            "pushed": PUSHED,
            "pulled": PULLED,
            "foreign": dict(foreign),
            "aliases": {alias: meant for alias, meant in _ALIASES.items() if meant in known},
        },
        "fields": [dict(item) for item in _FIELDS],
    }
