"""Laws of value maps, of transforms, and of two columns that are one on the other side."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.compiled import Carried, CompiledField, Unmappable
from shared.domain.convert import COMPATIBLE, TEXTS
from shared.domain.entity_map import Direction, MapErrors
from shared.domain.mapping import compile_map, parse_entity_map
from shared.domain.records import FieldSpec, FieldType, Side
from tests.unit.domain.kit import compiled, one_field, record, schema, spec
from tests.unit.domain.laws import only, typed
from tests.unit.domain.strategies import nasty_text

T = FieldType

# -- value maps -------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-08.3")
def test_a_value_map_names_every_value_it_takes() -> None:
    item = one_field(typed("a", T.CHOICE), spec("b"), values={"1": "Ms", "2": "Mr"})
    field = only(item)
    assert field.carry("1", Side.CRM) == Carried("Ms")
    assert field.carry("Mr", Side.PARTNER) == Carried("2")
    assert field.carry("3", Side.CRM) == Unmappable("unmapped_value")
    assert field.carry("mr", Side.PARTNER) == Unmappable("unmapped_value")
    assert field.carry(None, Side.CRM) == Carried(None)


@pytest.mark.feature("HUB-08.3")
@pytest.mark.parametrize(
    ("crm", "partner", "pairs", "value", "expected"),
    [
        (T.BOOLEAN, T.TEXT, {"true": "Y", "false": "N"}, True, "Y"),
        (T.BOOLEAN, T.CHOICE, {"true": "1", "false": "2"}, False, "2"),
        (T.INTEGER, T.TEXT, {"1": "one"}, 1, "one"),
        (T.CHOICE, T.INTEGER, {"1": "10"}, "1", 10),
        (T.MULTI_CHOICE, T.MULTI_CHOICE, {"1": "3", "2": "1", "3": "2"}, frozenset({"1", "2"}), frozenset({"3", "1"})),
        (T.CHOICE, T.MULTI_CHOICE, {"1": "3"}, "1", frozenset({"3"})),
        (T.MULTI_CHOICE, T.CHOICE, {"1": "3"}, frozenset({"1"}), "3"),
        (T.TEXT, T.BOOLEAN, {"oui": "true", "non": "false"}, "oui", True),
    ],
)
def test_value_maps_join_types(
    crm: FieldType, partner: FieldType, pairs: dict[str, str], value: Any, expected: Any
) -> None:
    field = only(one_field(typed("a", crm), typed("b", partner), values=pairs))
    assert field.carry(value, Side.CRM) == Carried(expected)
    assert field.carry(expected, Side.PARTNER) == Carried(value)


@pytest.mark.feature("HUB-08.4")
def test_a_value_map_that_does_not_round_trip_is_refused_unless_one_way() -> None:
    pairs = {"1": "Other", "2": "Mr", "3": "Other"}
    with pytest.raises(MapErrors) as caught:
        one_field(typed("a", T.CHOICE), spec("b"), values=pairs)
    assert [(found.place, found.code) for found in caught.value.mistakes] == [
        ("contact.fields[0].values", "no_round_trip")
    ]
    assert "'1', '3'" in str(caught.value)
    field = only(one_field(typed("a", T.CHOICE), spec("b"), values=pairs, direction="to_partner"))
    assert field.carry("3", Side.CRM) == Carried("Other")
    with pytest.raises(MapErrors):
        one_field(typed("a", T.CHOICE), spec("b"), values=pairs, direction="to_crm")


# -- transforms -------------------------------------------------------------------------------------------------------

TRANSFORMS: list[tuple[Any, FieldType, FieldType, Any, Any]] = [
    ("trim", T.TEXT, T.TEXT, "  Ann ", "Ann"),
    ("upper", T.TEXT, T.TEXT, "straße", "STRASSE"),
    ("lower", T.TEXT, T.TEXT, "ANN", "ann"),
    ("title", T.TEXT, T.TEXT, "anna-lena o'neil", "Anna-Lena O'Neil"),
    ({"kind": "prefix", "text": "CRM-"}, T.TEXT, T.TEXT, "7", "CRM-7"),
    ({"kind": "suffix", "text": " Inc."}, T.TEXT, T.TEXT, "Contoso", "Contoso Inc."),
    ("invert", T.BOOLEAN, T.BOOLEAN, True, False),
    ({"kind": "default", "value": "Unknown"}, T.TEXT, T.TEXT, None, "Unknown"),
    ({"kind": "default", "value": "0"}, T.INTEGER, T.INTEGER, None, 0),
    ({"kind": "date_format", "format": "%d.%m.%Y"}, T.DATE, T.TEXT, date(1980, 3, 1), "01.03.1980"),
    ({"kind": "date_format", "format": "%Y%m%d"}, T.DATE, T.TEXT, date(80, 3, 1), "00800301"),
    (
        {"kind": "day", "zone": "Europe/Berlin"},
        T.DATETIME,
        T.DATE,
        datetime(2024, 3, 1, 23, 30, tzinfo=UTC),
        date(2024, 3, 2),
    ),
    ("label", T.CHOICE, T.TEXT, "2", "Option 2"),
]
ONE_WAY = {"upper", "lower", "title", "default"}


def name_of(transform: Any) -> str:
    return transform if isinstance(transform, str) else str(transform["kind"])


@pytest.mark.feature("HUB-08.4")
@pytest.mark.parametrize(("transform", "crm", "partner", "value", "expected"), TRANSFORMS)
def test_transforms_on_the_way_to_the_partner(
    transform: Any, crm: FieldType, partner: FieldType, value: Any, expected: Any
) -> None:
    field = only(one_field(typed("a", crm), typed("b", partner), transforms=[transform], direction="to_partner"))
    assert field.carry(value, Side.CRM) == Carried(expected)


@pytest.mark.feature("HUB-08.4")
@pytest.mark.parametrize(("transform", "crm", "partner", "value", "expected"), TRANSFORMS)
def test_transforms_come_back_or_are_refused_both_ways(
    transform: Any, crm: FieldType, partner: FieldType, value: Any, expected: Any
) -> None:
    def build() -> CompiledField:
        return only(one_field(typed("a", crm), typed("b", partner), transforms=[transform]))

    if name_of(transform) in ONE_WAY:
        with pytest.raises(MapErrors, match="does not round-trip"):
            build()
        return
    field = build()
    back = field.carry(expected, Side.PARTNER)
    assert isinstance(back, Carried)
    again = field.carry(back.value, Side.CRM)
    assert again == Carried(expected), "what the transform keeps comes back"
    if name_of(transform) not in {"trim", "day"}:
        assert back == Carried(value)


@pytest.mark.parametrize(
    ("transform", "crm", "partner", "value", "reason"),
    [
        ({"kind": "prefix", "text": "CRM-"}, T.TEXT, T.TEXT, "7", "prefix_missing"),
        ({"kind": "suffix", "text": "!"}, T.TEXT, T.TEXT, "7", "suffix_missing"),
        ({"kind": "date_format", "format": "%d.%m.%Y"}, T.DATE, T.TEXT, "30.02.2024", "not_a_date"),
        ({"kind": "date_format", "format": "%d.%m.%Y"}, T.DATE, T.TEXT, "1.3.2024", "not_a_date"),
        ("label", T.CHOICE, T.TEXT, "Option 9", "unknown_option"),
    ],
)
def test_a_partner_value_that_cannot_come_back_is_parked(
    transform: Any, crm: FieldType, partner: FieldType, value: Any, reason: str
) -> None:
    field = only(one_field(typed("a", crm), typed("b", partner), transforms=[transform]))
    assert field.carry(value, Side.PARTNER) == Unmappable(reason)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_day_in_a_zone_stays_that_day(moment: datetime) -> None:
    """A birthday never moves by a day, whatever zone the column is shown in, on days of clock changes too."""
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles", "Europe/Berlin", "America/Sao_Paulo"):
        field = only(one_field(typed("a", T.DATETIME), typed("b", T.DATE), transforms=[{"kind": "day", "zone": zone}]))
        there = field.carry(moment, Side.CRM)
        assert isinstance(there, Carried)
        back = field.carry(there.value, Side.PARTNER)
        assert isinstance(back, Carried)
        assert field.carry(back.value, Side.CRM) == there


@given(st.dates())
def test_a_date_without_a_time_never_meets_a_zone(day: date) -> None:
    field = only(one_field(typed("a", T.DATE), typed("b", T.DATE)))
    assert field.carry(day, Side.CRM) == Carried(day)


def test_labels_that_occur_twice_have_no_way_back() -> None:
    twins = FieldSpec(
        name=typed("a", T.CHOICE).name,
        type=T.CHOICE,
        options=tuple(option.__class__(option.value, "Same") for option in typed("a", T.CHOICE).options),
    )
    entity = {"name": "contact", "crm_kind": "contact", "partner_kind": "person"}
    data = {**entity, "fields": [{"id": "f", "crm": "a", "partner": "b", "transforms": ["label"]}]}
    found = compile_map(parse_entity_map(data), schema("contact", twins), schema("person", spec("b")))
    assert found.broken == {"f": "no_round_trip"}


def test_transforms_are_undone_in_reverse_order() -> None:
    field = only(
        one_field(
            transforms=[
                {"kind": "prefix", "text": "<"},
                {"kind": "suffix", "text": ">"},
                {"kind": "prefix", "text": "#"},
            ]
        )
    )
    assert field.carry("x", Side.CRM) == Carried("#<x>")
    assert field.carry("#<x>", Side.PARTNER) == Carried("x")


# -- two columns as one -----------------------------------------------------------------------------------------------


def joined(separator: str, direction: str = "both", side: str = "crm", limit: int | None = None) -> CompiledField:
    transform = {"kind": "concat", "side": side, "column": "last", "separator": separator}
    names = {"crm": "first", "partner": "full"} if side == "crm" else {"crm": "full", "partner": "first"}
    two, one = [spec("first", max_length=limit), spec("last", max_length=limit)], [spec("full")]
    data = {"id": "name", **names, "direction": direction, "transforms": [transform]}
    return only(compiled([data], two if side == "crm" else one, one if side == "crm" else two))


@pytest.mark.feature("HUB-08.4")
@given(st.none() | nasty_text, st.none() | nasty_text, st.sampled_from([", ", "::", "a|a"]))
def test_two_columns_become_one_and_two_again(first: str | None, last: str | None, separator: str) -> None:
    field = joined(separator)
    value = field.take(record(Side.CRM, {"first": first, "last": last}), Side.CRM)
    found = field.carry(value, Side.CRM)  # type: ignore[arg-type]
    if isinstance(found, Unmappable):
        assert found.reason in {"separator_in_value", "invalid_character"}
        return
    back = field.carry(found.value, Side.PARTNER)
    assert isinstance(back, Carried)
    columns = field.spread(back.value, Side.CRM)
    assert columns == {"first": first or None, "last": last or None}


def test_a_concat_with_white_space_goes_one_way_only() -> None:
    with pytest.raises(MapErrors, match="does not round-trip"):
        joined(" ")
    there = joined(" ", "to_partner")
    assert there.carry(there.take(record(Side.CRM, {"first": "Ann", "last": "Lee"}), Side.CRM), Side.CRM) == Carried(
        "Ann Lee"
    )  # type: ignore[arg-type]
    assert there.take(record(Side.CRM, {"first": None, "last": "Lee"}), Side.CRM) == "Lee"
    back = joined(" ", "to_crm")
    found = back.carry("Ann Maria Lee", Side.PARTNER)
    assert isinstance(found, Carried)
    assert back.spread(found.value, Side.CRM) == {"first": "Ann", "last": "Maria Lee"}
    assert back.spread(None, Side.CRM) == {"first": None, "last": None}


def test_the_parts_of_a_split_are_cut_to_their_own_limits() -> None:
    field = joined(", ", limit=3)
    found = field.carry("Anna, Smith", Side.PARTNER)
    assert found == Carried("Ann, Smi", clipped=True)
    assert field.names(Side.CRM) == ("first", "last")
    assert field.names(Side.PARTNER) == ("full",)


def test_a_concat_may_stand_on_the_partner_s_side() -> None:
    field = joined(", ", side="partner")
    found = field.carry("Ann, Lee", Side.CRM)
    assert isinstance(found, Carried)
    assert field.spread(found.value, Side.PARTNER) == {"first": "Ann", "last": "Lee"}


def test_every_text_type_joins_plain_text() -> None:
    for kind in TEXTS - {T.MEMO}:
        assert COMPATIBLE[(kind, T.TEXT)].allows(Direction.BOTH)
