"""Pages put back, workers that die and records that come at the wrong moment: what is counted, told and owned then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from shared.connectors.memory import MemoryConnector
from shared.domain.identity import LinkState
from shared.domain.records import FieldName, FieldSpec, FieldType, Ref, Side
from shared.errors import Transient
from shared.ports.connector import Deletes, FeedKind, Op, Outcome, Settled, Ticket, Write, WriteResult
from shared.ports.report import Image
from shared.state.model import Command, about_pair
from shared.sync import cycle, requests, sweep
from shared.sync.feeds import Feed
from shared.sync.page import Page
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, NAME, NOTE, PARTNER_CAPABILITIES, PERSON, Rig

OPT = FieldName("opt")


def look(rig: Rig, row: Ref) -> None:
    """Somebody asks for a row to be looked at."""
    rig.engine.enqueue(
        Command(key=f"look-{row.id}", op="look", side=Side.CRM, ref=row, payload=about_pair("contact", None))
    )


def importing(**how: Any) -> Rig:
    """A partner whose imports change a record of the same match value."""
    rig = Rig(**how)
    rig.partner_system.designs[PERSON] = replace(rig.partner_system.designs[PERSON], imports_update=True)
    return rig


def made(rig: Rig) -> list[str]:
    return [link.made for link in rig.lane.reader().scan_links()]


def names(rig: Rig, side: str) -> list[str]:
    return sorted(str(row["name"]) for row in rig.people(side))


def test_a_record_whose_import_began_during_a_walk_is_not_given_up_by_that_walk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request makes people between two pages of a sweep, and the slice ends there."""
    monkeypatch.setattr(sweep, "_PAGE", 1)
    rig = importing()
    for number in range(3):
        rig.crm.create(CONTACT, {MAIL: f"a{number}@example.org", NAME: f"A {number}"})
    rig.run(4)
    rig.clock.advance(25 * 3600)
    real, calls = sweep.sweep, iter(range(100))

    def interrupted(feed: Feed) -> bool:
        number = next(calls)
        if number == 1:
            raise Transient("the slice ends here", code="busy")
        more = real(feed)
        if number == 0:
            for person in range(8):
                look(rig, rig.crm.create(CONTACT, {MAIL: f"new{person}@example.org", NAME: f"N {person}"}))
            requests.serve(feed.work)
        return more

    monkeypatch.setattr(cycle, "sweep", interrupted)
    rig.run(1)
    rig.clock.advance(60)
    rig.partner_system.run_due()
    before = rig.commits["partner"]
    for ref, row in rig.refs(PERSON):
        if str(row["name"]).startswith("N "):
            rig.partner.edit(ref, {NAME: f"edited {row['name']}"})
    rig.clock.advance(1)
    rig.run(6)
    assert rig.commits["partner"] == before
    assert [name for name in names(rig, "crm") if "N " in name] == [f"edited N {number}" for number in range(8)]
    assert not [outcome for outcome in rig.journal.outcomes if outcome.code == "failed:id_never_told"]


@pytest.mark.parametrize("edited", [False, True])
def test_who_was_typed_in_before_the_import_is_somebodys_own_though_the_row_was_edited_meanwhile(edited: bool) -> None:
    rig = importing(options={"inbox_every": 0.0})
    rig.run()
    row = rig.crm.create(CONTACT, {MAIL: "p2@example.org", NAME: "P 2"})
    connector = rig.engine.partner
    write = connector.write

    def typed_in(writes: Sequence[Write]) -> Sequence[WriteResult]:
        told = write(writes)
        if writes[0].op is Op.CREATE:
            rig.clock.advance(2)
            rig.partner.create(PERSON, {MAIL: "p2@example.org", NOTE: "met at the fair"})
            if edited:
                rig.crm.edit(row, {NAME: "P two"})
                look(rig, row)
        return told

    connector.write = typed_in  # type: ignore[method-assign]
    rig.run(4)
    assert made(rig) == [""]


def test_who_takes_the_place_of_ours_with_another_consent_is_somebodys_own() -> None:
    consent = {"id": "opt", "crm": "opt", "partner": "opt", "policy": {"rule": "restrictive", "strict": ["true"]}}
    fields: Any = ENTITY["fields"]
    rig = importing(
        entity={**ENTITY, "fields": [*fields, consent]}, fields=[FieldSpec(name=OPT, type=FieldType.BOOLEAN)]
    )
    rig.run()
    rig.crm.create(CONTACT, {MAIL: "p2@example.org", NAME: "P 2", OPT: True})
    connector = rig.engine.partner
    settle, once = connector.settle, iter([True])

    def replaced(tickets: Sequence[Ticket]) -> Sequence[Settled]:
        told = settle(tickets)
        if not any(ticket.running for ticket in told) and next(once, False):
            rig.clock.advance(2)
            ((ref, _),) = rig.refs(PERSON)
            rig.partner.delete(ref)
            rig.partner.create(PERSON, {MAIL: "p2@example.org", NAME: "P 2", OPT: False})
        return told

    connector.settle = replaced  # type: ignore[method-assign]
    rig.run(4)
    assert made(rig) == [""]
    assert [row["opt"] for row in rig.people()] == [True]


@pytest.mark.feature("HUB-13.4", system="memory")
def test_deletes_of_workers_that_died_count_for_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    capabilities = replace(PARTNER_CAPABILITIES, deletes=Deletes.TOLD, feed=FeedKind.DELTA, asynchronous_create=False)
    rig = Rig(partner=capabilities, entity={**ENTITY, "deletes": {"partner": "delete", "crm": "delete"}}, page_size=20)
    rows = [rig.crm.create(CONTACT, {MAIL: f"a{number}@example.org", NAME: f"A {number}"}) for number in range(80)]
    rig.run(4)
    monkeypatch.setattr("shared.sync.feeds.TOGETHER", 10)
    for row in rows[:60]:
        rig.crm.delete(row)
    real: Callable[..., None] = Page.fold

    def dies(page: Page, *args: Any, **named: Any) -> None:
        if page.applier.finished:
            raise RuntimeError("killed")
        real(page, *args, **named)

    monkeypatch.setattr(Page, "fold", dies)
    for _ in range(4):
        with suppress(RuntimeError):
            rig.engine.run_slice("a worker")
        rig.clock.advance(120)
    assert len(rig.people()) >= 80 - 25
    assert rig.lane.peek().facts["broken"] == "mass_delete"


def test_a_page_that_was_put_back_tells_both_halves_and_keeps_both_for_taking_back() -> None:
    rig = Rig()
    rig.run()
    rows = [rig.partner.create(PERSON, {MAIL: f"p{number}@example.org", NAME: f"P {number}"}) for number in range(20)]
    rig.run(3)
    for number, row in enumerate(rows):
        rig.partner.edit(row, {NAME: f"Q {number}"})
    kept: dict[tuple[str, str], Sequence[Image]] = {}

    def keep(run: str, part: str, images: Sequence[Image]) -> None:
        kept[run, part] = images

    rig.engine = replace(rig.engine, images=keep)
    connector = rig.engine.crm
    write, calls = connector.write, iter(range(100))

    def limited(writes: Sequence[Write]) -> Sequence[WriteResult]:
        if next(calls) in {2, 3}:
            return [
                WriteResult(key=each.key, outcome=Outcome.NOT_TRIED, code="limit", retry_after=1.0) for each in writes
            ]
        return write(writes)

    connector.write = limited  # type: ignore[method-assign]
    rig.journal.outcomes.clear()
    rig.run(6)
    links = {link.key.hex() for link in rig.lane.reader().scan_links() if link.state is LinkState.LINKED}
    assert sorted(outcome.link for outcome in rig.journal.outcomes if outcome.code == "updated") == sorted(links)
    assert sorted(image.link for images in kept.values() for image in images) == sorted(links)


class Mute(MemoryConnector):
    """Never tells what became of imports."""

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        del tickets
        raise Transient("not now", code="busy")


def test_what_became_of_imports_is_not_told_and_requests_are_served_all_the_same() -> None:
    rig = Rig(page_size=10, options={"slice_seconds": 600.0})
    rig.engine = replace(rig.engine, partner=Mute(rig.partner_system))
    for number in range(10):
        rig.crm.create(CONTACT, {MAIL: f"a{number}@example.org", NAME: f"A {number}"})
    rig.engine.run_slice("a worker")
    look(rig, rig.crm.create(CONTACT, {MAIL: "zz@example.org", NAME: "ZZ"}))
    for _ in range(3):
        rig.clock.advance(300)
        rig.engine.run_slice("a worker")
    assert not rig.lane.commands(5)
    assert len(rig.people()) == 11
