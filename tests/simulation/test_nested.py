"""Deletes go the other way round than everything else, and refusals stand in the partner's log: the worlds for both."""

from __future__ import annotations

from random import Random

import pytest

from shared.domain.records import FieldName, Kind, Ref, Side
from shared.sync import notices, page
from tests.simulation.__main__ import findings_of
from tests.simulation.generate import history
from tests.simulation.oracle import judge
from tests.simulation.profiles import PROFILES
from tests.simulation.running import come_to_rest
from tests.simulation.steps import History, Step, play, slice_step
from tests.simulation.world import World

HISTORIES = range(40, 80)
MAIL = FieldName("mail")
CALM: tuple[Step, ...] = (
    ("company", "crm", "fresh", 0),
    ("company", "crm", "fresh", 0),
    *(("create", "crm", "fresh", 0, 7) for _ in range(3)),
    *(("works", "crm", place, 0) for place in range(2)),
    ("works", "crm", 2, 1),
    slice_step("a"),
    slice_step("a"),
    ("close", "crm", 0, 0),
    ("close", "crm", 0, 1),
    slice_step("a"),
)
"""Two companies end within one cycle: the people of one with it, somebody leaves the other first."""


def closing(number: int) -> History:
    """A drawn history in which companies end too."""
    drawn = history(6, number, profile="nested")
    random = Random(f"close {number}")
    steps = list(drawn.steps)
    for _ in range(random.choice((1, 2, 3))):
        side, place, keep = random.choice(tuple(Side)).value, random.randrange(2), random.randrange(2)
        steps.insert(random.randint(1, len(steps)), ("close", side, place, keep))
        steps.insert(random.randint(0, len(steps)), ("works", side, random.randrange(3), 0))
        steps.insert(random.randint(0, 2), ("company", side, "fresh", 0))
    return History("nested", tuple(steps))


def played() -> World:
    world = World(PROFILES["nested"])
    play(world, CALM)
    return world


def refused(world: World) -> list[str]:
    return [outcome.code for outcome in world.journal.outcomes if outcome.vendor_code == "in_use"]


@pytest.mark.feature("MK-02.1", system="marketo")
def test_a_company_goes_after_its_people_within_the_same_run() -> None:
    world = played()
    people, companies = Kind("person"), Kind("company")
    assert len(world.living(Side.PARTNER, people)) == 1
    assert world.living(Side.PARTNER, companies) == []
    deletes = [event.ref.kind for event in world.ledger.events if event.by_hub and event.op == "delete"]
    assert deletes == [people, people, companies, companies]
    assert refused(world) == []
    come_to_rest(world)
    assert judge(world) == []


def test_without_that_order_the_partner_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "comes_last", lambda *_: False)
    assert refused(played())


def test_a_world_in_which_companies_end_holds() -> None:
    failing = {number: found for number in HISTORIES if (found := findings_of(closing(number)))}
    assert not failing


def test_what_was_put_aside_is_not_lost_with_its_worker() -> None:
    """A worker dies at each of the state writes after a company's end was put aside."""
    for at in range(14):
        world = World(PROFILES["nested"])
        died = ("slice", "a", (("commit", at, "crash_after", ()),))
        play(world, (*CALM[:-1], died))
        come_to_rest(world)
        assert judge(world) == [], at
        assert world.living(Side.PARTNER, Kind("company")) == [], at


@pytest.mark.parametrize("what", ["restored", "edited"])
def test_what_was_put_aside_is_looked_at_anew_before_it_is_deleted(what: str) -> None:
    """A worker dies at each of the state writes; meanwhile somebody undoes the delete, or edits what is left."""
    for at in range(14):
        world = World(PROFILES["nested"])
        died = ("slice", "a", (("commit", at, "crash_after", ()),))
        play(world, (*CALM[:-1], died))
        account, company = (world.profile.kinds(side)[0] for side in (Side.CRM, Side.PARTNER))
        if what == "restored":
            rows = world.systems[Side.CRM].tables[account].rows
            ended = next(row for row, versions in rows.items() if not versions[-1].there)
            world.users[Side.CRM].restore(Ref(account, ended))
        else:
            assert len(world.living(Side.PARTNER, company)) == 2, at
            world.users[Side.PARTNER].edit(world.living(Side.PARTNER, company)[0], {MAIL: "edited@example.org"})
        come_to_rest(world)
        assert judge(world) == [], at
        assert len(world.living(Side.CRM, account)) == len(world.living(Side.PARTNER, company)) == 1, at


# -- the log -----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("MK-06", system="marketo")
@pytest.mark.feature("HUB-19", system="marketo")
def test_a_world_in_which_the_partner_keeps_a_log_holds() -> None:
    worlds = [history(7, number, profile="logbook") for number in HISTORIES]
    failing = {number: found for number, drawn in enumerate(worlds) if (found := findings_of(drawn))}
    assert not failing


def test_refusals_are_met_and_told() -> None:
    world = World(PROFILES["logbook"])
    steps: list[Step] = [("create", "partner", "fresh", 0, 1), slice_step("a"), ("edit", "partner", 0, "phone", 1)]
    play(world, [*steps, slice_step("a"), ("edit", "partner", 0, "phone", 4), slice_step("a")])
    come_to_rest(world)
    (told,) = world.systems[Side.PARTNER].log
    assert (told.field, told.code) == ("phone", "too_long")
    assert judge(world) == []
    world.systems[Side.PARTNER].log.append(told)
    assert any(finding.startswith("I22") for finding in judge(world))


def test_a_log_that_is_never_written_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_notice", lambda *_: None)
    worlds = (history(7, number, profile="logbook") for number in HISTORIES)
    assert any(finding.startswith("I22") for drawn in worlds for finding in findings_of(drawn))
