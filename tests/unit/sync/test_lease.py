"""A page whose calls wait for leave keeps its lane, though they wait for longer than a lease lasts.

One call waits for leave for 5 s at the most, 15 s where somebody waits for it; a page makes hundreds, and a lease
lasts 60 s. All times are a fiftieth of those here, and real ones: the lease is kept by a thread of its own.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, cast

import pytest

from shared import config
from shared.azure.ambient import RandomIds, SystemClock
from shared.azure.budgets import SharedBudget
from shared.bootstrap import Application
from shared.domain.connection import ConnectionConfig, Switch
from shared.http.budget import Rate
from shared.ports.connector import Connector, Write, WriteResult
from shared.ports.coordination import somebody_waits
from shared.state.heartbeat import kept
from shared.state.held import Held
from shared.state.lane import LaneStore
from shared.state.model import LaneId
from tests.fakes.partition_store import MemoryPartitionStore
from tests.unit.sync.rig import CONTACT, MAIL, NAME, PARTNER_CAPABILITIES, Rig

LEASE, PEOPLE = 1.2, 10
type Keeping = Callable[[Held], AbstractContextManager[None]] | None


class Limited:
    """A partner whose every record takes two calls, each of which waits for leave."""

    def __init__(self, real: Connector) -> None:
        self._real = real
        self._budget = SharedBudget(MemoryPartitionStore(), "acme", Rate(5, 1), clock=SystemClock(), worker="w")
        self.longest = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        began = time.monotonic()
        with somebody_waits():
            self._budget.acquire(2 * len(writes))
        self.longest = max(self.longest, time.monotonic() - began)
        return self._real.write(writes)


def taken_over(keeping: Keeping) -> tuple[bool, Rig, Limited]:
    """Runs a load of a few people; whether another worker got the lane meanwhile."""
    rig = Rig(options={"lease_seconds": LEASE}, partner=replace(PARTNER_CAPABILITIES, asynchronous_create=False))
    for number in range(PEOPLE):
        rig.crm.create(CONTACT, {MAIL: f"p{number}@example.org", NAME: "P"})
    clock = SystemClock()
    lane = LaneStore(MemoryPartitionStore(clock), LaneId("c1"), clock=clock, ids=RandomIds())
    limited = Limited(rig.engine.partner)
    rig.engine = replace(
        rig.engine, partner=cast("Connector", limited), lane=lane, clock=clock, ids=RandomIds(), keeping=keeping
    )
    worker = threading.Thread(target=rig.engine.run_slice, args=("w1",), daemon=True)
    worker.start()
    while not lane.peek().running:
        time.sleep(0.01)
    lost = False
    while worker.is_alive() and not lost:
        held = lane.acquire("w2", LEASE) if lane.peek().owner == "w1" else None
        lost = held is not None
        time.sleep(0.05)
    worker.join(30)
    return lost, rig, limited


def test_calls_that_wait_for_longer_than_the_lease_do_not_lose_the_lane() -> None:
    lost, rig, limited = taken_over(kept)
    assert limited.longest > 1.5 * LEASE  # within one call of the connector
    assert not lost
    assert sorted(str(row["mail"]) for row in rig.people()) == [f"p{number}@example.org" for number in range(PEOPLE)]
    assert rig.commits["partner"] == PEOPLE


def test_without_the_thread_that_keeps_it_another_worker_would_have_it() -> None:
    lost, _, _ = taken_over(None)
    assert lost


def test_the_apps_own_engine_keeps_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    key = base64.b64encode(bytes(32)).decode()
    app = Application(config.load({"AzureWebJobsStorage": "UseDevelopmentStorage=true", "DYNASYNC_STATE_KEY": key}))
    stores: dict[str, MemoryPartitionStore] = {}
    monkeypatch.setattr(Application, "store", lambda self, name: stores.setdefault(name, MemoryPartitionStore()))
    crm = {
        "url": "https://contoso.crm4.dynamics.com",
        "tenant": "3c6e0b8a-9c15-4fd2-8e5b-7d0f4c1a2b39",
        "client_id": "6f1d3c4e-8f7a-4a57-9d3e-1b2c3d4e5f60",
        "secret": "s",
    }
    partner = {"url": "https://contoso.api-us1.com", "key": "k"}
    made = ConnectionConfig(
        id="c" * 32,
        name="c",
        system="activecampaign",
        crm=crm,
        partner=partner,
        entities=(),
        rhythm={"kind": "grid", "hours": 1},
        switch=Switch.ON,
    )
    assert app.engine(made).keeping is kept
