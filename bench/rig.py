"""Both vendors' simulators in this process, real connectors over https, the engine, and one driven clock for all.

A wait passes at once, on every clock alike, and every vendor call takes the time that the configured share of the
vendor's limit gives it. So an hour of work is counted in seconds, and each count is the same in every run.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from bench.people import Fields
from bench.wiring import PAIR, Around, Told, wire
from shared.connectors import registry
from shared.connectors.activecampaign.defaults import LIMIT as PARTNER_LIMIT
from shared.connectors.dynamics.defaults import LIMIT as CRM_LIMIT
from shared.http.counts import CallCounts
from shared.http.session import new_session
from shared.sync.engine import Engine
from shared.sync.options import Options
from simulators.activecampaign import ActiveCampaign
from simulators.dataverse import build
from simulators.frame import Clock, System, make_authority, serve_all
from tests.fakes.partition_store import MemoryPartitionStore

START = datetime(2026, 6, 10, 12, tzinfo=UTC).timestamp()
IMPORT_PACE = 60 / 25_000
"""Seconds a contact: the vendor's stated capacity of imports."""


class DrivenTime:
    """The app's clock on the simulators': what sleeps or calls here moves all of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._passed = 0.0
        self._lock = Lock()

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._passed += seconds
        self._clock.advance(seconds)


class PacedBudget:
    """Each call takes its share of time; nothing is ever refused."""

    def __init__(self, time: DrivenTime, calls: int, seconds: float) -> None:
        self._time = time
        self._pause = seconds / calls

    def acquire(self, calls: int = 1, *, interactive: bool = False) -> None:
        del interactive
        self._time.advance(self._pause * calls)

    def close_for(self, seconds: float) -> None:
        self._time.advance(seconds)


@dataclass(slots=True)
class Rig:
    """See the module. `run` makes whole runs; `calls` tells those since the last `forget`, by purpose."""

    fields: Fields
    crm: System
    partner: ActiveCampaign
    time: DrivenTime
    counts: CallCounts
    engine: Engine
    store: MemoryPartitionStore
    told: Told = field(default_factory=Told)

    def run(self) -> Counter[str]:
        """One run to its end; answers the counters of outcomes."""
        self.told.state = ""
        while not self.told.state:
            found = self.engine.run_slice("bench")
            if found.not_before is not None and not self.told.state:
                self.time.advance(max(0.0, (found.not_before - self.time.now()).total_seconds()))
        if self.told.state != "succeeded":
            raise AssertionError(f"the run stopped: {self.engine.lane.peek().facts}")
        return self.told.counts.copy()

    def calls(self, system: str) -> dict[str, int]:
        return {what: tally.calls for (name, what), tally in self.counts.snapshot().items() if name == system}

    def forget(self) -> None:
        self.counts.clear()

    def hour(self) -> None:
        """Until the next slot."""
        self.time.advance(3600)
        self.partner.agenda.run_due()

    def seed_crm(self, people: int) -> None:
        self.crm.seed({"rows": {"contact": [self.fields.person(number) for number in range(people)]}})
        self.time.advance(3600)

    def seed_partner(self, people: int, *, tags: Sequence[str] = PAIR) -> None:
        contacts = [self.fields.contact(number, tags=tags) for number in range(people)]
        self.partner.seed({"contacts": contacts})
        self.time.advance(3600)

    def edit_crm(self, people: range) -> None:
        """A person in Dynamics changes the last name of some."""
        table: Any = self.crm.store["contact"]  # type: ignore[attr-defined]
        rows: dict[str, str] = {row["emailaddress1"]: row["contactid"] for row in table.rows()}
        for number in people:
            spec = {
                "table": "contact",
                "id": rows[f"person{number}@example.org"],
                "values": {"lastname": f"Edited {number}"},
            }
            self.crm.act("edit", spec)
        self.time.advance(3600)

    def edit_partner(self, people: range) -> None:
        """A person in ActiveCampaign changes the first name of some."""
        tenant = self.partner.tenant
        for number in people:
            contact = tenant.contacts.by_email(f"person{number}@example.org")
            if contact is None:
                raise AssertionError(f"there is no contact of person {number}")
            self.partner.act("edit_contact", {"contact": str(contact.id), "firstName": f"Edited {number}"})
        self.time.advance(3600)

    def writes(self) -> int:
        """Entries of both vendors' write logs."""
        return len(self.crm.writes) + len(self.partner.writes)


@contextmanager
def rig(fields: Fields, *, include: bool = False, options: Options | None = None) -> Iterator[Rig]:
    """Both systems with the fields' columns and nobody in them."""
    with tempfile.TemporaryDirectory(prefix="dynasync-bench-") as folder, trusted(Path(folder)) as authority:
        clock = Clock()
        clock.set_now(START, frozen=True)
        partner = ActiveCampaign(clock)
        partner.switches.set(
            {"requests_per_second": 0, "include_side_loads": include, "bulk_seconds_per_contact": IMPORT_PACE}
        )
        systems: dict[str, System] = {**build(clock), "activecampaign": partner}
        systems["dataverse"].seed({"columns": fields.crm_columns()})
        partner.seed({"fields": fields.partner_fields()})
        servers = serve_all(systems, 0, authority)
        try:
            ports = {name: server.port for name, server in servers.items()}
            yield _wired(fields, systems, partner, ports, DrivenTime(clock), include=include, options=options)
        finally:
            for server in servers.values():
                server.close()


@contextmanager
def trusted(folder: Path) -> Iterator[Any]:
    import pytest

    made = make_authority(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(made.ca_file))
        yield made


def _wired(
    fields: Fields,
    systems: Mapping[str, System],
    partner: ActiveCampaign,
    ports: Mapping[str, int],
    time: DrivenTime,
    *,
    include: bool,
    options: Options | None,
) -> Rig:
    counts, told = CallCounts(), Told()
    store = MemoryPartitionStore(time)
    around = Around(
        clock=time,
        session=new_session(),
        store=store,
        budgets={
            registry.CRM: PacedBudget(time, *CRM_LIMIT.share({})),
            "activecampaign": PacedBudget(time, *PARTNER_LIMIT.share({})),
        },
        observers=[counts],
        journal=told,
    )
    urls = {name: f"https://127.0.0.1:{port}" for name, port in ports.items()}
    engine = wire(fields, urls, around, include=include, options=options)
    return Rig(fields, systems["dataverse"], partner, time, counts, engine, store, told)
