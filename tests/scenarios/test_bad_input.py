"""Scenarios B: values and answers that nobody ordered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.identity import LinkState
from shared.domain.records import FieldName, Record
from shared.errors import Transient
from shared.http.body import decode_json
from shared.ports.connector import ChangePage
from tests.scenarios.conftest import Make
from tests.scenarios.world import (
    BIRTHDAY,
    LANGUAGE,
    MET,
    NOTES,
    SCORE,
    TITLE,
    TOPICS,
    entities,
)


def test_B01_a_field_that_an_answer_lacks_clears_nothing(make: Make) -> None:
    world = make(entities(TITLE))
    row, person = world.pair(telephone1="+34 1", jobtitle="Buyer")

    def thin(real: Callable[..., ChangePage], *args: Any) -> ChangePage:
        page = real(*args)
        items = [
            replace(item, fields={k: v for k, v in item.fields.items() if k != FieldName("phone")})
            if isinstance(item, Record)
            else item
            for item in page.items
        ]
        return replace(page, items=items)

    world.on_ac.twists["changes"] = thin
    world.edit_person(person, firstName="Anna")
    world.run(2)
    found = world.get_row(row)
    assert found is not None
    assert (found["firstname"], found["telephone1"], found["jobtitle"]) == ("Anna", "+34 1", "Buyer")


@pytest.mark.parametrize("value", ["0", "false", "null", "None", "undefined", "-", "[]"])
def test_B02_texts_that_look_like_nothing_travel_as_themselves(make: Make, value: str) -> None:
    world = make(entities(TITLE))
    row, person = world.pair()
    world.edit_row(row, jobtitle=value)
    world.run()
    assert world.get_person(person)["fields"]["Company motto"] == value  # type: ignore[index]
    world.edit_person(person, firstName=value)
    world.run()
    assert world.get_row(row)["firstname"] == value  # type: ignore[index]


@pytest.mark.parametrize(("number", "stored"), [(0, "0"), (Decimal("0.3"), "0.3"), (Decimal("-1.25"), "-1.25")])
def test_B02_the_number_zero_is_no_empty_field(make: Make, number: Any, stored: str) -> None:
    world = make(entities(SCORE))
    row, person = world.pair(new_score=5)
    world.edit_row(row, new_score=float(number))
    world.run()
    assert Decimal(world.get_person(person)["fields"]["Score"]) == Decimal(stored)  # type: ignore[index]


def test_B03_an_address_that_was_emptied_cannot_be_cleared_there_and_that_is_said_once(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_row(row, emailaddress1=None, firstname="Anna")
    world.run(3)
    found = world.get_person(person)
    assert found is not None
    assert (found["email"], found["firstName"]) == ("ann1@example.org", "Ann")
    assert world.link(row).parked == {"email": "required_empty"}
    world.mark()
    world.run(4)
    assert world.ours() == []
    world.edit_row(row, emailaddress1="ann1@example.org")
    world.run(2)
    assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]
    assert not world.link(row).parked


def test_B04_a_birthday_is_the_same_day_everywhere(make: Make) -> None:
    for returned_as in ("central", "sent"):
        world = make(entities(BIRTHDAY, MET), switches={"datetime_returned_as": returned_as})
        row, person = world.pair(birthdate="1980-03-01", new_metat="2026-03-01T23:30:00Z")
        assert world.get_person(person)["fields"]["Birthday"] == "1980-03-01"  # type: ignore[index]
        world.edit_person(person, fields={"Birthday": "1980-03-31"})
        world.run(2)
        assert world.get_row(row)["birthdate"] == "1980-03-31"  # type: ignore[index]
        world.mark()
        world.run(2)
        assert world.ours() == []


@pytest.mark.parametrize("day", ["1753-01-01", "1980-02-29", "9999-12-31"])
def test_B05_odd_dates_are_kept(make: Make, day: str) -> None:
    world = make(entities(BIRTHDAY))
    row, person = world.pair(birthdate=day)
    assert world.get_person(person)["fields"]["Birthday"] == day  # type: ignore[index]
    assert world.broken() == ""
    assert world.link(row).state is LinkState.LINKED


@pytest.mark.parametrize("day", ["1752-12-31", "0001-01-01"])
def test_B05_a_date_that_dynamics_cannot_store_parks_its_field_only(make: Make, day: str) -> None:
    world = make(entities(BIRTHDAY))
    row, person = world.pair(birthdate="1980-03-01")
    world.edit_person(person, fields={"Birthday": day}, firstName="Anna")
    world.run(2)
    found = world.get_row(row)
    assert found is not None
    assert (found["birthdate"], found["firstname"]) == ("1980-03-01", "Anna")
    assert "birthday" in world.link(row).parked


def test_B06_a_blank_date_stays_blank(make: Make) -> None:
    world = make(entities(BIRTHDAY, MET))
    row, person = world.pair(birthdate="1980-03-01")
    world.edit_row(row, birthdate=None)
    world.run(2)
    fields = world.get_person(person)["fields"]  # type: ignore[index]
    assert not fields.get("Birthday")
    assert not fields.get("Met at")
    assert world.get_row(row)["birthdate"] is None  # type: ignore[index]


def test_B07_two_spellings_of_one_accent_are_equal(make: Make) -> None:
    world = make()
    row, person = world.pair(firstname="Jos\u00e9")
    world.edit_person(person, firstName="Jose\u0301")
    world.run(2)
    assert world.ours() == []
    assert world.get_row(row)["firstname"] == "Jos\u00e9"  # type: ignore[index]


def test_B08_a_text_is_cut_between_whole_characters(make: Make) -> None:
    world = make(entities({**TITLE, "policy": "owner_partner"}))
    row, person = world.pair()
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    world.edit_person(person, fields={"Company motto": "x" * 97 + family})
    world.run(3)
    assert world.get_row(row)["jobtitle"] == "x" * 97  # type: ignore[index]
    world.mark()
    world.run(2)
    assert world.ours() == []


@pytest.mark.parametrize(
    "value", ["a\u202eb", "__proto__", "@odata.type", "x" * 1900, "\u200b", "a\tb", "{{constructor}}"]
)
def test_B09_odd_texts_are_literal_or_parked_and_the_worker_lives(make: Make, value: str) -> None:
    world = make(entities(NOTES))
    row, person = world.pair()
    world.edit_row(row, description=value)
    world.row(2)
    world.run(2)
    assert world.broken() == ""
    assert len(world.people()) == 2
    stored = world.get_person(person)["fields"].get("Notes") or ""  # type: ignore[index]
    assert stored.strip() == value.strip() or "notes" in world.link(row).parked or value.startswith(stored)


def test_B09_a_control_character_from_the_partner_parks_the_field_only(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_person(person, firstName="nul\x00byte", phone="+34 1")
    world.run(2)
    found = world.get_row(row)
    assert found is not None
    assert found["telephone1"] == "+34 1"
    assert "\x00" not in str(found["firstname"])
    assert world.broken() == ""


def test_B10_an_unknown_choice_keeps_the_old_value_and_parks_its_field(make: Make) -> None:
    world = make(entities(LANGUAGE), switches={"bad_field_value": "store"})
    row, person = world.pair(gendercode=1)
    world.edit_person(person, fields={"Language": "klingon"}, firstName="Anna")
    world.run(2)
    found = world.get_row(row)
    assert found is not None
    assert (found["gendercode"], found["firstname"]) == (1, "Anna")
    assert world.link(row).parked.get("language")


def test_B11_choices_in_another_order_are_the_same(make: Make) -> None:
    world = make(entities(TOPICS))
    row, person = world.pair(new_topics="100000001,100000003")
    assert world.get_person(person)["fields"]["Topics"] == "||a||c||"  # type: ignore[index]
    world.edit_person(person, fields={"Topics": "||c||a||"})
    world.run(2)
    assert world.ours() == []
    world.edit_person(person, fields={"Topics": "||c||b||"})
    world.run(2)
    assert sorted(str(world.get_row(row)["new_topics"]).split(",")) == ["100000002", "100000003"]  # type: ignore[index]


def test_B12_an_id_as_text_and_as_number_is_one_identity(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_person(person, firstName="Anna")
    world.run(26)  # the list, single reads and a whole walk spell ids in their own ways
    assert len(world.links()) == 1
    assert world.link(row).partner.id == str(int(person))  # type: ignore[union-attr]


def test_B13_decimals_are_exact_at_the_scale_of_each_side(make: Make) -> None:
    world = make(entities(SCORE))
    row, person = world.pair(new_score=0.1)
    world.edit_person(person, fields={"Score": "0.30000000000000004"})
    world.run(3)
    assert Decimal(str(world.get_row(row)["new_score"])) == Decimal("0.3")  # type: ignore[index]
    world.mark()
    world.run(2)
    assert world.ours() == []


@pytest.mark.parametrize("text", ["1,5", "abc", "1e400", "NaN", "Infinity"])
def test_B13_a_text_that_is_no_number_parks_its_field_only(make: Make, text: str) -> None:
    world = make(entities(SCORE), switches={"bad_field_value": "store"})
    row, person = world.pair(new_score=5)
    world.edit_person(person, fields={"Score": text}, firstName="Anna")
    world.run(2)
    found = world.get_row(row)
    assert found is not None
    assert (Decimal(str(found["new_score"])), found["firstname"]) == (Decimal(5), "Anna")
    assert world.broken() == ""


def test_B15_one_person_twice_in_a_page_is_one_record(make: Make) -> None:
    world = make()
    world.row(1)
    world.row(1, firstname="Twin")
    world.run(2)
    assert len(world.people()) == 1
    assert [write["op"] for write in world.ours("activecampaign") if write["kind"] == "contact"].count("create") == 1


def test_B16_a_write_larger_than_a_call_may_be_is_split(make: Make) -> None:
    world = make(entities(NOTES))
    for number in range(250):
        world.row(number, description="y" * 1_900)
    world.run(2)
    assert len(world.people()) == 250
    sizes = [call["request_bytes"] for call in world.ac.server.host.calls.page(limit=10_000)]
    assert max(sizes) <= 400_000


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a": 1, "a": 2}', "application/json"),
        (b'\xef\xbb\xbf{"a": 1}', "application/json"),
        (b'{"a": NaN}', "application/json"),
        (b'{"a": Infinity}', "application/json"),
        (b'{"a": "\xe9"}', "application/json"),
        (b'{"a": 1}', "application/json; charset=iso-8859-1"),
        (b"", "application/json"),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_B18_what_is_no_clean_json_is_a_typed_error(body: bytes, content_type: str) -> None:
    with pytest.raises(Transient):
        decode_json(body, content_type)


@pytest.mark.parametrize("link", ["", None, "itself"])
def test_B19_a_next_link_that_is_empty_or_leads_back_ends_without_a_loop(make: Make, link: str | None) -> None:
    world = make()
    world.run()
    cursor = world.lane.cursor("crm:contact")
    assert cursor is not None
    here = world.crm.server.url + json.loads(cursor.token)["link"]
    body = {"value": [], "@odata.nextLink": here if link else link, "@odata.context": "x"}
    world.fault("dataverse", {"status": 200, "body": body}, method="GET", path="contacts")
    calls = world.calls("dataverse")
    world.row(1)
    for _ in range(5):
        world.slice()
        world.advance(400)
    assert world.calls("dataverse") - calls < 200
    assert world.lane.peek().facts.get("fault") == "paging_loop" if link else True
    world.heal()
    world.command("resume")
    world.run(3)
    assert len(world.people()) == 1


def test_B20_an_empty_php_array_where_an_object_is_expected_is_empty(make: Make) -> None:
    world = make()
    row, person = world.pair()
    body = '{"contacts": [], "meta": []}'
    world.fault("activecampaign", {"status": 200, "body": body}, method="GET", path=r"api/3/contacts\?", times=1)
    world.run()
    world.edit_person(person, phone="+34 1")
    world.run(2)
    assert world.get_row(row)["telephone1"] == "+34 1"  # type: ignore[index]
    assert world.broken() == ""


def test_B21_line_ends_tabs_and_many_spaces_come_to_rest(make: Make) -> None:
    world = make(entities(NOTES))
    row, _ = world.pair()
    world.edit_row(row, description="one\r\ntwo\rthree\tfour" + " " * 1500, lastname="Lee \t ")
    world.run(3)
    world.mark()
    world.run(3)
    assert world.ours() == []
    assert world.codes("failed:ping_pong") == []
