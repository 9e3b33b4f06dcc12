"""Entity maps against the schemas of both sides: what fits, what is broken, and what a compiled map answers."""

import copy
from typing import Any

import pytest

from shared.domain.compiled import Carried
from shared.domain.convert import FieldType
from shared.domain.entity_map import EntityMap, FieldMap, MapErrors
from shared.domain.map_rules import check_shared
from shared.domain.mapping import check_file, check_map, compile_map, parse_entity_map
from shared.domain.records import FieldName, Kind, Schema, Side
from tests.unit.domain.entity_maps import GOOD, NEW, changed, with_field
from tests.unit.domain.kit import NOW, compiled, record, schema, spec

# -- against schemas --------------------------------------------------------------------------------------------------

CRM = schema(
    "contact",
    spec("emailaddress1", FieldType.EMAIL),
    spec("salutation", FieldType.CHOICE, options=("1", "2", "5")),
    spec("donotbulkemail", FieldType.BOOLEAN),
    spec("code"),
    spec("nickname"),
    spec("statecode", FieldType.CHOICE, options=("0", "1")),
)
PARTNER = schema(
    "contact",
    spec("email", FieldType.EMAIL),
    spec("field:7"),
    spec("field:9", FieldType.BOOLEAN),
    spec("field:8"),
    spec("nick"),
)


def without(found: Schema, *names: str) -> Schema:
    return Schema(found.kind, {name: item for name, item in found.fields.items() if name not in names})


def altered(found: Schema, name: str, **changes: Any) -> Schema:
    from dataclasses import replace

    fields = dict(found.fields)
    fields[FieldName(name)] = replace(fields[FieldName(name)], **changes)
    return Schema(found.kind, fields)


@pytest.mark.feature("HUB-08.10")
@pytest.mark.parametrize(
    ("crm", "partner", "broken"),
    [
        (CRM, PARTNER, {}),
        (without(CRM, "code"), PARTNER, {"code": "crm_field_missing"}),
        (CRM, without(PARTNER, "field:7"), {"title": "partner_field_missing"}),
        (altered(CRM, "code", readable=False), PARTNER, {"code": "crm_field_unreadable"}),
        (CRM, altered(PARTNER, "nick", readable=False), {"nickname": "partner_field_unreadable"}),
        (altered(CRM, "code", updatable=False), PARTNER, {"code": "crm_field_read_only"}),
        (CRM, altered(PARTNER, "field:7", updatable=False), {"title": "partner_field_read_only"}),
        (altered(CRM, "salutation", options=()), PARTNER, {}),
        (
            altered(CRM, "salutation", options=CRM.fields[FieldName("salutation")].options[:1]),
            PARTNER,
            {"title": "option_missing"},
        ),
        (altered(CRM, "salutation", type=FieldType.MEMO), PARTNER, {"title": "value_map_unfit"}),
        (altered(CRM, "donotbulkemail", type=FieldType.TEXT), PARTNER, {"optin": "transform_unfit"}),
        (altered(CRM, "nickname", type=FieldType.MEMO), PARTNER, {"nickname": "incompatible_types"}),
        (without(CRM, "statecode"), PARTNER, {"criteria": "unknown_column"}),
        (altered(CRM, "statecode", readable=False), PARTNER, {"criteria": "unreadable_column"}),
        (
            without(CRM, "code", "nickname"),
            without(PARTNER, "email"),
            {"code": "crm_field_missing", "nickname": "crm_field_missing", "email": "partner_field_missing"},
        ),
    ],
    ids=range(15),
)
def test_drift_parks_only_the_mapping_it_touches_and_heals(
    crm: Schema, partner: Schema, broken: dict[str, str]
) -> None:
    entity = parse_entity_map(GOOD)
    found = compile_map(entity, crm, partner)
    assert found.broken == broken
    working = {item.id for item in found.fields}
    assert working == {"email", "title", "optin", "code", "nickname"} - set(broken)
    told = check_map(entity, crm, partner)
    assert len(told) == len(broken)
    assert all(item.place.startswith("contact.") and item.message for item in told)
    assert compile_map(entity, CRM, PARTNER).broken == {}, "restored, it works again"


@pytest.mark.feature("HUB-18.2")
def test_a_column_that_can_only_be_set_at_creation_serves_one_policy_only() -> None:
    crm = altered(CRM, "code", updatable=False)
    data = copy.deepcopy(GOOD)
    data["fields"][3]["policy"] = "only_on_create"
    assert compile_map(parse_entity_map(data), crm, PARTNER).broken == {}


@pytest.mark.parametrize(
    ("policy", "kind", "code"),
    [
        ("union", FieldType.TEXT, "policy_unfit"),
        ("union", FieldType.MULTI_CHOICE, None),
        ("restrictive", FieldType.TEXT, "policy_unfit"),
        ("restrictive", FieldType.BOOLEAN, None),
        ("restrictive", FieldType.CHOICE, None),
    ],
)
def test_policies_ask_for_fitting_types(policy: str, kind: FieldType, code: str | None) -> None:
    item = compiled([{"id": "f", "crm": "a", "partner": "b", "policy": policy}], [spec("a", kind)], [spec("b", kind)])
    assert item.broken == ({} if code is None else {"f": code})


@pytest.mark.parametrize(
    ("field", "crm", "partner", "code"),
    [
        ({"values": {"1": "x"}}, FieldType.TEXT, FieldType.INTEGER, "bad_value"),
        (
            {"transforms": [{"kind": "default", "value": "x"}], "direction": "to_partner"},
            FieldType.DATE,
            FieldType.DATE,
            "bad_value",
        ),
        ({"transforms": [{"kind": "prefix"}]}, FieldType.TEXT, FieldType.TEXT, "bad_option"),
        ({"transforms": [{"kind": "date_format", "format": "%d.%m"}]}, FieldType.DATE, FieldType.TEXT, "bad_option"),
        (
            {"transforms": [{"kind": "date_format", "format": "%d.%m.%Y %H"}]},
            FieldType.DATE,
            FieldType.TEXT,
            "bad_option",
        ),
        ({"transforms": [{"kind": "day", "zone": "Mars"}]}, FieldType.DATETIME, FieldType.DATE, "bad_option"),
        ({"transforms": [{"kind": "suffix", "text": 5}]}, FieldType.TEXT, FieldType.TEXT, "bad_option"),
        ({"transforms": ["label"]}, FieldType.TEXT, FieldType.TEXT, "transform_unfit"),
    ],
)
def test_options_are_checked_against_the_types(
    field: dict[str, Any], crm: FieldType, partner: FieldType, code: str
) -> None:
    item = compiled([{"id": "f", "crm": "a", "partner": "b", **field}], [spec("a", crm)], [spec("b", partner)])
    assert item.broken == {"f": code}


@pytest.mark.feature("HUB-08.4")
@pytest.mark.parametrize(
    ("field", "crm", "partner"),
    [
        ({"values": {"1": "01", "2": "1"}}, FieldType.CHOICE, FieldType.INTEGER),  # both are the number 1 there
        ({"transforms": [{"kind": "prefix", "text": " x"}, "trim"]}, FieldType.TEXT, FieldType.TEXT),
    ],
)
def test_a_map_that_does_not_round_trip_for_a_sample_is_refused_unless_one_way(
    field: dict[str, Any], crm: FieldType, partner: FieldType
) -> None:
    options = {"options": ("1", "2")} if crm is FieldType.CHOICE else {}
    for direction, broken in (("both", {"f": "no_round_trip"}), ("to_partner", {})):
        item = compiled(
            [{"id": "f", "crm": "a", "partner": "b", "direction": direction, **field}],
            [spec("a", crm, **options)],
            [spec("b", partner)],
        )
        assert item.broken == broken


def test_a_value_map_after_a_label_names_labels() -> None:
    item = compiled(
        [
            {
                "id": "f",
                "crm": "a",
                "partner": "b",
                "transforms": ["label"],
                "values": {"Option 1": "one", "Option 2": "two"},
            }
        ],
        [spec("a", FieldType.CHOICE, options=("1", "2"))],
        [spec("b")],
    )
    assert item.fields[0].carry("2", Side.CRM) == Carried("two")
    assert item.fields[0].carry("one", Side.PARTNER) == Carried("1")


def test_form_rules_and_schemas_are_told_together() -> None:
    data = with_field(policy="best", crm="gone", id="email")
    data["fields"][1]["partner"] = "field:70"
    data["criteria"] = {"any": [{"column": "nothing", "op": "eq", "value": 1}]}
    found = [(item.place, item.code) for item in check_file(data, CRM, PARTNER)]
    assert found == [
        (f"{NEW}.policy", "unknown_value"),
        (f"{NEW}.id", "duplicate_id"),
        ("contact.fields[1].partner", "partner_field_missing"),
        (f"{NEW}.crm", "crm_field_missing"),
        ("contact.criteria.any[0].column", "unknown_column"),
    ]
    assert check_file(GOOD, CRM, PARTNER) == ()
    assert check_file(7, CRM, PARTNER)


def test_rules_are_checked_for_maps_made_in_code_too() -> None:
    twice = FieldMap(id="f", crm=FieldName("a"), partner=FieldName("b"))
    entity = EntityMap(name="e", crm_kind=Kind("contact"), partner_kind=Kind("contact"), fields=(twice, twice))
    with pytest.raises(MapErrors):
        compile_map(entity, CRM, PARTNER)


# -- what a compiled map answers --------------------------------------------------------------------------------------


def test_a_compiled_map_knows_its_columns() -> None:
    found = compile_map(parse_entity_map(GOOD), CRM, PARTNER)
    assert found.reads(Side.CRM) == ("code", "donotbulkemail", "emailaddress1", "nickname", "salutation", "statecode")
    assert found.reads(Side.PARTNER) == ("email", "field:7", "field:8", "field:9", "nick")
    assert found.match_name(Side.CRM) == "emailaddress1"
    assert found.match_text(record(Side.PARTNER, {"email": "a@x.example"}), Side.PARTNER) == "a@x.example"
    assert found.match_text(record(Side.PARTNER, {"email": None}), Side.PARTNER) is None
    assert found.kind(Side.CRM) == "contact"
    code = found.by_name(FieldName("field:8"), Side.PARTNER)
    assert code is not None
    assert code.id == "code"
    assert found.by_name(FieldName("field:8"), Side.CRM) is None
    assert found.is_required("email", Side.PARTNER)
    assert not found.is_required("nobody", Side.PARTNER)


@pytest.mark.feature("HUB-03.4")
def test_the_digest_changes_with_what_could_change_an_answer_and_only_then() -> None:
    entity = parse_entity_map(GOOD)
    plain = compile_map(entity, CRM, PARTNER).digest
    assert compile_map(parse_entity_map(copy.deepcopy(GOOD)), CRM, PARTNER).digest == plain
    assert compile_map(entity, altered(CRM, "code", label="Another label"), PARTNER).digest == plain
    assert compile_map(entity, Schema.of(CRM.kind, [*CRM.fields.values(), spec("unused")]), PARTNER).digest == plain
    assert compile_map(entity, altered(CRM, "code", max_length=5), PARTNER).digest != plain
    assert compile_map(parse_entity_map(changed(rank=3)), CRM, PARTNER).digest != plain


@pytest.mark.feature("HUB-07.2")
def test_criteria_that_cannot_be_judged_put_nobody_outside() -> None:
    """A column that is gone or secured makes the answer unknown: nobody "leaves" because of it."""
    entity = parse_entity_map(GOOD)
    inside, outside = record(Side.CRM, {"statecode": "0"}), record(Side.CRM, {"statecode": "1"})
    found = compile_map(entity, CRM, PARTNER)
    assert found.scope(inside, NOW) is True
    assert found.scope(outside, NOW) is False
    assert found.scope(record(Side.CRM, {}), NOW) is None
    broken = compile_map(entity, without(CRM, "statecode"), PARTNER)
    assert broken.scope(inside, NOW) is None
    assert not broken.in_scope(inside, NOW)
    everyone = compiled([{"crm": "code", "partner": "nick"}], [spec("code")], [spec("nick")])
    assert everyone.scope(outside, NOW) is True


@pytest.mark.feature("AC-05.3", system="activecampaign")
def test_the_higher_rank_keeps_a_record_that_both_claim() -> None:
    contact = parse_entity_map(GOOD)
    lead = parse_entity_map(changed(name="lead", crm_kind="lead", rank=1))
    both = (contact, lead)
    assert compile_map(contact, CRM, PARTNER, siblings=both).outranks("lead")
    assert not compile_map(lead, CRM, PARTNER, siblings=both).outranks("contact")
    assert not compile_map(contact, CRM, PARTNER, siblings=both).outranks("contact")
    assert not compile_map(contact, CRM, PARTNER).outranks("lead")


def test_two_connections_may_not_write_one_column_without_an_order() -> None:
    entity = parse_entity_map(changed(on=True))
    reads = parse_entity_map(changed(on=True, direction="to_partner"))
    off = parse_entity_map(GOOD)
    assert check_shared([("a", entity), ("b", reads), ("c", off)]) == []
    found = check_shared([("a", entity), ("b", entity)])
    assert {item.code for item in found} == {"two_connections"}
    assert "contact.code" in {item.place for item in found}
    assert check_shared([("a", entity), ("b", entity)], order=("b", "a")) == []
    assert check_shared([("a", entity), ("b", entity)], order=("b",)) != []
