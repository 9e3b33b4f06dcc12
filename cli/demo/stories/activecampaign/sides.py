"""Dynamics 365 and ActiveCampaign as their own people see and use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cli.demo import sides
from cli.demo.verify import contacts

TABLES = ("contact", "lead")
FIELDS: Mapping[str, str] = {
    "emailaddress1": "email",
    "firstname": "firstName",
    "lastname": "lastName",
    "telephone1": "phone",
}
"""Dynamics' column and the field it is mapped to."""

PARTNER = "ActiveCampaign"


class Sides(sides.Sides):
    """See `cli.demo.sides`."""

    system = "activecampaign"
    partner = PARTNER

    def contact(self, email: str) -> Mapping[str, Any] | None:
        found: Any = self.sims.control("activecampaign", "GET", f"state?kind=contacts&email={email}")["contacts"]
        return found[0] if found else None

    def records(self, kind: str) -> list[Mapping[str, Any]]:
        """All accounts, or all deals."""
        found: list[Mapping[str, Any]] = self.sims.control("activecampaign", "GET", f"state?kind={kind}")[kind]
        return found

    def contacts(self) -> Iterator[Mapping[str, Any]]:
        return contacts(self.sims)

    def what(self, row: Mapping[str, Any]) -> list[str]:
        """The fields a write changed, or what else it did."""
        if row["op"] in {"create", "delete"}:
            return [f"{row['op']}d"]
        if row["op"] in {"tag", "untag"}:
            return ["tags"]
        return [name for name in row["changed"] if name in _SHOWN or name.startswith(("lists[", "fields["))]


_SHOWN = frozenset({*FIELDS, *FIELDS.values(), "donotbulkemail", "name", "websiteurl", "url", "title", "value"})
