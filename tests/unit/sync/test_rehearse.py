"""The dry run: the run's own code, with the last step swapped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.plan import Act
from shared.domain.records import Side
from shared.errors import Transient
from shared.sync.rehearse import rehearse
from tests.unit.sync.rig import CONTACT, NAME, PERSON, PHONE, Rig
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


def test_a_plan_raises_what_the_systems_raise() -> None:
    rig = Rig()
    rig.partner_system.outage = Transient("down")
    with pytest.raises(Transient):
        rehearse(rig.engine)
