"""Records whose labels ask for a row are found by their labels where no feed told them: page by page, once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.connectors.memory import MemoryConnector
from shared.domain.records import Gone, Kind, Record, Ref, RemoteId
from shared.errors import Transient
from shared.ports.connector import ChangePage, Cursor, Labelled
from shared.sync.rehearse import rehearse
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, NAME, PARTNER_CAPABILITIES, PERSON, PHONE, Rig

KIND, PULLED, PUSHED = "person", "take", "sent"
ASKING = frozenset({KIND, PULLED})
PAGE = 3


class Curt(MemoryConnector):
    """Its feed tells no labels; who carries one is listed three at a time."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.listed: list[RemoteId | None] = []
        self.read_ids: list[RemoteId] = []
        self.fails_at = -1

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Any) -> ChangePage:
        page = super().changes(kind, cursor, fields)
        items = [replace(item, labels=None) if isinstance(item, Record) else item for item in page.items]
        return replace(page, items=items)

    def read(self, kind: Kind, ids: Sequence[RemoteId], fields: Any) -> Mapping[RemoteId, Record | Gone]:
        self.read_ids.extend(ids)
        return super().read(kind, ids, fields)

    def labelled(self, kind: Kind, labels: Collection[str], after: RemoteId | None) -> Sequence[RemoteId]:
        if len(self.listed) == self.fails_at:
            self.fails_at = -1
            raise Transient("not now", code="busy")
        self.listed.append(after)
        rows = self._system.tables[kind].current()
        carriers = sorted(row for row, version in rows if version.labels & frozenset(labels))
        return [row for row in carriers if after is None or row > after][:PAGE]


def world(**options: object) -> tuple[Rig, Curt]:
    entity = {**ENTITY, "labels": {"kind": KIND, "pushed": PUSHED, "pulled": PULLED}}
    rig = Rig(entity=entity, partner=replace(PARTNER_CAPABILITIES, labels=True), options=options)
    curt = Curt(rig.partner_system)
    rig.engine = replace(rig.engine, partner=curt)
    return rig, curt


def asks(rig: Rig, number: int) -> Ref:
    person = {MAIL: f"asks{number}@example.org", NAME: f"Asks {number}"}
    return rig.partner.create(PERSON, person, labels=ASKING)


def names(rig: Rig) -> list[str]:
    return sorted(str(row["name"]) for row in rig.people("crm"))


@pytest.mark.feature("HUB-04.1")
@pytest.mark.parametrize("one_way", [True, False])
def test_who_asked_before_the_initial_sync_is_made_by_the_first_run_that_may(one_way: bool) -> None:
    rig, curt = world(initial_one_way=one_way)
    for number in range(2 * PAGE):
        asks(rig, number)
    rig.partner.create(PERSON, {MAIL: "quiet@example.org", NAME: "Quiet"})
    rig.clock.advance(60)
    rig.run()
    assert names(rig) == ([] if one_way else [f"Asks {number}" for number in range(2 * PAGE)])
    rig.run()
    assert names(rig) == [f"Asks {number}" for number in range(2 * PAGE)]
    curt.listed.clear()
    rig.run(3)
    assert curt.listed == []  # everybody was heard


def test_a_look_that_breaks_off_goes_on_behind_the_last_page_and_makes_nobody_twice() -> None:
    rig, curt = world(initial_one_way=True)
    for number in range(3 * PAGE):
        asks(rig, number)
    rig.clock.advance(60)
    rig.run()
    curt.fails_at = 2
    rig.run()
    assert len(names(rig)) == 2 * PAGE
    rig.clock.advance(600)
    rig.run()
    assert len(names(rig)) == 3 * PAGE
    assert len(curt.listed) == len(set(curt.listed)) == 4  # nothing and three ends: each page once
    assert rig.commits["crm"] == 3 * PAGE


def test_whoever_has_a_link_is_not_read_again_and_whose_row_was_deleted_is_not_made_again() -> None:
    rig, curt = world(initial_one_way=True)
    rig.run(2)
    rig.clock.advance(60)
    asked = [asks(rig, number) for number in range(2)]
    rig.run(2)
    gone = next(row for row, version in rig.crm_system.tables[CONTACT].current() if version.fields[NAME] == "Asks 0")
    rig.crm.delete(Ref(CONTACT, gone))
    rig.clock.advance(60)
    rig.run(2)
    curt.read_ids.clear()
    asks(rig, 2)
    rig.partner.edit(asked[1], {PHONE: "1"})
    rig.clock.advance(60)
    rig.run(2)
    assert names(rig) == ["Asks 1", "Asks 2"]
    assert len(curt.listed) > 0
    assert not set(curt.read_ids) & {ref.id for ref in asked}


def test_who_is_told_without_labels_while_the_look_is_under_way_is_looked_at_in_another() -> None:
    rig, curt = world(initial_one_way=True)
    for number in range(2 * PAGE):
        asks(rig, number)
    rig.clock.advance(60)
    rig.run()
    curt.fails_at = 1
    rig.run()
    assert len(names(rig)) == PAGE
    first = min(row for row, _ in rig.partner_system.tables[PERSON].current())
    late = rig.partner.create(PERSON, {MAIL: "late@example.org", NAME: "Late"}, labels=ASKING)
    assert late.id > first
    rig.clock.advance(600)
    rig.run(2)
    assert "Late" in names(rig)
    assert len(names(rig)) == 2 * PAGE + 1


@pytest.mark.feature("HUB-15.1")
def test_a_dry_run_shows_who_would_be_made() -> None:
    rig, _ = world(initial_one_way=True)
    asks(rig, 1)
    rig.clock.advance(60)
    rig.run()
    plan = rehearse(rig.engine)
    assert [change.code for change in plan.samples] == ["created"]
    assert names(rig) == []
    assert isinstance(rig.engine.partner, Labelled)
