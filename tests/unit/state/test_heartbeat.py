"""A lease is kept while its worker waits for something slow, and no longer than the worker lives for it."""

from __future__ import annotations

import time

import pytest

from shared.errors import LeaseLost
from shared.state import Held, LaneStore
from shared.state.heartbeat import kept
from tests.fakes.partition_store import Call, Fault, MemoryPartitionStore
from tests.pace import PATIENCE
from tests.unit.state.world import LANE, FakeClock, FakeIds

LEASE = 0.3
"""Seconds of a clock that only the test moves; the heart beats three times as often, in real time."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _lane(clock: FakeClock, store: MemoryPartitionStore | None = None) -> LaneStore:
    return LaneStore(store or MemoryPartitionStore(clock), LANE, clock=clock, ids=FakeIds())


def _taken(lane: LaneStore, owner: str) -> Held:
    held = lane.acquire(owner, LEASE)
    assert held is not None
    return held


def _beats(held: Held, clock: FakeClock) -> None:
    """Lets half a lease pass, and waits until the heart has beaten."""
    clock.pass_(LEASE / 2)
    end = time.monotonic() + PATIENCE
    while held.remaining() <= LEASE / 2:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_call_longer_than_the_lease_does_not_lose_it(clock: FakeClock) -> None:
    lane = _lane(clock)
    held = _taken(lane, "slow")
    with kept(held):
        for _ in range(6):
            _beats(held, clock)
            assert lane.acquire("other", LEASE) is None
    held.renew()
    clock.pass_(1.5 * LEASE)
    with kept(_taken(lane, "other")), pytest.raises(LeaseLost):
        held.renew()


def test_without_it_the_lane_is_taken_over(clock: FakeClock) -> None:
    lane = _lane(clock)
    held = _taken(lane, "slow")
    clock.pass_(1.5 * LEASE)
    _taken(lane, "other")
    with pytest.raises(LeaseLost):
        held.renew()


def test_a_store_that_does_not_answer_for_a_moment_ends_nothing(clock: FakeClock) -> None:
    store = MemoryPartitionStore(clock)
    lane = _lane(clock, store)
    held = _taken(lane, "slow")
    refused: list[Call] = []

    def refuse(call: Call) -> Fault | None:
        if call.method == "transact" and not refused:
            refused.append(call)
            return Fault.BEFORE
        return None

    store.fault = refuse
    with kept(held):
        for _ in range(4):
            _beats(held, clock)
        assert refused
        assert lane.acquire("other", LEASE) is None
