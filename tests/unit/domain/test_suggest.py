"""Suggestions, previews, and mappings that may not be changed."""

import time
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.entity_map import Direction, FieldMap, TransformSpec
from shared.domain.map_rules import check_fixed
from shared.domain.mapping import parse_entity_map
from shared.domain.records import ABSENT, FieldName, FieldSpec, FieldType, Side
from shared.domain.suggest import FieldPreview, preview, suggest
from tests.pace import slowness
from tests.unit.domain.kit import compiled, record, schema, spec

T = FieldType


def labelled(name: str, label: str, kind: FieldType = T.TEXT, **more: Any) -> FieldSpec:
    return FieldSpec(name=FieldName(name), label=label, type=kind, **more)


CRM = schema(
    "contact",
    labelled("emailaddress1", "Email", T.EMAIL),
    labelled("firstname", "First Name"),
    labelled("lastname", "Last Name"),
    labelled("telephone1", "Business Phone", T.PHONE),
    labelled("birthdate", "Birthday", T.DATE),
    labelled("new_loyaltylevel", "Loyalty level", T.CHOICE),
    labelled("createdon", "Created On", T.DATETIME, updatable=False, creatable=False),
    labelled("description", "Description", T.MEMO),
    labelled("new_secret", "Loyalty number", readable=False),
)
PARTNER = schema(
    "contact",
    labelled("email", "", T.EMAIL),
    labelled("firstName", ""),
    labelled("lastName", "Apellidos"),
    labelled("phone", ""),
    labelled("field:3", "Date of birth", T.DATETIME),
    labelled("field:4", "Loyalty Level", T.CHOICE),
    labelled("field:5", "Created on", T.DATETIME),
    labelled("field:6", "Description", T.INTEGER),
    labelled("field:7", "Loyalty number"),
)


@pytest.mark.feature("HUB-08.7")
def test_fields_that_are_named_alike_and_fit_are_suggested_once_each() -> None:
    found = {(item.crm, item.partner): item.direction for item in suggest(CRM, PARTNER)}
    assert found == {
        ("emailaddress1", "email"): Direction.BOTH,
        ("firstname", "firstName"): Direction.BOTH,
        ("lastname", "lastName"): Direction.BOTH,
        ("telephone1", "phone"): Direction.BOTH,
        ("birthdate", "field:3"): Direction.BOTH,
        ("new_loyaltylevel", "field:4"): Direction.BOTH,
        ("createdon", "field:5"): Direction.TO_PARTNER,
    }


@pytest.mark.feature("HUB-08.7")
def test_what_is_mapped_already_is_not_suggested() -> None:
    taken = {FieldName("email"), FieldName("firstname")}
    found = {item.crm for item in suggest(CRM, PARTNER, taken)}
    assert "emailaddress1" not in found
    assert "firstname" not in found
    assert "lastname" in found
    scores = [item.score for item in suggest(CRM, PARTNER)]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.feature("AC-09.3", system="activecampaign")
def test_hundreds_of_fields_are_looked_through_at_once() -> None:
    many = schema("contact", *(labelled(f"field:{index}", f"Custom field {index}") for index in range(250)))
    columns = schema("contact", *(labelled(f"new_custom{index}", f"Custom field {index}") for index in range(300)))
    started = time.perf_counter()
    found = suggest(columns, many)
    assert len(found) == 250
    assert all(item.crm.removeprefix("new_custom") == item.partner.removeprefix("field:") for item in found)
    assert (spent := time.perf_counter() - started) < 10 * slowness(), spent


@pytest.mark.feature("HUB-08.8")
def test_a_preview_shows_what_a_mapping_makes_of_a_record() -> None:
    item = compiled(
        [
            {"id": "name", "crm": "a", "partner": "a"},
            {"id": "level", "crm": "b", "partner": "b", "values": {"1": "gold"}},
            {"id": "in", "crm": "c", "partner": "c", "direction": "to_crm"},
            {"id": "gone", "crm": "d", "partner": "d"},
            {"id": "empty", "crm": "e", "partner": "e"},
        ],
        [spec(name) for name in "abcde"],
        [spec("a", max_length=3), *(spec(name) for name in "bcde")],
    )
    found = preview(item, record(Side.CRM, {"a": "Anna", "b": "9", "c": "x", "e": None}), Side.CRM)
    assert found == [
        FieldPreview("name", "Anna", "Ann", clipped=True),
        FieldPreview("level", "9", ABSENT, "unmapped_value"),
        FieldPreview("in", "x", ABSENT, "direction"),
        FieldPreview("gone", ABSENT, ABSENT),
        FieldPreview("empty", None, None),
    ]


@pytest.mark.feature("AC-09.2", system="activecampaign")
def test_fixed_mappings_stay_as_they_are() -> None:
    before = parse_entity_map(
        {
            "name": "contact",
            "crm_kind": "contact",
            "partner_kind": "contact",
            "fixed": ["email"],
            "fields": [
                {"id": "email", "crm": "emailaddress1", "partner": "email"},
                {"id": "x", "crm": "a", "partner": "b"},
            ],
        }
    )
    email, other = before.fields
    assert check_fixed(before, before) == []
    assert check_fixed(replace(before, fields=(other, email)), before) == []
    assert check_fixed(replace(before, fields=(replace(email, required=True),)), before) == []

    def codes(*fields: FieldMap, **more: Any) -> list[tuple[str, str]]:
        return [(found.place, found.code) for found in check_fixed(replace(before, fields=fields, **more), before)]

    changed = [("contact.fields[0]", "fixed")]
    assert codes(other) == changed
    assert codes(replace(email, crm=FieldName("emailaddress2")), other) == changed
    assert codes(replace(email, partner=FieldName("field:1")), other) == changed
    assert codes(replace(email, transforms=(TransformSpec(kind="trim"),)), other) == changed
    assert codes(replace(email, value_map={"a": "b"}), other) == changed
    assert codes(email, other, fixed=frozenset()) == [("contact.fixed", "fixed")]
