"""The file form of entity maps: read whole, or refused with every mistake and its place."""

from typing import Any

import pytest

from shared.domain.entity_map import DeletePolicy, Direction, FieldMap, Leaves, MapErrors
from shared.domain.mapping import parse_entity_map
from shared.domain.policy import Rule
from shared.domain.records import FieldName, Side
from tests.unit.domain.entity_maps import GOOD, NEW, changed, with_field
from tests.unit.domain.kit import compiled, spec


def test_a_whole_map_is_read() -> None:
    found = parse_entity_map(GOOD)
    assert found.deletes == {Side.CRM: DeletePolicy.DEACTIVATE, Side.PARTNER: DeletePolicy.DELETE}
    assert (found.leaves, found.on, found.rank, found.parents) == (Leaves.UNLINK, False, 2, ("account",))
    assert found.first_match is Side.PARTNER
    assert found.fixed == {"email"}
    assert found.labels is not None
    assert found.labels.foreign == {"Lead": -1}
    email, title, optin, code, nickname = found.fields
    assert (email.policy.name, email.required, email.first) == ("owner_partner", True, Side.CRM)
    assert (title.policy.name, title.value_map) == ("owner_crm", {"1": "Ms", "2": "5"})
    assert (optin.policy.rule, optin.policy.strict) == (Rule.RESTRICTIVE, ("true",))
    assert (code.policy.skew, code.policy.side, code.transforms[0].options) == (30, Side.PARTNER, {"text": "A-"})
    assert (nickname.id, nickname.policy.rule) == ("nickname", Rule.ASK)
    assert not found.sends(Side.PARTNER), "an entity that is off sends nothing"


def test_what_is_left_out_has_careful_defaults() -> None:
    found = parse_entity_map(
        {"name": "contact", "crm_kind": "contact", "partner_kind": "contact", "fields": [{"crm": "a", "partner": "b"}]}
    )
    assert found.deletes == dict.fromkeys(Side, DeletePolicy.IGNORE)
    assert found.leaves is Leaves.KEEP
    assert found.fields[0] == FieldMap(id="a", crm=FieldName("a"), partner=FieldName("b"))
    assert found.fields[0].policy.name == "owner_crm"
    assert found.criteria is None


def mistakes(data: Any) -> list[tuple[str, str]]:
    with pytest.raises(MapErrors) as caught:
        parse_entity_map(data)
    return [(found.place, found.code) for found in caught.value.mistakes]


BAD: list[tuple[Any, list[tuple[str, str]]]] = [
    (with_field(policy="owner"), []),
    (with_field(policy="last_writer_wins"), [(f"{NEW}.policy", "unknown_value")]),
    (with_field(policy={"rule": "newset"}), [(f"{NEW}.policy.rule", "unknown_value")]),
    (with_field(policy={"rule": "newest", "skew": "2 min"}), [(f"{NEW}.policy.skew", "wrong_type")]),
    (with_field(policy={"rule": "newest", "skew": -1}), [(f"{NEW}.policy.skew", "wrong_type")]),
    (with_field(policy={"rule": "newest", "sckew": 1}), [(f"{NEW}.policy.sckew", "unknown_setting")]),
    (with_field(policy={}), [(f"{NEW}.policy.rule", "missing")]),
    (
        with_field(policy={"rule": "restrictive", "strict": []}),
        [(f"{NEW}.policy.strict", "no_strict_value")],
    ),
    (with_field(policy="owner_crm", direction="to_crm"), [(f"{NEW}.policy", "owner_never_sends")]),
    (with_field(policy="owner_partner", direction="to_partner"), [(f"{NEW}.policy", "owner_never_sends")]),
    (with_field(direction="sideways"), [(f"{NEW}.direction", "unknown_value")]),
    (with_field(first="both"), [(f"{NEW}.first", "unknown_value")]),
    (with_field(required="yes"), [(f"{NEW}.required", "wrong_type")]),
    (with_field(values=[]), [(f"{NEW}.values", "wrong_type")]),
    (with_field(values={}), [(f"{NEW}.values", "empty_value_map")]),
    (with_field(values={"1": None}), [(f"{NEW}.values.1", "wrong_type")]),
    (with_field(values={"1": "a", "2": "a"}), [(f"{NEW}.values", "no_round_trip")]),
    (with_field(transforms=["uper"]), [(f"{NEW}.transforms[0]", "unknown_transform")]),
    (with_field(transforms=["upper"]), [(f"{NEW}.transforms[0]", "no_round_trip")]),
    (
        with_field(transforms=["trim", {"kind": "default", "value": "x"}]),
        [(f"{NEW}.transforms[1]", "no_round_trip")],
    ),
    (with_field(transforms=[{"kind": "trim", "text": "x"}]), [(f"{NEW}.transforms[0]", "unknown_option")]),
    (with_field(transforms=[{"text": "x"}]), [(f"{NEW}.transforms[0].kind", "missing")]),
    (with_field(transforms="trim"), [(f"{NEW}.transforms", "wrong_type")]),
    (with_field(transforms=[{"kind": "concat"}]), [(f"{NEW}.transforms[0]", "bad_option")]),
    (
        with_field(transforms=[{"kind": "concat", "side": "crm", "column": "z", "separator": " "}]),
        [(f"{NEW}.transforms[0]", "no_round_trip")],
    ),
    (
        with_field(transforms=["trim", {"kind": "concat", "side": "crm", "column": "z", "separator": ", "}]),
        [(f"{NEW}.transforms[1]", "concat_alone")],
    ),
    (
        with_field(values={"1": "2"}, transforms=[{"kind": "concat", "side": "crm", "column": "z", "separator": ", "}]),
        [(f"{NEW}.transforms[0]", "concat_alone")],
    ),
    (with_field(id="email"), [(f"{NEW}.id", "duplicate_id")]),
    (with_field(crm="emailaddress1"), [(f"{NEW}.crm", "two_writers")]),
    (with_field(partner="email"), [(f"{NEW}.partner", "two_writers")]),
    (with_field(partner="field:7", direction="to_partner"), [(f"{NEW}.partner", "two_writers")]),
    (with_field(partner="field:7", direction="to_crm"), []),
    (with_field(crm="emailaddress1", partner="other", direction="to_partner"), []),
    (
        with_field(transforms=[{"kind": "concat", "side": "crm", "column": "code", "separator": ", "}]),
        [(f"{NEW}.crm", "two_writers")],
    ),
    (with_field(colour="red"), [(f"{NEW}.colour", "unknown_setting")]),
    ({**GOOD, "fields": []}, [("contact.fields", "no_fields"), ("contact.match", "unknown_field")]),
    ({**GOOD, "fields": "none"}, [("contact.fields", "wrong_type"), ("contact.match", "unknown_field")]),
    (
        changed(fields=[7]),
        [
            ("contact.fields[0]", "wrong_type"),
            ("contact.fields[0].crm", "missing"),
            ("contact.fields[0].partner", "missing"),
            ("contact.match", "unknown_field"),
        ],
    ),
    (changed(match="mail"), [("contact.match", "unknown_field")]),
    (changed(direction="up"), [("contact.direction", "unknown_value")]),
    (changed(deletes={"crm": "purge"}), [("contact.deletes.crm", "unknown_value")]),
    (changed(deletes={"dynamics": "ignore"}), [("contact.deletes.dynamics", "unknown_setting")]),
    (changed(leaves="forget"), [("contact.leaves", "unknown_value")]),
    (changed(rank=-1), [("contact.rank", "wrong_type")]),
    (changed(parents="account"), [("contact.parents", "wrong_type")]),
    (changed(on="yes"), [("contact.on", "wrong_type")]),
    (changed(labels={"kind": "Contact"}), [("contact.labels.pushed", "missing"), ("contact.labels.pulled", "missing")]),
    (
        changed(labels={"kind": "C", "pushed": "P", "pulled": "Q", "aliases": {"x": "Z"}, "foreign": {"L": "high"}}),
        [("contact.labels.foreign.L", "wrong_type"), ("contact.labels.aliases.x", "unknown_value")],
    ),
    (changed(criteria={"all": []}), [("contact.criteria.all", "empty_group")]),
    (changed(feilds=[]), [("contact.feilds", "unknown_setting")]),
    (
        {},
        [
            ("entity.name", "missing"),
            ("entity.crm_kind", "missing"),
            ("entity.partner_kind", "missing"),
            ("entity.fields", "no_fields"),
        ],
    ),
    (
        "x",
        [
            ("entity", "wrong_type"),
            ("entity.name", "missing"),
            ("entity.crm_kind", "missing"),
            ("entity.partner_kind", "missing"),
        ],
    ),
    (
        with_field(policy="best", transforms=["upper"], partner="email", direction="both", values={"1": "a", "2": "a"}),
        [
            (f"{NEW}.policy", "unknown_value"),
            (f"{NEW}.partner", "two_writers"),
            (f"{NEW}.values", "no_round_trip"),
            (f"{NEW}.transforms[0]", "no_round_trip"),
        ],
    ),
]


@pytest.mark.feature("HUB-08.2")
@pytest.mark.feature("HUB-08.4")
@pytest.mark.parametrize(("data", "expected"), BAD, ids=range(len(BAD)))
def test_every_mistake_is_told_at_once_with_its_place(data: Any, expected: list[tuple[str, str]]) -> None:
    if not expected:
        parse_entity_map(data)
        return
    assert mistakes(data) == expected


def test_a_refusal_is_a_sentence_with_the_way_out() -> None:
    with pytest.raises(MapErrors, match="did you mean 'newest'") as caught:
        parse_entity_map(with_field(policy="newst"))
    assert caught.value.setting == f"{NEW}.policy"
    assert caught.value.next_step
    with pytest.raises(MapErrors, match="did you mean 'fields'"):
        parse_entity_map(changed(feilds=[]))
    with pytest.raises(MapErrors, match=r"'email' is written by contact.fields\[0\] \('email'\) too"):
        parse_entity_map(with_field(partner="email"))


@pytest.mark.feature("HUB-08.2")
@pytest.mark.feature("HUB-06.2")
@pytest.mark.parametrize(
    ("entity", "field", "expected"),
    [
        ("both", "both", Direction.BOTH),
        ("both", "to_crm", Direction.TO_CRM),
        ("to_partner", "both", Direction.TO_PARTNER),
        ("to_partner", "to_partner", Direction.TO_PARTNER),
        ("to_partner", "to_crm", None),
        ("to_crm", "both", Direction.TO_CRM),
        ("to_crm", "to_partner", None),
    ],
)
def test_a_one_way_entity_governs_its_fields(entity: str, field: str, expected: Direction | None) -> None:
    """A field that only flows the other way rests; it is not turned around."""
    item = compiled(
        [{"id": "f", "crm": "a", "partner": "b", "direction": field}], [spec("a")], [spec("b")], direction=entity
    )
    assert [found.direction for found in item.fields] == ([expected] if expected else [])
    assert item.broken == {}
