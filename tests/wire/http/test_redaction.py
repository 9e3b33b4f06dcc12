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
        ("Li said that Listen", ["Li"], f"{MASK} said that {MASK}"),
        ("mail ann.b+c@sub.x.example now", [], f"mail {MASK} now"),
        ("call +34 600 123 456 or (020) 7946-0958.", [], f"call {MASK} or ({MASK}."),
        ("Contact With Id = 0f8fad5b-d9cb-469f-a165-70867728950e Does Not Exist", [], None),
        ("the user is missing prvWriteContact or prvReadnew_Visit privilege", [], None),
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


@pytest.mark.parametrize(
    "message",
    [
        "A duplicate record was detected: Jane Doe (jane@x.example)",
        "Duplicate detected \u2026 Jane Doe",
        "duplicate detected \u2026 jane doe",
        "Jane Doe already exists",
        "The duplicate key value is (jane, doe)",
        "This address belongs to 'jane doe', see record 12",
        'A contact "jane doe" has it',
        "Contact Jane-Marie O'Doe is the owner",
        "JANE DOE OF CONTOSO",
        "\u7530\u4e2d\u592a\u90ce already exists",
        "May Bill own it, Mark?",
        "the account is Doe_Jane2",
        "owner: janeDoe",
    ],
)
def test_another_person_in_a_vendors_words_is_masked_though_their_values_are_unknown(message: str) -> None:
    told = mask(message, ["somebody@else.example"], ["emailaddress1"])
    assert MASK in told
    for name in ("jane", "doe", "marie", "contoso", "\u7530", "bill", "may", "mark"):
        assert name not in told.casefold(), told


@pytest.mark.parametrize(
    "message",
    [
        "The length of the 'emailaddress1' attribute of the 'contact' entity exceeded the maximum length of '100'.",
        "A record with matching key values already exists.",
        "sin c\u00f3digo postal no se puede guardar",
        "the credit line of this customer was not approved yet",
        "Contact With Id = 0f8fad5b-d9cb-469f-a165-70867728950e Does Not Exist",
        "it may be that the page will not open",
    ],
)
def test_what_is_wrong_stays_readable(message: str) -> None:
    assert mask(message, [], ["emailaddress1"]) == message
