"""The dry run: the run's own code, with the last step swapped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Barrier, BrokenBarrierError

import pytest

from shared.connectors.memory import MemoryConnector
from shared.domain.plan import Act, Plan
from shared.domain.records import FieldName, Kind, Ref, RemoteId, Side
from shared.errors import Transient
from shared.ports.connector import ChangePage, Cursor, Op, Write, WriteResult
from shared.state.model import LaneChanges
from shared.sync.rehearse import Verdict, judge, rehearse
from shared.sync.rehearsed import RehearsedConnector
from tests.unit.sync.rig import CONTACT, NAME, PARTNER_CAPABILITIES, PERSON, PHONE, Rig
from tests.unit.sync.test_engine import ann, pair


@pytest.mark.feature("HUB-15.1")
@pytest.mark.feature("HUB-15.2")
def test_a_plan_counts_what_the_run_then_does() -> None:
    rig = Rig()
    for number in range(7):
        rig.crm.create(CONTACT, ann(number))
    rig.crm.create(CONTACT, {**ann(3), NAME: "Twin"})
    rig.partner.create(PERSON, ann(9))
    plan = rehearse(rig.engine)
    planned = {(side, act): count for (_, side, act, _), count in plan.counts.items()}
    assert planned == {(Side.PARTNER, Act.CREATE): 7, (Side.CRM, Act.CREATE): 1}
    assert plan.skips["contact", "conflicted:duplicate_match"] == 1
    rig.run(2)
    assert rig.journal.counts["writes:partner"] == 7
    assert rig.journal.counts["writes:crm"] == 1


@pytest.mark.feature("HUB-15.2")
def test_a_plan_shows_each_field_with_what_stands_there_where_it_was_read() -> None:
    rig = Rig()
    ours, theirs = pair(rig)
    rig.crm.edit(ours, {NAME: "New"})
    rig.partner.edit(theirs, {PHONE: "7"})
    plan = rehearse(rig.engine)
    shown = {(change.side, item.field_id): item.then for change in plan.samples for item in change.differences}
    assert shown == {(Side.PARTNER, "name"): "New", (Side.CRM, "phone"): "7"}


@pytest.mark.feature("HUB-15.3")
def test_a_plan_writes_nothing_anywhere_and_is_the_same_twice() -> None:
    rig = Rig()
    for number in range(4):
        rig.crm.create(CONTACT, ann(number))
    rig.run(2)
    rig.crm.create(CONTACT, ann(8))
    before = rig.store.usage.copy()
    rows = rig.store.rows("c1.main")
    writes = rig.crm_system.calls["write"], rig.partner_system.calls["write"]
    told: list[object] = []
    engine = replace(rig.engine, images=lambda *image: told.append(image), answer=told.append)
    first, second = rehearse(engine), rehearse(engine)
    assert told == []
    assert first.fingerprint == second.fingerprint
    assert sum(first.counts.values()) == 1
    assert rig.store.usage.since(before).commits == 0
    assert rig.store.rows("c1.main") == rows
    assert (rig.crm_system.calls["write"], rig.partner_system.calls["write"]) == writes


@pytest.mark.feature("HUB-15.1")
def test_a_plan_with_several_calls_in_flight_counts_what_the_run_then_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three chunks of creates a window, two of updates: nothing of one is taken for something of another."""
    rig = Rig(partner=replace(PARTNER_CAPABILITIES, asynchronous_create=False, bulk_size=2))
    rig.engine = replace(rig.engine, partner=MemoryConnector(rig.partner_system, concurrency=3))
    met = [rig.crm.create(CONTACT, ann(number)) for number in range(4)]
    rig.run(2)
    for ref in met:
        rig.crm.edit(ref, {NAME: "New"})
    for number in range(10, 22):
        rig.crm.create(CONTACT, ann(number))
    together, real = Barrier(2), RehearsedConnector.write
    in_flight: list[int] = []

    def write(self: RehearsedConnector, writes: Sequence[Write]) -> Sequence[WriteResult]:
        with suppress(BrokenBarrierError):
            together.wait(timeout=5)
            in_flight.append(len(writes))
        return real(self, writes)

    monkeypatch.setattr(RehearsedConnector, "write", write)
    before = dict(rig.journal.counts)
    first, second = rehearse(rig.engine), rehearse(rig.engine)

    assert in_flight, "two calls were in flight at once"
    planned = {(side, act): count for (_, side, act, _), count in first.counts.items()}
    assert planned == {(Side.PARTNER, Act.CREATE): 12, (Side.PARTNER, Act.UPDATE): 4}
    assert first.fingerprint == second.fingerprint
    assert first.complete
    monkeypatch.undo()
    rig.run(2)
    assert rig.journal.counts["writes:partner"] - before["writes:partner"] == 16
    assert len(rig.people()) == 16


def test_a_record_that_is_planned_has_an_id_of_its_own_whatever_else_is_in_flight() -> None:
    rehearsed = RehearsedConnector(MemoryConnector(Rig().partner_system))
    calls = [
        [Write(key=f"{call}.{place}", op=Op.CREATE, ref=Ref(PERSON, RemoteId(""))) for place in range(40)]
        for call in range(40)
    ]
    with ThreadPoolExecutor(8) as pool:
        answers = [result.ref for results in pool.map(rehearsed.write, calls) for result in results]
    assert len(set(answers)) == 1600


def test_a_plan_raises_what_the_systems_raise() -> None:
    rig = Rig()
    rig.partner_system.outage = Transient("down")
    with pytest.raises(Transient):
        rehearse(rig.engine)


class Asked(MemoryConnector):
    """Somebody asks for something when it is walked for the first time."""

    act: Callable[[], None] | None = None

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        act, self.act = self.act, None
        if act is not None:
            act()
        return super().changes(kind, cursor, fields)


@pytest.mark.feature("HUB-15.1")
def test_a_plan_and_a_look_while_a_first_load_meets_what_the_walk_told() -> None:
    rig = Rig(options={"initial_one_way": True})
    met = [rig.crm.create(CONTACT, ann(number)) for number in range(3)]
    for number in range(2):
        rig.partner.create(PERSON, ann(number))
    plans: list[Plan] = []
    verdicts: list[Verdict] = []

    def ask() -> None:
        assert rig.lane.peek().facts["told"]
        plans.append(rehearse(rig.engine))
        verdicts.append(judge(rig.engine, Side.CRM, met[0], "contact"))

    asked = Asked(rig.crm_system)
    asked.act = ask
    rig.engine = replace(rig.engine, crm=asked)
    rig.run()
    assert [(plan.complete, sum(plan.counts.values())) for plan in plans] == [(True, 1)]
    assert [verdict.plan.counts for verdict in verdicts] == [{}]
    assert rig.journal.counts["writes:partner"] == 1


@pytest.mark.feature("HUB-15.1")
@pytest.mark.feature("HUB-15.3")
def test_a_plan_of_a_run_that_starts_anew_compares_everything_and_leaves_the_cursors_alone() -> None:
    rig = Rig()
    rig.crm.create(CONTACT, ann(0))
    rig.run(2)
    held = rig.lane.acquire("test")
    assert held is not None
    held.fold(LaneChanges(facts={"asked": 1, "again": 1}))
    held.release()
    before = rig.lane.cursors()
    plan = rehearse(rig.engine)
    assert (plan.complete, sum(plan.counts.values())) == (True, 0)
    assert before == rig.lane.cursors() != {}
    assert rig.lane.peek().facts["again"] == 1
