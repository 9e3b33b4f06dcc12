"""An update that was only accepted: until its import has ended nobody knows whether it was written, and one that was
refused or lost was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.connectors.memory import MemoryConnector
from shared.domain.records import Ref, Side
from shared.ports.connector import Op, Outcome, Settled, Ticket, Write, WriteResult
from shared.state.model import Command
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, NAME, PERSON, PHONE, Rig
from tests.unit.sync.test_choices import ALL, SPEC, TOPICS
from tests.unit.sync.test_columns import AT_ONCE

MAILED = "ann@example.org"


class Importing(MemoryConnector):
    """Takes updates into imports (as ActiveCampaign does with many contacts at once). The first one fails as told."""

    def __init__(self, *args: Any, lost: bool) -> None:
        super().__init__(*args)
        self._loses = lost
        self.accepted = 0

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        self.accepted += 1
        ticket = Ticket(f"import-{self.accepted}")
        if any(write.op is not Op.UPDATE for write in writes):
            return super().write(writes)
        if self.accepted > 1:
            super().write(writes)
        return [WriteResult(key=write.key, outcome=Outcome.ACCEPTED, ref=write.ref, ticket=ticket) for write in writes]

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        return [self._became(ticket) for ticket in tickets]

    def _became(self, ticket: Ticket) -> Settled:
        fails = ticket == "import-1"
        refused = {MAILED: "invalid"} if fails and not self._loses else {}
        return Settled(ticket=ticket, running=False, lost=fails and self._loses, refused=refused)


def importing(*, lost: bool, **how: Any) -> tuple[Rig, Ref, Ref, Importing]:
    """A pair at rest, whose next update of the partner record fails when its import ends."""
    rig = Rig(partner=AT_ONCE, **how)
    ours = rig.crm.create(CONTACT, {MAIL: MAILED, NAME: "Ann", PHONE: "1"})
    rig.run(2)
    ((theirs, _),) = rig.refs(PERSON)
    partner = Importing(rig.partner_system, lost=lost)
    rig.engine = replace(rig.engine, partner=partner)
    return rig, ours, theirs, partner


def later(rig: Rig) -> None:
    """The next tries come."""
    for _ in range(3):
        rig.clock.advance(24 * 3600)
        rig.run(2)


@pytest.mark.parametrize("lost", [True, False])
def test_what_the_partner_still_holds_is_no_edit_of_it(*, lost: bool) -> None:
    """The user's edit stays, and is sent again."""
    rig, ours, _, partner = importing(lost=lost)
    rig.crm.edit(ours, {PHONE: "2"})
    rig.run(2)
    later(rig)
    assert partner.accepted > 1
    (crm,), (person,) = rig.people("crm"), rig.people()
    assert (crm["phone"], person["phone"]) == ("2", "2")
    assert rig.journal.entries == []


@pytest.mark.parametrize("lost", [True, False])
def test_what_a_partner_s_user_entered_meanwhile_is_told_from_what_was_not_written(*, lost: bool) -> None:
    rig, ours, theirs, _ = importing(lost=lost)
    rig.crm.edit(ours, {PHONE: "2"})
    rig.run()
    rig.partner.edit(theirs, {NAME: "Anna"})
    rig.run()
    later(rig)
    (crm,), (person,) = rig.people("crm"), rig.people()
    assert (crm["phone"], person["phone"]) == ("2", "2")
    assert (crm["name"], person["name"]) == ("Anna", "Anna")


@pytest.mark.parametrize("lost", [True, False])
def test_a_choice_that_was_not_written_is_not_taken_away(*, lost: bool) -> None:
    rig, ours, _, _ = importing(lost=lost, entity=ALL, fields=(SPEC,))
    rig.crm.edit(ours, {TOPICS: frozenset("ab")})
    rig.run(2)
    later(rig)
    (crm,), (person,) = rig.people("crm"), rig.people()
    assert (crm["topics"], person["topics"]) == (frozenset("ab"), frozenset("ab"))


@pytest.mark.parametrize("lost", [True, False])
def test_a_one_way_field_is_sent_again_and_no_conflict_is_told(*, lost: bool) -> None:
    fields = [{**item, "direction": "to_partner"} if item["id"] == "phone" else item for item in ENTITY["fields"]]  # type: ignore[attr-defined]
    rig, ours, _, _ = importing(lost=lost, entity={**ENTITY, "fields": fields})
    rig.crm.edit(ours, {PHONE: "2"})
    rig.run(2)
    later(rig)
    assert [row["phone"] for row in rig.people()] == ["2"]
    assert rig.journal.entries == []


# -- while the import is under way -------------------------------------------------------------------------------------


class UnderWay(MemoryConnector):
    """An import that runs until it is told to end."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.runs, self.asked = True, 0
        self.refuses = False
        self._kept: list[Write] = []

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        if not self.runs or any(write.op is not Op.UPDATE for write in writes):
            return super().write(writes)
        self._kept += writes
        ticket = Ticket("import")
        return [WriteResult(key=write.key, outcome=Outcome.ACCEPTED, ref=write.ref, ticket=ticket) for write in writes]

    def end(self, *, refuses: bool) -> None:
        self.runs, self.refuses = False, refuses
        if not refuses:
            super().write(self._kept)

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        self.asked += 1
        refused = {MAILED: "invalid"} if self.refuses else {}
        return [Settled(ticket=ticket, running=self.runs, refused=refused) for ticket in tickets]


def under_way() -> tuple[Rig, Ref, Ref, UnderWay]:
    """A pair at rest but for a phone number that was accepted, and is not in the partner record yet."""
    rig, ours, theirs, _ = importing(lost=False)
    partner = UnderWay(rig.partner_system)
    rig.engine = replace(rig.engine, partner=partner)
    rig.crm.edit(ours, {PHONE: "2"})
    rig.engine.run_slice("w1")
    return rig, ours, theirs, partner


def hinted(rig: Rig, theirs: Ref) -> None:
    """A webhook tells that the partner record changed."""
    rig.engine.enqueue(Command(key="look-1", op="look", side=Side.PARTNER, ref=theirs))
    rig.engine.run_slice("w1")


@pytest.mark.parametrize("refuses", [False, True])
def test_what_is_not_in_the_partner_record_yet_is_no_edit_of_it(*, refuses: bool) -> None:
    rig, _, theirs, partner = under_way()
    rig.partner.edit(theirs, {NAME: "Anna"})
    hinted(rig, theirs)
    assert [row["phone"] for row in rig.people("crm")] == ["2"]
    partner.end(refuses=refuses)
    rig.run(2)
    later(rig)
    (crm,), (person,) = rig.people("crm"), rig.people()
    assert (crm["phone"], person["phone"]) == ("2", "2")
    assert (crm["name"], person["name"]) == ("Anna", "Anna")
    assert rig.journal.entries == []


@pytest.mark.parametrize("refuses", [False, True])
def test_a_further_edit_waits_for_what_is_under_way(*, refuses: bool) -> None:
    """The word of the first import would say nothing of the pair any more, were the second edit sent before."""
    rig, ours, theirs, partner = under_way()
    rig.crm.edit(ours, {NAME: "Anna"})
    rig.engine.enqueue(Command(key="look-1", op="look", side=Side.CRM, ref=ours))
    rig.engine.run_slice("w1")
    partner.end(refuses=refuses)
    rig.run(2)
    later(rig)
    person = rig.person(theirs)
    assert (person["phone"], person["name"]) == ("2", "Anna")


def test_what_waited_for_an_import_is_looked_at_when_it_ends() -> None:
    """Also where no feed tells it again."""
    rig, _, theirs, partner = under_way()
    rig.partner.edit(theirs, {NAME: "Anna"})
    hinted(rig, theirs)
    partner.end(refuses=False)
    rig.engine = replace(rig.engine, due=lambda _, now: (now.replace(year=9000), ""))  # no further run begins
    rig.run(2)
    assert [row["name"] for row in rig.people("crm")] == ["Anna"]


def test_an_import_that_runs_on_is_asked_about_every_few_seconds_to_the_end_of_the_slice() -> None:
    rig, _, _, partner = under_way()
    options = rig.engine.options
    assert 0 < partner.asked <= options.slice_seconds / options.settle_seconds + 2
