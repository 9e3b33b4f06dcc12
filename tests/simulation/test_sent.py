"""Where new records are made on one side only, and who is deleted is made again at the next edit: the rules bite."""

from __future__ import annotations

import pytest

from shared.domain.entity_map import EntityMap
from shared.sync import reconcile
from tests.simulation.__main__ import findings_of, in_turn
from tests.simulation.generate import history

TRIES = 150
FIRST_SURVIVOR = 145
"""Near the first history that shows it."""


def findings(start: int = 0) -> list[str]:
    """Those of the first history from `start` on that has any."""
    for number in range(start, start + TRIES):
        found = findings_of(history(5, number, profile="sent"))
        if found:
            return found
    return []


def test_a_world_in_which_only_the_partner_gets_new_records_holds() -> None:
    assert [findings_of(history(5, number, profile="sent")) for number in range(25)] == [[]] * 25
    assert [in_turn(number) for number in range(7, 36, 9)] == [None] * 4
    assert [in_turn(number) for number in range(8, 36, 9)] == ["sent", "nested", "logbook", "sent"]


def test_a_record_made_on_the_other_side_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntityMap, "makes", EntityMap.sends)
    assert any(finding.startswith("I20") for finding in findings())


def test_an_edited_survivor_that_is_not_made_again_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "edited", lambda *_: False)
    assert any(finding.startswith("I21") for finding in findings(FIRST_SURVIVOR))
