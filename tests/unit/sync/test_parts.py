"""A feed that tells a record in parts: a row first, then values that its rows do not hold."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.connectors.memory import MemoryConnector
from shared.domain.identity import Link, LinkState
from shared.domain.records import FieldName, Gone, Kind, Record, Ref, RemoteId
from shared.ports.connector import ChangePage, Cursor
from shared.sync.intake import _latest
from shared.sync.parts import Parts
from tests.unit.sync.rig import CONTACT, MAIL, NAME, NOTE, PERSON, PHONE, Rig
from tests.unit.sync.test_engine import ann

REF = Ref(Kind("contact"), RemoteId("7"))
SCORE = FieldName("score")
WHEN = datetime(2026, 6, 10, tzinfo=UTC)


def test_parts_of_one_record_in_one_page_are_one_record() -> None:
    row = Record(REF, {NAME: "Ann"}, modified_at=WHEN, labels=frozenset({"vip"}))
    assert _latest([row, Record(REF, {SCORE: "9"})]) == {
        REF: Record(REF, {NAME: "Ann", SCORE: "9"}, modified_at=WHEN, labels=frozenset({"vip"}))
    }


def test_what_is_told_later_counts_and_a_clear_is_told() -> None:
    later = Record(REF, {NAME: None}, labels=frozenset())
    assert _latest([Record(REF, {NAME: "Ann", SCORE: "9"}, labels=frozenset({"vip"})), later]) == {
        REF: Record(REF, {NAME: None, SCORE: "9"}, labels=frozenset())
    }


def test_a_record_that_is_gone_has_no_parts_and_one_that_is_back_has_only_its_new_ones() -> None:
    row, gone = Record(REF, {NAME: "Ann"}), Gone(REF)
    assert _latest([row, gone]) == {REF: gone}
    assert _latest([row, gone, Record(REF, {SCORE: "9"})]) == {REF: Record(REF, {SCORE: "9"})}


class Parted(MemoryConnector):
    """Rows without note and phone; each value follows as a record of its own, a page a field, as in ActiveCampaign."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.later: list[list[Record]] = []
        self.after: ChangePage | None = None

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        if self.later:
            items = self.later.pop(0)
            assert self.after is not None
            return replace(self.after, items=items, more=bool(self.later) or self.after.more)
        page = super().changes(kind, cursor, fields)
        records = [replace(item, revision=None) for item in page.items if isinstance(item, Record)]
        parts = [
            [Record(item.ref, {name: item.fields[name]}) for item in records if name in item.fields]
            for name in (NOTE, PHONE)
        ]
        self.later = [items for items in parts if items]
        self.after = page
        rows = [
            replace(item, fields={name: value for name, value in item.fields.items() if name not in {NOTE, PHONE}})
            for item in records
        ]
        gone = [item for item in page.items if not isinstance(item, Record)]
        return replace(page, items=[*rows, *gone], more=bool(self.later) or page.more)


def history(seed: int) -> tuple[object, ...]:
    """Users' edits on both sides over some runs; what stands there afterwards, the links and the counters."""
    dice = random.Random(seed)
    rig = Rig(page_size=4)
    rig.engine = replace(rig.engine, partner=Parted(rig.partner_system))
    rows = [rig.crm.create(CONTACT, {**ann(number), NOTE: f"n{number}"}) for number in range(9)]
    rig.run(3)
    people = [ref for ref, _ in rig.refs(PERSON)]
    for step in range(8):
        for ref in dice.sample(rows, 2):
            rig.crm.edit(ref, {dice.choice((NAME, PHONE, NOTE)): f"c{step}"})
        for ref in dice.sample(people, 3):
            rig.partner.edit(ref, {dice.choice((NAME, PHONE, NOTE)): dice.choice((f"p{step}", None))})
        rig.clock.advance(30)
        rig.run(dice.choice((1, 2)))
    held = rig.lane.acquire("test")
    assert held is not None
    return rig.people("crm"), rig.people(), list(held.scan_links()), rig.journal.counts, rig.journal.entries


@pytest.mark.parametrize("seed", range(12))
def test_parts_that_say_what_is_agreed_are_passed_over_and_all_comes_to_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.sync.feeds.TOGETHER", 1)
    spared: list[bool] = []
    judge = Parts.say_nothing_new

    def noting(self: Parts, link: Link, seen: Record) -> bool:
        spared.append(judge(self, link, seen))
        return spared[-1]

    monkeypatch.setattr(Parts, "say_nothing_new", noting)
    short = history(seed)
    monkeypatch.setattr(Parts, "say_nothing_new", lambda *_: False)
    assert short == history(seed)
    assert {True, False} <= set(spared)


FIELDS = {NOTE: "n", PHONE: "1"}


@pytest.mark.parametrize(
    "why",
    [
        "flags",
        "parked",
        "tries",
        "retry_at",
        "state",
        "match",
        "partner_revision",
        "value",
        "unmapped",
        "row",
        "labels",
    ],
)
def test_a_part_is_looked_at_where_anything_of_its_pair_is_open_or_it_tells_more(why: str) -> None:
    rig = Rig()
    rig.engine = replace(rig.engine, partner=Parted(rig.partner_system))
    rig.crm.create(CONTACT, {**ann(), **FIELDS})
    rig.run(3)
    held = rig.lane.acquire("test")
    assert held is not None
    (link,) = held.scan_links()
    (compiled,) = rig.engine.compile()
    parts, part = Parts(compiled, rig.engine.digester), Record(link.partner or REF, dict(FIELDS))
    assert parts.say_nothing_new(link, part)
    changed: dict[str, Any] = {
        "flags": frozenset({"diverged"}),
        "parked": {"note": "ping_pong"},
        "tries": 1,
        "retry_at": 5,
        "state": LinkState.AWAITING,
        "match": None,
        "partner_revision": "7",
    }
    told: dict[str, Record] = {
        "value": replace(part, fields={NOTE: "other"}),
        "unmapped": replace(part, fields={**FIELDS, FieldName("size"): "9"}),
        "row": replace(part, fields={**FIELDS, MAIL: "ann0@example.org"}),
        "labels": replace(part, labels=frozenset()),
    }
    assert not parts.say_nothing_new(link.with_(**{why: changed[why]}) if why in changed else link, told.get(why, part))
