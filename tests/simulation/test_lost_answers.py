"""Histories of writes whose answers were lost that once broke an invariant. Each names what must hold."""

from __future__ import annotations

import pytest

from tests.simulation.families import Family, met, told

FAMILIES: dict[str, Family] = {
    "what a user emptied before a first meeting was finished is filled, where nobody could tell of its write": (
        "coarse",
        (
            ("create", "crm", "fresh", 0, 366),
            ("create", "partner", "case", 0, 0),
            met("write", 0, "crash_after"),
            ("contest", 0, "phone", (2, 7), "partner"),
            ("clear", "crm", 0, "level"),
        ),
    ),
    "what a user emptied before a first meeting that wrote both sides was finished is filled just so": (
        "coarse",
        (
            ("create", "crm", "fresh", 0, 366),
            ("create", "partner", "case", 0, 1),
            met("write", 1, "crash_after"),
            ("contest", 0, "phone", (2, 7), "partner"),
            ("clear", "crm", 0, "level"),
        ),
    ),
    "who got the stamp of a record that the hub had made, by a merge, does not count as made": (
        "poor",
        (
            ("create", "crm", "fresh", 0, 0),
            met("write", 0, "crash_after"),
            ("create", "partner", "none", 0, 0),
            ("merge", "partner", 0, 1),
        ),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_was_mended_holds(name: str) -> None:
    assert told(FAMILIES[name]) == ""
