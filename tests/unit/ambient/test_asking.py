"""When a process gives its share of an account's limit back."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from shared import config
from shared.bootstrap import Application
from shared.errors import Transient

pytestmark = pytest.mark.feature("HUB-17.1")


class Budget:
    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.released = fault, 0

    def release(self) -> None:
        self.released += 1
        if self.fault is not None:
            raise self.fault


def asking(*budgets: Budget) -> Application:
    key = base64.b64encode(bytes(32)).decode()
    app = Application(config.load({"AzureWebJobsStorage": "UseDevelopmentStorage=true", "DYNASYNC_STATE_KEY": key}))
    wired: Any = app
    wired._budgets += budgets
    return app


def test_the_last_piece_of_work_gives_it_back_also_when_it_fails() -> None:
    budget = Budget()
    app = asking(budget)
    with app.asking():
        with app.asking():
            pass
        assert budget.released == 0  # somebody is still at work here, and would ask for it again
    assert budget.released == 1
    with pytest.raises(ValueError, match="mine"), app.asking():
        raise ValueError("mine")
    assert budget.released == 2


def test_a_store_that_does_not_answer_spoils_no_work_that_is_done() -> None:
    first, second = Budget(Transient("away")), Budget()
    with asking(first, second).asking():
        pass
    assert (first.released, second.released) == (1, 1)
