"""What a new connection of this system starts with: entity maps and rhythm, ready to be edited.

Tag names are the English ones of the vendor's own integration (help article 360018995760); other languages' spellings
count as the same tag. The article's Spanish text gives people that come from Dynamics as contacts the Lead tag; its
rules for updates need the Contact tag, which is what is used here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.connectors.activities import default_entity
from shared.connectors.extensions import Extension
from shared.connectors.limits import Limit

TITLE = "ActiveCampaign"

LIMIT = Limit(5, 1.0)
"""Five requests a second for the whole account, all keys and integrations together."""

RHYTHMS = ("grid", "daily")
"""The vendor's own integration runs every 1, 2, 4, 6, 8 or 12 hours, or once a day, and never on request."""

ON_REQUEST = False

VENDOR_APPS = ("activecampaign",)
"""Words in the names of Dynamics solutions that are the vendor's own integration. Its exact name is not documented."""

ENROLS = ("contact",)
"""Kinds of record that automations of the account take in."""

ACTIVITY_TYPES = ("sent", "opened", "clicked", "bounced", "replied")
"""The activities that can be told, each by a switch of its own."""

EXTENSIONS = (
    Extension(
        name="automation_steps",
        help="Automation steps that create a lead or a contact in Dynamics call these addresses.",
        hooks=True,
    ),
    Extension(
        name="tags",
        help="Tags on a contact say which Dynamics record it is and where it comes from; only tagged ones flow back.",
        entities=("contact", "lead"),
    ),
    Extension(
        name="imports",
        help="Many contacts go by bulk import, which starts no automation unless it is allowed.",
        settings=("import_from", "run_automations"),
    ),
    Extension(
        name="opportunities",
        help="Opportunities go to ActiveCampaign as records of a custom object or as deals, as the plan allows.",
        settings=("opportunity_object", "deal_stage", "deal_owner", "currency"),
        entities=("opportunity", "deal"),
    ),
    Extension(
        name="activities",
        help="What contacts were sent and did comes to the Dynamics timeline, as completed tasks, once each.",
        settings=(*(f"activities_{name}" for name in ACTIVITY_TYPES), "activities_since", "activities_days"),
        entities=("activity",),
    ),
)

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

OPT_OUT: Mapping[str, object] = {
    "id": "optout",
    "crm": "donotbulkemail",
    "partner": "optedOut",
    "policy": {"rule": "restrictive", "strict": ["true"]},
}
"""Consent: whoever opted out on either side is out on both; what loosens it is the person's own act only."""


def default_entities() -> Sequence[Mapping[str, object]]:
    """Accounts, contacts and leads both ways, Dynamics winning; a contact beats a lead with the same address.

    Opportunities go to ActiveCampaign only, either as records of a custom object or as deals: both are there, switched
    off, because not every plan has them. One of the two may be switched on. Activities are off, too.
    """
    return (
        _account(),
        _person("contact", kind=CONTACT, company="parentcustomerid", foreign={LEAD: "-1"}, rank=2),
        _person("lead", kind=LEAD, company="parentaccountid", foreign={CONTACT: "1"}, rank=1),
        _opportunity("opportunity", "opportunity", _AS_OBJECT),
        _opportunity("deal", "deal", _AS_DEAL),
        default_entity(("contact", "lead")),
    )


def default_rhythm() -> Mapping[str, object]:
    """Every hour: the shortest of the vendor's seven."""
    return {"kind": "grid", "hours": 1}


def default_options() -> Mapping[str, object]:
    """The initial sync goes from Dynamics to ActiveCampaign only, as the vendor's own does."""
    return {"initial_one_way": True}


def _account() -> Mapping[str, object]:
    """A name that is taken on the other side is adopted when there is one such account; else it is a question."""
    return {
        "name": "account",
        "crm_kind": "account",
        "partner_kind": "account",
        "direction": "both",
        "match": "name",
        "policy": "owner_crm",
        "fixed": ["name"],
        "fields": [
            {"id": "name", "crm": "name", "partner": "name", "required": True},
            {"id": "website", "crm": "websiteurl", "partner": "accountUrl"},
        ],
    }


def _person(name: str, *, kind: str, company: str, foreign: Mapping[str, str], rank: int) -> Mapping[str, object]:
    known = {kind, PUSHED, PULLED, *foreign}
    return {
        "name": name,
        "crm_kind": name,
        "partner_kind": "contact",
        "direction": "both",
        "match": "email",
        "rank": rank,
        "policy": "owner_crm",
        "fixed": ["email", "account"],
        "parents": ["account"],
        "labels": {
            "kind": kind,
            "pushed": PUSHED,
            "pulled": PULLED,
            "foreign": dict(foreign),
            "aliases": {alias: meant for alias, meant in _ALIASES.items() if meant in known},
        },
        "fields": [
            *(dict(item) for item in _FIELDS),
            {"id": "account", "crm": company, "partner": "account"},
            dict(OPT_OUT),
        ],
    }


_AS_OBJECT: Sequence[tuple[str, str, str]] = (
    ("name", "name", "name"),
    ("value", "estimatedvalue", "value"),
    ("probability", "closeprobability", "probability"),
    ("closes", "estimatedclosedate", "close-date"),
    ("description", "description", "description"),
    ("contact", "parentcontactid", "contact"),
    ("account", "parentaccountid", "account"),
)
_AS_DEAL: Sequence[tuple[str, str, str]] = (
    ("name", "name", "title"),
    ("value", "estimatedvalue", "value"),
    ("probability", "closeprobability", "percent"),
    ("description", "description", "description"),
    ("contact", "parentcontactid", "contact"),
    ("account", "parentaccountid", "account"),
)
_STATES = {"0": "0", "1": "1", "2": "2"}
"""Open, won and lost: Dynamics' states of an opportunity, and ActiveCampaign's of a deal, by the same numbers."""
_STATE_NAMES = {"0": "Open", "1": "Won", "2": "Lost"}


def _opportunity(name: str, kind: str, fields: Sequence[tuple[str, str, str]]) -> Mapping[str, object]:
    state = {"id": "status", "crm": "statecode", "partner": "status"}
    state["values"] = _STATES if kind == "deal" else _STATE_NAMES  # type: ignore[assignment]
    return {
        "name": name,
        "crm_kind": "opportunity",
        "partner_kind": kind,
        "direction": "to_partner",
        "on": False,
        "parents": ["account", "contact", "lead"],
        "fields": [
            *(
                {"id": field, "crm": crm, "partner": partner} | ({"required": True} if field == "name" else {})
                for field, crm, partner in fields
            ),
            state,
        ],
    }
