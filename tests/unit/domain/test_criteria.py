"""Criteria: the judge against the table of cases, the texts it must agree with, and everything that is refused."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.criteria import (
    Bound,
    Failing,
    bind,
    difference,
    failing_line,
    matches,
    parse_criteria,
    read_criteria,
    to_odata,
)
from shared.domain.criteria_ops import OPERATORS
from shared.domain.entity_map import MapErrors
from shared.domain.records import FieldName, FieldType, Kind, Record, Ref, RemoteId, Schema, Value
from shared.domain.spans import shifted
from tests.unit.domain.criteria_cases import CASES, NOW, REFUSED, ROWS, SCHEMA, Case, line, within_group
from tests.unit.domain.strategies import nasty_text


def row(group: str, name: str) -> Record:
    """A row with every column told; those that the table does not name are empty."""
    fields: dict[FieldName, Value | None] = dict.fromkeys(SCHEMA.fields)
    fields |= {FieldName(column): value for column, value in ROWS[group][name].items()}
    fields[FieldName("new_group")] = group
    del fields[FieldName("new_secret")]
    return Record(Ref(Kind("contact"), RemoteId(name)), fields)


def inside(bound: Bound, group: str, now: datetime = NOW) -> frozenset[str]:
    return frozenset(name for name in ROWS[group] if matches(bound, row(group, name), now=now))


@pytest.mark.feature("HUB-07.1")
@pytest.mark.feature("HUB-07.2")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_judge_agrees_with_the_table(case: Case) -> None:
    assert inside(parse_criteria(case.criteria, SCHEMA), case.group, case.now) == case.expected
    assert inside(parse_criteria(within_group(case), SCHEMA), case.group, case.now) == case.expected


@pytest.mark.feature("HUB-07.1")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_none_of_it_is_the_exact_opposite(case: Case) -> None:
    opposite = {**{key: case.criteria[key] for key in ("zone", "week_starts") if key in case.criteria}}
    inner = {key: value for key, value in case.criteria.items() if key not in opposite}
    bound = parse_criteria({**opposite, "none": [inner]}, SCHEMA)
    assert inside(bound, case.group, case.now) == frozenset(ROWS[case.group]) - case.expected


@pytest.mark.feature("HUB-07.2")
def test_the_table_is_large_enough() -> None:
    assert len(CASES) >= 200
    used = {item["op"] for case in CASES for item in lines_of(case.criteria)}
    assert used == set(OPERATORS), "every operator has its cases"


def lines_of(criteria: Any) -> list[dict[str, Any]]:
    if "column" in criteria:
        return [criteria]
    return [found for joint in ("all", "any", "none") for item in criteria.get(joint, ()) for found in lines_of(item)]


@pytest.mark.feature("HUB-07.1")
@pytest.mark.parametrize(("criteria", "expected"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_judged_is_refused_with_place_and_reason(
    criteria: Any, expected: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(MapErrors) as caught:
        parse_criteria(criteria, SCHEMA)
    assert tuple((found.place, found.code) for found in caught.value.mistakes) == expected
    assert all(found.message for found in caught.value.mistakes)


def test_a_refusal_names_the_column_that_cannot_be_read() -> None:
    with pytest.raises(MapErrors, match="'new_secret' cannot be read by this connection"):
        parse_criteria(line("new_secret", "eq", "x"), SCHEMA)


# -- the text ---------------------------------------------------------------------------------------------------------

TEXTS: tuple[tuple[dict[str, Any], str], ...] = (
    (line("firstname", "eq", "O'Neil"), "firstname eq 'O''Neil'"),
    (line("firstname", "ne", "Ann"), "(firstname eq null or firstname ne 'Ann')"),
    (line("firstname", "contains", "50%_[x]"), "contains(firstname,'50[%][_][[]x]')"),
    (line("firstname", "not_starts_with", "A"), "(firstname eq null or not startswith(firstname,'A'))"),
    (line("firstname", "in", ["a", "b"]), "(firstname eq 'a' or firstname eq 'b')"),
    (line("firstname", "not_in", ["a", "b"]), "(firstname eq null or (firstname ne 'a' and firstname ne 'b'))"),
    (line("firstname", "empty"), "firstname eq null"),
    (line("firstname", "not_empty"), "firstname ne null"),
    (line("new_count", "between", [1, 5]), "(new_count ge 1 and new_count le 5)"),
    (line("new_count", "not_between", [1, 5]), "(new_count eq null or new_count lt 1 or new_count gt 5)"),
    (line("new_score", "lt", 12.5), "new_score lt 12.5"),
    (line("new_vip", "eq", value=True), "new_vip eq true"),
    (line("new_tier", "eq", 100000001), "new_tier eq 100000001"),
    (
        line("new_interests", "contains_any", [100000001, 100000000]),
        "Microsoft.Dynamics.CRM.ContainValues(PropertyName='new_interests',PropertyValues=['100000000','100000001'])",
    ),
    (
        line("new_interests", "contains_none", [100000001]),
        "(new_interests eq null or Microsoft.Dynamics.CRM.DoesNotContainValues("
        "PropertyName='new_interests',PropertyValues=['100000001']))",
    ),
    (line("new_day", "on", "2024-02-29"), "(new_day ge 2024-02-29 and new_day le 2024-02-29)"),
    (line("new_day", "after", "2024-02-29"), "new_day gt 2024-02-29"),
    (line("new_day", "last_x_days", 3), "(new_day ge 2024-06-09 and new_day lt 2024-06-13)"),
    (
        {"zone": "Europe/Berlin", "all": [line("new_seen", "on", "2024-03-31")]},
        "(new_seen ge 2024-03-30T23:00:00Z and new_seen lt 2024-03-31T22:00:00Z)",
    ),
    (
        line("parentcustomerid", "eq", "6F0B1C1E-5A52-4A0C-9A55-2F7D6C1F6D10"),
        "_parentcustomerid_value eq 6f0b1c1e-5a52-4a0c-9a55-2f7d6c1f6d10",
    ),
    (
        {"none": [{"all": [line("new_vip", "eq", value=True), line("firstname", "empty")]}]},
        "((new_vip eq null or new_vip ne true) or firstname ne null)",
    ),
    (
        {"all": [{"any": [line("firstname", "empty"), line("jobtitle", "empty")]}, line("new_count", "gt", 1)]},
        "((firstname eq null or jobtitle eq null) and new_count gt 1)",
    ),
)


@pytest.mark.feature("HUB-07.2")
@pytest.mark.parametrize(("criteria", "expected"), TEXTS, ids=range(len(TEXTS)))
def test_the_text_that_is_sent(criteria: dict[str, Any], expected: str) -> None:
    assert to_odata(parse_criteria(criteria, SCHEMA), now=NOW) == expected


_LITERAL = re.compile(r"'(?:[^']|'')*'")


@pytest.mark.feature("HUB-07.2")
@given(nasty_text, st.sampled_from(["eq", "ne", "contains", "starts_with", "not_ends_with"]))
def test_no_value_ever_leaves_its_quotes(text: str, op: str) -> None:
    """Whatever stands in a value, outside of literals the text is made of our own words only."""
    try:
        bound = parse_criteria(line("firstname", op, text), SCHEMA)
    except MapErrors:
        return
    outside = _LITERAL.sub("", to_odata(bound, now=NOW))
    assert re.fullmatch(r"[a-z ,()]*", outside), outside
    assert set(re.findall(r"[a-z]+", outside)) <= {
        "firstname", "eq", "ne", "null", "or", "not", "contains", "startswith", "endswith"
    }  # fmt: skip


@given(nasty_text.filter(bool))
def test_a_row_that_holds_the_very_text_is_found_by_it(text: str) -> None:
    record = Record(Ref(Kind("contact"), RemoteId("1")), {FieldName("firstname"): text})
    for op in ("eq", "contains", "starts_with", "ends_with", "in"):
        try:
            bound = parse_criteria(line("firstname", op, [text] if op == "in" else text), SCHEMA)
        except MapErrors as refused:
            codes = {found.code for found in refused.mistakes}
        else:
            codes = set()
            assert matches(bound, record, now=NOW)
        assert codes <= {"invalid_character", "too_long", "too_large"}


# -- absent, accents, zones -------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-18.1")
@pytest.mark.feature("HUB-09.2")
def test_a_column_that_was_not_told_is_unknown_never_empty() -> None:
    told = Record(Ref(Kind("contact"), RemoteId("1")), {FieldName("jobtitle"): "Buyer"})
    empty, buyer = line("firstname", "empty"), line("jobtitle", "eq", "Buyer")

    def judged(criteria: dict[str, Any]) -> bool | None:
        return matches(parse_criteria(criteria, SCHEMA), told, now=NOW)

    assert judged({"all": [empty]}) is None
    assert judged({"none": [empty]}) is None
    assert judged({"all": [empty, buyer]}) is None
    assert judged({"any": [empty, buyer]}) is True, "one line that holds is enough, whatever is unknown beside it"
    assert judged({"any": [empty]}) is None
    assert judged({"none": [empty, buyer]}) is False
    assert judged({"all": [empty, line("jobtitle", "eq", "Seller")]}) is False


@pytest.mark.parametrize(
    ("text", "op", "accents", "found"),
    [
        ("jose", "eq", True, {"t6"}),
        ("jose", "eq", False, {"t5", "t6"}),
        ("jos\u00e9", "eq", False, {"t5", "t6"}),
        ("\u00f6s", "contains", False, {"t5", "t6"}),
        ("ANN", "eq", False, {"t1", "t2"}),
    ],
)
def test_accents_count_unless_the_organisation_compares_without(
    text: str, op: str, accents: bool, found: set[str]
) -> None:
    bound = parse_criteria(line("firstname", op, text), SCHEMA, accents=accents)
    assert inside(bound, "text") == found


def test_a_text_is_found_in_either_unicode_form() -> None:
    bound = parse_criteria(line("firstname", "eq", "Jose\u0301"), SCHEMA)
    assert inside(bound, "text") == {"t5"}


def test_relative_criteria_say_that_time_alone_can_change_the_answer() -> None:
    assert parse_criteria(line("new_day", "today"), SCHEMA).relative
    assert not parse_criteria(line("new_day", "on", "2024-01-01"), SCHEMA).relative


@given(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)), st.integers(1, 40))  # noqa: DTZ001
def test_relative_spans_join_without_gap_or_overlap(now: datetime, count: int) -> None:
    """Older than, last and next X days cover every moment once, on days of clock changes too."""
    zone = "Europe/Berlin"
    moments = [now + timedelta(hours=hours) for hours in range(-24 * count - 60, 24 * count + 60, 7)]
    bounds = [
        parse_criteria({"zone": zone, "all": [line("new_seen", op, count)]}, SCHEMA)
        for op in ("older_than_x_days", "last_x_days", "next_x_days")
    ]
    for moment in moments:
        record = Record(Ref(Kind("contact"), RemoteId("1")), {FieldName("new_seen"): moment.replace(microsecond=0)})
        answers = [matches(bound, record, now=now) for bound in bounds]
        same_second = moment.replace(microsecond=0) == now.replace(microsecond=0)
        assert sum(map(bool, answers)) == (2 if same_second else 1) or (answers == [False] * 3 and moment > now)


def seen(moment: str) -> Record:
    return Record(Ref(Kind("contact"), RemoteId("1")), {FieldName("new_seen"): datetime.fromisoformat(moment)})


@pytest.mark.parametrize(
    ("op", "count", "moment", "expected"),
    [
        ("last_x_hours", 1, "2024-06-12T09:00:00Z", True),
        ("last_x_hours", 1, "2024-06-12T08:59:59Z", False),
        ("last_x_hours", 1, "2024-06-12T10:45:30Z", True),
        ("last_x_hours", 1, "2024-06-12T10:45:31Z", False),
        ("next_x_hours", 1, "2024-06-12T11:45:29Z", True),
        ("next_x_hours", 1, "2024-06-12T11:45:30Z", False),
        ("older_than_x_hours", 1, "2024-06-12T09:45:29Z", True),
        ("older_than_x_hours", 1, "2024-06-12T09:45:30Z", False),
        ("older_than_x_hours", 1, "1753-01-01T00:00:00Z", True),
        ("next_x_days", 1, "2024-06-13T23:59:59Z", True),
        ("next_x_days", 1, "2024-06-14T00:00:00Z", False),
        ("last_x_days", 1, "2024-06-11T00:00:00Z", True),
        ("last_x_days", 1, "2024-06-10T23:59:59Z", False),
    ],
)
def test_relative_spans_at_their_edges(op: str, count: int, moment: str, expected: bool) -> None:
    now = datetime(2024, 6, 12, 10, 45, 30, 999_999, UTC)
    bound = parse_criteria(line("new_seen", op, count), SCHEMA)
    assert matches(bound, seen(moment), now=now) is expected


@pytest.mark.parametrize(
    ("day", "unit", "count", "expected"),
    [
        ("2024-01-31", "months", 1, "2024-02-29"),
        ("2024-03-31", "months", -1, "2024-02-29"),
        ("2023-03-31", "months", -1, "2023-02-28"),
        ("2024-02-29", "years", -1, "2023-02-28"),
        ("2024-12-31", "months", 2, "2025-02-28"),
        ("2024-01-15", "months", -13, "2022-12-15"),
        ("2024-01-15", "weeks", 2, "2024-01-29"),
        ("2024-01-15", "years", -3000, "0001-01-01"),
        ("2024-01-15", "years", 9000, "9999-12-31"),
        ("2024-01-15", "days", -10_000_000, "0001-01-01"),
        ("2024-01-15", "days", 10_000_000, "9999-12-31"),
    ],
)
def test_calendar_steps_keep_the_day_where_it_exists(day: str, unit: str, count: int, expected: str) -> None:
    assert shifted(date.fromisoformat(day), unit, count) == date.fromisoformat(expected)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "UTC"])
def test_the_last_days_of_the_calendar_can_be_asked_for(zone: str) -> None:
    for day in ("9999-12-31", "0001-01-01"):
        for op in ("on", "after", "on_or_before"):
            bound = parse_criteria({"zone": zone, "all": [line("new_seen", op, day)]}, SCHEMA)
            assert to_odata(bound, now=NOW)
            assert matches(bound, seen("2024-06-12T10:00:00Z"), now=NOW) is (day[0] == "0" and op == "after") or (
                op == "on_or_before" and day[0] == "9"
            )


def test_as_many_lines_as_allowed_and_as_deep_as_allowed() -> None:
    assert parse_criteria({"any": [line("new_count", "eq", 1)] * 100}, SCHEMA)
    deep: dict[str, Any] = line("new_count", "eq", 1)
    for _ in range(6):
        deep = {"all": [deep]}
    assert parse_criteria(deep, SCHEMA)
    assert parse_criteria(line("firstname", "in", ["a"] * 100), SCHEMA)
    assert parse_criteria(line("firstname", "eq", "x" * 850), SCHEMA)


# -- widening and narrowing -------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-07.4")
def test_widening_finds_just_the_rows_that_are_new() -> None:
    old = parse_criteria(line("new_count", "le", 1), SCHEMA)
    new = parse_criteria(line("new_count", "le", 2), SCHEMA)
    widened, narrowed = difference(new, old), difference(old, new)
    assert widened is not None
    assert narrowed is not None
    assert inside(widened, "count") == {"n3"}
    assert inside(narrowed, "count") == frozenset()
    assert to_odata(widened, now=NOW) == "(new_count le 2 and (new_count eq null or new_count gt 1))"
    everything = difference(None, old)
    assert everything is not None
    assert inside(everything, "count") == {"n3", "n5", "n6"}
    assert difference(new, None) is None


@given(st.sampled_from(CASES), st.sampled_from(CASES))
def test_the_difference_of_any_two_criteria(new: Case, old: Case) -> None:
    if new.group != old.group or new.now != old.now:
        return
    found = difference(parse_criteria(new.criteria, SCHEMA), parse_criteria(old.criteria, SCHEMA))
    assert found is not None
    assert inside(found, new.group, new.now) == new.expected - old.expected


# -- why not ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-31")
@pytest.mark.parametrize(
    ("criteria", "name", "expected"),
    [
        (
            {"all": [line("firstname", "eq", "Ann"), line("jobtitle", "eq", "Seller")]},
            "x1",
            ("criteria.all[1]", "jobtitle", "eq"),
        ),
        ({"all": [line("firstname", "eq", "Ann")]}, "x1", None),
        ({"all": [{"any": [line("new_count", "gt", 5)]}]}, "x1", ("criteria.all[0].any[0]", "new_count", "gt")),
        (
            {"all": [{"any": [line("new_count", "gt", 5), line("jobtitle", "empty")]}]},
            "x1",
            ("criteria.all[0]", "new_count, jobtitle", "any"),
        ),
        (
            {"none": [line("jobtitle", "empty"), line("new_vip", "eq", value=True)]},
            "x1",
            ("criteria.none[1]", "new_vip", "eq"),
        ),
        ({"none": [{"all": [line("firstname", "eq", "Ann")]}]}, "x1", ("criteria.none[0]", "firstname", "all")),
        ({"any": [{"all": [line("firstname", "eq", "Bob")]}]}, "x1", ("criteria.any[0].all[0]", "firstname", "eq")),
    ],
)
def test_a_row_outside_is_told_the_line_that_fails(
    criteria: dict[str, Any], name: str, expected: tuple[str, str, str] | None
) -> None:
    found = failing_line(parse_criteria(criteria, SCHEMA), row("mixed", name), now=NOW)
    assert found == (None if expected is None else Failing(*expected))


def test_a_line_that_cannot_be_judged_is_told_as_such() -> None:
    bare = Record(Ref(Kind("contact"), RemoteId("1")), {})
    found = failing_line(parse_criteria(line("firstname", "eq", "Ann"), SCHEMA), bare, now=NOW)
    assert found == Failing("criteria.all[0]", "firstname", "eq", known=False)


@pytest.mark.parametrize("case", CASES[::7], ids=lambda case: case.name)
def test_a_failing_line_is_named_exactly_for_rows_outside(case: Case) -> None:
    bound = parse_criteria(case.criteria, SCHEMA)
    for name in ROWS[case.group]:
        found = failing_line(bound, row(case.group, name), now=case.now)
        assert (found is None) == (name in case.expected)


# -- binding ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-08.10")
def test_a_dropped_column_breaks_criteria_that_were_good() -> None:
    tree, mistakes = read_criteria(line("firstname", "eq", "Ann"))
    assert tree is not None
    assert not mistakes
    assert bind(tree, SCHEMA)[0] is not None
    fewer = Schema(SCHEMA.kind, {name: spec for name, spec in SCHEMA.fields.items() if name != "firstname"})
    bound, found = bind(tree, fewer)
    assert bound is None
    assert [item.code for item in found] == ["unknown_column"]


def test_columns_that_have_to_be_read_are_told() -> None:
    criteria = {"all": [line("firstname", "empty"), {"none": [line("new_day", "today"), line("firstname", "eq", "a")]}]}
    assert parse_criteria(criteria, SCHEMA).columns == ("firstname", "new_day")


def test_a_lookup_that_is_named_by_its_value_property_is_asked_for_by_it() -> None:
    spec = replace(SCHEMA.fields[FieldName("parentcustomerid")], name=FieldName("_ownerid_value"))
    schema = Schema.of(Kind("contact"), [spec])
    assert to_odata(parse_criteria(line("_ownerid_value", "empty"), schema), now=NOW) == "_ownerid_value eq null"
    assert spec.type is FieldType.REFERENCE
