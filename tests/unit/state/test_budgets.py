"""Shared budgets on rows in memory."""

from __future__ import annotations

import pytest

from shared.azure.budgets import LOOK_SECONDS, SharedBudget
from shared.errors import Transient
from shared.http.budget import Rate
from tests.contract.budget_contract import BudgetContract, World
from tests.fakes.partition_store import Fault, MemoryPartitionStore


@pytest.fixture
def store() -> MemoryPartitionStore:
    return MemoryPartitionStore()


class TestSharedBudget(BudgetContract):
    """The contract."""


def test_spending_costs_no_call_of_the_store(store: MemoryPartitionStore) -> None:
    world = World(store, Rate(1000, 20))
    budget = world.worker()
    assert world.call(budget)
    before = store.usage.copy()
    for _ in range(500):
        assert world.call(budget)
    assert store.usage.since(before).requests == 0
    world.spend(budget, 60)
    assert store.usage.since(before).requests <= 30


def test_a_store_that_is_away_hinders_nobody_while_the_lease_is_good(store: MemoryPartitionStore) -> None:
    world = World(store, Rate(4, 1))
    budget = world.worker()
    assert world.call(budget)
    store.fault = lambda _: Fault.BEFORE
    assert world.spend(budget, 20) > 40
    world.clock.pass_(15)
    with pytest.raises(Transient):
        budget.acquire()
    world.assert_never_above()


@pytest.mark.parametrize("fault", [Fault.AFTER, Fault.LATE])
def test_a_lost_answer_never_gives_more_than_the_limit(store: MemoryPartitionStore, fault: Fault) -> None:
    world = World(store, Rate(4, 1))
    one, two = world.worker(), world.worker()
    for at in range(300):
        store.fault = lambda call, at=at: fault if call.method == "transact" and at % 7 == 0 else Fault.NONE  # type: ignore[misc]
        for worker in (one, two):
            try:
                world.call(worker)
            except Transient:
                continue
        world.clock.pass_(0.2)
    world.assert_never_above()
    assert len(world.calls) > 50


def test_the_row_tells_no_account(store: MemoryPartitionStore) -> None:
    world = World(store, Rate(4, 1))
    SharedBudget(store, "ada@example.com", Rate(4, 1), clock=world.clock, worker="w1").acquire()
    rows = store.rows("budgets")
    assert rows
    for key, row in rows.items():
        assert "ada" not in key
        assert not any(b"ada" in cell for cell in row.cells.values() if isinstance(cell, bytes))


def _two_on_one_account(store: MemoryPartitionStore) -> tuple[World, SharedBudget, SharedBudget]:
    world = World(store, Rate(4, 1))
    return world, world.worker(), world.worker()


def test_a_smaller_share_holds_though_its_answer_is_lost(store: MemoryPartitionStore) -> None:
    world, one, two = _two_on_one_account(store)
    assert world.call(one)
    assert not world.call(two)
    store.fault = lambda call: Fault.AFTER if call.method == "transact" else Fault.NONE
    world.clock.pass_(5)
    world.call(one)
    store.fault = lambda _: Fault.NONE
    for _ in range(40):
        world.call(two)
        world.call(one)
        world.clock.pass_(0.05)
    world.assert_never_above()


def test_a_larger_share_does_not_hold_before_it_is_written(store: MemoryPartitionStore) -> None:
    world, one, two = _two_on_one_account(store)
    for _ in range(60):
        world.call(one)
        world.call(two)
        world.clock.pass_(0.25)
    world.clock.pass_(13)
    world.call(one)  # its lease is fresh now, so that only a look can make it try for more
    two.release()
    world.clock.pass_(LOOK_SECONDS + 1)
    away = lambda call: Fault.BEFORE if call.method == "transact" else Fault.NONE  # noqa: E731
    store.fault = away
    world.call(one)
    store.fault = lambda _: Fault.NONE
    three = world.worker()
    for _ in range(20):
        world.call(three)
        store.fault = away
        world.call(one)
        store.fault = lambda _: Fault.NONE
        world.clock.pass_(0.05)
    world.assert_never_above()


def test_what_was_spent_counts_though_two_machines_disagree_about_the_time(store: MemoryPartitionStore) -> None:
    world = World(store, Rate(10, 20))
    slow, fast = world.worker(-0.9), world.worker(0.9)
    for _ in range(10):
        assert world.call(slow, interactive=True)
    slow.release()
    world.clock.pass_(18.3)
    for _ in range(10):
        world.call(fast, interactive=True)
    world.assert_never_above()
