"""The crash matrix, small enough for every test run: the command plays it in all worlds, the tests in two or three."""

from __future__ import annotations

import pytest

from tests.simulation import crash_matrix
from tests.simulation.crash_matrix import NEVER, NOT_OURS, OPERATIONS, POINTS, WORLDS, cell, deaths_of, main

HERE = ("import", "log")
"""Two worlds in which every cell of the table has a death."""


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("number", POINTS)
def test_an_operation_survives_a_death_at(number: int, operation: str) -> None:
    every = 3 if POINTS[number].walk or POINTS[number].remap else 1  # these die at every call of a slice
    count, findings = cell(number, operation, HERE[-1:] if every > 1 else HERE, every=every)
    assert findings == []
    assert bool(count) is ((number, operation) not in NEVER), "a cell without a death proves nothing"


def test_all_sixteen_points_are_accounted_for() -> None:
    assert {*POINTS, *NOT_OURS} == set(range(1, 17))
    assert not {*POINTS} & {*NOT_OURS}
    assert len(OPERATIONS) == 6


@pytest.mark.parametrize(("number", "operation"), sorted(NEVER))
def test_what_is_said_never_to_happen_does_not(number: int, operation: str) -> None:
    assert not list(deaths_of(number, operation, WORLDS)), f"{NEVER[number, operation]} is not true any more"


def test_a_matrix_without_recovery_is_not_green(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table can fail: nobody looks at what a dead worker left."""
    monkeypatch.setattr("shared.sync.cycle.recover", lambda _work: None)
    _, findings = cell(6, "update", ("mailbox",))
    assert any("a batch is left" in text for text in findings)


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash_matrix, "WORLDS", ("poor",))
    monkeypatch.setattr(crash_matrix, "POINTS", {number: POINTS[number] for number in (5, 11)})
    assert main() == 0
    told = capsys.readouterr().out
    assert "after intent, before write" in told
    assert "between the erase of two systems" in told
    assert "0 findings" in told
