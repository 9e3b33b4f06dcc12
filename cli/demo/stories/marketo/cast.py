"""Who takes part: everybody, and the few with a part of their own, whom no event but theirs touches."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.demo.hub import name_of
from cli.demo.people import companies, people
from cli.demo.stories.marketo.sides import FLAG, Sides
from cli.demo.story import Setting
from cli.demo.world import CLIENT_ID, TENANT, Simulators

_MOST = 1040
PARTS: Mapping[str, tuple[str, str, str]] = {
    "known": ("contact", "Núria", "Ibáñez"),
    "clash": ("contact", "Matteo", "Rossi"),
    "both": ("contact", "Lucía", "García"),
    "removed": ("contact", "Íñigo", "Sáenz"),
    "forgotten": ("contact", "Owen", "Hughes"),
    "lead": ("lead", "Chiara", "Bianchi"),
    "refused": ("contact", "Jörg", "Ruiz"),
}
OWN = "own@story.example.org"
"""Somebody who is in Marketo only."""


def email(part: str) -> str:
    return "jörg@story.example.org" if part == "refused" else f"{part}@story.example.org"


@dataclass(slots=True)
class Cast:
    """The people as they were seeded, and the keys to both systems."""

    ids: dict[str, str] = field(default_factory=dict)
    company: str = ""
    addresses: int = 0
    doubled: list[str] = field(default_factory=list)
    service: str = "dynasync-demo"
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def seed(self, sims: Simulators, setting: Setting) -> str:
        source, rows = people(setting.people, most=None if setting.whole else _MOST)
        firms = companies(setting.companies)
        for system in ("dataverse", "marketo"):
            sims.control(system, "POST", "reset", {"seed": 1})
        application = {"tenant": TENANT, "client_id": CLIENT_ID, "secret": self.secret}
        sims.control("entra", "POST", "seed", {"apps": [application]})
        made = sims.control("dataverse", "POST", "seed", {"rows": {"account": firms}})
        firm_ids = made["rows"]["account"]
        self.company = firm_ids[0]
        contacts: list[dict[str, Any]] = [dict(row) for row in rows]
        for row, firm in zip(contacts, firm_ids, strict=False):
            row["parentcustomerid"] = {"account": firm}
        parts = {kind: [part for part, (of, _, _) in PARTS.items() if of == kind] for kind in ("contact", "lead")}
        tables = {
            "contact": contacts + [_row(part) for part in parts["contact"]],
            "lead": [{**_row(part), "subject": "Interest"} for part in parts["lead"]],
        }
        user = {"name": "# dynasync demo", "application_id": CLIENT_ID, "roles": ["System Administrator"]}
        made = sims.control("dataverse", "POST", "seed", {"users": [user], "rows": tables})["rows"]
        for kind, names in parts.items():
            self.ids |= dict(zip(names, made[kind][-len(names) :], strict=True))
        self._count(contacts, made["contact"][: len(contacts)], firms=len(firms))
        sims.control("marketo", "POST", "seed", self._subscription())
        told = f"{len(tables['contact']):,} contacts, {len(tables['lead'])} lead and {len(firms)} companies"
        return f"{told} in Dynamics 365 ({source}), 1 person in Marketo"

    def _count(self, contacts: list[dict[str, Any]], ids: list[str], *, firms: int) -> None:
        found: dict[str, list[str]] = {}
        for row, row_id in zip(contacts, ids, strict=True):
            found.setdefault(row["emailaddress1"].lower(), []).append(row_id)
        self.doubled = [row_id for same in found.values() if len(same) > 1 for row_id in same]
        self.addresses = len(found) + len(PARTS) - 1 + firms

    def _subscription(self) -> dict[str, Any]:
        return {
            "services": [{"clientId": self.service, "secret": self.secret, "user": "dynasync@example.org"}],
            "fields": [{"name": FLAG, "displayName": "Microsoft is Deleted", "dataType": "boolean"}],
            "leads": [{"email": email("known"), "firstName": "Nuria", "createdAt": "2026-01-05T00:00:00Z"}],
        }

    def stay_apart(self, sides: Sides) -> dict[str, str]:
        """By name of a record: what keeps it apart at the end of the day."""
        found = {name_of("crm", "contact", row_id): "conflicted:duplicate_match" for row_id in self.doubled}
        found[name_of("crm", "contact", self.ids["refused"])] = "failed:rejected"
        for address, code in ((email("removed"), "deactivated"), (OWN, "skipped:not_linked")):
            person = sides.person(address)
            if person is not None:
                found[name_of("partner", "lead", person["id"])] = code
        return found


def _row(part: str) -> dict[str, Any]:
    _, first, last = PARTS[part]
    return {
        "firstname": first,
        "lastname": last,
        "emailaddress1": email(part),
        "telephone1": f"+00 555 9{len(part):05d}",
        "jobtitle": "Buyer",
    }
