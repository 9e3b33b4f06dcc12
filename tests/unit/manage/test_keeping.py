"""What is kept for a time only goes when its time is over, by the clock that is driven here; and what goes with a
connection."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from functions.care import _part_body
from shared import config, trust
from shared.bootstrap import Application
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.records import Kind, Ref, RemoteId, Side
from shared.errors import ConfigError
from shared.manage.erase import KIND as ERASE
from shared.ports.care import WAITS, Job
from shared.ports.connector import Op
from shared.ports.report import Image
from shared.ports.state import Put
from tests.fakes.clock import FakeClock
from tests.fakes.partition_store import MemoryPartitionStore

DAY = timedelta(days=1)


class World:
    """The application on tables in memory, at a time that is driven."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
        key = base64.b64encode(bytes(32)).decode()
        environment = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "DYNASYNC_STATE_KEY": key, **settings}
        self.app = Application(config.load(environment))
        self.clock = FakeClock()
        self.app.clock = self.clock  # type: ignore[assignment]
        self.stores: dict[str, MemoryPartitionStore] = {}
        self.numbers = count(1)

        def store(app: Application, name: str) -> MemoryPartitionStore:
            return self.stores.setdefault(name, MemoryPartitionStore(self.clock))

        monkeypatch.setattr(Application, "store", store)

    def connection(self, name: str) -> ConnectionConfig:
        made = ConnectionConfig(
            id=name, name=name, system="activecampaign", crm={}, partner={}, entities=(), switch=Switch.OFF
        )
        self.app.connections.store.create(made, unique=name)
        return made

    def job(self, connection: str, *, group: str = "", state: str = "open", **more: object) -> Job:
        job = Job(
            id=f"{next(self.numbers):032x}",
            kind=ERASE,
            connection=connection,
            group=group,
            state=state,
            at=self.clock.now(),
            ended=self.clock.now() if state != "open" else None,
            **more,  # type: ignore[arg-type]
        )
        trust.jobs(self.app).put(job)
        return job

    def pass_days(self, days: float) -> dict[str, dict[str, int]]:
        """So many days, and the night's work after them."""
        self.clock.offset += days * DAY
        return dict(self.app.desk.forget_the_old())

    def actions(self, name: str) -> list[str]:
        return [entry.action for entry in trust.audit(self.app, name).list().items]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_the_report_of_a_piece_of_work_goes_after_90_days_and_open_work_stays(world: World) -> None:
    world.connection("conn1")
    waiting, ended = world.job("conn1", group="g1"), world.job("conn1", group="g1", state="done")
    stopped = world.job("conn1", state="stopped")
    jobs = trust.jobs(world.app)
    world.pass_days(89)
    assert {job.id for job in jobs.of_group("g1")} == {waiting.id, ended.id}
    late = world.job("conn1", state="done")
    assert world.pass_days(2)[trust.APP]["jobs"] == 2
    assert [jobs.get(job.id) is not None for job in (waiting, ended, stopped, late)] == [True, False, False, True]
    assert [job.id for job in jobs.of_group("g1")] == [waiting.id]
    rows = world.stores["jobs"].scan("jobs", "!", "~")
    assert [row.key for row in rows if ended.id in row.key or stopped.id in row.key] == []


def test_activity_goes_after_its_time_also_that_of_connections_that_were_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, DYNASYNC_ACTIVITY_DAYS="60")
    world.connection("conn1")
    for name in ("conn1", "gone1"):
        trust.note(world.app, name, "me", "connection.changed")
    trust.note(world.app, trust.APP, "me", "person.erased")
    trust.forget(world.app, "gone1")
    world.pass_days(59)
    assert (world.actions("conn1"), world.actions("gone1")) == (["connection.changed"], ["connection.changed"])
    trust.note(world.app, "conn1", "me", "connection.later")
    assert world.pass_days(2)[trust.APP]["activity"] == 4
    assert (world.actions("conn1"), world.actions("gone1"), world.actions(trust.APP)) == (["connection.later"], [], [])


@pytest.mark.parametrize("text", ["29", "ten", "-1", "99999"])
def test_a_time_for_the_activity_log_that_makes_no_sense_is_named(text: str) -> None:
    key = base64.b64encode(bytes(32)).decode()
    with pytest.raises(ConfigError, match="DYNASYNC_ACTIVITY_DAYS"):
        config.load({"AzureWebJobsStorage": "x", "DYNASYNC_STATE_KEY": key, "DYNASYNC_ACTIVITY_DAYS": text})


def test_a_connection_that_goes_takes_its_own_along_and_ends_its_work(world: World) -> None:
    names = ("conn1", "conn2")
    image = Image(
        link="00" * 12, entity="e", side=Side.CRM, op=Op.CREATE, ref=Ref(Kind("contact"), RemoteId("1")), before={}
    )
    jobs: Mapping[str, Job] = {
        name: world.job(name, spec={"person": "aa", "records": "x", "keys": "y", "rows": "yes"}, sealed=b"address")
        for name in names
    }
    for name in names:
        world.connection(name)
        trust.images(world.app, name).add("0" * 32, "part", [image])
        for table in ("conflicts", "failures", "requests", "runs"):
            world.app.store(table).transact(name, [Put("a-1", {"f": 1})])
        trust.note(world.app, name, "me", "connection.changed")
    trust.forget(world.app, "conn1")
    ended, other = (trust.jobs(world.app).get(jobs[name].id) for name in names)
    assert ended is not None
    assert (ended.state, ended.problems, ended.ended) == ("stopped", ("connection_deleted",), world.clock.now())
    assert (ended.sealed, dict(ended.spec)) == (b"", {"rows": "yes"})
    assert other == jobs["conn2"]
    held = {
        name: {table for table, store in world.stores.items() if store.scan(name, "!", "~")} - {"connections", "jobs"}
        for name in names
    }
    assert held["conn2"] == {"images", "conflicts", "failures", "requests", "runs", "audit"}
    assert held["conn1"] == {"audit"}
    trust.forget(world.app, "conn1")  # and once more
    assert trust.jobs(world.app).get(jobs["conn1"].id) == ended


def test_work_of_a_connection_whose_row_somebody_took_out_ends_and_that_of_a_damaged_one_waits(world: World) -> None:
    world.connection("conn1")
    world.app.store("connections").transact("connections", [Put("c-damaged", {"format": 1, "data0": "{"})])
    jobs = [world.job(name) for name in ("conn1", "damaged", "nowhere")]
    world.pass_days(1)
    found = [trust.jobs(world.app).get(job.id) for job in jobs]
    assert [(job.state, job.problems) for job in found if job] == [
        ("open", ()),
        ("open", ()),
        ("stopped", ("connection_deleted",)),
    ]


def test_the_certificate_says_that_rows_are_deleted_only_once_they_are(world: World) -> None:
    asked = world.job("conn1", spec={"rows": "yes", "suppressed": "2026-03-02T08:00:00+00:00", WAITS: "auth"})
    done = replace(asked, spec={**asked.spec, "dynamics": "2026-03-02T08:00:02+00:00"}, state="done")
    refused = replace(done, problems=("0x80040227:crm:1",), state="stopped")
    elsewhere = replace(done, problems=("rejected:partner:1",), state="stopped")
    kept = replace(done, spec={**done.spec, "rows": "no"})
    told = [_part_body(job)["dynamicsDeleted"] for job in (asked, done, refused, elsewhere, kept)]
    assert told == [False, True, False, True, False]
    assert _part_body(asked)["waitsFor"] == "auth"
    assert _part_body(done)["steps"] == {
        "suppressed": "2026-03-02T08:00:00+00:00",
        "dynamics": "2026-03-02T08:00:02+00:00",
    }
