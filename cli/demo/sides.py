"""Both systems as their own people see and use them: no word of the app is asked here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cli.demo.hub import name_of
from cli.demo.verify import write_log
from cli.demo.world import Simulators

DYNAMICS = "Dynamics 365"


class Sides(ABC):
    """What people do on both sides, and what they see. `sims` is set when the simulators run.

    A story's own sides name the partner: `system` as the simulators call it, `partner` as people do.
    """

    sims: Simulators
    system: str
    partner: str

    @abstractmethod
    def what(self, row: Mapping[str, Any]) -> Iterable[str]:
        """What an entry of a write log says was done, as the story tells it."""

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

    # -- the partner ---------------------------------------------------------------------------------------------------

    def act(self, act: str, **spec: object) -> Any:
        """Something a person, or an automation, does in the partner's system."""
        return self.sims.control(self.system, "POST", f"do/{act}", spec)

    # -- the systems' own logs -----------------------------------------------------------------------------------------

    def hand(self) -> Callable[[Iterable[str]], Mapping[str, Sequence[str]]]:
        """From now on: by side, what the app changed of the records with these names, by the systems' own logs."""
        logs = (("crm", DYNAMICS, "dataverse"), ("partner", self.partner, self.system))
        since = {system: self.last(system) for _, _, system in logs}

        def written(names: Iterable[str]) -> Mapping[str, Sequence[str]]:
            wanted, found = set(names), {}
            for side, shown, system in logs:
                rows = self.log(system, since[system])
                mine = [row for row in rows if name_of(side, row["kind"], row["id"]) in wanted]
                found[shown] = list(dict.fromkeys(each for row in mine for each in self.what(row)))
            return {side: each for side, each in found.items() if each}

        return written

    def log(self, system: str, after: int = 0) -> list[Mapping[str, Any]]:
        """What the app wrote, oldest first."""
        return [row for row in write_log(self.sims, system, after) if _by_app(row)]

    def last(self, system: str) -> int:
        rows = write_log(self.sims, system, 0)
        return int(rows[-1]["seq"]) if rows else 0


def _by_app(row: Mapping[str, Any]) -> bool:
    """Whether the author of a write is the app: its application user in Dynamics, its key or an import elsewhere."""
    return str(row["who"]).startswith(("# dynasync", "api:", "import:"))
