"""When a process gives its share of an account's limit back."""

from __future__ import annotations

import pytest

from shared.azure.shares import Shares
from shared.errors import Transient
from shared.http.parallel import run_all

pytestmark = pytest.mark.feature("HUB-17.1")


class Budget:
    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.released = fault, 0

    def release(self) -> None:
        self.released += 1
        if self.fault is not None:
            raise self.fault


def test_the_last_piece_of_work_that_asks_an_account_gives_its_share_back_also_when_it_fails() -> None:
    shares, mine, other = Shares(), Budget(), Budget()
    with shares.asking():
        shares.using(mine)
        with shares.asking():
            shares.using(mine)
            shares.using(other)
        assert (mine.released, other.released) == (0, 1)  # somebody is still at work at the one
    assert mine.released == 1

    def fails() -> None:
        with shares.asking():
            shares.using(mine)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fails()
    assert (mine.released, other.released) == (2, 1)


def test_calls_on_other_threads_belong_to_their_piece_of_work() -> None:
    shares, budget = Shares(), Budget()
    with shares.asking():
        run_all([lambda: shares.using(budget)] * 2, at_once=2)
        assert budget.released == 0
    assert budget.released == 1


def test_a_store_that_does_not_answer_spoils_no_work_that_is_done() -> None:
    shares, first, second = Shares(), Budget(Transient("away")), Budget()
    with shares.asking():
        shares.using(first)
        shares.using(second)
    assert (first.released, second.released) == (1, 1)
