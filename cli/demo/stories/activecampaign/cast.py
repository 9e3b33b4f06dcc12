"""Who takes part: everybody, and the few with a part of their own, whom no event but theirs touches."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.demo.hub import name_of
from cli.demo.people import companies, people
from cli.demo.story import Setting
from cli.demo.world import CLIENT_ID, TENANT, Simulators

_MOST = 1040  # of the sample: a little more than 1,000 addresses, as some rows share theirs
LEADS = 60
EMPLOYEE = "Employee"
REFUSED = "Refused"
"""A last name that a plug-in of the demo's Dynamics does not take."""

NEWS = "Newsletter"

_PARTS: Mapping[str, tuple[str, str]] = {
    "both": ("Lucía", "García"),
    "clash": ("Matteo", "Rossi"),
    "emptied": ("Harry", "Clarke"),
    "known": ("Núria", "Ibáñez"),
    "opt_out": ("Chiara", "Bianchi"),
    "untagged": ("Owen", "Hughes"),
    "deleted": ("Íñigo", "Sáenz"),
    "rejected": ("Zoë", "Taylor-Reed"),
    "outside": ("Niccolò", "D'Angelo"),
    "employee": ("Emma", "Wood"),
    "twin": ("José", "Peña"),
}


def email(part: str) -> str:
    return f"{part.replace('_', '.')}@story.example.org"


@dataclass(slots=True)
class Cast:
    """The people as they were seeded, and the keys to both systems."""

    ids: dict[str, str] = field(default_factory=dict)
    crowd: list[str] = field(default_factory=list)
    """Ids of contacts whose address nobody shares; the first events take from its front."""

    companies: list[dict[str, str]] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    """Ids of all rows whose address another row has too: one of each is linked, and nobody says which."""

    addresses: int = 0
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    api_key: str = field(default_factory=lambda: secrets.token_hex(24))

    def seed(self, sims: Simulators, setting: Setting) -> str:
        source, rows = people(setting.people, most=None if setting.whole else _MOST)
        leads = _leads(rows)
        contacts = [row for row in rows if id(row) not in {id(lead) for lead in leads}]
        parts = list(_rows())
        firms = companies(setting.companies)
        sims.control("dataverse", "POST", "reset", {"seed": 1})
        sims.control("activecampaign", "POST", "reset", {"seed": 1})
        # The sample people have mail domains without a dot; whether the vendor takes those is an open question of its
        # documents. Imports run at the vendor's stated capacity of 25,000 contacts a minute.
        switches = {"dotless_domains": True, "bulk_seconds_per_contact": 0.0024}
        sims.control("activecampaign", "POST", "switches", switches)
        application = {"tenant": TENANT, "client_id": CLIENT_ID, "secret": self.secret}
        sims.control("entra", "POST", "seed", {"apps": [application]})
        made = sims.control("dataverse", "POST", "seed", {"rows": {"account": firms}})
        self.companies = [{"id": row_id, **row} for row_id, row in zip(made["rows"]["account"], firms, strict=True)]
        _employ(contacts, self.companies)
        made = sims.control("dataverse", "POST", "seed", self._dynamics(contacts + parts, leads))
        ids = made["rows"]["contact"]
        self.ids = dict(
            zip([row["firstname"] + row["emailaddress1"] for row in parts], ids[len(contacts) :], strict=True)
        )
        self._count(contacts + parts, leads, ids)
        sims.control("activecampaign", "POST", "seed", self._account())
        return (
            f"{len(contacts) + len(parts):,} contacts, {len(leads)} leads and {len(firms)} companies in Dynamics 365 "
            f"({source}), 1 contact in ActiveCampaign"
        )

    def stay_apart(self) -> dict[str, str]:
        """By name of a row: what keeps it apart at the end of the day."""
        reasons = {
            "employee": "skipped:outside_criteria",
            "outside": "skipped:outside_criteria",
            "untagged": "skipped:tags_missing",
            "rejected": "failed:rejected",
        }
        doubled = dict.fromkeys(self.doubled, "conflicted:duplicate_match")
        found = {**doubled, **{self.id_of(part): code for part, code in reasons.items()}}
        return {name_of("crm", "contact", row_id): code for row_id, code in found.items()}

    def id_of(self, part: str) -> str:
        return self.ids[_PARTS[part][0] + email(part)]

    def _count(self, contacts: list[dict[str, str]], leads: list[dict[str, str]], ids: list[str]) -> None:
        addresses: dict[str, list[str]] = {}
        for row, row_id in zip(contacts, ids, strict=True):
            addresses.setdefault(row["emailaddress1"].lower(), []).append(row_id)
        self.addresses = len(addresses) + len(leads) - 1  # the employee stays outside
        own = set(self.ids.values())
        self.doubled = [row_id for found in addresses.values() if len(found) > 1 for row_id in found]
        self.crowd = [found[0] for found in addresses.values() if len(found) == 1 and found[0] not in own]

    def _dynamics(self, contacts: list[dict[str, Any]], leads: list[dict[str, Any]]) -> dict[str, Any]:
        refusal = {
            "table": "contact",
            "on": ["update"],
            "column": "lastname",
            "when": "equals",
            "value": REFUSED,
            "message": "Last names are checked here: this one is not allowed.",
        }
        user = {"name": "# dynasync demo", "application_id": CLIENT_ID, "roles": ["System Administrator"]}
        return {
            "users": [user],
            "rows": {"contact": contacts, "lead": leads},
            "rejections": [refusal],
        }

    def _account(self) -> dict[str, Any]:
        known = {"email": email("known"), "firstName": "Nuria", "lastName": "Ibanez", "phone": ""}
        return {
            "users": [{"username": "dynasync", "apiKey": self.api_key}],
            "lists": [NEWS],
            "contacts": [known],
            "automations": [{"name": "Make it a lead in Dynamics"}],
            "pipelines": [{"title": "Sales"}],
        }


def _leads(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The last few whose address nobody else has (a lead and a contact of one address would be one person)."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row["emailaddress1"].lower()] = seen.get(row["emailaddress1"].lower(), 0) + 1
    alone = [row for row in rows if seen[row["emailaddress1"].lower()] == 1]
    return alone[-min(LEADS, len(alone) // 5) :] if len(alone) >= 5 else []


def _employ(contacts: list[dict[str, Any]], companies: Sequence[Mapping[str, str]]) -> None:
    """The first contacts work for a company each."""
    for row, company in zip(contacts, companies, strict=False):
        row["parentcustomerid"] = {"account": company["id"]}


def _rows() -> Iterator[dict[str, str]]:
    for number, (part, (first, last)) in enumerate(_PARTS.items()):
        row = {
            "firstname": first,
            "lastname": last,
            "emailaddress1": email(part),
            "telephone1": f"+00 555 9{number:05d}",
        }
        yield {**row, "jobtitle": EMPLOYEE if part == "employee" else "Buyer"}
    first, last = "Josefa", _PARTS["twin"][1]
    yield {"firstname": first, "lastname": last, "emailaddress1": email("twin"), "telephone1": "+00 555 999999"}
