"""Dynamics 365 and Marketo as their own people see and use them: no word of the app is asked here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cli.demo.hub import name_of
from cli.demo.verify import write_log
from cli.demo.world import Simulators

FIELDS: Mapping[str, str] = {
    "firstname": "firstName",
    "lastname": "lastName",
    "telephone1": "phone",
    "jobtitle": "title",
    "address1_city": "city",
    "address1_postalcode": "postalCode",
}
"""Dynamics' column and the field it is mapped to."""

DYNAMICS, PARTNER = "Dynamics 365", "Marketo"
FLAG = "microsoftIsDeleted"
_PAGE = 1000


class Sides:
    """What people do on both sides, and what they see. `sims` is set when the simulators run."""

    sims: Simulators

    def dynamics(self, act: str, table: str, row_id: str, **values: object) -> None:
        """A person edits or deletes a row."""
        self.sims.control("dataverse", "POST", f"do/{act}", {"table": table, "id": row_id, "values": values})

    def rows(self, table: str) -> Iterator[Mapping[str, Any]]:
        after = ""
        while True:
            page: Any = self.sims.control("dataverse", "GET", f"state?table={table}&limit=10000&after={after}")
            yield from page["rows"]
            if not page["next"]:
                return
            after = page["next"]

    def row(self, table: str, row_id: str) -> Mapping[str, Any] | None:
        found: Any = self.sims.control("dataverse", "GET", f"state?table={table}&id={row_id}")
        row: Mapping[str, Any] | None = found["row"]
        return row

    def marketo(self, act: str, **spec: object) -> Any:
        """Something a person does in Marketo."""
        return self.sims.control("marketo", "POST", f"do/{act}", spec)

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

    def hand(self) -> Callable[[Iterable[str]], Mapping[str, Sequence[str]]]:
        """From now on: by side, what the app changed of the records with these names, by the systems' own logs."""
        since = {system: self.last(system) for system in ("dataverse", "marketo")}

        def written(names: Iterable[str]) -> Mapping[str, Sequence[str]]:
            wanted, found = set(names), {}
            for side, shown, system in (("crm", DYNAMICS, "dataverse"), ("partner", PARTNER, "marketo")):
                rows = self.log(system, since[system])
                mine = [row for row in rows if name_of(side, row["kind"], row["id"]) in wanted]
                found[shown] = list(dict.fromkeys(each for row in mine for each in what(row)))
            return {side: each for side, each in found.items() if each}

        return written

    def log(self, system: str, after: int = 0) -> list[Mapping[str, Any]]:
        """What the app wrote, oldest first."""
        return [
            row for row in write_log(self.sims, system, after) if str(row["who"]).startswith(("# dynasync", "api:"))
        ]

    def last(self, system: str) -> int:
        rows = write_log(self.sims, system, 0)
        return int(rows[-1]["seq"]) if rows else 0


def _flat(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row["values"], "id": row["id"]}


def what(row: Mapping[str, Any]) -> list[str]:
    """The fields a write changed, or that it made or removed the record."""
    if row["op"] in {"create", "delete"}:
        return [f"{row['op']}d"]
    return [name for name in row["changed"] if name not in {"modifiedon", "modifiedby", "versionnumber", "fullname"}]
