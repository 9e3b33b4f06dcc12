"""Which batches there are is found once a lease; their bodies are read a few at a time, neighbours as one range."""

from __future__ import annotations

import random

import pytest

from shared.state import LaneChanges
from shared.state.held import Held
from shared.state.shelf import Shelf
from tests.unit.state.test_batches import batch, result
from tests.unit.state.world import LANE, World


def _ids(held: Held) -> list[str]:
    return [found.id for found in held.each_batch()]


def test_the_first_of_many_batches_are_read_without_the_others() -> None:
    world = World()
    held = world.acquire()
    for number in range(40):
        held.begin(batch(f"b{number:03}", range(2)))
    held = world.take_over()
    assert next(iter(held.each_batch())).id == "b000"
    before = world.store.usage.copy()
    batches = held.each_batch()
    assert [next(batches).id for _ in range(4)] == ["b000", "b001", "b002", "b003"]
    used = world.store.usage.since(before)
    assert (used.scans, used.rows_read) == (1, 4)


def test_what_is_begun_finished_and_dropped_meanwhile_is_known() -> None:
    world = World()
    held = world.acquire()
    held.begin(batch("b2", range(1)))
    assert _ids(held) == ["b2"]
    held.begin(batch("b1", range(1)))
    held.finish({"b1": [result(0)]})
    assert [(found.id, len(found.results)) for found in held.each_batch()] == [("b2", 0), ("b1", 1)]
    held.fold(LaneChanges(batches_dropped=["b2"]))
    assert _ids(held) == ["b1"] == _ids(world.take_over())


def test_a_batch_that_was_dropped_while_others_were_looked_at_is_left_out() -> None:
    held = World().acquire()
    for number in range(9):
        held.begin(batch(f"b{number}", range(1)))
    found = held.each_batch()
    assert next(found).id == "b0"
    held.fold(LaneChanges(batches_dropped=["b0", "b5", "b8"]))
    assert [each.id for each in found] == ["b1", "b2", "b3", "b4", "b6", "b7"]


@pytest.mark.parametrize("seed", range(6))
def test_any_names_in_any_order_are_read_whole(seed: int) -> None:
    """Names sort otherwise than their rows where one begins with another: `-` comes before `.`, letters after."""
    dice = random.Random(seed)
    world = World()
    held = world.acquire()
    names = [*dict.fromkeys("".join(dice.choices("ab-_0", k=dice.randint(1, 4))) for _ in range(30))]
    for name in names:
        held.begin(batch(name, range(2), fields=3))
    shelf = Shelf(world.store, LANE.partition)
    assert shelf.names() == names
    for name in dice.sample(names, 5):
        shelf.drop(name)
        names.remove(name)
    asked = dice.sample(names, 12)
    assert [stored.batch.id for stored in shelf.read(asked)] == asked
    assert all(len(stored.batch.entries) == 2 for stored in shelf.read(asked))
