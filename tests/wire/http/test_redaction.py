"""What is told of calls and of vendors' words."""

from __future__ import annotations

import pytest

from shared.http.redaction import MASK, describe_target, mask


def test_a_request_is_told_by_its_names() -> None:
    told = describe_target("GET", "/api/3/contacts?email=ann%40x.example&filters%5Bid%5D=7&limit")
    assert told == "GET /api/3/contacts (email, filters[id], limit)"


@pytest.mark.parametrize(
    ("message", "values", "told"),
    [
        ("The value 'Ann Núñez' is too long", ["Ann Núñez"], f"The value '{MASK}' is too long"),
        ("ANN is bad, annex is not", ["Li", "ann"], f"{MASK} is bad, {MASK}ex is not"),
        ("Li said: Listen", ["Li"], f"{MASK} said: Listen"),
        ("mail ann.b+c@sub.x.example now", [], f"mail {MASK} now"),
        ("call +34 600 123 456 or (020) 7946-0958.", [], f"call {MASK} or ({MASK}."),
        ("Contact With Id = 0f8fad5b-d9cb-469f-a165-70867728950e Does Not Exist", [], None),
        ("limit of 6000 over 300 seconds (0x80072322)", [], None),
        ("a\r\nb\x00c\u2028d", [], "a b c d"),
        ("regex .* and \\d", [".*", "\\d"], f"regex {MASK} and {MASK}"),
        ("nothing", [None, "", 0, False], "nothing"),
    ],
)
def test_values_are_masked_and_ids_stay(message: str, values: list[object], told: str | None) -> None:
    assert mask(message, values) == (message if told is None else told)


def test_a_long_message_is_cut() -> None:
    assert len(mask("x" * 5000)) == 300
