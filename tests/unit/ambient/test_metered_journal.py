"""The counts that the telemetry gets of a run are those that the run's own list has."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from shared.azure.metered import MeteredJournal
from shared.azure.runs import TableJournal
from tests.contract.journal_contract import outcome, run_id
from tests.fakes.partition_store import MemoryPartitionStore
from tests.unit.state.world import FakeClock


class Counted:
    """Adds up what is counted."""

    def __init__(self) -> None:
        self.by_outcome: Counter[str] = Counter()

    def count(self, name: str, number: int, **about: str) -> None:
        assert name
        self.by_outcome[about["outcome"]] += number


def test_what_the_run_was_told_already_is_not_counted_again() -> None:
    clock, counted = FakeClock(), Counted()
    journal = MeteredJournal(
        TableJournal(MemoryPartitionStore(clock), "c1", clock),
        cast("Any", counted),
        connection="c1",
        system="memory",
    )
    journal.begin_run(run_id(1), slot="s", reason="schedule")
    for _ in range(2):
        journal.tell(run_id(1), "page", [outcome(1)], {"updated": 1, "unchanged": 3})
    journal.tell(run_id(1), "answers", [outcome(1)], {"updated": 1}, unless="page")
    assert counted.by_outcome == {"updated": 1, "unchanged": 3}
