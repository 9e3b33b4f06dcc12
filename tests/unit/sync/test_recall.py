"""A first load compares people whom the partner has already with what the walk told of them, and reads the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.connectors.memory import MemoryConnector
from shared.domain.records import FieldName, FieldSpec, FieldType, Gone, Kind, Record, RemoteId, Untold
from shared.ports.connector import ChangePage, Cursor, FeedKind
from tests.unit.sync.rig import CONTACT, MAIL, NOTE, PARTNER_CAPABILITIES, PERSON, PHONE, Rig
from tests.unit.sync.test_engine import ann

SIZE = FieldName("size")


class Watched(MemoryConnector):
    """Notes which records are read, and lets somebody act when the walk is over."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.read_ids: list[RemoteId] = []
        self.walked: list[Any] = []

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        page = super().changes(kind, cursor, fields)
        if page.walked:
            for act in self.walked:
                act()
            self.walked.clear()
        return page

    def read(
        self, kind: Kind, ids: Sequence[RemoteId], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        self.read_ids.extend(ids)
        return super().read(kind, ids, fields)


class Sparse(Watched):
    """Rows of a walk leave out what is empty."""

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        page = super().changes(kind, cursor, fields)
        items = [
            replace(item, fields={name: value for name, value in item.fields.items() if value is not None})
            if isinstance(item, Record)
            else item
            for item in page.items
        ]
        return replace(page, items=items)


def world(connector: type[Watched] = Watched, **more: Any) -> tuple[Rig, Watched]:
    rig = Rig(options={"initial_one_way": True, **more.pop("options", {})}, **more)
    watched = connector(rig.partner_system)
    rig.engine = replace(rig.engine, partner=watched)
    return rig, watched


def linked(rig: Rig) -> int:
    return rig.lane.peek().counts.get("contact.linked", 0)


@pytest.mark.feature("AC-11.2")
def test_people_who_are_there_already_and_alike_are_linked_without_being_read_or_written() -> None:
    rig, watched = world()
    for number in range(5):
        rig.crm.create(CONTACT, {**ann(number), PHONE: None, NOTE: "x  "})
        rig.partner.create(PERSON, {**ann(number), MAIL: f"ANN{number}@example.org", PHONE: None, NOTE: "x"})
    rig.run()
    assert linked(rig) == 5
    assert watched.read_ids == []
    assert rig.commits.total() == 0


def test_whoever_differs_in_one_field_is_read_and_merged_by_the_policies() -> None:
    rig, watched = world()
    for number in range(3):
        rig.crm.create(CONTACT, {**ann(number), PHONE: "1"})
    alike = rig.partner.create(PERSON, {**ann(0), PHONE: "1"})
    empty = rig.partner.create(PERSON, {**ann(1), PHONE: None})
    other = rig.partner.create(PERSON, {**ann(2), PHONE: "2"})
    rig.run()
    assert linked(rig) == 3
    assert set(watched.read_ids) == {empty.id, other.id}
    assert [rig.person(ref)["phone"] for ref in (alike, empty, other)] == ["1", "1", "1"]


def test_an_edit_after_the_walk_is_carried_over_like_one_of_a_linked_person() -> None:
    rig, watched = world()
    rig.crm.create(CONTACT, {**ann(), PHONE: "1"})
    person = rig.partner.create(PERSON, {**ann(), PHONE: "1"})
    rig.clock.advance(60)
    watched.walked.append(lambda: rig.partner.edit(person, {PHONE: "2"}))
    rig.run(2)
    assert [row["phone"] for row in rig.people("crm")] == ["2"]
    assert rig.person(person)["phone"] == "2"


def test_what_a_walk_leaves_out_counts_as_empty_only_where_the_field_says_so() -> None:
    for untold, read in ((Untold.EMPTY, 0), (Untold.SILENT, 0), (Untold.UNKNOWN, 1)):
        field = FieldSpec(name=SIZE, type=FieldType.TEXT, untold=untold)
        rig, watched = world(Sparse, fields=[field], entity=_with_size())
        rig.crm.create(CONTACT, {**ann(), PHONE: "1", NOTE: "n", SIZE: None})
        rig.partner.create(PERSON, {**ann(), PHONE: "1", NOTE: "n", SIZE: None})
        rig.run()
        assert linked(rig) == 1
        assert len(watched.read_ids) == read, untold


def _with_size() -> dict[str, Any]:
    from tests.unit.sync.rig import ENTITY

    fields: Any = ENTITY["fields"]
    return {**ENTITY, "fields": [*fields, {"id": "size", "crm": "size", "partner": "size"}]}


def test_nothing_is_kept_after_the_first_load() -> None:
    rig, _ = world()
    rig.crm.create(CONTACT, ann(0))
    rig.partner.create(PERSON, ann(0))
    rig.partner.create(PERSON, ann(1))
    rig.run()
    assert rig.store.scan("c1.main", "t.", "t/") == []
    assert "told" not in rig.lane.peek().facts
    rig.partner.create(PERSON, ann(2))
    rig.run()
    assert rig.store.scan("c1.main", "t.", "t/") == []


@pytest.mark.parametrize("why", ["walk", "journal"])
def test_everybody_is_read_where_the_feed_cannot_be_asked_again_or_former_values_are_kept(why: str) -> None:
    capabilities = replace(PARTNER_CAPABILITIES, feed=FeedKind.WALK) if why == "walk" else PARTNER_CAPABILITIES
    rig, watched = world(partner=capabilities, options={"journal": why == "journal"})
    rig.crm.create(CONTACT, ann())
    person = rig.partner.create(PERSON, ann())
    rig.run()
    assert linked(rig) == 1
    assert watched.read_ids == [person.id]


def test_an_account_too_large_to_be_kept_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.sync import recall

    monkeypatch.setattr(recall, "MOST", 100)
    rig, watched = world(page_size=2)
    for number in range(4):
        rig.crm.create(CONTACT, ann(number))
        rig.partner.create(PERSON, ann(number))
    rig.run()
    assert linked(rig) == 4
    assert len(watched.read_ids) == 4
    assert rig.store.scan("c1.main", "t.", "t/") == []
