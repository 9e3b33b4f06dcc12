"""Shared budgets on the emulator: the contract, and two processes' worth of threads on one account in real time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared.azure.ambient import SystemClock
from shared.azure.budgets import SharedBudget
from shared.azure.tables import AzurePartitionStore, Tables
from shared.errors import Throttled
from shared.http.budget import Rate
from tests.contract.budget_contract import BudgetContract
from tests.pace import PATIENCE

pytestmark = pytest.mark.storage


@pytest.fixture(scope="module")
def tables(azurite: str) -> Iterator[Tables]:
    opened = Tables.by_connection_string(azurite, SystemClock(), prefix="budget")
    yield opened
    opened.close()


@pytest.fixture
def store(tables: Tables) -> AzurePartitionStore:
    return tables.store(uuid4().hex)


class Noting(SystemClock):
    """Remembers what each thread read last: the moment of a leave is the last one the budget looked at. The thread
    itself may be waiting for the processor by then."""

    def __init__(self) -> None:
        super().__init__()
        self.last = threading.local()

    def monotonic(self) -> float:
        self.last.read = super().monotonic()
        return float(self.last.read)


class TestSharedBudget(BudgetContract):
    """The contract."""

    steps = 120


def test_workers_in_real_time_stay_below_the_limit_together(store: AzurePartitionStore) -> None:
    rate = Rate(8, 1)
    calls: list[float] = []
    least, most = time.monotonic() + 2.5, time.monotonic() + PATIENCE

    def work(name: str) -> None:
        clock = Noting()
        budget = SharedBudget(store, "acme", rate, clock=clock, worker=name)
        while (now := time.monotonic()) < least or (len(calls) < 2 * rate.calls and now < most):
            try:
                budget.acquire()
            except Throttled:
                time.sleep(0.2)
                continue
            calls.append(clock.last.read)
        budget.release()

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls.sort()
    for at in calls:
        assert len([other for other in calls if at - rate.seconds < other <= at]) <= rate.calls
    assert len(calls) >= 2 * rate.calls
