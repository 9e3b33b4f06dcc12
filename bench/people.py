"""The people, columns and maps the benches work with: a field count in, both systems' seeds and an entity map out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.connectors.activecampaign.defaults import default_entities

STANDARD: Sequence[tuple[str, str, str]] = (
    ("email", "emailaddress1", "email"),
    ("firstname", "firstname", "firstName"),
    ("lastname", "lastname", "lastName"),
    ("phone", "telephone1", "phone"),
)
"""The fields ActiveCampaign has of its own; every further one is a custom field there."""

_COLUMNS: Sequence[str] = (
    *("jobtitle", "department", "salutation", "mobilephone", "fax", "websiteurl", "nickname", "suffix", "pager"),
    *("address1_line1", "address1_line2", "address1_line3", "address1_city", "address1_postalcode"),
    *("address1_country", "address1_stateorprovince", "address2_line1", "address2_line2", "address2_line3"),
    *("address2_city", "address2_postalcode", "address2_country", "address2_stateorprovince", "address3_line1"),
    *("address3_line2", "address3_line3", "address3_city", "address3_postalcode", "address3_country"),
)


_SHORT = frozenset({"suffix", "address1_postalcode", "address2_postalcode", "address3_postalcode"})
"""Columns of Dynamics that hold a few characters only."""


@dataclass(frozen=True, slots=True)
class Fields:
    """`count` mapped fields, half of them custom columns (`new_...`) in Dynamics. `total` of them are there."""

    count: int

    @property
    def columns(self) -> list[str]:
        """Dynamics' columns behind the fields that are custom in ActiveCampaign."""
        custom = self.count // 2
        return [*_COLUMNS[: self.count - custom - len(STANDARD)], *self.made]

    @property
    def made(self) -> list[str]:
        return [f"new_f{number:02}" for number in range(self.count // 2)]

    @property
    def walked(self) -> int:
        """Fields whose values ActiveCampaign's lists do not hold."""
        return len(self.columns)

    def entity(self) -> Mapping[str, object]:
        """The contact map of a new connection, with these fields instead of its own."""
        base = next(item for item in default_entities() if item["name"] == "contact")
        fields: list[dict[str, object]] = [
            {"id": name, "crm": crm, "partner": partner} | ({"required": True} if name == "email" else {})
            for name, crm, partner in STANDARD
        ]
        fields += [
            {"id": column, "crm": column, "partner": f"field:{place}"}
            for place, column in enumerate(self.columns, start=1)
        ]
        return {**base, "fields": fields, "parents": []}

    def person(self, number: int) -> dict[str, str]:
        """One row of Dynamics."""
        row = {
            "emailaddress1": f"person{number}@example.org",
            "firstname": f"Núria {number}",
            "lastname": f"O'Neill-Peña {number}",
            "telephone1": f"+00 555 {number:06}",
        }
        return row | {column: str(number) if column in _SHORT else f"{column} {number}" for column in self.columns}

    def contact(self, number: int, *, tags: Sequence[str]) -> dict[str, Any]:
        """The same person as a contact of ActiveCampaign."""
        row = self.person(number)
        return {
            "email": row["emailaddress1"],
            "firstName": row["firstname"],
            "lastName": row["lastname"],
            "phone": row["telephone1"],
            "fields": {str(place): row[column] for place, column in enumerate(self.columns, start=1)},
            "tags": list(tags),
        }

    def import_bytes(self, people: int, *, tags: Sequence[str]) -> int:
        """Bytes of so many new contacts in the shortest JSON an import can be written in, commas included."""
        return sum(len(self._import_item(number, tags)) + 1 for number in range(people))

    def _import_item(self, number: int, tags: Sequence[str]) -> bytes:
        row = self.contact(number, tags=tags)
        item = {
            "email": row["email"],
            "first_name": row["firstName"],
            "last_name": row["lastName"],
            "phone": row["phone"],
            "fields": [{"id": int(place), "value": value} for place, value in row["fields"].items()],
            "tags": row["tags"],
        }
        return json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()

    def crm_columns(self) -> dict[str, Any]:
        """Declarations of the custom columns, for the simulator."""
        return {
            "contact": {name: {"type": "String", "schema": name.replace("f", "F"), "max": 100} for name in self.made}
        }

    def partner_fields(self) -> list[dict[str, str]]:
        return [{"title": column, "type": "text"} for column in self.columns]
