"""What a shared budget must do, whatever store its rows stand on. The fixture `store` is an empty table."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.azure.budgets import LEASE_SECONDS, LOOK_SECONDS, SharedBudget
from shared.errors import Throttled
from shared.http.budget import Rate
from shared.ports.state import PartitionStore
from tests.unit.state.world import FakeClock


class Skewed:
    """A store as a machine sees it whose idea of the storage's time is off by some seconds."""

    def __init__(self, store: PartitionStore, clock: FakeClock, off: float) -> None:
        self._store = store
        self._clock = clock
        self._off = off

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._off)


class World:
    """Workers on one account, and every call they made."""

    def __init__(self, store: PartitionStore, rate: Rate) -> None:
        self.clock = FakeClock()
        self.store = store
        self.rate = rate
        self.calls: list[float] = []
        self._names = 0

    def worker(self, off: float = 0.0) -> SharedBudget:
        self._names += 1
        store: Any = Skewed(self.store, self.clock, off)
        return SharedBudget(store, "acme|https://x", self.rate, clock=self.clock, worker=f"w{self._names:04d}")

    def call(self, budget: SharedBudget, *, interactive: bool = False) -> bool:
        """Tries one call; whether leave was given."""
        try:
            budget.acquire(interactive=interactive)
        except Throttled:
            return False
        self.calls.append(self.clock.seconds)
        return True

    def spend(self, budget: SharedBudget, seconds: float) -> int:
        """Calls as often as allowed for some seconds; how often it was."""
        end, before = self.clock.seconds + seconds, len(self.calls)
        while self.clock.seconds < end:
            if not self.call(budget):
                self.clock.pass_(0.5)
        return len(self.calls) - before

    def assert_never_above(self) -> None:
        """No window, wherever it begins, holds more than the limit."""
        start = 0
        for end, at in enumerate(self.calls):
            while self.calls[start] <= at - self.rate.seconds + 1e-6:
                start += 1
            assert end - start + 1 <= self.rate.calls, f"{end - start + 1} calls in the window that ends at {at}"


class BudgetContract:
    @pytest.mark.parametrize("rate", [Rate(4, 1), Rate(40, 20), Rate(600, 300)], ids=str)
    def test_a_lone_worker_takes_all(self, store: PartitionStore, rate: Rate) -> None:
        world = World(store, rate)
        made = world.spend(world.worker(), rate.seconds * 2.5)
        world.assert_never_above()
        assert made >= (rate.calls - rate.calls // 10) * 2

    @pytest.mark.parametrize("rate", [Rate(4, 1), Rate(40, 20)], ids=str)
    def test_several_share_alike(self, store: PartitionStore, rate: Rate) -> None:
        world = World(store, rate)
        workers = [world.worker() for _ in range(2)]
        made = [0, 0]
        end = 200.0
        while world.clock.seconds < end:
            for place, worker in enumerate(workers):
                made[place] += world.call(worker)
            world.clock.pass_(rate.seconds / rate.calls / 4)
        world.assert_never_above()
        assert sum(made) >= 0.7 * end / rate.seconds * rate.calls
        assert min(made) >= 0.3 * sum(made)

    def test_who_gave_its_share_back_and_goes_on_does_not_wait(self, store: PartitionStore) -> None:
        """A run goes on in a next slice at once; the worker gave its share back between the two."""
        world = World(store, Rate(100, 20.0))
        worker = world.worker()
        assert world.call(worker)
        worker.release()
        world.clock.pass_(0.2)
        before = world.clock.seconds
        assert world.call(worker)
        assert world.clock.seconds - before < 0.5

    def test_a_share_that_is_given_back_is_taken_at_once_but_not_what_was_spent_of_it(
        self, store: PartitionStore
    ) -> None:
        world = World(store, Rate(100, 300))
        first, second = world.worker(), world.worker()
        for _ in range(60):
            assert world.call(first)
        first.release()
        world.clock.pass_(3)
        made = sum(world.call(second, interactive=True) for _ in range(60))
        world.assert_never_above()
        assert made == 40
        world.clock.pass_(310)
        assert sum(world.call(second, interactive=True) for _ in range(120)) == 100
        world.assert_never_above()

    def test_a_dead_worker_s_share_comes_back_after_its_lease_and_one_window(self, store: PartitionStore) -> None:
        world = World(store, Rate(4, 1))
        dead, heir = world.worker(), world.worker()
        assert world.call(dead)
        assert not world.call(heir)
        world.clock.pass_(LEASE_SECONDS + 5)
        assert sum(world.call(heir) for _ in range(4)) == 4
        world.assert_never_above()

    def test_a_server_s_wait_closes_the_row_for_everyone(self, store: PartitionStore) -> None:
        world = World(store, Rate(40, 20))
        one, two = world.worker(), world.worker()
        world.spend(one, 1)
        world.spend(two, 30)
        one.close_for(60)
        closed = world.clock.seconds
        with pytest.raises(Throttled) as told:
            one.acquire()
        assert 59 <= told.value.retry_after <= 60
        assert told.value.scope == "acme|https://x"
        world.clock.pass_(LOOK_SECONDS)
        with pytest.raises(Throttled):
            two.acquire()
        late = world.worker()
        with pytest.raises(Throttled) as told:
            late.acquire()
        assert told.value.retry_after > 50
        before = len(world.calls)
        world.spend(two, 40)
        assert len(world.calls) == before
        while not world.call(two):
            world.clock.pass_(1)
        assert 55 <= world.clock.seconds - closed <= 75

    def test_interactive_calls_find_room_inside_the_share(self, store: PartitionStore) -> None:
        world = World(store, Rate(100, 200))
        budget = world.worker()
        background = sum(world.call(budget) for _ in range(110))
        assert background == 97
        assert sum(world.call(budget, interactive=True) for _ in range(10)) == 3
        world.assert_never_above()

    def test_waits_are_short_and_told_when_long(self, store: PartitionStore) -> None:
        world = World(store, Rate(2, 60))
        budget = world.worker()
        budget.acquire(2)
        began = world.clock.seconds
        with pytest.raises(Throttled) as told:
            budget.acquire()
        assert world.clock.seconds - began <= 5
        assert 50 < told.value.retry_after < 60.1

    def test_accounts_do_not_hinder_each_other(self, store: PartitionStore) -> None:
        clock = FakeClock()
        one = SharedBudget(store, "a", Rate(2, 60), clock=clock, worker="w")
        two = SharedBudget(store, "b", Rate(2, 60), clock=clock, worker="w")
        one.acquire(2)
        two.acquire(2)
        one.close_for(100)
        clock.pass_(60)
        before = clock.seconds
        two.acquire()
        assert clock.seconds - before < 1  # only its own window, never the other account's closing, makes it wait
        with pytest.raises(Throttled):
            one.acquire()

    @pytest.mark.parametrize("seed", range(6))
    def test_no_window_ever_holds_more_than_the_limit_whatever_the_workers_do(
        self, store: PartitionStore, seed: int
    ) -> None:
        """Invariant I15: workers come, die, release, sleep, and disagree about the time."""
        dice = random.Random(seed)
        rate = [Rate(4, 1), Rate(10, 20), Rate(7, 5), Rate(30, 60), Rate(3, 10), Rate(12, 90)][seed]
        world = World(store, rate)
        workers = [world.worker(dice.uniform(-0.9, 0.9)) for _ in range(3)]
        for _ in range(self.steps):
            place = dice.randrange(len(workers))
            roll = dice.random()
            if roll < 0.9:
                for _ in range(dice.randrange(1, 6)):
                    world.call(workers[place], interactive=dice.random() < 0.5)
            elif roll < 0.94:
                workers[place] = world.worker(dice.uniform(-0.9, 0.9))
            elif roll < 0.98:
                workers[place].release()
            else:
                workers[place].close_for(dice.uniform(0, 20))
            world.clock.pass_(dice.choice([0, 0.01, 0.3, 1, 3, rate.seconds / 3]))
        world.assert_never_above()
        assert len(world.calls) > self.steps / 10

    steps = 600
