"""What a large load leaves behind is taken up many at a time, and a partner that takes only so much a minute is waited
for before a page is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from shared.connectors.memory import MemoryConnector
from shared.domain.identity import LinkState
from shared.domain.records import FieldName, Kind, Record
from shared.errors import Throttled, Transient
from shared.ports.connector import Settled, Ticket, Write, WriteResult
from shared.state.model import BatchState
from tests.unit.sync.rig import CONTACT, PARTNER_CAPABILITIES, PERSON, Rig
from tests.unit.sync.test_engine import ann

PEOPLE = 40


class Minutes(MemoryConnector):
    """Takes three large calls a minute, and says so."""

    def __init__(self, *args: Any, rig: Rig) -> None:
        super().__init__(*args)
        self.rig = rig
        self.taken: list[float] = []
        self.refused = 0

    def _free_in(self, calls: int) -> float:
        now = self.rig.clock.monotonic()
        self.taken = [at for at in self.taken if at > now - 60.0]
        missing = len(self.taken) + calls - 3
        return self.taken[missing - 1] + 60.0 - now if missing > 0 else 0.0

    def pause(self, kind: Kind, writes: int) -> float:
        assert kind == PERSON
        return self._free_in(min(3, -(-writes // 5)))

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        wait = self._free_in(1)
        if wait:
            self.refused += 1
            raise Throttled("so many a minute", scope="memory", retry_after=wait)
        self.taken.append(self.rig.clock.monotonic())
        return super().write(writes)


class Silent(MemoryConnector):
    """Tells what became of imports only once it is asked to; counts how often it was asked."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.tells = False
        self.asked: list[int] = []

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        self.asked.append(len(tickets))
        if not self.tells:
            raise Transient("not now", code="busy")
        return super().settle(tickets)


def _loaded(kind: type[MemoryConnector], **how: Any) -> tuple[Rig, Any]:
    rig = Rig(page_size=10, options={"slice_seconds": 600.0})
    partner = kind(rig.partner_system, **how)
    rig.engine = replace(rig.engine, partner=partner)
    for number in range(PEOPLE):
        rig.crm.create(CONTACT, ann(number))
    return rig, partner


def _waiting(rig: Rig) -> int:
    held = rig.lane.acquire("who looks")
    assert held is not None
    count = sum(batch.state is BatchState.ACCEPTED for batch in held.each_batch())
    held.release()
    return count


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls to a page."""
    monkeypatch.setattr("shared.sync.feeds.TOGETHER", 10)


@pytest.mark.usefixtures("small_pages")
def test_a_partner_with_a_limit_a_minute_is_waited_for_and_nothing_is_refused() -> None:
    rig = Rig(page_size=10, options={"slice_seconds": 3600.0})
    partner = Minutes(rig.partner_system, rig=rig)
    rig.engine = replace(rig.engine, partner=partner)
    for number in range(PEOPLE):
        rig.crm.create(CONTACT, ann(number))
    began = rig.clock.monotonic()
    rig.engine.run_slice("w1")
    rig.run(2)
    assert partner.refused == 0
    assert rig.commits["partner"] == PEOPLE
    assert rig.clock.monotonic() - began >= 120  # eight calls, three a minute
    assert rig.lane.peek().counts == {f"contact.{LinkState.LINKED}": PEOPLE}


@pytest.mark.usefixtures("small_pages")
def test_a_wait_longer_than_the_slice_is_gone_on_with_by_the_next() -> None:
    rig = Rig(page_size=10, options={"slice_seconds": 20.0})
    partner = Minutes(rig.partner_system, rig=rig)
    rig.engine = replace(rig.engine, partner=partner)
    for number in range(PEOPLE):
        rig.crm.create(CONTACT, ann(number))
    slices = 0
    while rig.commits["partner"] < PEOPLE and slices < 50:
        slices += 1
        rig.engine.run_slice("w1")
        rig.clock.advance(1)
        rig.partner_system.run_due()
    assert partner.refused == 0
    assert rig.commits["partner"] == PEOPLE
    assert slices > 3


def test_accepted_batches_of_earlier_slices_are_settled_together() -> None:
    rig, partner = _loaded(Silent)
    rig.engine.run_slice("w1")
    assert _waiting(rig) == PEOPLE // 5
    rig.clock.advance(60)
    rig.partner_system.run_due()
    partner.tells, partner.asked = True, []
    rig.engine = replace(rig.engine, still_on=lambda: False)  # no page of the run: only what was left is looked at
    before = rig.store.usage.copy()
    rig.engine.run_slice("w1")
    assert _waiting(rig) == 0
    assert sum(partner.asked) == PEOPLE // 5
    assert rig.store.usage.since(before).commits <= PEOPLE // 5, "each was taken up by itself"


def test_behind_an_import_that_runs_no_other_is_asked_about() -> None:
    rig, partner = _loaded(Silent)
    rig.engine.run_slice("w1")
    partner.tells, partner.asked = True, []
    for job in rig.partner_system.jobs.values():
        job.running = True
    rig.engine = replace(rig.engine, still_on=lambda: False)
    rig.engine.run_slice("w1")
    assert partner.asked == [1, 1]  # by recovery, and by the end of the run
    assert _waiting(rig) == PEOPLE // 5


@pytest.mark.parametrize("died", [False, True])
def test_answers_whose_fold_never_came_are_told_for_all_batches_at_once(
    monkeypatch: pytest.MonkeyPatch, died: bool
) -> None:
    """The links say the same afterwards, whether their page was folded or its worker died before."""
    from shared.sync.page import Page

    rig, partner = _loaded(Silent)
    if died:

        def dies(page: Page, *args: object, **named: object) -> None:
            raise RuntimeError("the worker died")

        monkeypatch.setattr(Page, "fold", dies)
        with pytest.raises(RuntimeError):
            rig.engine.run_slice("w1")
        monkeypatch.undo()
        rig.clock.advance(120)
        assert rig.lane.peek().counts == {}
        rig.engine.run_slice("w1")
    else:
        rig.engine.run_slice("w1")
    assert rig.lane.peek().counts == {f"contact.{LinkState.AWAITING}": PEOPLE}
    partner.tells = True
    rig.clock.advance(60)
    rig.run(3)
    assert rig.lane.peek().counts == {f"contact.{LinkState.LINKED}": PEOPLE}
    assert rig.commits["partner"] == PEOPLE


class Died(BaseException):
    """The worker dies."""


class Lossy(MemoryConnector):
    """Its imports arrive, and their worker dies before it hears so; `dies_at` is the search at which another one
    does."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.loses, self.dies_at = True, -1
        self.asked: list[str] = []

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        told = super().write(writes)
        if self.loses:
            self.loses = False
            raise Died
        return told

    def find(self, kind: Kind, values: Sequence[str], fields: Sequence[FieldName]) -> Mapping[str, Sequence[Record]]:
        if len(self.asked) >= self.dies_at >= 0:
            self.dies_at = -1
            raise Died
        self.asked.extend(values)
        return super().find(kind, values, fields)


@pytest.mark.feature("HUB-04.2")
def test_a_lost_import_is_judged_in_parts_and_who_dies_between_them_leaves_the_rest_only() -> None:
    capabilities = replace(PARTNER_CAPABILITIES, bulk_size=PEOPLE, find_size=5)
    rig = Rig(page_size=PEOPLE, partner=capabilities, options={"lease_seconds": 5.0})
    partner = Lossy(rig.partner_system)
    rig.engine = replace(rig.engine, partner=partner)
    for number in range(PEOPLE):
        rig.crm.create(CONTACT, ann(number))
    deaths = 0
    for dies_at in (-1, 10, 40, -1):
        partner.dies_at = dies_at
        with suppress(Died):
            rig.run()
            deaths -= 1
        deaths += 1
        rig.clock.advance(60)
        rig.partner_system.run_due()
    assert deaths == 3
    # In vain were the first 10, and 5 behind the first part of 25: their parts were not done.
    assert Counter(Counter(partner.asked).values()) == {1: PEOPLE - 15, 2: 15}
    assert rig.lane.peek().counts == {f"contact.{LinkState.LINKED}": PEOPLE}
    assert rig.commits["partner"] == PEOPLE
    assert len({str(row["mail"]) for row in rig.people()}) == len(rig.people()) == PEOPLE
    assert rig.journal.counts["created"] == PEOPLE
    assert len(rig.journal.outcomes) == PEOPLE
    assert _waiting(rig) == 0
