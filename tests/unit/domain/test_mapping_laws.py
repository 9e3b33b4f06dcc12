"""Laws of every field map: what goes there comes back as itself, and what cannot is parked, never guessed."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.compiled import Carried, Unmappable
from shared.domain.convert import COMPATIBLE, Unfit
from shared.domain.entity_map import Direction
from shared.domain.limits import fit
from shared.domain.mapping import compile_map, parse_entity_map
from shared.domain.records import FieldSpec, FieldType, Kind, Ref, RemoteId, Side
from tests.unit.domain.kit import one_field, record, schema, spec
from tests.unit.domain.laws import comes_back, only, typed
from tests.unit.domain.strategies import NASTY, nasty_text, values

T = FieldType
TWO_WAY = sorted(
    (pair for pair, found in COMPATIBLE.items() if found.allows(Direction.BOTH) and T.REFERENCE not in pair),
    key=lambda pair: (pair[0].value, pair[1].value),
)


@pytest.mark.feature("HUB-08.4")
@pytest.mark.parametrize("kinds", TWO_WAY, ids=lambda pair: f"{pair[0].value}-{pair[1].value}")
@settings(max_examples=30)
@given(data=st.data())
def test_what_goes_there_comes_back(kinds: tuple[FieldType, FieldType], data: st.DataObject) -> None:
    crm, partner = typed("a", kinds[0], max_length=40), typed("b", kinds[1])
    field = only(one_field(crm, partner))
    value = data.draw(values(crm))
    comes_back(field, value if value is None else stored(value, crm))


def stored(value: Any, spec: FieldSpec) -> Any:
    """A value as a field of `spec` can hold it at all."""
    try:
        return fit(value, spec)[0]
    except Unfit:
        return None


def spellings(kinds: tuple[FieldType, FieldType]) -> st.SearchStrategy[Any]:
    """Partner values that mean something in Dynamics, in more than one spelling."""
    texts = {
        T.INTEGER: ["7", " 07 ", "+7", "7.0"],
        T.DECIMAL: ["12.50", "12.5", "0", "-0.0"],
        T.MONEY: ["12.50", "012.5", "3"],
        T.BOOLEAN: ["true", "YES", " 1 ", "off"],
        T.EMAIL: ["ann@example.com", "ANN@Example.com ", " bob@example.org"],
    }
    if kinds[1] is T.TEXT and kinds[0] in texts:
        return st.sampled_from(texts[kinds[0]])
    if kinds[0] is T.INTEGER and kinds[1] in {T.DECIMAL, T.MONEY}:
        return st.integers(-999, 999).map(Decimal)
    return st.none()


@pytest.mark.parametrize("kinds", TWO_WAY, ids=lambda pair: f"{pair[0].value}-{pair[1].value}")
@settings(max_examples=30)
@given(data=st.data())
def test_a_partner_value_reaches_a_form_that_stays(kinds: tuple[FieldType, FieldType], data: st.DataObject) -> None:
    """`12.50` at the partner is 12.5 in Dynamics: going there and back again changes nothing more."""
    partner = typed("b", kinds[1])
    field = only(one_field(typed("a", kinds[0]), partner))
    first = field.carry(data.draw(spellings(kinds) | values(partner)), Side.PARTNER)
    if isinstance(first, Unmappable):
        return
    again = field.carry(first.value, Side.CRM)
    if isinstance(again, Unmappable):
        return
    second = field.carry(again.value, Side.PARTNER)
    assert isinstance(second, Carried)
    assert field.canonical(second.value, Side.CRM) == field.canonical(first.value, Side.CRM)


@pytest.mark.parametrize("text", NASTY, ids=lambda text: repr(text)[:20])
@pytest.mark.parametrize("limits", [(None, None), (100, 20), (20, 100), (7, 3)])
def test_nasty_texts_arrive_whole_or_not_at_all(text: str, limits: tuple[int | None, int | None]) -> None:
    field = only(one_field(spec("a", max_length=limits[0]), spec("b", max_length=limits[1])))
    comes_back(field, stored(text, spec("a", max_length=limits[0])))
    found = field.carry(text, Side.CRM)
    if any(bad in text for bad in ("\x00", "\ud800")):
        assert found == Unmappable("invalid_character")
        return
    assert isinstance(found, Carried)
    assert isinstance(found.value, str)
    found.value.encode()  # no half surrogate is ever made
    assert found.clipped == (found.value != text)
    assert text.startswith(found.value)
    if limits[1] is not None:
        assert len(found.value.encode("utf-16-le")) // 2 <= limits[1]


@given(nasty_text, st.integers(0, 30))
def test_carrying_a_clipped_text_again_cuts_nothing_more(text: str, limit: int) -> None:
    field = only(one_field(spec("a"), spec("b", max_length=limit)))
    found = field.carry(text, Side.CRM)
    if isinstance(found, Carried):
        again = field.carry(found.value, Side.CRM)
        assert again == Carried(found.value)


# -- the compatibility table ------------------------------------------------------------------------------------------

# ActiveCampaign's published table in our types; the key is the partner's type.
PUBLISHED: dict[FieldType, frozenset[FieldType]] = {
    T.TEXT: frozenset({T.TEXT, T.EMAIL, T.PHONE, T.URL, T.INTEGER, T.DECIMAL, T.BOOLEAN, T.MONEY, T.REFERENCE}),
    T.MEMO: frozenset({T.MEMO}),
    T.DATE: frozenset({T.DATE, T.DATETIME}),
    T.DATETIME: frozenset({T.DATE, T.DATETIME}),
    T.CHOICE: frozenset({T.CHOICE}),
    T.MULTI_CHOICE: frozenset({T.MULTI_CHOICE, T.CHOICE}),
    T.INTEGER: frozenset({T.TEXT, T.INTEGER, T.DECIMAL, T.MONEY}),
}


@pytest.mark.feature("HUB-08.1")
@pytest.mark.feature("AC-09.1", system="activecampaign")
@pytest.mark.parametrize("crm", list(FieldType))
@pytest.mark.parametrize("partner", list(PUBLISHED))
def test_only_published_pairs_go_together(crm: FieldType, partner: FieldType) -> None:
    entity = parse_entity_map(
        {
            "name": "contact",
            "crm_kind": "contact",
            "partner_kind": "contact",
            "fields": [{"id": "f", "crm": "a", "partner": "b", "direction": "to_partner"}],
        }
    )
    found = compile_map(entity, schema("contact", typed("a", crm)), schema("contact", typed("b", partner)))
    assert (not found.broken) == (crm in PUBLISHED[partner])
    if found.broken:
        assert found.broken == {"f": "incompatible_types"}


@pytest.mark.feature("HUB-08.1")
@pytest.mark.parametrize(
    ("crm", "partner", "direction", "fits"),
    [
        (T.DATETIME, T.DATE, "both", False),  # the time of day would not come back
        (T.DATETIME, T.DATE, "to_partner", True),
        (T.DATETIME, T.DATE, "to_crm", False),
        (T.DATE, T.DATETIME, "both", True),
        (T.REFERENCE, T.TEXT, "both", False),
        (T.REFERENCE, T.TEXT, "to_partner", True),
        (T.CHOICE, T.MULTI_CHOICE, "both", True),
        (T.BOOLEAN, T.TEXT, "both", True),
        (T.MEMO, T.TEXT, "to_partner", False),
        (T.DECIMAL, T.MONEY, "both", True),
        (T.MULTI_CHOICE, T.CHOICE, "both", False),
        (T.TEXT, T.INTEGER, "both", False),  # 007 would come back as 7
        (T.TEXT, T.INTEGER, "to_partner", True),
        (T.TEXT, T.INTEGER, "to_crm", True),
        (T.INTEGER, T.TEXT, "both", True),
    ],
)
def test_a_pair_that_loses_something_goes_one_way_only(
    crm: FieldType, partner: FieldType, direction: str, fits: bool
) -> None:
    entity = parse_entity_map(
        {
            "name": "contact",
            "crm_kind": "contact",
            "partner_kind": "contact",
            "fields": [{"id": "f", "crm": "a", "partner": "b", "direction": direction}],
        }
    )
    found = compile_map(entity, schema("contact", typed("a", crm)), schema("contact", typed("b", partner)))
    assert found.broken == ({} if fits else {"f": "incompatible_types"})


CONVERSIONS: list[tuple[FieldType, FieldType, Any, Any]] = [
    (T.INTEGER, T.TEXT, 12, "12"),
    (T.DECIMAL, T.TEXT, Decimal("1E+3"), "1000"),
    (T.DECIMAL, T.TEXT, Decimal("0.10"), "0.10"),
    (T.MONEY, T.TEXT, Decimal("-12.34"), "-12.34"),
    (T.BOOLEAN, T.TEXT, True, "true"),
    (T.BOOLEAN, T.TEXT, False, "false"),
    (T.DATE, T.DATETIME, date(1980, 3, 1), datetime(1980, 3, 1, tzinfo=UTC)),
    (T.DATETIME, T.DATETIME, datetime(2024, 1, 1, 9, 0, 0, 999, UTC), datetime(2024, 1, 1, 9, tzinfo=UTC)),
    (T.INTEGER, T.DECIMAL, 3, Decimal(3)),
    (T.DECIMAL, T.INTEGER, Decimal("3.0"), 3),
    (T.DECIMAL, T.INTEGER, Decimal("3.5"), Unmappable("not_a_whole_number")),
    (T.TEXT, T.INTEGER, "x", Unmappable("not_a_number")),
    (T.TEXT, T.INTEGER, " 7 ", 7),
    (T.TEXT, T.INTEGER, "1,5", Unmappable("not_a_number")),
    (T.TEXT, T.INTEGER, "1e3", Unmappable("not_a_number")),
    (T.TEXT, T.INTEGER, "٣", Unmappable("not_a_number")),
    (T.CHOICE, T.MULTI_CHOICE, "2", frozenset({"2"})),
    (T.CHOICE, T.CHOICE, "9", Unmappable("unknown_option")),
    (T.MULTI_CHOICE, T.MULTI_CHOICE, frozenset({"1", "9"}), Unmappable("unknown_option")),
    (T.MULTI_CHOICE, T.MULTI_CHOICE, frozenset(), None),
    (T.EMAIL, T.EMAIL, "no address", Unmappable("invalid_email")),
    (T.EMAIL, T.EMAIL, "a@b@c", "a@b@c"),
    (T.DATETIME, T.DATETIME, datetime(2024, 1, 1), Unmappable("no_time_zone")),  # noqa: DTZ001
    (T.BOOLEAN, T.BOOLEAN, "yes", Unmappable("wrong_type")),
    (T.INTEGER, T.INTEGER, True, Unmappable("wrong_type")),
    (T.DECIMAL, T.DECIMAL, Decimal("NaN"), Unmappable("out_of_range")),
    (T.TEXT, T.TEXT, 5, Unmappable("wrong_type")),
]


@pytest.mark.feature("HUB-08.6")
@pytest.mark.parametrize(("crm", "partner", "value", "expected"), CONVERSIONS)
def test_values_are_converted_or_refused(crm: FieldType, partner: FieldType, value: Any, expected: Any) -> None:
    field = only(one_field(typed("a", crm), typed("b", partner), direction="to_partner"))
    found = field.carry(value, Side.CRM)
    assert found == (expected if isinstance(expected, Unmappable) else Carried(expected))
    if isinstance(found, Carried):
        assert type(found.value) is type(expected)


@pytest.mark.feature("HUB-08.6")
@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        (spec("b", T.TEXT, max_length=3), "abcd", Carried("abc", clipped=True)),
        (spec("b", T.EMAIL, max_length=5), "ann@example.com", Unmappable("too_long")),
        (spec("b", T.PHONE, max_length=5), "+49 30 12", Unmappable("too_long")),
        (spec("b", T.URL, max_length=5), "https://x.example", Unmappable("too_long")),
        (spec("b", T.DECIMAL, scale=2), Decimal("1.005"), Carried(Decimal("1.01"), clipped=True)),
        (spec("b", T.DECIMAL, scale=2), Decimal("1.1"), Carried(Decimal("1.10"))),
        (spec("b", T.DECIMAL, maximum=Decimal(10)), Decimal("10.1"), Unmappable("out_of_range")),
        (spec("b", T.DECIMAL, maximum=Decimal(10)), Decimal(10), Carried(Decimal(10))),
        (spec("b", T.INTEGER, minimum=Decimal(0)), -1, Unmappable("out_of_range")),
        (spec("b", T.INTEGER, minimum=Decimal(0), maximum=Decimal(5)), 0, Carried(0)),
        (spec("b", T.INTEGER, minimum=Decimal(0), maximum=Decimal(5)), 6, Unmappable("out_of_range")),
        (spec("b", T.EMAIL), " ann@x.example ", Carried("ann@x.example")),
        (spec("b", T.DATE, earliest=date(1753, 1, 1)), date(1752, 12, 31), Unmappable("out_of_range")),
        (spec("b", T.DATE, earliest=date(1753, 1, 1)), date(1753, 1, 1), Carried(date(1753, 1, 1))),
        (spec("b", T.TEXT, blank=False), "", Carried(None)),
        (spec("b", T.TEXT), "", Carried("")),
        (spec("b", T.TEXT, required=True), None, Unmappable("required_empty")),
        (spec("b", T.TEXT, required=True, blank=False), "", Unmappable("required_empty")),
        (spec("b", T.TEXT, clearable=False), None, Unmappable("cannot_clear")),
    ],
)
def test_limits_are_known_before_any_call(target: FieldSpec, value: Any, expected: Any) -> None:
    field = only(one_field(spec("a", target.type), target))
    assert field.carry(value, Side.CRM) == expected


@pytest.mark.feature("HUB-09.2")
def test_absent_cleared_and_empty_are_three_things() -> None:
    """`""`, `0` and `False` travel as values; a side that knows no empty text takes it as cleared."""
    field = only(one_field())
    assert field.take(record(Side.CRM, {}), Side.CRM).__repr__() == "ABSENT"
    assert field.carry("", Side.CRM) == Carried("")
    assert field.canonical("", Side.CRM) != field.canonical(None, Side.CRM)
    zero = only(one_field(spec("a", T.INTEGER), spec("b", T.INTEGER)))
    assert zero.carry(0, Side.CRM) == Carried(0)
    assert zero.canonical(0, Side.CRM) != zero.canonical(None, Side.CRM)
    no = only(one_field(spec("a", T.BOOLEAN), spec("b", T.BOOLEAN)))
    assert no.carry(False, Side.CRM) == Carried(value=False)
    assert no.canonical(False, Side.CRM) != no.canonical(None, Side.CRM)
    blind = only(one_field(spec("a", blank=False), spec("b")))
    assert blind.carry("", Side.CRM) == Carried(None)
    assert blind.canonical("", Side.CRM) == blind.canonical(None, Side.CRM)


def test_references_go_by_the_links_of_their_records() -> None:
    account, company = Ref(Kind("account"), RemoteId("A")), Ref(Kind("company"), RemoteId("9"))
    item = one_field(spec("a", T.REFERENCE), spec("b", T.REFERENCE, targets=(Kind("company"),)))
    field = only(item)
    known = {account: company, company: account}
    assert field.carry(account, Side.CRM, known.get) == Carried(company)
    assert field.carry(company, Side.PARTNER, known.get) == Carried(account)
    assert field.carry(account, Side.CRM) == Unmappable("parent_not_linked")
    assert field.carry(account, Side.CRM, lambda _ref: account) == Unmappable("wrong_target")
    assert item.references(Side.CRM) == ("a",)
    owner = only(one_field(spec("a", T.REFERENCE), spec("b"), direction="to_partner"))
    assert owner.carry(account, Side.CRM) == Carried("A")
