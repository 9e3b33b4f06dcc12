"""What wants a message though none may be under way: nobody is left out, and nobody is sent more than one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from shared.azure.flow import TableFlow
from shared.azure.sealed import Sealer
from shared.manage.flow_steps import FlowSteps
from shared.ports.flow import CallState, FlowCall, Phase
from tests.contract.flow_contract import ANSWER, KEY, call, call_id, ended, page
from tests.fakes.clock import FakeClock
from tests.fakes.partition_store import MemoryPartitionStore


@dataclass
class Step:
    own_write: bool = False


@dataclass
class Partner:
    """Has one step."""

    one: Step

    def step(self, name: str) -> Step:
        assert name == "createTask"
        return self.one


@dataclass
class World:
    steps: FlowSteps
    store: TableFlow
    clock: FakeClock

    def open(self, number: int, **more: object) -> FlowCall:
        now = self.clock.now()
        taken, _ = self.store.open(call(number, pages=1, at=now, changed=now, **more), [page(0)], ANSWER, again=False)
        return taken

    def due(self) -> list[tuple[str, int | None]]:
        return [(found.id, number) for found, number in self.steps.due_again()]


def make(*, own_write: bool = False) -> World:
    clock = FakeClock()
    store = TableFlow(MemoryPartitionStore(clock), "conn1", Sealer(KEY, "flow steps"))
    round_up: Callable[[datetime], datetime] = lambda moment: moment + timedelta(minutes=5)  # noqa: E731
    none = None
    steps = FlowSteps(
        config=none,  # type: ignore[arg-type]
        store=store,
        partner=Partner(Step(own_write)),  # type: ignore[arg-type]
        systems=none,  # type: ignore[arg-type]
        crm=lambda: pytest.fail("nothing is written"),
        clock=clock,
        round_up=round_up,
    )
    return World(steps, store, clock)


@pytest.mark.feature("MK-04.1", system="marketo")
def test_every_answer_that_is_due_is_found_however_many_there_are() -> None:
    world = make()
    for number in range(1, 351):
        world.open(number)
        world.store.change(call_id(number), lambda found: replace(found, state=CallState.DUE))
    early = world.clock.now() + timedelta(minutes=1)
    world.store.change(call_id(7), lambda found: replace(found, next_try=early))
    assert world.due() == [(call_id(number), None) for number in range(1, 351) if number != 7]


@pytest.mark.feature("MK-04.1", system="marketo")
def test_every_page_whose_message_was_lost_is_found_and_gets_one_message_at_a_time() -> None:
    world = make()
    for number in range(1, 151):
        world.open(number)
    assert world.due() == [], "their messages are under way"
    world.clock.advance(76)
    every = [(call_id(number), 0) for number in range(1, 151)]
    assert world.due() == every
    assert world.due() == []
    world.clock.advance(60)
    assert world.due() == [], "the tick after that leaves it to them"
    world.clock.advance(16)
    assert world.due() == every, "these were lost too"


def test_a_page_with_a_write_to_do_is_sent_at_once_and_then_left_to_its_message() -> None:
    world = make(own_write=True)
    world.open(1)
    world.store.settle(call_id(1), 0, ended(page(0), Phase.THERE))
    assert world.due() == [(call_id(1), 0)]
    assert world.due() == []
    world.clock.advance(76)
    assert world.due() == [(call_id(1), 0)]


def test_who_waits_in_the_lane_is_looked_at_every_three_minutes() -> None:
    world = make()
    world.open(1)
    world.store.settle(call_id(1), 0, ended(page(0), Phase.ASKED, "waiting:make"))
    found = []
    for _ in range(14):
        world.clock.advance(30)
        found.append(bool(world.due()))
    assert [number for number, sent in enumerate(found, 1) if sent] == [6, 12]
