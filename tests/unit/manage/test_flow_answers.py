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


def used_says(number: int) -> Callable[[Vendor], int]:
    """A vendor that names a used token its own way; one that was not used, it takes."""
    return lambda vendor: number if vendor.taken else vendor.take()


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
        ([killed_before], "answered"),
        ([killed_before, status(403), status(404)], "answered"),
        ([not_reached, not_reached], "answered"),
        ([status(429), status(503)], "answered"),
        ([status(503), status(403)], "answered"),
        ([status(502), status(404)], "answered"),
        ([lost_before, status(400), status(405), status(410)], "answered"),
        ([status(401), status(403), status(405)], "answered"),
    ],
)
def test_exactly_one_answer_takes_effect(
    answers: FlowAnswers, clock: FakeClock, vendor: Vendor, orders: list[Callable[[Vendor], int]], code: str
) -> None:
    vendor.orders = list(orders)
    found = pursue(answers, clock)
    assert (vendor.taken, found.state, found.code) == (1, CallState.FINISHED, code)
    assert not found.presumed
    assert answers.store.answer_to(ID) is None
    assert answers.send(ID) is None
    assert answers.requeue(ID) is None
    assert vendor.attempts == len(orders) + 1


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.parametrize("used", [400, 401, 403, 404, 405, 409, 410])
@pytest.mark.parametrize(
    "orders", [[lost_after], [killed_after], [broken_after], [killed_after, killed_before, lost_before]]
)
def test_an_answer_that_was_lost_after_it_took_effect_is_presumed_when_it_is_refused_to_the_end(
    answers: FlowAnswers, clock: FakeClock, vendor: Vendor, orders: list[Callable[[Vendor], int]], used: int
) -> None:
    vendor.orders = [*orders, *[used_says(used)] * TRIES]
    found = pursue(answers, clock)
    assert (vendor.taken, vendor.attempts) == (1, TRIES)
    assert (found.state, found.code, found.presumed) == (CallState.FINISHED, "answered_before", True)
    assert str(used) in found.message
    assert found.next_step
    assert answers.send(ID) is None


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.parametrize("first", [lost_before, killed_before, status(500), status(502)])
@pytest.mark.parametrize("refusal", [400, 401, 403, 404, 405, 410])
def test_an_answer_that_never_arrived_can_be_sent_again_though_it_was_presumed_to_have(
    answers: FlowAnswers, clock: FakeClock, vendor: Vendor, first: Callable[[Vendor], int], refusal: int
) -> None:
    vendor.orders = [first, *[status(refusal)] * (TRIES - 1)]
    found = pursue(answers, clock)
    assert (vendor.taken, found.code, found.presumed) == (0, "answered_before", True)
    assert answers.store.answer_to(ID) == ANSWER, "it is kept for whoever knows better"
    assert answers.requeue(ID) is not None
    again = pursue(answers, clock)
    assert (vendor.taken, again.state, again.code, again.presumed) == (1, CallState.FINISHED, "answered", False)
    assert answers.store.answer_to(ID) is None


@pytest.mark.parametrize("late", [KilledError, OutcomeUnknown, Transient])
def test_an_attempt_that_ends_late_says_nothing_of_a_call_that_another_one_ended(
    answers: FlowAnswers, clock: FakeClock, vendor: Vendor, late: type[BaseException]
) -> None:
    def meanwhile(vendor: Vendor) -> int:
        clock.advance(CLAIM.total_seconds() + 1)
        ended_ = answers.send(ID)
        assert ended_ is not None
        assert (ended_.state, ended_.code) == (CallState.FINISHED, "answered")
        raise late("it ends at last")

    vendor.orders = [meanwhile]
    with contextlib.suppress(KilledError):
        assert answers.send(ID) is None
    found = answers.store.get(ID)
    assert found is not None
    assert (found.state, found.code, found.message, found.sending) == (CallState.FINISHED, "answered", "", None)
    assert (vendor.taken, vendor.attempts) == (1, 2)


def test_an_attempt_that_ends_late_leaves_the_claim_of_the_next_one(
    answers: FlowAnswers, clock: FakeClock, vendor: Vendor
) -> None:
    def first(vendor: Vendor) -> int:
        clock.advance(CLAIM.total_seconds() + 1)
        claimed = answers.store.change(ID, answers._claimed)
        assert claimed is not None
        return 403

    vendor.orders = [first]
    assert answers.send(ID) is None
    found = answers.store.get(ID)
    assert found is not None
    assert (found.state, found.sending, found.tries, found.doubt) == (CallState.DUE, clock.now(), 2, True)


def test_an_answer_that_was_taken_counts_though_it_is_known_late(
    answers: FlowAnswers, clock: FakeClock, vendor: Vendor
) -> None:
    def slow(vendor: Vendor) -> int:
        vendor.take()
        clock.advance(CLAIM.total_seconds() + 1)
        refused = answers.send(ID)
        assert refused is not None
        assert refused.state is CallState.DUE
        return 200

    vendor.orders = [slow]
    told = answers.send(ID)
    assert told is not None
    assert (told.state, told.code, told.presumed) == (CallState.FINISHED, "answered", False)


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.parametrize(
    ("orders", "code", "attempts"),
    [
        ([status(410)], "answer_gone", 1),
        ([status(404)], "answer_gone", 1),
        ([status(400)], "answer_unusable", 1),
        ([lost_before, status(413)], "answer_unusable", 2),
        ([status(405)] * TRIES, "answer_refused", TRIES),
        ([status(503)] + [status(403)] * (TRIES - 1), "answer_refused", TRIES),
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
