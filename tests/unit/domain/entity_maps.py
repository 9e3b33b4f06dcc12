"""A sound entity map in its file form, and short ways to spoil it."""

import copy
from typing import Any

GOOD: dict[str, Any] = {
    "name": "contact",
    "crm_kind": "contact",
    "partner_kind": "contact",
    "direction": "both",
    "match": "email",
    "rank": 2,
    "parents": ["account"],
    "first_match": "partner",
    "policy": "owner_partner",
    "deletes": {"crm": "deactivate", "partner": "delete"},
    "leaves": "unlink",
    "on": False,
    "fixed": ["email"],
    "criteria": {"all": [{"column": "statecode", "op": "eq", "value": 0}]},
    "labels": {
        "kind": "Contact",
        "pushed": "Pushed",
        "pulled": "Pulled",
        "aliases": {"Contacto": "Contact"},
        "foreign": {"Lead": -1},
    },
    "fields": [
        {"id": "email", "crm": "emailaddress1", "partner": "email", "required": True, "first": "crm"},
        {
            "id": "title",
            "crm": "salutation",
            "partner": "field:7",
            "direction": "to_partner",
            "values": {"1": "Ms", "2": 5},
        },
        {
            "id": "optin",
            "crm": "donotbulkemail",
            "partner": "field:9",
            "transforms": ["invert"],
            "policy": {"rule": "restrictive", "strict": ["true"]},
        },
        {
            "id": "code",
            "crm": "code",
            "partner": "field:8",
            "policy": {"rule": "newest", "skew": 30, "side": "partner"},
            "transforms": [{"kind": "prefix", "text": "A-"}],
        },
        {"crm": "nickname", "partner": "nick", "policy": "ask"},
    ],
}
NEW = "contact.fields[5]"


def changed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), **changes}


def with_field(**field: Any) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    data["fields"].append({"id": "new", "crm": "x", "partner": "y", **field})
    return data
