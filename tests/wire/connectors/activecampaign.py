"""The connector of an ActiveCampaign account that is simulated in this process, and hands to act in that account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from shared.connectors.activecampaign.fields import from_text, to_text
from shared.domain.records import FieldName, Kind, RemoteId, Value
from shared.errors import AuthError, SyncError, Throttled, Transient
from simulators.activecampaign import DEFAULT_KEY, ActiveCampaign
from simulators.frame import Authority, Clock, RunningServer, serve
from tests.wire.connectors.support import Around, Hands

START = datetime.fromisoformat("2026-06-10T12:00:00+00:00").timestamp()
FIELDS: tuple[Mapping[str, Any], ...] = (
    {"title": "Company motto", "type": "text"},
    {"title": "Notes", "type": "textarea"},
    {"title": "Language", "type": "dropdown", "options": ["en", "es", "it"]},
    {"title": "Topics", "type": "checkbox", "options": ["a", "b", "c"]},
    {"title": "Birthday", "type": "date"},
    {"title": "Met at", "type": "datetime"},
    {"title": "Score", "type": "number"},
)
_ERRORS: Mapping[type[SyncError], Mapping[str, Any]] = {
    Transient: {"status": 500, "body": "oops"},
    Throttled: {"status": 429, "headers": {"Retry-After": "120"}},
    AuthError: {"status": 403, "body": '{"message": "Forbidden"}'},
}


class Account(Hands):
    """See `Hands`."""

    system: ActiveCampaign
    kind = Kind("contact")
    text = FieldName("lastName")
    other = FieldName("field:1")

    def __init__(self, server: RunningServer, system: ActiveCampaign, around: Around, **settings: object) -> None:
        self.system = system
        super().__init__("activecampaign", server, around, {"url": server.url, "key": "ac-key", **settings})
        system.seed({"fields": [dict(field) for field in FIELDS]})

    def values(self, number: int) -> dict[FieldName, Value | None]:
        return {
            FieldName("email"): f"person{number}@example.com",
            FieldName("firstName"): f"Ana {number}",
            FieldName("lastName"): f"Núñez {number}",
            FieldName("phone"): f"+34 600 000 {number:03}",
            FieldName("field:1"): f"motto {number}",
            FieldName("field:2"): f"line one {number}\nline two",
            FieldName("field:3"): ("en", "es", "it")[number % 3],
            FieldName("field:4"): frozenset({"a", "c"} if number % 2 else {"b"}),
            FieldName("field:5"): date(1980, 3, 1 + number % 28),
            FieldName("field:6"): datetime(2026, 1, 1 + number % 28, 9, 30, tzinfo=UTC),
            FieldName("field:7"): Decimal(f"{number}.25"),
        }

    def create(self, values: Mapping[FieldName, Value | None]) -> RemoteId:
        made = self.system.act("create_contact", self._spec(values))
        return RemoteId(str(made["id"]))

    def edit(self, row: RemoteId, values: Mapping[FieldName, Value | None]) -> None:
        self.system.act("edit_contact", {"contact": row, **self._spec(values)})

    def delete(self, row: RemoteId) -> None:
        self.system.act("delete_contact", {"contact": row})

    def merge(self, loser: RemoteId, winner: RemoteId) -> None:
        self.system.act("merge_contacts", {"source": loser, "destination": winner})

    def stored(self, row: RemoteId) -> Mapping[FieldName, Value | None] | None:
        found = self.system.state({"kind": "contacts", "ids": row})["contacts"]
        if not found:
            return None
        (contact,) = found
        told: dict[FieldName, Value | None] = {}
        for name, spec in self.schema.fields.items():
            raw = contact["fields"].get(spec.label) if spec.custom else contact.get(name)
            value = from_text(spec, raw)
            told[name] = value if not spec.custom or raw is not None else None  # type: ignore[assignment]
        return told

    def rows(self) -> Sequence[RemoteId]:
        return [RemoteId(str(row["id"])) for row in self.system.state({"kind": "contacts"})["contacts"]]

    def labels(self, row: RemoteId) -> frozenset[str]:
        (contact,) = self.system.state({"kind": "contacts", "ids": row})["contacts"]
        return frozenset(contact["tags"])

    def forget_imports(self) -> None:
        self.system.tenant.imports.batches.clear()

    def fault(self, error: type[SyncError]) -> Mapping[str, Any]:
        return {"match": {"path": "/api/3/"}, "do": _ERRORS[error]}

    def lose_next_answer(self) -> None:
        self.server.host.faults.add([{"match": {"method": "PUT", "times": 1}, "do": "drop_after"}])

    def _spec(self, values: Mapping[FieldName, Value | None]) -> dict[str, Any]:
        spec: dict[str, Any] = {"fields": {}}
        for name, value in values.items():
            text = to_text(self.schema.fields[name], value)
            if name.startswith("field:"):
                spec["fields"][name.removeprefix("field:")] = text
            else:
                spec[name] = text
        return spec


@contextmanager
def account(
    ca: Authority,
    *,
    switches: Mapping[str, Any] | None = None,
    labels: frozenset[str] = frozenset(),
    **settings: object,
) -> Iterator[Account]:
    """An empty account with seven custom fields, its clock standing still, its rate limit off."""
    clock = Clock()
    clock.set_now(START, frozen=True)
    system = ActiveCampaign(clock)
    system.switches.set({"requests_per_second": 0, **(switches or {})})
    with serve(system, ca=ca) as server:
        around = Around(
            clock, trusted=frozenset({f"127.0.0.1:{server.port}"}), secrets={"ac-key": DEFAULT_KEY}, labels=labels
        )
        yield Account(server, system, around, **settings)
