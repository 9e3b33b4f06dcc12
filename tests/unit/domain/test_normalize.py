"""Canonical forms, clipping and match keys."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.identity import Digester
from shared.domain.normalize import canonical, clip, explainable, is_role_address, match_value, reformatted
from shared.domain.records import FieldType, Kind, Ref, RemoteId
from shared.domain.text import clip_text, unstorable, utf16_length
from tests.unit.domain.kit import spec
from tests.unit.domain.strategies import NASTY, nasty_text, values

T = FieldType
EAST = timezone(timedelta(hours=2))

SAME: list[tuple[FieldType, Any, Any]] = [
    (T.TEXT, "Jos\u00e9", "Jose\u0301"),
    (T.TEXT, "a\r\nb\rc", "a\nb\nc"),
    (T.TEXT, "trailing", "trailing \t \r\n"),
    (T.MEMO, "x" + " " * 4000, "x"),
    (T.EMAIL, "ANN@x.org", " ann@X.ORG "),
    (T.EMAIL, "", None),
    (T.EMAIL, "STRASSE@x.org", "stra\u00dfe@x.org"),
    (T.DECIMAL, Decimal("12.50"), Decimal("12.5")),
    (T.DECIMAL, Decimal("1E+2"), Decimal(100)),
    (T.DECIMAL, Decimal("-0.00"), Decimal(0)),
    (T.DECIMAL, Decimal(3), 3),
    (T.INTEGER, 12, Decimal("12.0")),
    (T.DATETIME, datetime(2024, 1, 1, 9, tzinfo=UTC), datetime(2024, 1, 1, 11, tzinfo=EAST)),
    (T.DATETIME, datetime(2024, 1, 1, 9, 0, 0, 999_999, UTC), datetime(2024, 1, 1, 9, tzinfo=UTC)),
    (T.DATETIME, datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 1)),
    (T.DATETIME, datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),  # noqa: DTZ001
    (T.DATE, date(2024, 1, 1), datetime(2024, 1, 1, 15, tzinfo=UTC)),
    (T.MULTI_CHOICE, frozenset({"2", "1"}), frozenset({"1", "2"})),
    (T.MULTI_CHOICE, frozenset(), None),
    (T.MULTI_CHOICE, "1", frozenset({"1"})),
    (T.MULTI_CHOICE, "", None),
]
APART: list[tuple[FieldType, Any, Any]] = [
    (T.TEXT, "", None),
    (T.TEXT, "a", "A"),
    (T.TEXT, " a", "a"),
    (T.TEXT, "a\u00a0", "a"),
    (T.TEXT, "0", None),
    (T.TEXT, "a b", "a  b"),
    (T.INTEGER, 0, None),
    (T.INTEGER, 1, 2),
    (T.BOOLEAN, False, None),
    (T.BOOLEAN, True, False),
    (T.DECIMAL, Decimal("0.1"), Decimal("0.10001")),
    (T.DATETIME, datetime(2024, 1, 1, 9, 0, 1, tzinfo=UTC), datetime(2024, 1, 1, 9, tzinfo=UTC)),
    (T.DATE, date(2024, 1, 1), date(2024, 1, 2)),
    (T.CHOICE, "1", "2"),
    (T.CHOICE, "1", "01"),
    (T.MULTI_CHOICE, frozenset({"1", "2"}), frozenset({"12"})),
    (T.MULTI_CHOICE, frozenset({"a", "b"}), frozenset({"a\x1fb"})),
    (T.MULTI_CHOICE, frozenset({"a\x1fb"}), frozenset({"a\x10bb"})),
    (T.REFERENCE, Ref(Kind("account"), RemoteId("a")), Ref(Kind("account"), RemoteId("A"))),
    (T.REFERENCE, Ref(Kind("account"), RemoteId("1")), Ref(Kind("contact"), RemoteId("1"))),
]


@pytest.mark.feature("HUB-11.2")
@pytest.mark.parametrize(("kind", "one", "other"), SAME)
def test_values_that_a_side_cannot_tell_apart_are_the_same(kind: FieldType, one: Any, other: Any) -> None:
    assert canonical(one, spec("f", kind)) == canonical(other, spec("f", kind))


@pytest.mark.feature("HUB-09.2")
@pytest.mark.parametrize(("kind", "one", "other"), APART)
def test_values_that_differ_stay_apart(kind: FieldType, one: Any, other: Any) -> None:
    assert canonical(one, spec("f", kind)) != canonical(other, spec("f", kind))


def test_a_scale_is_the_side_s_own() -> None:
    two, none = spec("f", T.MONEY, scale=2), spec("f", T.MONEY, scale=0)
    assert canonical(Decimal("0.1"), two) == canonical(Decimal("0.104"), two)
    assert canonical(Decimal("0.105"), two) == canonical(Decimal("0.11"), two)
    assert canonical(Decimal("0.4"), none) == canonical(0, none)
    exact = Decimal("0.1") + Decimal("0.2")
    assert canonical(exact, two) == canonical(Decimal("0.3"), two)
    assert canonical(Decimal("1234567890123456789"), two) == b"n1234567890123456789"


ODD: list[Any] = [
    "12",
    True,
    1,
    frozenset({"1"}),
    date(2024, 1, 1),
    Decimal("NaN"),
    Decimal("Infinity"),
    Decimal("1E+999999"),
    datetime.min.replace(tzinfo=EAST),
    Ref(Kind("a"), RemoteId("1")),
]


@pytest.mark.parametrize("value", [*ODD, *NASTY])
@pytest.mark.parametrize("kind", list(FieldType))
def test_a_value_of_the_wrong_type_is_compared_all_the_same(value: Any, kind: FieldType) -> None:
    """A system that answers nonsense must not stop a run."""
    found = canonical(value, spec("f", kind))
    assert isinstance(found, bytes)
    assert found == canonical(value, spec("f", kind))
    assert value in ("", frozenset()) or found != b"" or (isinstance(value, str) and not value.strip())


@given(nasty_text, nasty_text)
def test_a_canonical_text_is_stable(one: str, other: str) -> None:
    """Going through the canonical form once more changes nothing, and equality is what equal forms mean."""
    field = spec("f")
    form = canonical(one, field)
    again = form[1:].decode("utf-8", "surrogatepass")
    assert canonical(again, field) == form
    assert (canonical(other, field) == form) == (canonical(other, field)[1:] == form[1:])


@given(st.sampled_from([item for item in FieldType if item is not FieldType.REFERENCE]).flatmap(lambda kind: st.tuples(
    st.just(kind), values(spec("f", kind, scale=2)))))  # fmt: skip
def test_clipping_twice_is_clipping_once_and_compares_as_the_same(drawn: tuple[FieldType, Any]) -> None:
    kind, value = drawn
    field = spec("f", kind, scale=2, max_length=5)
    once = clip(value, field)
    assert clip(once, field) == once
    if not isinstance(value, str):
        assert canonical(once, field) == canonical(value, field)


# -- clipping text ----------------------------------------------------------------------------------------------------

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.feature("HUB-08.6")
@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("abc", 0, ""),
        ("e\u0301x", 1, ""),
        ("ae\u0301x", 2, "a"),
        ("ae\u0301x", 3, "ae\u0301"),
        ("a\U0001f600", 2, "a"),
        ("a\U0001f600", 3, "a\U0001f600"),
        ("\U0001f600\U0001f600", 3, "\U0001f600"),
        (f"x{FAMILY}", 8, "x"),
        (f"x{FAMILY}", 9, f"x{FAMILY}"),
        ("x\U0001f44d\U0001f3fd", 3, "x"),
        ("x\U0001f44d\U0001f3fd", 5, "x\U0001f44d\U0001f3fd"),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 6, "\U0001f1e9\U0001f1ea"),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 4, "\U0001f1e9\U0001f1ea"),
        ("a\r\nb", 2, "a"),
        ("\u1100\u1161\u11a8x", 2, ""),
        ("x\u2764\ufe0f", 2, "x"),
        ("e" + "\u0301" * 100, 50, "e" + "\u0301" * 49),
    ],
)
def test_text_is_cut_between_graphemes(text: str, limit: int, expected: str) -> None:
    found = clip_text(text, limit)
    assert found == expected
    assert utf16_length(found) <= limit


@given(nasty_text, st.integers(0, 40))
def test_a_clipped_text_is_a_beginning_that_fits(text: str, limit: int) -> None:
    found = clip_text(text, limit)
    assert text.startswith(found)
    assert utf16_length(found) <= limit
    assert clip_text(found, limit) == found
    if not any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        assert utf16_length(text) == len(text.encode("utf-16-le")) // 2
        found.encode()


def test_ten_thousand_marks_do_not_empty_a_field_or_take_long() -> None:
    assert clip_text("a" + "\u0301" * 10_000, 100) == "a" + "\u0301" * 99
    assert clip_text("\U0001f1e9" * 10_001, 100)


@pytest.mark.parametrize("text", ["a\x00", "\x08", "\x1f", "\ud800", "\uffff"])
def test_characters_that_nothing_stores(text: str) -> None:
    assert unstorable(text)


@pytest.mark.parametrize("text", ["", "\t\n\r", "\u202e", "\u200b", "\U0001f600", "\u00a0"])
def test_characters_that_are_only_unusual(text: str) -> None:
    assert not unstorable(text)


# -- answers of writes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intended", "seen", "explained"),
    [
        ("Ann Maria", "Ann Maria", True),
        ("Ann Maria", "Ann", True),
        ("Ann Maria", "ann  maria ", True),
        (" Ann", "Ann", True),
        ("Ann", "Ann Maria", False),
        ("Ann", "Bob", False),
        ("Ann", "", False),
        ("Ann", None, False),
        (None, "", True),
        ("", None, True),
        (None, "x", False),
        (1, 1, True),
        (1, 2, False),
        (True, 1, True),
    ],
)
def test_what_a_side_may_have_made_of_a_value(intended: Any, seen: Any, explained: bool) -> None:
    assert explainable(intended, seen) is explained


def test_reformatting_changes_case_and_space_only() -> None:
    assert reformatted("Ann  Lee", "ANN LEE ")
    assert not reformatted("Ann Lee", "Ann")
    assert reformatted(1, 1)
    assert not reformatted("1", 1)


# -- e-mail as a match key --------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-12.2")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann@Example.com", " ann@example.COM "),
        ("ann@example.com", "ann@example.com."),
        ("ann\u200b@example.com", "ann@example.com"),
        ("jos\u00e9@example.com", "jose\u0301@example.com"),
        ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
        ("ann@B\u00dcCHER.example", "ann@b\u00fccher.example"),
        ("\u00a0ann@example.com", "ann@example.com"),
    ],
)
def test_two_spellings_of_one_mailbox_match(one: str, other: str) -> None:
    assert match_value(one) is not None
    assert match_value(one) == match_value(other)


@pytest.mark.feature("HUB-12.2")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann+news@x.example", "ann@x.example"),
        ("a.nn@gmail.com", "ann@gmail.com"),
        ("ann@x.example", "ann@y.example"),
        ("ann@x.example", "ann@sub.x.example"),
    ],
)
def test_different_mailboxes_do_not_match(one: str, other: str) -> None:
    assert match_value(one) != match_value(other)


@pytest.mark.feature("HUB-12.2")
@pytest.mark.parametrize(
    "text",
    [None, "", "  ", "ann", "@example.com", "ann@", "ann@-x.example", "ann@x..example", "ann lee@x.example",
     "ann@x.example,bob@x.example", "Ann <ann@x.example>", "ann@exa mple.com", "none@none.com", "NOEMAIL@noemail.com",
     "ann@" + "x" * 64 + ".example", "a" * 320 + "@x.example", "ann@\ud800.example", "a\x00@x.example",
     "ann@xn--\u00fc.example", "test@test.com"],
)  # fmt: skip
def test_what_names_nobody_matches_nobody(text: str | None) -> None:
    assert match_value(text) is None


@given(nasty_text)
def test_a_match_value_matches_itself(text: str) -> None:
    found = match_value(f"{text}@example.com")
    if found is not None:
        assert match_value(found) == found


@pytest.mark.feature("HUB-12.3")
def test_shared_mailboxes_are_known() -> None:
    for address in ("info@x.example", "SALES@x.example", "info+web@x.example"):
        found = match_value(address)
        assert found is not None
        assert is_role_address(found)
    assert not is_role_address("ann@x.example")
    assert not is_role_address("information@x.example")


# -- digests ----------------------------------------------------------------------------------------------------------


def test_digests_are_keyed_by_secret_and_field() -> None:
    one, other = Digester(b"k" * 32), Digester(b"l" * 32)
    assert one.of("a", b"sx") == one.of("a", b"sx")
    assert one.of("a", b"sx") != one.of("b", b"sx")
    assert one.of("a", b"sx") != other.of("a", b"sx")
    assert one.of("a", b"x") == one.raw(b"a\x00x")
    assert one.of("ab", b"c") != one.of("a", b"bc")
    keyed = one.keyed()
    keyed.update(b"a\x00x")
    assert keyed.digest() == one.raw(b"a\x00x")
    assert len(one.of("a", b"")) == 16
    assert len(one.match("ann@example.com")) == 12
