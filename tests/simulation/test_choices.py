"""Histories of fields with several choices (`union`) that once broke an invariant. Each names what must hold."""

from __future__ import annotations

import pytest

from tests.simulation.families import A, Family, met, told

FAMILIES: dict[str, Family] = {
    "a choice that was taken away while it was carried over for the first time stays away": (
        "coarse",
        (
            ("create", "crm", "case", 0, 0),
            A,
            ("edit", "partner", 0, "topics", 0),
            (
                "slice",
                "a",
                (
                    ("remote", 8, "partial", ()),
                    ("commit", 1, "users_before", (("contest", 0, "title", (0, 3), "partner"),)),
                    ("after", 0, "users_before", (("edit", "partner", 0, "topics", 5),)),
                ),
            ),
            ("edit", "crm", 0, "topics", 2),
        ),
    ),
    "choices that are taken away while their sum has reached one side only stay away": (
        "log",
        (
            ("create", "crm", "fresh", 0, 0),
            A,
            ("contest", 0, "topics", (5, 7), "partner"),
            met("write", 2, "throttle"),
            ("edit", "partner", 0, "topics", 7),
        ),
    ),
    "a choice that is taken away on one side while their sum has reached the other only stays away": (
        "mailbox",
        (
            ("create", "partner", "none", 0, 0),
            A,
            ("contest", 0, "topics", (3, 8), "partner"),
            met("remote", 13, "refused_before"),
            ("contest", 0, "topics", (2, 6), "partner"),
        ),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_was_mended_holds(name: str) -> None:
    assert told(FAMILIES[name]) == ""
