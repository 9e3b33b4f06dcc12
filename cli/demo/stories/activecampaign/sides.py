"""Dynamics 365 and ActiveCampaign as their own people see and use them: no word of the app is asked here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cli.demo.hub import name_of
from cli.demo.verify import contacts, write_log
from cli.demo.world import Simulators

TABLES = ("contact", "lead")
FIELDS: Mapping[str, str] = {
    "emailaddress1": "email",
    "firstname": "firstName",
    "lastname": "lastName",
    "telephone1": "phone",
}
"""Dynamics' column and the field it is mapped to."""

DYNAMICS, PARTNER = "Dynamics 365", "ActiveCampaign"


class Sides:
    """What people do on both sides, and what they see. `sims` is set when the simulators run."""

    sims: Simulators

    # -- Dynamics ------------------------------------------------------------------------------------------------------

    def edit_row(self, table: str, row_id: str, **values: object) -> None:
        self._dynamics("edit", {"table": table, "id": row_id, "values": values})

    def create_row(self, table: str, **values: object) -> str:
        return str(self._dynamics("create", {"table": table, "values": values})["id"])

    def delete_row(self, table: str, row_id: str) -> None:
        self._dynamics("delete", {"table": table, "id": row_id})

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

    def _dynamics(self, act: str, spec: Mapping[str, object]) -> Any:
        return self.sims.control("dataverse", "POST", f"do/{act}", spec)

    # -- ActiveCampaign ------------------------------------------------------------------------------------------------

    def act(self, act: str, **spec: object) -> Any:
        """Something a person, or an automation, does in ActiveCampaign."""
        return self.sims.control("activecampaign", "POST", f"do/{act}", spec)

    def contact(self, email: str) -> Mapping[str, Any] | None:
        found: Any = self.sims.control("activecampaign", "GET", f"state?kind=contacts&email={email}")["contacts"]
        return found[0] if found else None

    def records(self, kind: str) -> list[Mapping[str, Any]]:
        """All accounts, or all deals."""
        found: list[Mapping[str, Any]] = self.sims.control("activecampaign", "GET", f"state?kind={kind}")[kind]
        return found

    def contacts(self) -> Iterator[Mapping[str, Any]]:
        return contacts(self.sims)

    # -- the systems' own logs -----------------------------------------------------------------------------------------

    def hand(self) -> Callable[[Iterable[str]], Mapping[str, Sequence[str]]]:
        """From now on: by side, what the app changed of the records with these names, by the systems' own logs."""
        since = {system: self.last(system) for system in ("dataverse", "activecampaign")}

        def written(names: Iterable[str]) -> Mapping[str, Sequence[str]]:
            wanted = set(names)
            found = {
                shown: [
                    each
                    for row in self.log(system, since[system])
                    if name_of(side, row["kind"], row["id"]) in wanted
                    for each in what(row)
                ]
                for side, shown, system in (("crm", DYNAMICS, "dataverse"), ("partner", PARTNER, "activecampaign"))
            }
            return {side: list(dict.fromkeys(each)) for side, each in found.items() if each}

        return written

    def log(self, system: str, after: int = 0) -> list[Mapping[str, Any]]:
        """What the app wrote, oldest first."""
        return [row for row in write_log(self.sims, system, after) if by_app(row)]

    def last(self, system: str) -> int:
        rows = write_log(self.sims, system, 0)
        return int(rows[-1]["seq"]) if rows else 0


def by_app(row: Mapping[str, Any]) -> bool:
    """Whether the author of a write is the app: its application user there, its key or an import here."""
    return str(row["who"]).startswith(("# dynasync", "api:", "import:"))


def what(row: Mapping[str, Any]) -> list[str]:
    """The fields a write changed, or what else it did."""
    if row["op"] in {"create", "delete"}:
        return [f"{row['op']}d" if row["op"].endswith("e") else row["op"]]
    if row["op"] in {"tag", "untag"}:
        return ["tags"]
    return [name for name in row["changed"] if name in _SHOWN or name.startswith(("lists[", "fields["))]


_SHOWN = frozenset({*FIELDS, *FIELDS.values(), "donotbulkemail", "name", "websiteurl", "url", "title", "value"})
