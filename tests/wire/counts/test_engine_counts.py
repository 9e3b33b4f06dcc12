"""Exact storage transactions of first syncs (`python -m bench.engine`: 10,000 and 100,000 people)."""

from __future__ import annotations

import pytest

from bench.engine import Measured, figures, run, run_apart
from bench.ideal import calls
from bench.pair import BULK, by_hand
from shared.sync.options import Options
from tests.fakes.partition_store import MemoryPartitionStore

UNHURRIED = Options(slice_seconds=36_000.0, lease_seconds=36_000.0, inbox_every=36_000.0)
"""What is done by the clock is not done: a busy machine makes no transaction more."""


def synced(people: int) -> Measured:
    return run(people, MemoryPartitionStore(), options=UNHURRIED)


@pytest.mark.parametrize(("people", "rows"), [(0, 6), (250, 18), (251, 24), (1000, 48), (2000, 92)])
def test_a_call_of_250_people_takes_two_commits(people: int, rows: int) -> None:
    """The batch before it is sent, and what came of it. Four more: the lane is taken, both feeds end, it is let go."""
    found = synced(people)
    assert found.linked == people
    assert found.usage.commits == 4 + 2 * calls(people, BULK)
    assert found.usage.rows_written == rows
    assert (found.usage.gets, found.usage.scans) == (5 if people == 0 else 9, 8)


def test_where_pages_are_many_a_first_sync_stays_below_its_aim() -> None:
    """Layers, splits and merges come on top of the two commits a call."""
    found = synced(4000)
    assert found.usage.commits > 4 + 2 * calls(4000, BULK)
    assert [str(figure) for figure in figures(found) if not figure.met] == []


def test_the_samples_name_the_parts_of_the_engine() -> None:
    assert {"engine", "domain: merge, digests, maps", "state: links, pages, batches"} <= set(synced(1000).parts)


def test_a_copy_by_hand_takes_its_time() -> None:
    assert by_hand(300) > 0


def test_with_both_systems_in_another_process_a_first_sync_is_the_same() -> None:
    usage = run_apart(300, MemoryPartitionStore()).usage
    assert usage.commits == synced(300).usage.commits
