"""The app between Dynamics and a Marketo subscription, and hands to act in both."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.demo.world import CLIENT_ID, TENANT, Simulators, app
from simulators.frame.fleet import start_fleet
from tests.app.conftest import FAST, World

FIRST_CUSTOM = 100_000
LIMIT = 2_000
"""Calls in 20 seconds of a subscription that was granted more than the usual 100, so that the tests do not wait."""
FLAG = "microsoftIsDeleted"
FILTER = "new_synctomkto"
FIELDS = ({"name": FLAG, "displayName": "Microsoft is Deleted", "dataType": "boolean"},)


class MarketoWorld(World):
    """See `World`."""

    system = "marketo"

    def reseed(
        self,
        people: int,
        *,
        tables: Sequence[Any] = (),
        objects: Sequence[Any] = (),
        roles: Mapping[str, Mapping[str, str]] | None = None,
        **rows: Any,
    ) -> None:
        """Fresh systems with so many contacts in Dynamics, and whatever `rows` says by table. `tables` are custom ones
        there, `objects` custom ones in Marketo, `roles` the only privileges of the application user."""
        self.delete_connections()
        secret = secrets.token_urlsafe(24)
        for system in ("dataverse", "marketo"):
            self.sims.control(system, "POST", "reset", {"seed": 1})
        application = {"tenant": TENANT, "client_id": CLIENT_ID, "secret": secret}
        self.sims.control("entra", "POST", "seed", {"apps": [application]})
        user = {"name": "# dynasync", "application_id": CLIENT_ID, "roles": list(roles or ["System Administrator"])}
        held = [{"name": name, "privileges": dict(granted)} for name, granted in (roles or {}).items()]
        column = {FILTER: {"type": "Boolean"}}
        filled = {"contact": [contact(number) for number in range(people)], **rows}
        columns = dict.fromkeys(("contact", "lead"), column)
        spec = {"tables": list(tables), "roles": held, "users": [user], "columns": columns, "rows": filled}
        self.sims.control("dataverse", "POST", "seed", spec)
        service = {"clientId": "sync", "secret": secret, "user": "sync@example.com"}
        self.sims.control("marketo", "POST", "seed", {"services": [service], "fields": list(FIELDS)})
        self.sims.control("marketo", "POST", "seed", {"customObjects": list(objects)})
        self.sims.control("marketo", "POST", "switches", {"calls_per_window": LIMIT})
        # The app keeps a token for its hour; a subscription that is made anew knows none of them.
        self.sims.control("marketo", "POST", "do/end_tokens", {"how": "invalid"})
        self.keys = {"client_secret": secret}

    def partner_side(self) -> dict[str, Any]:
        return {
            "url": self.sims.urls["marketo"],
            "client_id": "sync",
            "deleted_field": FLAG,
            "limit_calls": LIMIT,
            "secrets": {"client_secret": self.keys["client_secret"]},
        }

    def begun(self, people: int = 1, **changes: Any) -> str:
        rows = changes.pop("rows", {})
        self.reseed(people, **rows)
        connection = self.connect(**changes)
        self.switch_on(connection)
        self.wait_for(connection, 1)
        return connection

    def switch_on(self, connection: str) -> None:
        """The check may meet the account's rate, which is that of real time: then it is made again."""
        for _ in range(10):
            answer = self.call("PATCH", f"connections/{connection}", {"switch": "on"}, status=None)
            if "error" not in answer:
                break
            assert "is used up" in answer["error"]["message"], answer
            time.sleep(2)
        self.tick()

    # -- Dynamics ----------------------------------------------------------------------------------------------------
    def make(self, table: str, **values: Any) -> str:
        answer = self.sims.control("dataverse", "POST", "do/create", {"table": table, "values": values})
        return str(answer["id"])

    def edit(self, table: str, row: str, **values: Any) -> None:
        self.sims.control("dataverse", "POST", "do/edit", {"table": table, "id": row, "values": values})

    def remove(self, table: str, row: str) -> None:
        self.sims.control("dataverse", "POST", "do/delete", {"table": table, "id": row})

    def row(self, table: str, row: str) -> dict[str, Any]:
        return next(each for each in self.rows(table) if each[f"{table}id"] == row)

    # -- Marketo -----------------------------------------------------------------------------------------------------
    def mk(self, act: str, **what: Any) -> Any:
        return self.sims.control("marketo", "POST", f"do/{act}", what)

    def leads(self, limit: int = 3000) -> dict[str, dict[str, Any]]:
        """Values of people by e-mail, with their id."""
        found = self.sims.control("marketo", "GET", f"state?kind=leads&limit={limit}")["leads"]
        return {str(each["values"].get("email")): {**each["values"], "id": each["id"]} for each in found}

    def lead(self, email: str) -> dict[str, Any]:
        return self.leads()[email]

    def activities(self) -> list[dict[str, Any]]:
        """The custom activities of everybody."""
        found: list[dict[str, Any]] = self.sims.control("marketo", "GET", "state?kind=activities&limit=10000")[
            "activities"
        ]
        return [each for each in found if each["type"] > FIRST_CUSTOM]

    def kind(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sims.control("marketo", "GET", f"state?kind={name}")[name]
        return found

    def writes(self, system: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.sims.control(system, "GET", "writes?limit=10000")
        return found

    def calls(self) -> dict[str, int]:
        """Calls of Marketo by path since they were last forgotten, tokens left out."""
        told = self.sims.control("marketo", "GET", "counts")["by"]
        found: dict[str, int] = {}
        for each in told:
            if "oauth" not in each["path"]:
                found[each["path"]] = found.get(each["path"], 0) + each["count"]
        return found

    def forget_calls(self) -> None:
        self.sims.control("marketo", "DELETE", "calls")


def email(number: int, kind: str = "contact") -> str:
    return f"{kind}{number}@example.org"


def contact(number: int) -> dict[str, Any]:
    return {"firstname": f"First {number}", "lastname": f"Last {number}", "emailaddress1": email(number)}


def lead(number: int) -> dict[str, Any]:
    return {
        "firstname": f"First {number}",
        "lastname": f"Last {number}",
        "subject": "Interest",
        "emailaddress1": email(number, "lead"),
    }


@contextlib.contextmanager
def marketo_world(clock_file: Path) -> Iterator[MarketoWorld]:
    """Both systems in processes of their own, and the app."""
    with tempfile.TemporaryDirectory(prefix="dynasync-sim-") as folder:
        fleet = start_fleet(["dataverse", "marketo"], base_port=0, folder=Path(folder))
        try:
            sims = Simulators(fleet.urls, str(fleet.ca_file))
            with app(sims, port=0, clock_file=clock_file, **FAST) as host:
                yield MarketoWorld(sims, host, clock_file, {})
        finally:
            fleet.stop()
