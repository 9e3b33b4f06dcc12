"""How much of the configured share of the vendors' limits is used when answers take their time.

    python -m bench.latency [--people 4000] [--fields 10] [--rows 2500] [--window 10]

Simulators in processes of their own, with latency (ActiveCampaign 300 ms, Dataverse 150 ms) and the vendors' limits on:
ActiveCampaign's five calls a second, Dataverse's 6,000 requests, 1,200 s of execution and 52 calls at once in 300 s;
the app's own budgets of four calls a second, and of 4,800 in 300 s. Phases in which there is always something to ask
are measured: reading everybody with their values, writing many contacts one by one, updating rows of Dynamics. Share:
calls a second over calls allowed. Dataverse's window, and with it its limits and the budget, is made shorter
(`--window`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import batched

from bench.aims import SHARE, Figure, verdict
from bench.first_sync import filled
from bench.people import Fields
from bench.wiring import PAIR, Around, wire
from shared.azure.ambient import RandomIds, SystemClock
from shared.azure.budgets import SharedBudget
from shared.connectors.activecampaign.defaults import LIMIT as PARTNER_LIMIT
from shared.connectors.dynamics.defaults import LIMIT as CRM_LIMIT
from shared.domain.records import FieldName, Kind, Record, Ref, RemoteId
from shared.http.budget import Rate
from shared.http.calls import Observed
from shared.http.session import new_session
from shared.ports.connector import Connector, Cursor, Op, Outcome, Write
from tests.fakes.partition_store import MemoryPartitionStore

LATENCY = {"activecampaign": 300, "dataverse": 150}
CONTACT, LAST_NAME = Kind("contact"), FieldName("lastname")
UPDATES = 5
"""Rows a call here. A hundred, as by default, take 0.5 s of execution: then that limit is met before the calls'."""

EXECUTION_MS = 1_200_000
"""Combined execution time of a user in 300 s (service protection limits)."""


@dataclass(frozen=True, slots=True)
class Share:
    phase: str
    calls: int
    seconds: float
    allowed: float
    refused: int = 0

    @property
    def share(self) -> float:
        """What was asked over what might have been, from the first call of the phase on."""
        return self.calls / (self.seconds * self.allowed)


class Watch:
    """When calls of one system ended, and how many of them met its limit."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.ended: list[float] = []
        self.refused = 0

    def __call__(self, seen: Observed) -> None:
        if seen.system == self.system:
            self.ended.append(time.monotonic())
            self.refused += seen.status == HTTPStatus.TOO_MANY_REQUESTS

    def share(self, phase: str, allowed: float, *, steady: float = 2.0) -> Share:
        """Of the calls after the first `steady` seconds: a budget that was idle gives its first calls at once."""
        begin = self.ended[0] + steady
        late = [moment for moment in self.ended if moment >= begin]
        self.ended = []
        return Share(phase, len(late) - 1, late[-1] - late[0], allowed, self.refused)


def measure(people: int, fields: Fields, *, values: bool = True, writes: int = 150) -> list[Share]:
    """The shares of both phases. Without `values` only the list is read; with 0 `writes` nothing is written."""
    calls, seconds = PARTNER_LIMIT.share({})
    with filled(0, fields, include=False) as sims:
        contacts = [fields.contact(number, tags=PAIR) for number in range(people)]
        sims.control("activecampaign", "POST", "seed", {"contacts": contacts})
        sims.control("activecampaign", "POST", "switches", {"requests_per_second": 5})
        for system, milliseconds in LATENCY.items():
            sims.control(system, "POST", "latency", {"ms": milliseconds})
        clock, watch = SystemClock(), Watch("activecampaign")
        around = Around(
            clock=clock,
            session=new_session(),
            store=MemoryPartitionStore(),
            budgets=_budgets(clock),
            observers=[watch],
        )
        partner = wire(fields, sims.urls, around, include=False).partner
        custom = [FieldName(f"field:{number + 1}") for number in range(fields.walked if values else 0)]
        names = [FieldName("email"), FieldName("lastName"), *custom]
        partner.describe(CONTACT)
        watch.ended = []
        ids = _read_all(partner, names)
        found = [watch.share("reading everybody", calls / seconds)]
        if writes:
            _write_singly(partner, ids[:writes])
            found.append(watch.share("writing one by one", calls / seconds))
        return found


def measure_dynamics(rows: int, window: float, *, latency: float = LATENCY["dataverse"]) -> Share:
    """The share while rows are updated under `If-Match`, `UPDATES` a call. Dataverse's window is `window` seconds, its
    limits and the budget are as much smaller; what the first window brings is left out."""
    scale = window / CRM_LIMIT.seconds
    calls = int(CRM_LIMIT.share({})[0] * scale)
    with filled(rows, Fields(10), include=False) as sims:
        limits = {"limit_requests": CRM_LIMIT.calls, "limit_execution_ms": EXECUTION_MS}
        scaled = {name: int(limit * scale) for name, limit in limits.items()}
        sims.control("dataverse", "POST", "switches", {**scaled, "limit_seconds": int(window)})
        clock, watch = SystemClock(), Watch("dynamics")
        around = Around(
            clock=clock,
            session=new_session(),
            store=MemoryPartitionStore(),
            budgets=_budgets(clock, dynamics=(calls, window)),
            observers=[watch],
        )
        crm = wire(Fields(10), sims.urls, around, include=False, dynamics={"update_size": UPDATES}).crm
        found = _rows(crm)
        sims.control("dataverse", "POST", "latency", {"ms": latency})
        watch.ended = []
        _update(crm, found)
        return watch.share("updating rows of Dynamics", calls / window, steady=window)


def _rows(crm: Connector) -> list[Record]:
    found: list[Record] = []
    cursor: Cursor | None = None
    while True:
        page = crm.changes(CONTACT, cursor, [LAST_NAME])
        found += [item for item in page.items if isinstance(item, Record)]
        if not page.more:
            return found
        cursor = page.cursor


def _update(crm: Connector, rows: Sequence[Record]) -> None:
    """All of them, as many at a time as the engine hands over."""
    for chunk in batched(rows, crm.capabilities.kinds[CONTACT].bulk_size, strict=False):
        writes = [
            Write(key=row.ref.id, op=Op.UPDATE, ref=row.ref, fields={LAST_NAME: "Edited"}, expect=row.revision)
            for row in chunk
        ]
        for result in crm.write(writes):
            if result.outcome is not Outcome.APPLIED:
                raise AssertionError(f"{result.key}: {result.outcome} {result.code}")


def _budgets(clock: SystemClock, *, dynamics: tuple[int, float] | None = None) -> Mapping[str, SharedBudget]:
    store, ids = MemoryPartitionStore(), RandomIds()
    rates = {"dynamics": dynamics or CRM_LIMIT.share({}), "activecampaign": PARTNER_LIMIT.share({})}
    return {
        name: SharedBudget(store, name, Rate(*rate), clock=clock, worker=ids.new_id()) for name, rate in rates.items()
    }


def _read_all(partner: Connector, names: Sequence[FieldName]) -> list[RemoteId]:
    cursor: Cursor | None = None
    ids: dict[RemoteId, None] = {}
    while True:
        page = partner.changes(CONTACT, cursor, names)
        ids.update((item.ref.id, None) for item in page.items)
        if not page.more:
            return list(ids)
        cursor = page.cursor


def _write_singly(partner: Connector, ids: Sequence[RemoteId]) -> None:
    """Changes that no import can carry: a name is cleared."""
    writes = [Write(key=row, op=Op.UPDATE, ref=Ref(CONTACT, row), fields={FieldName("lastName"): None}) for row in ids]
    for result in partner.write(writes):
        if result.code:
            raise AssertionError(f"{result.key}: {result.code}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--fields", type=int, default=10)
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--window", type=float, default=10.0)
    options = parser.parse_args()
    found = [*measure(options.people, Fields(options.fields)), measure_dynamics(options.rows, options.window)]
    for item in found:
        rate = f"{item.calls} calls in {item.seconds:.1f} s"
        print(f"{item.phase:20} {rate:25} {item.share:.3f} of {item.allowed:g} a second")
    return verdict(Figure(f"share while {item.phase}", item.share, least=SHARE) for item in found)


if __name__ == "__main__":
    sys.exit(main())
