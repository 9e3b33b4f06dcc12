"""How much of the configured share of the vendors' limits is used when answers take their time.

    python -m bench.latency [--people 4000] [--fields 10]

Simulators in processes of their own, with latency (ActiveCampaign 300 ms, Dataverse 150 ms) and ActiveCampaign's limit
of five calls a second on; the app's own budget of four. Phases in which there is always something to ask are measured:
reading everybody with their values, and writing many contacts one by one. Share: calls a second over calls allowed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.aims import SHARE, Figure, verdict
from bench.first_sync import filled
from bench.people import Fields
from bench.wiring import PAIR, Around, wire
from shared.azure.ambient import RandomIds, SystemClock
from shared.azure.budgets import SharedBudget
from shared.connectors.activecampaign.defaults import LIMIT as PARTNER_LIMIT
from shared.connectors.dynamics.defaults import LIMIT as CRM_LIMIT
from shared.domain.records import FieldName, Kind, Ref, RemoteId
from shared.http.budget import Rate
from shared.http.calls import Observed
from shared.http.session import new_session
from shared.ports.connector import Connector, Cursor, Op, Write
from tests.fakes.partition_store import MemoryPartitionStore

LATENCY = {"activecampaign": 300, "dataverse": 150}
CONTACT = Kind("contact")


@dataclass(frozen=True, slots=True)
class Share:
    phase: str
    calls: int
    seconds: float
    allowed: float

    @property
    def share(self) -> float:
        """What was asked over what might have been, from the first call of the phase on."""
        return self.calls / (self.seconds * self.allowed)


class Watch:
    """When calls of one system ended."""

    def __init__(self) -> None:
        self.ended: list[float] = []

    def __call__(self, seen: Observed) -> None:
        if seen.system == "activecampaign":
            self.ended.append(time.monotonic())

    def share(self, phase: str, allowed: float, *, steady: float = 2.0) -> Share:
        """Of the calls after the first `steady` seconds: a budget that was idle gives its first calls at once."""
        begin = self.ended[0] + steady
        late = [moment for moment in self.ended if moment >= begin]
        self.ended = []
        return Share(phase, len(late) - 1, late[-1] - late[0], allowed)


def measure(people: int, fields: Fields, *, values: bool = True, writes: int = 150) -> list[Share]:
    """The shares of both phases. Without `values` only the list is read; with 0 `writes` nothing is written."""
    calls, seconds = PARTNER_LIMIT.share({})
    with filled(0, fields, include=False) as sims:
        contacts = [fields.contact(number, tags=PAIR) for number in range(people)]
        sims.control("activecampaign", "POST", "seed", {"contacts": contacts})
        sims.control("activecampaign", "POST", "switches", {"requests_per_second": 5})
        for system, milliseconds in LATENCY.items():
            sims.control(system, "POST", "latency", {"ms": milliseconds})
        clock, watch = SystemClock(), Watch()
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


def _budgets(clock: SystemClock) -> Mapping[str, SharedBudget]:
    store, ids = MemoryPartitionStore(), RandomIds()
    rates = {"dynamics": CRM_LIMIT.share({}), "activecampaign": PARTNER_LIMIT.share({})}
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
    options = parser.parse_args()
    found = measure(options.people, Fields(options.fields))
    for item in found:
        rate = f"{item.calls} calls in {item.seconds:.1f} s"
        print(f"{item.phase:20} {rate:25} {item.share:.3f} of {item.allowed:g} a second")
    return verdict(Figure(f"share while {item.phase}", item.share, least=SHARE) for item in found)


if __name__ == "__main__":
    sys.exit(main())
