"""What the store of flow steps' calls must do (`shared.ports.flow.FlowStore`); `store` is an empty table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.azure.flow import TableFlow
from shared.azure.sealed import Sealer
from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import ConfigError
from shared.ports.flow import AnswerTo, CallState, FlowCall, PeoplePage, Person, Phase
from shared.ports.state import Operation, PartitionStore, Row
from tests.unit.state.world import START

KEY = b"k" * 32
ANSWER = AnswerTo(url="https://vendor.example/callback/1", key="gateway-key", token="one-time-token", account="1-A-1")
SUBJECT = "Call Renée about the quote"


def call_id(number: int) -> str:
    return f"fl{number:030x}"


def page(number: int, people: int = 3, *, live: bool = True) -> PeoplePage:
    return PeoplePage(
        number=number,
        people=tuple(
            Person(id=RemoteId(str(1000 * number + each)), choice=each % 2, live=live) for each in range(people)
        ),
        choices=({"subject": SUBJECT}, {"subject": "Another"}),
    )


def call(number: int = 1, pages: int = 2, **more: object) -> FlowCall:
    values: dict[str, object] = {
        "id": call_id(number),
        "step": "createTask",
        "at": START,
        "changed": START,
        "total": 3 * pages,
        "pages": pages,
        "open_pages": pages,
        "undone_pages": pages,
        "owes": True,
        "campaign": "1001",
        "batch": "b1",
        "trace": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    }
    return FlowCall(**(values | more))  # type: ignore[arg-type]


def ended(page_: PeoplePage, phase: Phase = Phase.DONE, code: str = "created") -> dict[RemoteId, Person]:
    row = Ref(Kind("lead"), RemoteId("row"))
    return {one.id: replace(one, phase=phase, code=code, crm=row) for one in page_.people}


class _DiedError(BaseException):
    """The worker died."""


def _die() -> None:
    raise _DiedError


class _Between:
    """A table where something happens right before the n-th read of several rows or write."""

    def __init__(self, store: PartitionStore) -> None:
        self._store, self._left, self._what = store, 0, _die

    def arm(self, number: int, what: Callable[[], None]) -> None:
        self._left, self._what = number, what

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._what()

    def get_many(self, partition: str, keys: Iterable[str]) -> dict[str, Row]:
        self._count()
        return self._store.get_many(partition, keys)

    def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        self._count()
        return self._store.transact(partition, operations)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class FlowStoreContract:
    @pytest.fixture
    def flow(self, store: PartitionStore) -> TableFlow:
        return TableFlow(store, "conn1", Sealer(KEY, "flow steps"))

    def test_a_call_comes_back_whole_and_is_taken_in_once(self, flow: TableFlow) -> None:
        pages = [page(0), page(1)]
        assert flow.open(call(), pages, ANSWER, again=False) == (call(), True)
        assert flow.open(call(step="another"), pages, ANSWER, again=False) == (call(), False)
        assert flow.get(call_id(1)) == call()
        assert list(flow.each_page(call_id(1))) == pages
        assert flow.page(call_id(1), 1) == pages[1]
        assert flow.page(call_id(1), 2) is None
        assert flow.answer_to(call_id(1)) == ANSWER
        assert flow.get(call_id(2)) is None
        assert flow.get("fl' or true") is None

    def test_what_is_secret_or_personal_is_sealed(self, flow: TableFlow, store: PartitionStore) -> None:
        flow.open(call(), [page(0)], ANSWER, again=False)
        rows = store.scan("conn1", "!", "~", limit=100)
        text = repr([(row.key, dict(row.cells)) for row in rows])
        for secret in (ANSWER.token, ANSWER.key, ANSWER.url, "Renée", "quote"):
            assert secret not in text
        other = TableFlow(store, "conn1", Sealer(b"x" * 32, "flow steps"))
        with pytest.raises(ConfigError, match="state key"):
            other.answer_to(call_id(1))

    def test_the_answer_is_due_when_everybody_is_told(self, flow: TableFlow) -> None:
        flow.open(call(), [page(0), page(1)], ANSWER, again=False)
        first = flow.settle(call_id(1), 0, ended(page(0)))
        assert first is not None
        assert (first.state, first.open_pages, first.undone_pages) == (CallState.OPEN, 1, 1)
        assert flow.settle(call_id(1), 0, ended(page(0))) == first, "telling it again changes nothing"
        last = flow.settle(call_id(1), 1, ended(page(1)))
        assert last is not None
        assert (last.state, last.open_pages, last.undone_pages) == (CallState.DUE, 0, 0)
        assert [item.id for item in flow.list(CallState.DUE).items] == [call_id(1)]
        assert list(flow.list(CallState.OPEN).items) == []
        kept = flow.page(call_id(1), 0)
        assert kept is not None
        assert kept.choices == (), "what the step was told is not kept once everybody is done"

    def test_nobody_goes_back_to_an_earlier_phase(self, flow: TableFlow) -> None:
        flow.open(call(pages=1), [page(0)], ANSWER, again=False)
        flow.settle(call_id(1), 0, ended(page(0)))
        flow.settle(call_id(1), 0, ended(page(0), Phase.ASKED, "waiting:make"))
        kept = flow.page(call_id(1), 0)
        assert kept is not None
        assert {(one.phase, one.code) for one in kept.people} == {(Phase.DONE, "created")}

    def test_who_waits_for_the_next_run_is_told_and_not_done(self, flow: TableFlow) -> None:
        waiting = page(0, live=False)
        flow.open(call(pages=1), [waiting], ANSWER, again=False)
        asked = flow.settle(call_id(1), 0, ended(waiting, Phase.ASKED, "waiting:make"))
        assert asked is not None
        assert (asked.state, asked.undone_pages) == (CallState.DUE, 1)
        answered = flow.change(call_id(1), lambda found: replace(found, state=found.after()))
        assert answered is not None
        assert answered.state is CallState.WAITING
        assert flow.answer_to(call_id(1)) is None, "what opens the address goes once it was used"
        done = flow.settle(call_id(1), 0, ended(waiting))
        assert done is not None
        assert done.state is CallState.FINISHED

    def test_pages_settled_at_the_same_time_are_all_counted(self, flow: TableFlow) -> None:
        pages = [page(number) for number in range(12)]
        flow.open(call(pages=12), pages, ANSWER, again=False)
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda one: flow.settle(call_id(1), one.number, ended(one)), pages))
        found = flow.get(call_id(1))
        assert found is not None
        assert (found.state, found.open_pages, found.undone_pages) == (CallState.DUE, 0, 0)

    def test_a_call_without_an_answer_may_come_again_when_it_ended(self, flow: TableFlow) -> None:
        plain = call(pages=1, owes=False)
        flow.open(plain, [page(0)], None, again=True)
        assert flow.open(plain, [page(0)], None, again=True) == (plain, False)
        ended_ = flow.settle(call_id(1), 0, ended(page(0)))
        assert ended_ is not None
        assert ended_.state is CallState.FINISHED
        later = call(pages=1, owes=False, at=START + timedelta(hours=1))
        assert flow.open(later, [page(0)], None, again=True) == (later, True)
        kept = flow.page(call_id(1), 0)
        assert kept is not None
        assert not kept.done()

    def test_ten_thousand_people_are_taken_in(self, flow: TableFlow) -> None:
        pages = [page(number, 250) for number in range(120)]
        flow.open(call(pages=120), pages, ANSWER, again=False)
        assert sum(len(one.people) for one in flow.each_page(call_id(1))) == 30_000

    def test_a_call_that_is_delivered_twice_at_once_is_stored_once_and_its_pages_are_not_set_back(
        self, flow: TableFlow, store: PartitionStore
    ) -> None:
        pages = [page(number) for number in range(95)]  # more than one transaction takes
        once = call(pages=95)
        late = _Between(store)

        def meanwhile() -> None:
            assert flow.open(once, pages, ANSWER, again=False) == (once, True)
            flow.settle(call_id(1), 0, ended(page(0)))

        for moment in range(1, 4):
            late.arm(moment, meanwhile)
            second = TableFlow(cast("PartitionStore", late), "conn1", Sealer(KEY, "flow steps"))
            taken, fresh = second.open(once, pages, ANSWER, again=False)
            assert not fresh
            assert (taken.open_pages, taken.undone_pages) == (94, 94)
            kept = flow.page(call_id(1), 0)
            assert kept is not None
            assert kept.done(), f"set back by a delivery that was overtaken before its call {moment}"
            assert len(list(flow.each_page(call_id(1)))) == 95
            flow.change(call_id(1), lambda found: replace(found, state=CallState.POISON))
            assert flow.purge([call_id(1)]) == 1

    def test_a_delivery_that_died_half_way_is_taken_in_again(self, flow: TableFlow, store: PartitionStore) -> None:
        pages = [page(number) for number in range(95)]
        dying = _Between(store)
        dying.arm(3, _die)
        with pytest.raises(_DiedError):
            TableFlow(cast("PartitionStore", dying), "conn1", Sealer(KEY, "flow steps")).open(
                call(pages=95), pages, ANSWER, again=False
            )
        assert flow.get(call_id(1)) is None
        assert len(list(flow.each_page(call_id(1)))) == 90
        assert flow.open(call(pages=95), pages, ANSWER, again=False) == (call(pages=95), True)
        assert list(flow.each_page(call_id(1))) == pages

    def test_a_look_at_a_page_is_noted_and_changes_nothing_else(self, flow: TableFlow) -> None:
        flow.open(call(pages=1), [page(0)], ANSWER, again=False)
        assert flow.look(call_id(1), 0, START)
        assert flow.page(call_id(1), 0) == replace(page(0), looked=START)
        assert not flow.look(call_id(1), 1, START)
        assert flow.get(call_id(1)) == call(pages=1)

    def test_somebody_who_was_erased_is_in_no_call_any_more(self, flow: TableFlow, store: PartitionStore) -> None:
        flow.open(call(pages=2), [page(0), page(1)], ANSWER, again=False)
        flow.open(call(2, pages=1, total=1), [page(0, 1)], ANSWER, again=False)
        assert flow.forget_people([RemoteId("0"), RemoteId("1001"), RemoteId("77")]) == 3
        left = flow.page(call_id(1), 0)
        assert left is not None
        assert [person.id for person in left.people] == ["1", "2"]
        assert [left.choices[person.choice] for person in left.people] == [page(0).choices[1], page(0).choices[0]]
        other = flow.page(call_id(1), 1)
        assert other is not None
        assert other.choices[1] == {}, "what only they were told goes too"
        found = flow.get(call_id(1))
        assert found is not None
        assert (found.total, found.open_pages, found.state) == (4, 2, CallState.OPEN)
        alone = flow.get(call_id(2))
        assert alone is not None
        assert (alone.total, alone.open_pages, alone.state) == (0, 0, CallState.DUE), "it is answered all the same"
        assert flow.forget_people([RemoteId("0"), RemoteId("1001")]) == 0
        rows = store.scan("conn1", "p-", "p.", limit=100)
        assert len(rows) == 3

    def test_nothing_is_kept_for_ever(self, flow: TableFlow) -> None:
        for number in range(1, 6):
            flow.open(call(number, pages=1), [page(0, live=False)], ANSWER, again=False)
        flow.settle(call_id(2), 0, ended(page(0), Phase.ASKED, "waiting:make"))
        flow.change(call_id(2), lambda found: replace(found, state=CallState.WAITING))
        given_up = {"state": CallState.POISON, "code": "answer_gone", "message": "status 404"}
        flow.change(call_id(3), lambda found: replace(found, **given_up))  # type: ignore[arg-type]
        flow.change(call_id(4), lambda found: replace(found, state=CallState.DUE))
        flow.change(call_id(5), lambda found: replace(found, changed=START + timedelta(days=1)))
        later = START + timedelta(seconds=1)
        assert flow.delete_before(later) == 4
        assert flow.delete_before(later) == 0
        assert [flow.get(call_id(number)) is not None for number in range(1, 6)] == [False, False, True, False, True]
        assert flow.answer_to(call_id(3)) is None
        kept = flow.get(call_id(3))
        assert kept is not None
        assert (kept.state, kept.code) == (CallState.POISON, "answer_expired")
        assert "answer_gone" in kept.message
        assert kept.next_step
        assert flow.answer_to(call_id(5)) == ANSWER

    def test_lists_purging_and_forgetting(self, flow: TableFlow) -> None:
        for number in range(1, 8):
            flow.open(call(number, pages=1), [page(0)], ANSWER, again=False)
        for number in (2, 4):
            flow.change(call_id(number), lambda found: replace(found, state=CallState.POISON))
        flow.change(call_id(6), lambda found: replace(found, state=CallState.FINISHED))
        first = flow.list(CallState.OPEN, limit=3)
        second = flow.list(CallState.OPEN, limit=3, after=first.next)
        assert [item.id for item in (*first.items, *second.items)] == [call_id(number) for number in (1, 3, 5, 7)]
        assert flow.purge([call_id(2), call_id(3)]) == 1
        assert [item.id for item in flow.list(CallState.POISON).items] == [call_id(4)]
        assert list(flow.each_page(call_id(2))) == []
        assert flow.delete_before(START) == 0
        assert flow.delete_before(START + timedelta(days=1), limit=4) == 4
        assert flow.delete_before(START + timedelta(days=1), limit=4) == 2
        assert [number for number in range(1, 8) if flow.get(call_id(number)) is not None] == [4]
