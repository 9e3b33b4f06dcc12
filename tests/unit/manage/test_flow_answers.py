"""The one answer of a flow step's call, against a partner who takes each token once and says what the test orders."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from shared.azure.flow import TableFlow
from shared.azure.sealed import Sealer
from shared.errors import GuardTripped, OutcomeUnknown, Transient
from shared.manage.flow_answers import CLAIM, TRIES, FlowAnswers
from shared.ports.flow import AnswerTo, CallState, FlowCall, Person
from tests.contract.flow_contract import ANSWER, KEY, call, call_id, ended, page
from tests.fakes.clock import FakeClock
from tests.fakes.partition_store import MemoryPartitionStore

ID = call_id(1)


class KilledError(BaseException):
    """The worker died."""


@dataclass
class Vendor:
    """Takes an answer once. `orders` are used up, one an attempt; without one it does as it should."""

    orders: list[Callable[[Vendor], int]] = field(default_factory=list)
    taken: int = 0
    attempts: int = 0

    kind = "lead"

    def answer(self, to: AnswerTo, call: FlowCall, people: Iterator[Person]) -> int:
        assert to == ANSWER
        assert len(list(people)) == call.total
        self.attempts += 1
        return self.orders.pop(0)(self) if self.orders else self.take()

    def take(self) -> int:
        if self.taken:
            return 401
        self.taken += 1
        return 200


def lost_before(vendor: Vendor) -> int:
    raise OutcomeUnknown("no answer")


def lost_after(vendor: Vendor) -> int:
    vendor.take()
    raise OutcomeUnknown("no answer")


def killed_before(vendor: Vendor) -> int:
    raise KilledError


def killed_after(vendor: Vendor) -> int:
    vendor.take()
    raise KilledError


def not_reached(vendor: Vendor) -> int:
    raise Transient("no connection")


def foreign(vendor: Vendor) -> int:
    raise GuardTripped("not one of the vendor's", code="foreign_callback", next_step="Add the domain.")


def status(number: int) -> Callable[[Vendor], int]:
    return lambda vendor: number


def broken_after(vendor: Vendor) -> int:
    vendor.take()
    return 502


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def answers(clock: FakeClock, vendor: Vendor) -> FlowAnswers:
    flow = TableFlow(MemoryPartitionStore(), "conn1", Sealer(KEY, "flow steps"))
    flow.open(call(pages=1), [page(0)], ANSWER, again=False)
    flow.settle(ID, 0, ended(page(0)))
    return FlowAnswers(store=flow, partner=vendor, clock=clock)  # type: ignore[arg-type]


def pursue(answers: FlowAnswers, clock: FakeClock, rounds: int = 30) -> FlowCall:
    """Every minute another attempt, whoever dies, until the call is no longer due."""
    for _ in range(rounds):
        with contextlib.suppress(KilledError):
            answers.send(ID)
        found = answers.store.get(ID)
        assert found is not None
        if found.state is not CallState.DUE:
            return found
        clock.advance(max(60.0, CLAIM.total_seconds()) + 600)
    raise AssertionError("it is due for ever")


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.parametrize(
    ("orders", "code"),
    [
        ([], "answered"),
        ([lost_before], "answered"),
        ([lost_after], "answered_before"),
        ([killed_before], "answered"),
        ([killed_after], "answered_before"),
        ([killed_after, killed_before, lost_before], "answered_before"),
        ([not_reached, not_reached], "answered"),
        ([status(429), status(503)], "answered"),
        ([broken_after], "answered_before"),
        ([status(401), status(403)], "answered"),
    ],
)
def test_exactly_one_answer_takes_effect(
    answers: FlowAnswers, clock: FakeClock, vendor: Vendor, orders: list[Callable[[Vendor], int]], code: str
) -> None:
    vendor.orders = list(orders)
    found = pursue(answers, clock)
    assert (vendor.taken, found.state, found.code) == (1, CallState.FINISHED, code)
    assert answers.store.answer_to(ID) is None
    assert answers.send(ID) is None
    assert vendor.attempts == len(orders) + 1


@pytest.mark.parametrize(
    ("orders", "code", "attempts"),
    [
        ([status(410)], "answer_gone", 1),
        ([status(404)], "answer_gone", 1),
        ([status(400)], "answer_unusable", 1),
        ([foreign], "answer_unusable", 1),
        ([status(401)] * TRIES, "answer_refused", TRIES),
        ([not_reached] * TRIES, "answer_unreachable", TRIES),
        ([lost_before] * TRIES, "answer_unreachable", TRIES),
    ],
)
def test_what_cannot_be_told_ends_in_the_poison_list_with_its_name_and_can_be_sent_again(
    answers: FlowAnswers,
    clock: FakeClock,
    vendor: Vendor,
    orders: list[Callable[[Vendor], int]],
    code: str,
    attempts: int,
) -> None:
    vendor.orders = list(orders)
    found = pursue(answers, clock)
    assert (found.state, found.code, vendor.attempts) == (CallState.POISON, code, attempts)
    assert found.message
    assert found.next_step or code == "answer_unreachable"
    assert answers.requeue(ID) is not None
    assert answers.requeue(ID) is None
    again = pursue(answers, clock)
    assert (again.state, vendor.taken) == (CallState.FINISHED, 1)


def test_two_messages_at_the_same_time_are_one_attempt(answers: FlowAnswers, clock: FakeClock, vendor: Vendor) -> None:
    def meanwhile(vendor: Vendor) -> int:
        assert answers.send(ID) is None, "another worker is at it"
        return vendor.take()

    vendor.orders = [meanwhile]
    answers.send(ID)
    assert vendor.attempts == 1
    found = answers.store.get(ID)
    assert found is not None
    assert found.state is CallState.FINISHED


def test_the_pauses_grow(answers: FlowAnswers, clock: FakeClock, vendor: Vendor) -> None:
    vendor.orders = [not_reached] * TRIES
    pauses = []
    for _ in range(TRIES - 1):
        found = answers.send(ID)
        assert found is not None
        assert found.next_try is not None
        assert answers.send(ID) is None, "not before its time"
        pauses.append(found.next_try - clock.now())
        clock.advance(pauses[-1].total_seconds())
    assert pauses[:4] == [timedelta(seconds=each) for each in (15, 30, 60, 120)]
    assert max(pauses) == timedelta(minutes=10)
