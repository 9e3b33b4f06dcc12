"""Timers on the local host follow the rules of the real one."""

import datetime as dt
import itertools
import json
import time
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobLeaseClient, BlobServiceClient

from localhost.ncrontab import parse
from localhost.timer_status import TimerStatus, after_run, plan_start
from localhost.timer_store import TimerStore
from tests.runtime.support import Sample, rule, sample, sample_settings, until

pytestmark = [pytest.mark.storage, pytest.mark.feature("APP-01.1")]
HOURLY = "0 0 * * * *"
HOUR = 3600.0


def status_of(app: Sample, function: str) -> dict[str, Any]:
    """The status blob as it lies in storage; empty while there is none."""
    path = f"timers/{app.settings['AzureFunctionsWebHost__hostid']}/Host.Functions.{function}/status"
    service = BlobServiceClient.from_connection_string(app.host.storage_connection)
    try:
        return json.loads(service.get_blob_client("azure-webjobs-hosts", path).download_blob().readall())
    except ResourceNotFoundError:
        return {}


class DrivenClock:
    """The host's clock file. It starts at a quarter past the hour, so that no test meets a full hour by chance."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "clock.json"
        self._start = 900 - time.time() % HOUR
        self.set(0)

    def set(self, offset: float) -> None:
        staged = self.file.with_suffix(".new")
        staged.write_text(json.dumps({"offset": self._start + offset}))
        staged.replace(self.file)


@pytest.fixture
def clock(tmp_path: Path) -> DrivenClock:
    return DrivenClock(tmp_path)


def gaps(app: Sample) -> list[float]:
    """Seconds from each tick to the next; on a busy machine some are longer than the schedule says."""
    starts = [run["at"] for run in app.records("tick")]
    return [later - earlier for earlier, later in itertools.pairwise(starts)]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@rule("TIMER-02")
def test_a_schedule_may_come_from_a_setting(tmp_path: Path, azurite: str) -> None:
    with sample(tmp_path, azurite, settings={"TICK": "* * * * * *"}) as app:
        until(lambda: any(0.8 < gap < 2.2 for gap in gaps(app)), what="two ticks a second apart")
        assert app.records("tick")[0]["past_due"] is False


@rule("TIMER-08")
def test_below_a_minute_no_status_is_kept(tmp_path: Path, azurite: str) -> None:
    with sample(tmp_path, azurite, settings={"TICK": "* * * * * *"}) as app:
        assert until(lambda: app.records("tick"))[0]["status"] == {}
        store = TimerStore(app.host.storage_connection, app.settings["AzureFunctionsWebHost__hostid"])
        assert store.read_status("tick") is None


@rule("TIMER-04", "TIMER-05", "TIMER-06")
def test_a_host_that_comes_back(tmp_path: Path, azurite: str, clock: DrivenClock) -> None:
    settings = {**sample_settings(tmp_path), "TICK": HOURLY}
    with sample(tmp_path, azurite, settings=settings, clock_file=clock.file) as app:
        first = until(lambda: status_of(app, "tick"))
        assert first["Last"].startswith("0001-01-01")
        assert utc(first["Next"][:19]).minute == 0

    clock.set(5 * HOUR)
    with sample(tmp_path, azurite, settings=settings, clock_file=clock.file) as app:
        runs = until(lambda: app.records("tick-done"))
        assert [run["past_due"] for run in runs] == [True]
        assert runs[0]["status"]["Next"] == first["Next"]
        assert runs[0]["clock"] == str(clock.file)
        caught_up = until(lambda: (now := status_of(app, "tick"))["Next"] != first["Next"] and now)
        assert caught_up["Last"] > first["Next"]

    with sample(tmp_path, azurite, settings=settings, clock_file=clock.file) as app:
        time.sleep(0.5)
        assert len(app.records("tick")) == 1, "once, however many were missed, and not again"

    clock.set(100 * HOUR)
    changed = {**settings, "TICK": "0 30 2 * * *"}
    with sample(tmp_path, azurite, settings=changed, clock_file=clock.file) as app:
        until(lambda: "02:30:00" in status_of(app, "tick")["Next"])
        assert len(app.records("tick")) == 1


@rule("TIMER-04")
def test_driving_the_clock_fires_a_timer_at_its_time(tmp_path: Path, azurite: str, clock: DrivenClock) -> None:
    with sample(tmp_path, azurite, settings={"TICK": HOURLY}, clock_file=clock.file) as app:
        until(lambda: status_of(app, "tick"))
        for hours in (1, 2):
            clock.set(hours * HOUR)
            until(lambda count=hours: len(app.records("tick-done")) == count)
        assert [run["past_due"] for run in app.records("tick")] == [False, False]
        clock.file.write_text("half a docu")
        until(lambda: any("the last offset stays" in line for line in app.host.logs()))
        clock.set(0)
        time.sleep(0.6)
        clock.set(HOUR)
        until(lambda: len(app.records("tick-done")) == 3, what="a clock that is put back starts anew")


@rule("TIMER-07", "TIMER-11")
def test_run_on_startup_fires_at_every_start_and_a_disabled_timer_never(tmp_path: Path, azurite: str) -> None:
    settings = {**sample_settings(tmp_path), "AzureWebJobs.at_start.Disabled": "false"}
    for starts in (1, 2):
        with sample(tmp_path, azurite, settings=settings) as app:
            runs = until(lambda count=starts, app=app: app.records("at_start")[count - 1 :])
            assert runs[0]["past_due"] is False
            assert not app.records("timer_off")


@rule("TIMER-09")
def test_runs_do_not_overlap(tmp_path: Path, azurite: str) -> None:
    with sample(tmp_path, azurite, settings={"TICK": "* * * * * *", "TICK_SECONDS": "1.3"}) as app:
        until(lambda: len(app.records("tick-done")) >= 2)
        starts = [run["at"] for run in app.records("tick")]
        ends = [run["at"] for run in app.records("tick-done")]
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
        assert min(gaps(app)) > 1.3
        until(lambda: any(1.8 < gap < 2.9 for gap in gaps(app)), what="the occurrence during the run is left out")


@rule("TIMER-10")
def test_a_failed_run_is_logged_and_not_repeated(tmp_path: Path, azurite: str, clock: DrivenClock) -> None:
    with sample(tmp_path, azurite, settings={"TICK": HOURLY, "TICK_FAILS": "1"}, clock_file=clock.file) as app:
        before = until(lambda: status_of(app, "tick"))
        clock.set(HOUR)
        until(lambda: any("tick was told to fail" in line for line in app.host.logs()))
        until(lambda: status_of(app, "tick")["Next"] > before["Next"])
        time.sleep(0.5)
        assert len(app.records("tick")) == 1


@rule("TIMER-03")
def test_one_of_two_hosts_fires_and_the_lease_passes_on(tmp_path: Path, azurite: str) -> None:
    settings = {**sample_settings(tmp_path), "TICK": "* * * * * *"}
    store = TimerStore(azurite, settings["AzureFunctionsWebHost__hostid"])
    with sample(tmp_path, azurite, settings=settings) as first:
        until(lambda: first.records("tick"))
        with sample(tmp_path, azurite, settings=settings) as second:
            time.sleep(1.2)
            pids = {run["pid"] for run in first.records("tick")}
            assert pids == {first.host.worker_pids["background"]}
            assert not any("Function.tick" in line for line in second.host.logs())
            assert store.singleton("tick").acquire() is False
    assert store.singleton("tick").acquire() is True, "a host that ends gives its lease up"


@rule("TIMER-03")
def test_a_lost_lease_is_noticed(azurite: str) -> None:
    store = TimerStore(azurite, "test-lost-lease")
    store.create_container()
    singleton = store.singleton("tick")
    assert singleton.acquire()
    assert singleton.renew()
    service = BlobServiceClient.from_connection_string(azurite)
    blob = service.get_blob_client("azure-webjobs-hosts", "locks/test-lost-lease/Host.Functions.tick.Listener")
    BlobLeaseClient(blob).break_lease(0)
    assert not singleton.renew()
    singleton.release()


# --- the plan at a start, without a host --------------------------------------------------------------------------

NOW = utc("2026-11-22T10:20:30")
SCHEDULE = parse(HOURLY)


@rule("TIMER-04")
def test_without_status_one_is_written_and_nothing_is_due() -> None:
    plan = plan_start(None, SCHEDULE, NOW)
    assert (plan.past_due, plan.write) == (False, True)
    assert plan.status == TimerStatus(None, utc("2026-11-22T11:00:00"), NOW)


@rule("TIMER-05")
def test_past_due_when_the_stored_next_run_has_gone_by() -> None:
    stored = TimerStatus(utc("2026-11-22T07:00:00"), utc("2026-11-22T08:00:00"), utc("2026-11-22T07:00:00"))
    plan = plan_start(stored, SCHEDULE, NOW)
    assert (plan.past_due, plan.write, plan.status) == (True, False, stored)
    after = after_run(stored, SCHEDULE, NOW, on_schedule=False)
    assert (after.last, after.next) == (NOW, utc("2026-11-22T11:00:00"))


@rule("TIMER-06")
@pytest.mark.parametrize("last", [None, utc("2026-11-22T07:00:00")])
def test_a_changed_schedule_is_reckoned_anew(last: dt.datetime | None) -> None:
    stored = TimerStatus(last, utc("2026-11-22T07:05:00"), utc("2026-11-22T07:00:00"))
    plan = plan_start(stored, SCHEDULE, NOW)
    assert (plan.past_due, plan.write) == (False, True)
    assert plan.status.next == utc("2026-11-22T11:00:00")


@rule("TIMER-09")
def test_a_run_a_little_early_counts_as_the_planned_one() -> None:
    planned = utc("2026-11-22T11:00:00")
    status = TimerStatus(None, planned, NOW)
    early = planned - dt.timedelta(milliseconds=20)
    assert after_run(status, SCHEDULE, early, on_schedule=True).next == utc("2026-11-22T12:00:00")


def test_status_survives_its_own_json() -> None:
    status = TimerStatus(None, utc("2026-11-22T11:00:00"), NOW)
    assert TimerStatus.from_json(status.to_json()) == status
