"""Histories in which only the oracle was wrong, found by long hunts, and what it must still see in their like."""

from __future__ import annotations

import pytest

from shared.domain import merge
from shared.domain.compiled import CompiledField
from shared.domain.draft import Draft
from shared.domain.records import Record, Side
from tests.simulation.broken import MUTANTS
from tests.simulation.families import A, Family, told
from tests.simulation.steps import Step
from tests.simulation.world import SimJournal

FILLED: tuple[Step, ...] = (
    ("create", "partner", "twin", 0, 0),
    A,
    ("edit", "crm", 0, "code", 0),
    A,
    ("drop", "crm", "code"),
    ("regain", "crm", "code"),
    A,
)
"""A pair whose one-way field the partner holds, and Dynamics no more: its column was made again."""

YIELDED: Family = ("late", (*FILLED, ("edit", "partner", 0, "code", 0), ("edit", "partner", 0, "phone", 0)))

LATE: Family = (
    "late",
    (
        ("create", "crm", "match", 0, 0),
        A,
        ("touch", "crm", 0),
        ("slow", 1),
        ("create", "partner", "fresh", 8, 128),
        A,
    ),
)
"""A record that a user saved shows itself in the very read that tells it."""

REPLACED: Family = (
    "nested",
    (
        ("create", "crm", "fresh", 0, 0),
        ("create", "partner", "match", 0, 0),
        A,
        ("part", "crm", 0, "phone", 0),
        A,
        ("contest", 0, "phone", (6, 8), "partner"),
    ),
)
"""A partner record outlives the row it had met: the hub makes another row from it, and the two agree from then on."""

FAMILIES: dict[str, Family] = {
    "what is entered where a one-way field flows into yields to a column that was made again": YIELDED,
    "the same where values flow into Dynamics": (
        "log",
        (
            ("create", "partner", "twin", 0, 1024),
            A,
            ("drop", "partner", "city"),
            ("regain", "partner", "city"),
            A,
            ("edit", "crm", 0, "city", 0),
            ("edit", "crm", 0, "nick", 0),
        ),
    ),
    "a read tells what is due on the server when it is sent": LATE,
    "a row made from a record that had met another row agrees with it on what it was made with": REPLACED,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_the_oracle_misjudged_holds(name: str) -> None:
    assert told(FAMILIES[name]) == ""


def test_what_yields_to_a_column_that_was_made_again_and_is_in_no_log_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimJournal, "conflicts", lambda *_args: None)
    assert "I5 '3' yielded to a column that was made again" in told(YIELDED)


def test_what_lost_against_the_counterpart_of_a_row_that_was_made_again_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SimJournal, "conflicts", lambda *_args: None)
    assert "I5 the losing value ' 5 MiXed' is in no conflict log" in told(REPLACED)


def test_a_column_that_was_made_again_and_takes_away_what_nobody_touched_is_seen() -> None:
    untouched: Family = ("late", (*FILLED, ("edit", "partner", 0, "phone", 0)))
    assert told(untouched) == ""
    with MUTANTS["former_base_kept"].at_work():
        assert "I24 a column that was made again changed the other side's '2' to None" in told(untouched)


def test_what_a_late_record_held_and_its_counterpart_was_made_without_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = merge.create_field

    def without_source(draft: Draft, item: CompiledField, source: Record | None, target: Side) -> None:
        real(draft, item, None if item.id == "source" else source, target)

    monkeypatch.setattr(merge, "create_field", without_source)
    assert "was made with None where partner held" in told(LATE)
