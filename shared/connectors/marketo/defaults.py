"""What a new connection of this system starts with: entity maps and rhythm, ready to be edited.

The rules are those of the vendor's own sync: leads and contacts both ways, everything else to Marketo only; a field
that both sides changed ends as Marketo's for leads and as Dynamics' for contacts; people in Marketo only stay there.
The pairs of fields follow the vendor's default mapping, as far as lead writes may hold them: company fields live on the
company.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.connectors.activities import default_entity
from shared.connectors.extensions import Extension
from shared.connectors.limits import Limit

TITLE = "Marketo"

LIMIT = Limit(100, 20.0, percent=50)
"""A hundred calls in twenty seconds; half of them for one integration, as the vendor asks."""

ACTIVITY_TYPES = ("sent", "delivered", "opened", "clicked", "bounced", "replied", "moment")
"""The activities that can be told, each by a switch of its own."""

EXTENSIONS = (
    Extension(
        name="rejections",
        help="What Dynamics refuses is told in the activity log of the person in Marketo.",
        settings=("rejection_activity",),
    ),
    Extension(
        name="deletions",
        help="A checkbox tells in Marketo that a person was deleted in Dynamics.",
        settings=("deleted_field",),
    ),
    Extension(
        name="native_sync",
        help="Marketo's own CRM sync on the same subscription: refuse to run, or sync people alone.",
        settings=("native_sync",),
    ),
    Extension(
        name="partitions",
        help="The lead partition that new people go to.",
        settings=("partition",),
    ),
    Extension(
        name="flow_steps",
        help="Flow steps for smart campaigns: sync a person, change the owner, create a task, campaigns.",
        settings=("flow_campaigns", "callback_hosts"),
        hooks=True,
    ),
    Extension(
        name="opportunity_roles",
        help="Opportunities come with the role of their contact.",
        settings=("opportunity_role",),
        entities=("opportunity",),
    ),
    Extension(
        name="activities",
        help="What people were sent and did comes to the Dynamics timeline, as completed tasks, once each.",
        settings=(*(f"activities_{name}" for name in ACTIVITY_TYPES), "activities_since", "activities_days"),
        entities=("activity",),
    ),
)

_OWNER = ("owner", "ownerid", "externalSalesPersonId")
_PERSON: Sequence[tuple[str, str, str]] = (
    ("firstname", "firstname", "firstName"),
    ("lastname", "lastname", "lastName"),
    ("salutation", "salutation", "salutation"),
    ("title", "jobtitle", "title"),
    ("phone", "telephone1", "phone"),
    ("mobile", "mobilephone", "mobilePhone"),
    ("fax", "fax", "fax"),
    ("street", "address1_line1", "address"),
    ("city", "address1_city", "city"),
    ("state", "address1_stateorprovince", "state"),
    ("postalcode", "address1_postalcode", "postalCode"),
    ("country", "address1_country", "country"),
)
_COMPANY: Sequence[tuple[str, str, str]] = (
    ("name", "name", "company"),
    ("website", "websiteurl", "website"),
    ("phone", "telephone1", "mainPhone"),
    ("street", "address1_line1", "billingStreet"),
    ("city", "address1_city", "billingCity"),
    ("state", "address1_stateorprovince", "billingState"),
    ("postalcode", "address1_postalcode", "billingPostalCode"),
    ("country", "address1_country", "billingCountry"),
    ("employees", "numberofemployees", "numberOfEmployees"),
    ("revenue", "revenue", "annualRevenue"),
    _OWNER,
)
_SALES_PERSON: Sequence[tuple[str, str, str]] = (
    ("email", "internalemailaddress", "email"),
    ("firstname", "firstname", "firstName"),
    ("lastname", "lastname", "lastName"),
    ("title", "jobtitle", "title"),
    ("phone", "address1_telephone1", "phone"),
    ("mobile", "mobilephone", "mobilePhone"),
)
_OPPORTUNITY: Sequence[tuple[str, str, str]] = (
    ("name", "name", "name"),
    ("amount", "estimatedvalue", "amount"),
    ("probability", "closeprobability", "probability"),
    ("closes", "estimatedclosedate", "closeDate"),
    ("description", "description", "description"),
    ("company", "parentaccountid", "externalCompanyId"),
    ("contact", "parentcontactid", "primaryContact"),
    _OWNER,
)
_STRICT: Mapping[str, object] = {"rule": "restrictive", "strict": ["true"]}
_CONSENT: Sequence[Mapping[str, object]] = (
    {"id": "optout", "crm": "donotbulkemail", "partner": "unsubscribed", "policy": _STRICT},
    {"id": "donotcall", "crm": "donotphone", "partner": "doNotCall", "policy": _STRICT},
)
"""Whoever opted out on either side is out on both."""


def default_entities() -> Sequence[Mapping[str, object]]:
    """Users, accounts, contacts, leads, opportunities with their roles, in the order they are written; and activities,
    switched off."""
    return (
        {**_sent("systemuser", "salesperson", _SALES_PERSON), "name": "user"},
        {**_sent("account", "company", _COMPANY), "parents": ["user"]},
        _person("contact", policy="owner_crm", rank=2, company="parentcustomerid"),
        _person("lead", policy="owner_partner", rank=1, company="parentaccountid"),
        {**_sent("opportunity", "opportunity", _OPPORTUNITY), "parents": ["user", "account", "contact"]},
        default_entity(("contact", "lead")),
    )


def default_rhythm() -> Mapping[str, object]:
    """Five minutes after the last run ended, and at most one more."""
    return {"kind": "pause", "minutes": 5, "jitter": 1}


def default_options() -> Mapping[str, object]:
    """The initial sync goes from Dynamics to Marketo only. People whom a flow step hands over are looked for often, so
    that a long load does not keep them waiting for a minute."""
    return {"initial_one_way": True, "inbox_every": 5.0}


def _fields(rows: Sequence[tuple[str, str, str]]) -> list[Mapping[str, object]]:
    return [{"id": name, "crm": crm, "partner": partner} for name, crm, partner in rows]


def _person(name: str, *, policy: str, rank: int, company: str) -> Mapping[str, object]:
    """Deleted in Dynamics: kept here (and flagged, where `deleted_field` is set); deleted here: made again at the next
    edit in Dynamics."""
    return {
        "name": name,
        "crm_kind": name,
        "partner_kind": "lead",
        "direction": "both",
        "match": "email",
        "rank": rank,
        "policy": policy,
        "creates": ["partner"],
        "fixed": ["email", "company"],
        "parents": ["user", "account"],
        "deletes": {"partner": "deactivate", "crm": "make_again"},
        "fields": [
            {"id": "email", "crm": "emailaddress1", "partner": "email", "required": True},
            *_fields(_PERSON),
            {"id": "company", "crm": company, "partner": "externalCompanyId", "direction": "to_partner"},
            {"id": "owner", "crm": _OWNER[1], "partner": _OWNER[2], "direction": "to_partner"},
            *(dict(item) for item in _CONSENT),
        ],
    }


def _sent(name: str, partner: str, rows: Sequence[tuple[str, str, str]]) -> Mapping[str, object]:
    return {
        "name": name,
        "crm_kind": name,
        "partner_kind": partner,
        "direction": "to_partner",
        "creates": ["partner"],
        "fields": _fields(rows),
    }
