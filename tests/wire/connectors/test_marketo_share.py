"""A hundred thousand people under the subscription's limits, while another client uses a third of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.azure.budgets import SharedBudget
from shared.connectors import registry
from shared.connectors.marketo.defaults import LIMIT
from shared.domain.records import FieldName, Kind, Ref, RemoteId
from shared.errors import Throttled
from shared.http.budget import Rate
from shared.ports.connector import Op, Outcome, Write
from simulators.frame import Authority
from tests.fakes.partition_store import MemoryPartitionStore
from tests.wire.connectors.marketo import Subscription, subscription

LEAD = Kind("lead")
RATE = LIMIT.share({})
PEOPLE, PAGE, OTHERS = 100_000, 300, 33


def page(first: int) -> list[Write]:
    numbers = range(first, min(first + PAGE, PEOPLE))
    fields = {FieldName("firstName"): "x"}
    ref = Ref(LEAD, RemoteId(""))
    return [
        Write(key=str(number), op=Op.CREATE, ref=ref, fields=fields, match=f"p{number}@example.com")
        for number in numbers
    ]


def others_call(made: Subscription, so_far: int, seconds: float) -> int:
    """What another client has used by now, evenly: a third of a hundred calls in twenty seconds."""
    due = int(seconds * OTHERS / 20)
    if due > so_far:
        made.system.act("spend", {"calls": due - so_far})
    return due


@pytest.mark.slow
@pytest.mark.feature("MK-11.1", system="marketo")
def test_a_hundred_thousand_people_beside_another_client(ca: Authority) -> None:
    with subscription(ca, switches={"calls_per_window": 100, "token_seconds": 1_000_000}) as made:
        clock = made.around.clock
        budget = SharedBudget(MemoryPartitionStore(clock), "marketo", Rate(*RATE), clock=clock, worker="w1")
        connector = registry.build("marketo", made.settings, replace(made.around.surroundings, budget=budget))
        connector.describe(LEAD)
        began, done, others = clock.monotonic(), 0, 0
        while done < PEOPLE:
            others = others_call(made, others, clock.monotonic() - began)
            writes = page(done)
            try:
                assert {result.outcome for result in connector.write(writes)} == {Outcome.APPLIED}
                done += len(writes)
            except Throttled as wait:
                clock.advance(min(wait.retry_after, 5))
        took = clock.monotonic() - began
        ideal = PEOPLE / PAGE / (RATE[0] / RATE[1])
        share = f"{ideal / took:.3f} of the share"
        print(f"{PEOPLE:,} people in {took:.0f} s of the clock, {share}; others made {others} calls")
        assert ideal / took >= 0.95
        assert made.system.tenant.limits.errors == {}, "no 606, no 615"
        assert made.system.state({})["counts"]["leads"] == PEOPLE
