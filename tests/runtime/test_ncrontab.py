"""NCRONTAB expressions, by example."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localhost.ncrontab import parse
from tests.runtime.support import rule

pytestmark = pytest.mark.feature("APP-01.1")
START = "2026-11-22T10:20:30"  # a Sunday


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@rule("TIMER-01")
@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("* * * * * *", ["2026-11-22T10:20:31", "2026-11-22T10:20:32"]),
        ("0 */5 * * * *", ["2026-11-22T10:25:00", "2026-11-22T10:30:00"]),
        ("*/5 * * * *", ["2026-11-22T10:25:00", "2026-11-22T10:30:00"]),
        ("0 0 3 * * *", ["2026-11-23T03:00:00", "2026-11-24T03:00:00"]),
        ("30 20 10 * * *", ["2026-11-23T10:20:30"]),
        ("0 0 9-17/4 * * *", ["2026-11-22T13:00:00", "2026-11-22T17:00:00", "2026-11-23T09:00:00"]),
        ("5/20 * * * * *", ["2026-11-22T10:20:45", "2026-11-22T10:21:05"]),
        ("0 0 8 * * 1-5", ["2026-11-23T08:00:00"]),
        ("0 0 8 * * Fri-Mon", ["2026-11-23T08:00:00", "2026-11-24T08:00:00"]),
        ("0 0 8 * * sunday", ["2026-11-29T08:00:00"]),
        ("0 0 0 1 jan,JUL *", ["2027-01-01T00:00:00", "2027-07-01T00:00:00"]),
        ("0 0 0 29 2 *", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
        ("0 0 0 31 * *", ["2026-12-31T00:00:00", "2027-01-31T00:00:00", "2027-03-31T00:00:00"]),
        ("59 59 23 31 12 *", ["2026-12-31T23:59:59", "2027-12-31T23:59:59"]),
    ],
)
def test_next_occurrences(expression: str, following: list[str]) -> None:
    schedule = parse(expression)
    moment = at(START)
    for expected in following:
        found = schedule.next_after(moment)
        assert found == at(expected)
        assert found is not None
        moment = found


@rule("TIMER-01")
def test_day_and_day_of_week_must_both_match() -> None:
    friday_13 = parse("0 0 0 13 * 5").next_after(at(START))
    assert friday_13 == at("2027-08-13T00:00:00")


@rule("TIMER-01")
def test_a_date_that_never_comes_has_no_next_occurrence() -> None:
    assert parse("0 0 0 30 2 *").next_after(at(START)) is None


@rule("TIMER-01")
@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("* * * *", "4 fields"),
        ("00:05:00", "App Service plans"),
        ("60 * * * * *", "outside 0-59"),
        ("0 0 0 0 * *", "outside 1-31"),
        ("0 0 0 * * 7", "outside 0-6"),
        ("0 0 0 * foo *", "not understood"),
        ("*/0 * * * * *", "at least 1"),
        ("1,,2 * * * * *", "not understood"),
        ("- * * * * *", "not understood"),
    ],
)
def test_mistakes_are_named(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(expression)


@rule("TIMER-08")
@pytest.mark.parametrize(("expression", "below"), [("*/30 * * * * *", True), ("0 * * * * *", False)])
def test_which_schedules_are_below_a_minute(expression: str, below: bool) -> None:
    assert parse(expression).is_below_a_minute(at(START)) is below


@given(
    moment=st.integers(0, 15 * 366 * 86_400).map(lambda n: at("2020-01-01T00:00:00") + dt.timedelta(seconds=n)),
    second=st.integers(0, 59),
    hour=st.integers(0, 23),
    step=st.integers(1, 30),
)
def test_the_next_occurrence_matches_and_none_lies_before_it(
    moment: dt.datetime, second: int, hour: int, step: int
) -> None:
    found = parse(f"{second} */{step} {hour} * * *").next_after(moment)
    assert found is not None
    assert found > moment
    candidate = moment.replace(microsecond=0) + dt.timedelta(seconds=1)
    while not (candidate.second == second and candidate.minute % step == 0 and candidate.hour == hour):
        jump = 1 if candidate.second != second else 60
        candidate += dt.timedelta(seconds=jump)
    assert found == candidate
