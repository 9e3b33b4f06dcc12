"""Histories of records that were merged, or came back, that once broke an invariant. Each names what must hold."""

from __future__ import annotations

import pytest

from tests.simulation.families import A, Family, told

FAMILIES: dict[str, Family] = {
    "an empty field of the record that was kept is filled, where both records of two pairs were merged": (
        "nested",
        (
            ("create", "partner", "fresh", 0, 1280),
            ("create", "crm", "fresh", 8, 318),
            A,
            ("merge", "partner", 0, 1),
            ("merge", "crm", 0, 1),
        ),
    ),
    "what a source empties while its counterpart is deleted is emptied there when that one is restored": (
        "tags",
        (
            ("create", "crm", "fresh", 0, 2560),
            ("create", "partner", "copy", 0, 0),
            A,
            ("delete", "partner", 0),
            ("clear", "crm", 0, "code"),
            A,
            ("restore", "partner", 0),
        ),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_was_mended_holds(name: str) -> None:
    assert told(FAMILIES[name]) == ""
