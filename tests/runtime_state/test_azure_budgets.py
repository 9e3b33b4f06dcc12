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

pytestmark = pytest.mark.storage


@pytest.fixture(scope="module")
def tables(azurite: str) -> Iterator[Tables]:
    opened = Tables.by_connection_string(azurite, SystemClock(), prefix="budget")
    yield opened
    opened.close()


@pytest.fixture
def store(tables: Tables) -> AzurePartitionStore:
    return tables.store(uuid4().hex)


class TestSharedBudget(BudgetContract):
    """The contract."""

    steps = 120


def test_workers_in_real_time_stay_below_the_limit_together(store: AzurePartitionStore) -> None:
    rate = Rate(8, 1)
    calls: list[float] = []
    end = time.monotonic() + 2.5

    def work(name: str) -> None:
        budget = SharedBudget(store, "acme", rate, clock=SystemClock(), worker=name)
        while time.monotonic() < end:
            try:
                budget.acquire()
            except Throttled:
                time.sleep(0.2)
                continue
            calls.append(time.monotonic())
        budget.release()

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls.sort()
    for at in calls:
        # a call is noted a moment after its leave: give each a hundredth of a second
        assert len([other for other in calls if at - rate.seconds + 0.01 < other <= at]) <= rate.calls
    assert len(calls) >= 8
