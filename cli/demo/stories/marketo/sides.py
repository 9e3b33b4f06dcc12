"""Dynamics 365 and Marketo as their own people see and use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cli.demo import sides

FIELDS: Mapping[str, str] = {
    "firstname": "firstName",
    "lastname": "lastName",
    "telephone1": "phone",
    "jobtitle": "title",
    "address1_city": "city",
    "address1_postalcode": "postalCode",
}
"""Dynamics' column and the field it is mapped to."""

PARTNER = "Marketo"
FLAG = "microsoftIsDeleted"
_PAGE = 1000
_NOBODYS = frozenset({"modifiedon", "modifiedby", "versionnumber", "fullname"})  # written by the system itself


class Sides(sides.Sides):
    """See `cli.demo.sides`."""

    system = "marketo"
    partner = PARTNER

    def person(self, email: str) -> Mapping[str, Any] | None:
        found: Any = self.sims.control("marketo", "GET", f"state?kind=leads&email={email}")["leads"]
        return _flat(found[0]) if found else None

    def persons(self) -> Iterator[Mapping[str, Any]]:
        after = 0
        while True:
            page: Any = self.sims.control("marketo", "GET", f"state?kind=leads&limit={_PAGE}&after={after}")["leads"]
            yield from map(_flat, page)
            if len(page) < _PAGE:
                return
            after = int(page[-1]["id"])

    def companies(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.sims.control("marketo", "GET", "state?kind=companies&limit=10000")[
            "companies"
        ]
        return found

    def what(self, row: Mapping[str, Any]) -> list[str]:
        """The fields a write changed, or that it made or removed the record."""
        if row["op"] in {"create", "delete"}:
            return [f"{row['op']}d"]
        return [name for name in row["changed"] if name not in _NOBODYS]


def _flat(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row["values"], "id": row["id"]}
