"""The connector of a Dataverse organisation that is simulated in this process, and hands to act in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from shared.connectors.dynamics.metadata import TableMeta
from shared.connectors.dynamics.values import body_of, reader_of, to_json
from shared.domain.records import FieldName, Kind, Ref, RemoteId, Value
from shared.errors import AuthError, SyncError, Throttled, Transient
from simulators.dataverse import build
from simulators.dataverse.tokens import APPLICATION, SECRET, TENANT
from simulators.frame import Authority, Clock, Request, RunningServer, System, serve_all
from tests.wire.connectors.support import Around, Hands

START = datetime.fromisoformat("2026-06-10T12:00:00+00:00").timestamp()
_ERRORS: Mapping[type[SyncError], Mapping[str, Any]] = {
    Transient: {"status": 503, "body": "unavailable"},
    Throttled: {
        "status": 429,
        "headers": {"Retry-After": "120"},
        "body": '{"error":{"code":"0x80072322","message":"Number of requests exceeded the limit of 6000"}}',
    },
    AuthError: {"status": 401, "body": ""},
}
COLUMNS: Mapping[str, Any] = {
    "contact": {
        "new_topics": {
            "type": "MultiSelectPicklist",
            "schema": "new_Topics",
            "options": [[100000001, "a"], [100000002, "b"], [100000003, "c"]],
        },
        "new_score": {"type": "Decimal", "schema": "new_Score", "precision": 2, "min": -100000, "max": 100000},
        "new_metat": {"type": "DateTime", "schema": "new_MetAt"},
        "new_secret": {"type": "String", "schema": "new_Secret", "max": 50, "secured": True},
    }
}


class Organisation(Hands):
    """See `Hands`."""

    kind = Kind("contact")
    text = FieldName("lastname")
    other = FieldName("description")

    def __init__(
        self, servers: Mapping[str, RunningServer], systems: Mapping[str, System], around: Around, **settings: object
    ) -> None:
        self.servers, self.systems = servers, systems
        self.system = systems["dataverse"]
        address = {"url": servers["dataverse"].url, "authority": f"127.0.0.1:{servers['entra'].port}"}
        signed = {"tenant": TENANT, "client_id": APPLICATION, "secret": "crm-secret"}
        super().__init__("dynamics", servers["dataverse"], around, {**address, **signed, **settings})
        self.secret: FieldName | None = None

    def values(self, number: int) -> dict[FieldName, Value | None]:
        return {
            FieldName("emailaddress1"): f"person{number}@example.com",
            FieldName("firstname"): f"Ana {number}",
            FieldName("lastname"): f"Núñez {number}",
            FieldName("telephone1"): f"+34 600 000 {number:03}",
            FieldName("description"): f"line one {number}\nline two",
            FieldName("gendercode"): "1" if number % 2 else "2",
            FieldName("birthdate"): date(1980, 3, 1 + number % 28),
            FieldName("annualincome"): Decimal(f"{number}1000.5"),
            FieldName("numberofchildren"): number % 5,
            FieldName("donotbulkemail"): bool(number % 2),
            FieldName("new_topics"): frozenset({"100000001", "100000003"} if number % 2 else {"100000002"}),
            FieldName("new_score"): Decimal(f"{number}.25"),
            FieldName("new_metat"): datetime(2026, 1, 1 + number % 28, 9, 30, tzinfo=UTC),
        }

    def create(self, values: Mapping[FieldName, Value | None]) -> RemoteId:
        made = self.system.act("create", {"table": self.kind, "values": self._plain(values)})
        return RemoteId(str(made["id"]))

    def edit(self, row: RemoteId, values: Mapping[FieldName, Value | None]) -> None:
        self.system.act("edit", {"table": self.kind, "id": row, "values": self._plain(values)})

    def delete(self, row: RemoteId) -> None:
        self.system.act("delete", {"table": self.kind, "id": row})

    def merge(self, loser: RemoteId, winner: RemoteId) -> None:
        typed = "Microsoft.Dynamics.CRM.contact"
        self.call(
            "POST",
            "Merge",
            {
                "Target": {"@odata.type": typed, "contactid": winner},
                "Subordinate": {"@odata.type": typed, "contactid": loser},
                "UpdateContent": {"@odata.type": typed},
                "PerformParentingChecks": False,
            },
        )

    def stored(self, row: RemoteId) -> Mapping[FieldName, Value | None] | None:
        found = self.row(row)
        if found is None:
            return None
        return {name: reader_of(column)(found) for name, column in self.meta.columns.items()}

    def row(self, row: RemoteId) -> Mapping[str, Any] | None:
        """A row as the administrator reads it, in the Web API's form."""
        return self.call("GET", f"contacts({row})", prefer='odata.include-annotations="*"')

    def call(self, method: str, path: str, body: object = None, *, prefer: str = "") -> Any:
        """A call of the administrator, past every fault; None for a row that is not there."""
        token = self.system.act("token", {"application_id": APPLICATION})["token"]
        request = Request.build(
            method,
            f"/api/data/v9.2/{path}",
            headers={"Authorization": f"Bearer {token}", "Host": f"127.0.0.1:{self.server.port}", "Prefer": prefer},
            body=b"" if body is None else json.dumps(body).encode(),
            received_at=self.system.clock.time(),
        )
        response = self.system.handle(request)
        if response.status == 404:
            return None
        assert response.status < 300, response.body[:500]
        return json.loads(response.body, parse_float=Decimal) if response.body else None

    def rows(self) -> Sequence[RemoteId]:
        table = self.system.store[self.kind]  # type: ignore[attr-defined]
        return [RemoteId(str(row["contactid"])) for row in table.rows()]

    def expire_cursors(self) -> None:
        self.system.act("touch_metadata", {"table": self.kind})

    def fault(self, error: type[SyncError]) -> Mapping[str, Any]:
        return {"match": {"path": "/api/data/"}, "do": _ERRORS[error]}

    def lose_next_answer(self) -> None:
        fault = {"match": {"method": "POST", "path": "batch|CreateMultiple", "times": 1}, "do": "drop_after"}
        self.server.host.faults.add([fault])

    def unreadable(self) -> FieldName | None:
        return self.secret

    def be_a_plain_user(self) -> None:
        """From now on the application has one role, with everything on people and accounts, and no column grants."""
        user = self.call("GET", "WhoAmI")["UserId"]
        self.system.seed({"user_roles": [{"user": user, "roles": ["Sync"], "only": True}]})
        self.secret = FieldName("new_secret")

    @property
    def meta(self) -> TableMeta:
        meta: TableMeta = self.connector._meta(self.kind)  # type: ignore[attr-defined]
        return meta

    def _plain(self, values: Mapping[FieldName, Value | None]) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(to_json(body_of(values, self.meta.columns)))
        return plain


@contextmanager
def organisation(
    ca: Authority, *, seeds: Mapping[str, Any] | None = None, **settings: object
) -> Iterator[Organisation]:
    """An organisation with the default application as its administrator, its clock standing still."""
    clock = Clock()
    clock.set_now(START, frozen=True)
    systems = build(clock)
    systems["dataverse"].seed({"columns": dict(COLUMNS), **(seeds or {})})
    servers = serve_all(systems, 0, ca)
    try:
        hosts = frozenset(f"127.0.0.1:{server.port}" for server in servers.values())
        around = Around(clock, trusted=hosts, secrets={"crm-secret": SECRET})
        yield Organisation(servers, systems, around, **settings)
    finally:
        for server in servers.values():
            server.close()


__all__ = ["Organisation", "Ref", "organisation"]
