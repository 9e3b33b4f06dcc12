"""Rhythms: slots that every worker computes alike, one run each, once a day on days the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.mistakes import MapErrors
from shared.domain.schedule import (
    GRID_HOURS,
    Continuous,
    Daily,
    Every,
    Grid,
    Lateness,
    PauseAfterEnd,
    Rhythm,
    describe,
    late,
    next_due,
    parse_rhythm,
)

moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
rhythms = st.one_of(
    st.sampled_from([Grid(hours) for hours in GRID_HOURS]),
    st.sampled_from([Every(2), Every(5), Every(15), Every(7)]),
    st.builds(
        Daily,
        st.times().map(lambda found: found.replace(second=0, microsecond=0, fold=0)),
        st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    ),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# -- the grid ---------------------------------------------------------------------------------------------------------


@pytest.mark.feature("AC-02.1", system="activecampaign")
@pytest.mark.parametrize("hours", GRID_HOURS)
def test_the_grid_has_exactly_these_hours(hours: int) -> None:
    rhythm = parse_rhythm({"kind": "grid", "hours": hours})
    starts = []
    last, end, now = "", None, at("2024-03-31T00:00")
    for _ in range(24 // hours):
        due = next_due(rhythm, last_slot=last, last_end=end, now=now)
        starts.append(due.when)
        last, end, now = due.slot, due.when, due.when + timedelta(minutes=1)
    assert starts == [at("2024-03-31T00:00") + timedelta(hours=hours * index) for index in range(24 // hours)]


@pytest.mark.feature("AC-02.1", system="activecampaign")
@pytest.mark.parametrize(
    "data",
    [
        {"kind": "grid", "hours": 3},
        {"kind": "grid", "hours": 0},
        {"kind": "grid", "hours": 24},
        {"kind": "grid", "hours": -1},
        {"kind": "grid", "hours": 1.0},
        {"kind": "grid", "hours": True},
        {"kind": "grid", "hours": "4"},
        {"kind": "grid"},
        {"kind": "hourly", "hours": 1},
        {"kind": "every", "minutes": 15},
        {"kind": "continuous"},
        {"hours": 4},
        {"kind": "grid", "hours": 4, "minutes": 5},
        {"kind": "daily"},
        {"kind": "daily", "at": "24:00"},
        {"kind": "daily", "at": "6"},
        {"kind": "daily", "at": "06:30", "zone": "Mars/Base"},
        {"kind": "daily", "at": "06:30", "zone": ""},
        {"kind": "daily", "at": "06:30", "zone": "../etc/passwd"},
        [],
        None,
        "grid",
    ],
)
def test_anything_else_is_refused(data: Any) -> None:
    with pytest.raises(MapErrors) as caught:
        parse_rhythm(data, kinds=("grid", "daily"))
    assert all(found.place.startswith("rhythm") and found.message for found in caught.value.mistakes)


def test_a_refusal_says_what_is_allowed() -> None:
    with pytest.raises(MapErrors, match="must be one of 1, 2, 4, 6, 8, 12; for once a day use the kind daily"):
        parse_rhythm({"kind": "grid", "hours": 5})
    with pytest.raises(MapErrors, match=r"such as Europe/Madrid.*such as 06:30"):
        parse_rhythm({"kind": "daily", "at": "x", "zone": "y"})


# -- slots ------------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-05.3")
@given(rhythms, moments, st.integers(0, 3600))
def test_a_slot_runs_once_though_timers_fire_twice(rhythm: Rhythm, now: datetime, seconds: int) -> None:
    due = next_due(rhythm, last_slot="", last_end=None, now=now)
    assert due.when <= now
    assert next_due(rhythm, last_slot="", last_end=None, now=now) == due
    end = now + timedelta(seconds=seconds)
    again = next_due(rhythm, last_slot=due.slot, last_end=end, now=end)
    assert again.slot != due.slot
    assert again.when > due.when
    later = next_due(rhythm, last_slot=again.slot, last_end=again.when, now=max(again.when, end))
    assert later.slot not in {due.slot, again.slot}


@pytest.mark.feature("HUB-05.3")
@given(rhythms, moments, st.integers(1, 60))
def test_missed_slots_collapse_into_one(rhythm: Rhythm, now: datetime, intervals: int) -> None:
    first = next_due(rhythm, last_slot="", last_end=None, now=now)
    back = now + intervals * rhythm.interval
    due = next_due(rhythm, last_slot=first.slot, last_end=now, now=back)
    assert due.when <= back
    assert intervals - 2 <= due.missed <= intervals
    assert next_due(rhythm, last_slot=due.slot, last_end=back, now=back).when > back


@given(rhythms, moments)
def test_two_workers_compute_the_same_slot(rhythm: Rhythm, now: datetime) -> None:
    """The slot's id depends on nothing but the slot: not on the second of the look, not on what ran before."""
    one = next_due(rhythm, last_slot="", last_end=None, now=now)
    other = next_due(rhythm, last_slot="unknown:x", last_end=None, now=now + timedelta(microseconds=1))
    assert one == other


@given(rhythms, moments)
def test_times_are_rounded_up_to_the_next_slot(rhythm: Rhythm, when: datetime) -> None:
    up = rhythm.round_up(when)
    assert when <= up <= when + rhythm.interval + timedelta(hours=2)
    assert rhythm.round_up(up) == up


@pytest.mark.feature("HUB-14.3")
def test_a_retry_waits_for_the_next_slot_of_a_grid() -> None:
    assert Grid(4).round_up(at("2024-06-01T09:05")) == at("2024-06-01T12:00")
    assert Grid(4).round_up(at("2024-06-01T12:00")) == at("2024-06-01T12:00")
    assert PauseAfterEnd(5).round_up(at("2024-06-01T09:05")) == at("2024-06-01T09:05")


def test_a_change_of_rhythm_runs_no_slot_twice() -> None:
    """Ran at 08:00 on a four-hour grid, then set to daily at 06:30: today's 06:30 lies before the last run."""
    daily = Daily(time(6, 30), "UTC")
    due = next_due(
        daily, last_slot="grid:2024-06-01T08:00Z", last_end=at("2024-06-01T08:10"), now=at("2024-06-01T09:00")
    )
    assert due.when == at("2024-06-02T06:30")
    evening = Daily(time(8, 30), "UTC")
    due = next_due(
        evening, last_slot="grid:2024-06-01T08:00Z", last_end=at("2024-06-01T08:10"), now=at("2024-06-01T09:00")
    )
    assert due.when == at("2024-06-01T08:30"), "this one came after the last run and was missed"


def test_a_clock_that_was_put_back_neither_repeats_nor_stops_a_lane() -> None:
    due = next_due(
        Grid(1), last_slot="grid:2024-06-01T10:00Z", last_end=at("2024-06-01T10:05"), now=at("2024-06-01T09:30")
    )
    assert due.when == at("2024-06-01T11:00")
    far = next_due(
        Grid(1), last_slot="grid:2030-01-01T00:00Z", last_end=at("2030-01-01T00:05"), now=at("2024-06-01T09:30")
    )
    assert far.when == at("2024-06-01T10:00")
    ended_in_the_future = next_due(
        PauseAfterEnd(5), last_slot="", last_end=at("2030-01-01T00:00"), now=at("2024-06-01T09:30")
    )
    assert ended_in_the_future.when == at("2024-06-01T09:35")


@pytest.mark.parametrize("slot", ["grid:garbage", "grid:", "daily:2024-13-01", "daily:", "pause:x", "???"])
def test_an_unreadable_slot_is_no_slot(slot: str) -> None:
    now = at("2024-06-01T09:30")
    assert next_due(Grid(1), last_slot=slot, last_end=None, now=now).when == at("2024-06-01T09:00")
    assert next_due(Daily(time(9), "UTC"), last_slot=slot, last_end=now, now=now).when == at("2024-06-02T09:00")


# -- once a day -------------------------------------------------------------------------------------------------------

CHANGES = [
    # zone, local time, the days around the change, and when each run is due in UTC
    ("Europe/Berlin", "02:30", "2024-03-30", ["2024-03-30T01:30", "2024-03-31T01:30", "2024-04-01T00:30"]),
    ("Europe/Berlin", "02:30", "2024-10-26", ["2024-10-26T00:30", "2024-10-27T00:30", "2024-10-28T01:30"]),
    ("America/New_York", "02:00", "2024-03-09", ["2024-03-09T07:00", "2024-03-10T07:00", "2024-03-11T06:00"]),
    ("America/New_York", "01:30", "2024-11-02", ["2024-11-02T05:30", "2024-11-03T05:30", "2024-11-04T06:30"]),
    ("Australia/Lord_Howe", "02:15", "2024-10-05", ["2024-10-04T15:45", "2024-10-05T15:45", "2024-10-06T15:15"]),
    ("America/Sao_Paulo", "00:00", "2018-11-03", ["2018-11-03T03:00", "2018-11-04T03:00", "2018-11-05T02:00"]),
    ("UTC", "02:30", "2024-03-30", ["2024-03-30T02:30", "2024-03-31T02:30", "2024-04-01T02:30"]),
]


@pytest.mark.feature("AC-02.2", system="activecampaign")
@pytest.mark.parametrize(("zone", "local", "first", "expected"), CHANGES)
def test_daily_runs_once_on_days_the_clocks_change(zone: str, local: str, first: str, expected: list[str]) -> None:
    rhythm = parse_rhythm({"kind": "daily", "at": local, "zone": zone})
    now = at(f"{first}T00:00") - timedelta(days=1)
    stop = at(expected[-1]) + timedelta(hours=1)
    last, end, ran = "", None, []
    while now < stop:  # a timer each minute, and every look made twice
        for _ in range(2):
            due = next_due(rhythm, last_slot=last, last_end=end, now=now)
            if due.when <= now:
                ran.append(due.when)
                last, end = due.slot, now
        now += timedelta(minutes=1)
    assert ran[-3:] == [at(text) for text in expected]
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in ran[-3:]]
    assert len(set(days)) == 3


@given(st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Apia", "Africa/Casablanca"]), st.times(), moments)
@pytest.mark.feature("AC-02.2", system="activecampaign")
def test_every_local_day_has_one_slot(zone: str, local: time, now: datetime) -> None:
    rhythm = Daily(local.replace(second=0, microsecond=0, fold=0), zone)
    start, slot = rhythm.at_or_before(now)
    following, next_slot = rhythm.after(start)
    assert start <= now < following
    assert date.fromisoformat(next_slot[6:]) - date.fromisoformat(slot[6:]) == timedelta(days=1)
    assert timedelta(hours=22) <= following - start <= timedelta(hours=26)
    assert rhythm.started(slot) == start


# -- pauses -----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-05.1")
@pytest.mark.feature("MK-01", system="marketo")
@given(moments, st.integers(0, 10_000))
def test_a_pause_counts_from_the_end_and_its_jitter_is_the_same_at_each_look(end: datetime, seconds: int) -> None:
    rhythm = PauseAfterEnd(5, jitter=1)
    now = end + timedelta(seconds=seconds)
    due = next_due(rhythm, last_slot="pause:whatever", last_end=end, now=now)
    assert timedelta(minutes=5) <= due.when - end < timedelta(minutes=6)
    assert next_due(rhythm, last_slot="", last_end=end, now=now + timedelta(hours=3)) == due
    after = next_due(rhythm, last_slot=due.slot, last_end=now + timedelta(minutes=20), now=now + timedelta(minutes=20))
    assert after.slot != due.slot


def test_jitter_spreads_lanes() -> None:
    ends = [at("2024-06-01T09:00") + timedelta(seconds=index) for index in range(200)]
    extra = [(PauseAfterEnd(5, 1).pause(end) - timedelta(minutes=5)).total_seconds() for end in ends]
    assert min(extra) < 6
    assert max(extra) > 54


@pytest.mark.feature("HUB-05.1")
def test_what_never_ran_is_due_at_once() -> None:
    now = at("2024-06-01T09:30")
    for rhythm in (Grid(12), Every(5), PauseAfterEnd(5), Continuous(), Daily(time(6), "UTC")):
        assert next_due(rhythm, last_slot="", last_end=None, now=now).when <= now


# -- late -------------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-22.3")
@pytest.mark.feature("HUB-05.2")
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2024-06-01T08:30", Lateness.ON_TIME),
        ("2024-06-01T12:01", Lateness.ON_TIME),  # due since a minute
        ("2024-06-01T16:00", Lateness.ON_TIME),
        ("2024-06-01T16:01", Lateness.LATE),
        ("2024-06-01T20:01", Lateness.FAILING),
        ("2024-06-09T00:00", Lateness.FAILING),
    ],
)
def test_a_lane_is_late_after_one_interval_and_failing_after_two(now: str, expected: Lateness) -> None:
    found = late(Grid(4), last_slot="grid:2024-06-01T08:00Z", last_end=at("2024-06-01T08:10"), now=at(now))
    assert found is expected


def test_a_pause_is_late_by_its_own_interval() -> None:
    end = at("2024-06-01T08:00")
    for minutes, expected in ((9, Lateness.ON_TIME), (11, Lateness.LATE), (16, Lateness.FAILING)):
        assert late(PauseAfterEnd(5), last_slot="", last_end=end, now=end + timedelta(minutes=minutes)) is expected
    assert late(Grid(1), last_slot="", last_end=None, now=end) is Lateness.ON_TIME


# -- the file form ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "grid", "hours": 4},
        {"kind": "daily", "at": "06:30", "zone": "Europe/Madrid"},
        {"kind": "pause", "minutes": 5, "jitter": 1},
        {"kind": "every", "minutes": 15},
        {"kind": "continuous", "minutes": 2},
    ],
)
def test_the_file_form_is_read_and_written(data: dict[str, Any]) -> None:
    assert describe(parse_rhythm(data)) == data


def test_continuous_means_five_minutes_at_most() -> None:
    assert parse_rhythm({"kind": "continuous"}).interval == timedelta(minutes=1)
    with pytest.raises(MapErrors):
        parse_rhythm({"kind": "continuous", "minutes": 6})
