"""A lease is kept while its worker waits for something slow, and no longer than the worker lives for it."""

from __future__ import annotations

import time

import pytest

from shared.azure.ambient import RandomIds, SystemClock
from shared.errors import LeaseLost
from shared.state import Held, LaneStore
from shared.state.heartbeat import kept
from tests.fakes.partition_store import Call, Fault, MemoryPartitionStore
from tests.unit.state.world import LANE

LEASE = 1.0


def _lane(store: MemoryPartitionStore | None = None) -> LaneStore:
    clock = SystemClock()
    return LaneStore(store or MemoryPartitionStore(clock), LANE, clock=clock, ids=RandomIds())


def _taken(lane: LaneStore, owner: str) -> Held:
    held = lane.acquire(owner, LEASE)
    assert held is not None
    return held


def test_a_call_longer_than_the_lease_does_not_lose_it() -> None:
    lane = _lane()
    held = _taken(lane, "slow")
    with kept(held):
        end = time.monotonic() + 3 * LEASE
        while time.monotonic() < end:
            time.sleep(LEASE / 4)
            assert lane.acquire("other", LEASE) is None
    held.renew()
    time.sleep(1.5 * LEASE)
    with kept(_taken(lane, "other")), pytest.raises(LeaseLost):
        held.renew()


def test_without_it_the_lane_is_taken_over() -> None:
    lane = _lane()
    held = _taken(lane, "slow")
    time.sleep(1.5 * LEASE)
    _taken(lane, "other")
    with pytest.raises(LeaseLost):
        held.renew()


def test_a_store_that_does_not_answer_for_a_moment_ends_nothing() -> None:
    store = MemoryPartitionStore(SystemClock())
    lane = _lane(store)
    held = _taken(lane, "slow")
    refused: list[Call] = []

    def refuse(call: Call) -> Fault | None:
        if call.method == "transact" and not refused:
            refused.append(call)
            return Fault.BEFORE
        return None

    store.fault = refuse
    with kept(held):
        time.sleep(2 * LEASE)
        assert refused
        assert lane.acquire("other", LEASE) is None
