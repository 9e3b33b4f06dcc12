"""The connector of a Marketo subscription that is simulated in this process, and hands to act in that subscription."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from shared.connectors.marketo.fields import from_json, to_json
from shared.domain.records import Absent, FieldName, Kind, RemoteId, Value
from shared.errors import AuthError, SyncError, Throttled, Transient
from simulators.frame import Authority, Clock, RunningServer, serve
from simulators.marketo import DEFAULT_CLIENT, DEFAULT_SECRET, Marketo
from tests.wire.connectors.support import Around, Hands

START = datetime.fromisoformat("2026-10-14T15:00:00+00:00").timestamp()
FIELDS: tuple[Mapping[str, Any], ...] = (
    {"name": "motto", "displayName": "Motto", "dataType": "string"},
    {"name": "notes", "displayName": "Notes", "dataType": "text"},
    {"name": "metAt", "displayName": "Met At", "dataType": "datetime"},
    {"name": "weight", "displayName": "Weight", "dataType": "float"},
    {"name": "visits", "displayName": "Visits", "dataType": "integer"},
    {"name": "microsoftIsDeleted", "displayName": "Microsoft is Deleted", "dataType": "boolean"},
)
FIRST_CUSTOM = 100_000
REJECTION: Mapping[str, Any] = {
    "apiName": "dynamicsRejection",
    "name": "Rejected by Dynamics",
    "triggerName": "Is Rejected by Dynamics",
    "filterName": "Was Rejected by Dynamics",
    "primaryAttribute": {"apiName": "reason", "name": "Reason"},
    "attributes": [{"apiName": name, "name": name.title()} for name in ("entity", "field", "message", "row", "notice")],
    "approved": True,
}
"""The custom activity type as an administrator makes it."""

_CODES: Mapping[type[SyncError], str] = {Transient: "611", Throttled: "606", AuthError: "603"}


class Subscription(Hands):
    """See `Hands`."""

    system: Marketo
    kind = Kind("lead")
    text = FieldName("lastName")
    other = FieldName("motto")
    line_break = "\n"
    """Texts of several lines do not go by file."""

    def __init__(self, server: RunningServer, system: Marketo, around: Around, **settings: object) -> None:
        self.system = system
        signed = {"url": server.url, "client_id": DEFAULT_CLIENT, "client_secret": "mk-secret"}
        super().__init__("marketo", server, around, {**signed, **settings})
        system.seed({"fields": [dict(field) for field in FIELDS], "activityTypes": [REJECTION]})

    def values(self, number: int) -> dict[FieldName, Value | None]:
        return {
            FieldName("email"): f"person{number}@example.com",
            FieldName("firstName"): f"Ana {number}",
            FieldName("lastName"): f"Núñez {number}",
            FieldName("phone"): f"+34 600 000 {number:03}",
            FieldName("motto"): f"motto {number}",
            FieldName("notes"): f"line one {number}{self.line_break}line two",
            FieldName("dateOfBirth"): date(1980, 3, 1 + number % 28),
            FieldName("metAt"): datetime(2026, 1, 1 + number % 28, 9, 30, tzinfo=UTC),
            FieldName("weight"): Decimal(f"{number}.25"),
            FieldName("visits"): number + 1,
            FieldName("unsubscribed"): bool(number % 2),
        }

    def create(self, values: Mapping[FieldName, Value | None]) -> RemoteId:
        made = self.system.act("create_lead", {"values": self._raw(values)})
        return RemoteId(str(made["id"]))

    def edit(self, row: RemoteId, values: Mapping[FieldName, Value | None]) -> None:
        self.system.act("edit_lead", {"lead": int(row), "values": self._raw(values)})

    def delete(self, row: RemoteId) -> None:
        self.system.act("delete_lead", {"lead": int(row)})

    def merge(self, loser: RemoteId, winner: RemoteId) -> None:
        self.system.act("merge_leads", {"winner": int(winner), "losers": [int(loser)]})

    def stored(self, row: RemoteId) -> Mapping[FieldName, Value | None] | None:
        found = self.system.state({"kind": "leads", "ids": row})["leads"]
        if not found:
            return None
        values = found[0]["values"]
        told = {name: from_json(spec, values.get(name)) for name, spec in self.schema.fields.items()}
        return {name: value for name, value in told.items() if not isinstance(value, Absent)}

    def rows(self) -> Sequence[RemoteId]:
        return [RemoteId(str(row["id"])) for row in self.system.state({"kind": "leads"})["leads"]]

    def expire_cursors(self) -> None:
        self.advance(14 * 86_400)

    def fault(self, error: type[SyncError]) -> Mapping[str, Any]:
        body = {"requestId": "x", "success": False, "errors": [{"code": _CODES[error], "message": "no"}]}
        return {"match": {"path": "^/(rest|bulk)/"}, "do": {"status": 200, "body": body}}

    def forget_imports(self) -> None:
        self.system.tenant.jobs.imports.jobs.clear()

    def lose_next_answer(self) -> None:
        self.server.host.faults.add(
            [{"match": {"method": "POST", "path": "leads.json$", "times": 1}, "do": "drop_after"}]
        )

    def logged(self, row: RemoteId) -> Sequence[str]:
        return [each["primary"] for each in self.activities() if each["lead"] == int(row)]

    def activities(self) -> list[Mapping[str, Any]]:
        """The custom activities of everybody."""
        shown: list[Mapping[str, Any]] = self.system.state({"kind": "activities"})["activities"]
        return [each for each in shown if each["type"] > FIRST_CUSTOM]

    def _raw(self, values: Mapping[FieldName, Value | None]) -> dict[str, Any]:
        return {name: to_json(self.schema.fields[name], value) for name, value in values.items()}


@contextmanager
def subscription(
    ca: Authority, *, switches: Mapping[str, Any] | None = None, kinds: Sequence[Kind] = (), **settings: object
) -> Iterator[Subscription]:
    """An empty subscription with six custom fields, its clock standing still, its rate limit off. `kinds` are those
    that the connection's maps name."""
    clock = Clock()
    clock.set_now(START, frozen=True)
    system = Marketo(clock)
    system.switches.set({"calls_per_window": 0, **(switches or {})})
    with serve(system, ca=ca) as server:
        trusted = frozenset({f"127.0.0.1:{server.port}"})
        around = Around(clock, trusted=trusted, secrets={"mk-secret": DEFAULT_SECRET}, kinds=tuple(kinds))
        yield Subscription(server, system, around, **settings)
