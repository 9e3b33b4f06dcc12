"""Single situations of the merge that tables and laws do not spell out."""

from typing import Any

import pytest

from shared.domain.identity import Agreed, Link, LinkState, crm_id_for, link_key
from shared.domain.mapping import CompiledMap
from shared.domain.merge import Merged, merge
from shared.domain.merged import ASKED, NEVER
from shared.domain.records import ABSENT, LINK_KIND, FieldState, FieldType, Kind, Ref, RemoteId, Side
from tests.unit.domain.kit import CRM_REF, DIGESTER, NOW, base, compiled, decide, digest, one_field, record, spec

T = FieldType


# -- a field the record cannot do without -----------------------------------------------------------------------------


def two_fields(**required: Any) -> CompiledMap:
    return compiled(
        [{"id": "must", "crm": "a", "partner": "b", **required}, {"id": "may", "crm": "c", "partner": "d"}],
        [spec("a"), spec("c")],
        [spec("b", required=not required), spec("d")],
    )


def merge_two(
    item: CompiledMap, crm: dict[str, FieldState], partner: dict[str, FieldState] | None = None, **more: Any
) -> Merged:
    told = record(Side.PARTNER, partner) if partner is not None else None
    return merge(item, more.pop("agreed", {}), record(Side.CRM, crm), told, digester=DIGESTER, now=NOW, **more)


@pytest.mark.feature("HUB-08.6")
@pytest.mark.parametrize("required", [{}, {"required": True}], ids=["by_the_system", "by_the_map"])
@pytest.mark.parametrize(
    ("value", "reason"), [(None, "required_empty"), (ABSENT, "required_empty"), ("\x00", "invalid_character")]
)
def test_a_record_is_not_made_without_a_good_value_for_a_required_field(
    required: dict[str, Any], value: FieldState, reason: str
) -> None:
    merged = merge_two(two_fields(**required), {"a": value, "c": "x"}, creating=Side.PARTNER)
    assert merged.blocked == {Side.PARTNER: ("must", reason)}
    assert merged.parked == {"must": reason}
    assert merged.writes == {Side.CRM: {}, Side.PARTNER: {}}
    assert merged.pending[Side.PARTNER] == {}


@pytest.mark.feature("HUB-08.6")
def test_a_bad_value_parks_its_field_only_when_the_field_is_not_required() -> None:
    merged = merge_two(two_fields(), {"a": "x", "c": "\x00"}, creating=Side.PARTNER)
    assert merged.parked == {"may": "invalid_character"}
    assert merged.blocked == {}
    assert merged.writes[Side.PARTNER] == {"b": "x"}


@pytest.mark.feature("HUB-08.6")
def test_an_update_waits_for_its_required_field_and_tells_no_conflict_that_was_not_decided() -> None:
    item = two_fields()
    agreed = {**base(item, "o", "o", "must"), **base(item, "o", "o", "may")}
    merged = merge_two(item, {"a": None, "c": "x"}, {"b": "o", "d": "y"}, agreed=agreed)
    assert merged.blocked == {Side.PARTNER: ("must", "required_empty")}
    assert merged.writes == {Side.CRM: {}, Side.PARTNER: {}}
    assert merged.before[Side.PARTNER] == {}
    assert merged.conflicts == ()
    healed = merge_two(item, {"a": "z", "c": "x"}, {"b": "o", "d": "y"}, agreed=agreed, parks=dict(merged.parked))
    assert healed.healed == ("must",)
    assert healed.writes[Side.PARTNER] == {"b": "z", "d": "x"}
    assert [found.field_id for found in healed.conflicts] == ["may"]


def test_a_conflict_whose_value_does_not_fit_is_told_when_it_can_be_written() -> None:
    item = one_field(spec("a", T.CHOICE, options=("1", "2", "3")), spec("b"), values={"1": "x", "2": "y"})
    merged = decide(item, base(item, "1", "x"), "3", "y")
    assert merged.parked == {"f": "unmapped_value"}
    assert merged.conflicts == ()
    assert merged.settled == {}


# -- parked fields ----------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-08.10")
def test_a_parked_field_is_judged_with_both_sides_only() -> None:
    """What one side was told while the field was parked is not forgotten, though it was not taken over."""
    item = one_field(spec("a"), spec("b", T.EMAIL))
    agreed = base(item, "o@x.example", "o@x.example")
    parked = decide(item, agreed, "no address")
    assert parked.parked == {"f": "invalid_email"}
    theirs = decide(item, agreed, partner="new@x.example", parks=parked.parked)
    assert theirs.need == {Side.CRM}
    assert theirs.parked == parked.parked
    assert not any(theirs.writes.values())
    both = decide(item, agreed, "no address", "new@x.example", parks=parked.parked)
    assert both.parked == parked.parked, "Dynamics owns the field and its value does not fit"
    good = decide(item, agreed, "good@x.example", "new@x.example", parks=parked.parked)
    assert good.healed == ("f",)
    assert good.writes[Side.PARTNER] == {"b": "good@x.example"}


def test_a_park_of_a_field_that_is_no_longer_mapped_is_not_ours_to_heal() -> None:
    item = one_field()
    merged = decide(item, base(item, "o", "o"), "x", "o", parks={"gone": "rejected", "f": "rejected"})
    assert merged.healed == ("f",)


def test_a_parked_field_that_nobody_told_asks_for_both() -> None:
    item = one_field()
    merged = decide(item, base(item, "o", "o"), parks={"f": "rejected"})
    assert merged.need == frozenset(Side)
    assert merged.parked == {"f": "rejected"}


# -- limits that shrink -----------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-11.2")
def test_a_text_cut_by_a_limit_that_shrank_does_not_flow_back() -> None:
    """The partner cut its copies to ten characters: no person edited them, and Dynamics keeps its text."""
    item = one_field(spec("a"), spec("b", max_length=10))
    agreed = base(item, "a long text", "a long text")
    alone = decide(item, agreed, partner="a long tex")
    assert alone.need == {Side.CRM}
    assert not any(alone.writes.values())
    both = decide(item, agreed, "a long text", "a long tex")
    assert not any(both.writes.values())
    assert both.settled["f"] == Agreed(digest(item, "a long text", Side.CRM), digest(item, "a long tex", Side.PARTNER))
    edited = decide(item, agreed, "a long text", "0123456789")
    assert edited.writes[Side.CRM] == {"a": "0123456789"}, "a person's edit of exactly that length travels"


def test_nothing_is_parked_for_a_clear_where_nothing_stands() -> None:
    """Dynamics tells a text that is empty from one that never was there; a partner that cannot empty a field holds
    nothing either way."""
    item = one_field(spec("a"), spec("b", clearable=False, blank=False))
    created = decide(item, {}, "", creating=Side.PARTNER)
    assert (created.parked, created.writes[Side.PARTNER]) == ({}, {})
    edited = decide(item, base(item, None, None), "")
    assert (edited.parked, edited.writes[Side.PARTNER], edited.need) == ({}, {}, frozenset())
    assert edited.settled["f"] == Agreed(digest(item, "", Side.CRM), digest(item, None, Side.PARTNER))
    emptied = decide(item, base(item, "x", "x"), "", "x")
    assert emptied.parked == {"f": "cannot_clear"}, "there is something to clear"


def test_a_clip_is_told() -> None:
    item = one_field(spec("a"), spec("b", max_length=3))
    assert decide(item, base(item, "o", "o"), "abcd").clipped[Side.PARTNER] == {"f"}
    created = decide(item, {}, "abcd", creating=Side.PARTNER)
    assert created.clipped[Side.PARTNER] == {"f"}
    assert created.writes[Side.PARTNER] == {"b": "abc"}
    assert created.pending[Side.PARTNER]["f"].partner == digest(item, "abc", Side.PARTNER)


@pytest.mark.feature("HUB-11.2")
def test_a_change_beyond_the_limit_writes_nothing() -> None:
    item = one_field(spec("a"), spec("b", max_length=3))
    merged = decide(item, base(item, "abcd", "abc"), "abcX")
    assert not any(merged.writes.values())
    assert merged.settled["f"].crm == digest(item, "abcX", Side.CRM)


# -- creating ---------------------------------------------------------------------------------------------------------


def test_a_create_writes_what_flows_and_may_be_set_then() -> None:
    item = compiled(
        [
            {"id": "both", "crm": "a", "partner": "a"},
            {"id": "in", "crm": "b", "partner": "b", "direction": "to_crm"},
            {"id": "seed", "crm": "c", "partner": "c", "policy": "only_on_create"},
            {"id": "later", "crm": "d", "partner": "d"},
            {"id": "filled", "crm": "e", "partner": "e", "direction": "to_partner",
             "transforms": [{"kind": "default", "value": "none"}]},
            {"id": "absent", "crm": "g", "partner": "g"},
        ],
        [spec(name) for name in "abcdeg"],
        [spec("a"), spec("b"), spec("c"), spec("d", creatable=False), spec("e"), spec("g")],
    )  # fmt: skip
    crm = {"a": "1", "b": "2", "c": "3", "d": "4", "e": None}
    merged = merge_two(item, crm, creating=Side.PARTNER)
    assert merged.writes[Side.PARTNER] == {"a": "1", "c": "3", "e": "none"}
    assert set(merged.pending[Side.PARTNER]) == {"both", "in", "seed", "later", "filled"}
    after = merged.pending[Side.PARTNER]
    echo = merge_two(item, crm, {"a": "1", "b": None, "c": "3", "d": None, "e": "none"}, agreed=dict(after))
    assert not any(echo.writes.values())
    reverse = merge(item, {}, None, record(Side.PARTNER, crm), digester=DIGESTER, now=NOW, creating=Side.CRM)
    assert reverse.writes[Side.CRM] == {"a": "1", "b": "2", "c": "3", "d": "4"}


def test_nothing_comes_of_creating_from_nothing() -> None:
    merged = merge(one_field(), {}, None, None, digester=DIGESTER, now=NOW, creating=Side.PARTNER)
    assert merged.writes == {Side.CRM: {}, Side.PARTNER: {}}
    assert merged.parked == {}


# -- decisions --------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-10.3")
def test_a_decision_for_the_far_end_of_a_one_way_field_leaves_both() -> None:
    item = one_field(direction="to_partner", policy="ask")
    agreed = base(item, "o", "o")
    merged = decide(item, agreed, "x", "y", parks={"f": ASKED}, decisions={"f": Side.PARTNER})
    assert not any(merged.writes.values())
    assert merged.settled["f"] == Agreed(digest(item, "x", Side.CRM), digest(item, "y", Side.PARTNER))
    assert merged.conflicts[0].winner is Side.PARTNER
    assert merged.healed == ("f",)


def test_a_decision_about_values_that_are_equal_by_now_writes_nothing() -> None:
    item = one_field(policy="ask")
    merged = decide(item, base(item, "o", "o"), "z", "z", decisions={"f": Side.CRM})
    assert not any(merged.writes.values())
    assert merged.conflicts == ()
    assert merged.settled


def test_a_decision_for_a_value_that_does_not_fit_parks_the_field() -> None:
    item = one_field(spec("a"), spec("b", T.EMAIL), policy="ask")
    merged = decide(item, base(item, "o@x.example", "o@x.example"), "x", "y@x.example", decisions={"f": Side.CRM})
    assert merged.parked == {"f": "invalid_email"}
    assert merged.conflicts == ()


# -- union and consent, the rare ways ---------------------------------------------------------------------------------


def union(**more: Any) -> CompiledMap:
    return one_field(
        spec("a", T.MULTI_CHOICE, options=("1", "2", "3")), spec("b", T.MULTI_CHOICE, **more), policy="union"
    )


def test_a_union_with_a_choice_the_other_side_does_not_have_is_parked() -> None:
    item = union(options=("1", "2"))
    agreed = base(item, frozenset("1"), frozenset("1"))
    assert decide(item, agreed, frozenset("13"), frozenset("12")).parked == {"f": "unknown_option"}
    there = union(options=("1", "2", "3", "4"))
    merged = decide(there, base(there, frozenset("1"), frozenset("1")), frozenset("12"), frozenset("14"))
    assert merged.parked == {"f": "unknown_option"}


def test_a_union_tells_the_base_to_remember() -> None:
    item = union(options=("1", "2", "3"))
    agreed = base(item, frozenset("1"), frozenset("1"))
    assert decide(item, agreed, frozenset("12")).pending_bases[Side.PARTNER] == {"f": frozenset("12")}
    assert decide(item, agreed, partner=frozenset("13")).pending_bases[Side.CRM] == {"f": frozenset("13")}
    covered = decide(item, agreed, frozenset("12"), frozenset("123"))
    assert covered.writes[Side.CRM] == {"a": frozenset("123")}
    assert covered.pending_bases[Side.CRM] == {"f": frozenset("123")}
    removed = decide(item, agreed, frozenset("2"), frozenset("12"), bases={"f": frozenset("1")})
    assert removed.writes == {Side.CRM: {}, Side.PARTNER: {"b": frozenset("2")}}


def test_the_base_of_a_union_is_remembered_in_the_words_of_dynamics() -> None:
    crm, partner = (spec(name, T.MULTI_CHOICE, options=("1", "2", "a", "b")) for name in "ab")
    item = one_field(crm, partner, policy="union", values={"1": "a", "2": "b"})
    agreed = base(item, frozenset("1"), frozenset("a"))
    assert decide(item, agreed, frozenset("12")).pending_bases[Side.PARTNER] == {"f": frozenset("12")}
    assert decide(item, agreed, partner=frozenset("ab")).pending_bases[Side.CRM] == {"f": frozenset("12")}


@pytest.mark.feature("HUB-10.1")
def test_consent_that_cannot_be_read_is_never_overwritten() -> None:
    item = one_field(spec("a", T.BOOLEAN), spec("b"), policy="restrictive", values={"true": "out", "false": "in"})
    agreed = base(item, False, "in")
    merged = decide(item, agreed, None, "maybe")
    assert merged.parked == {"f": "unmapped_value"}
    assert not any(merged.writes.values())
    unknown_base = {"f": Agreed(digest(item, True, Side.CRM), digest(item, "maybe", Side.PARTNER))}
    assert decide(item, unknown_base, False).need == {Side.PARTNER}


@pytest.mark.feature("HUB-10.1")
def test_one_way_consent_only_tightens_its_far_end() -> None:
    item = one_field(spec("a", T.BOOLEAN), spec("b", T.BOOLEAN), policy="restrictive", direction="to_partner")
    assert decide(item, base(item, False, False), True).writes[Side.PARTNER] == {"b": True}
    assert not any(decide(item, base(item, True, True), False).writes.values())
    assert not any(decide(item, base(item, False, False), partner=True).writes.values())


# -- two columns as one -----------------------------------------------------------------------------------------------


def test_a_concat_is_merged_as_one_field_and_written_as_two() -> None:
    join = {"kind": "concat", "side": "crm", "column": "last", "separator": ", "}
    item = compiled(
        [{"id": "f", "crm": "first", "partner": "full", "transforms": [join]}],
        [spec("first"), spec("last")],
        [spec("full")],
    )
    agreed = base(item, "Ann, Lee", "Ann, Lee")
    merged = merge_two(item, {"first": "Ann", "last": "Lee"}, {"full": "Ann, Smith"}, agreed=agreed)
    assert merged.writes[Side.CRM] == {"first": "Ann", "last": "Smith"}
    half = merge_two(item, {"first": "Zoe"}, {"full": "Ann, Lee"}, agreed=agreed)
    assert not any(half.writes.values()), "one column alone does not tell the field"
    tangled = merge_two(item, {"first": "Ann, Maria", "last": "Lee"}, {"full": "Ann, Lee"}, agreed=agreed)
    assert tangled.parked == {"f": "separator_in_value"}


# -- references -------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-28")
def test_a_reference_is_merged_in_the_words_of_links() -> None:
    item = one_field(
        spec("a", T.REFERENCE, targets=(Kind("account"),)), spec("b", T.REFERENCE, targets=(Kind("company"),))
    )
    parent, other = (Ref(LINK_KIND, RemoteId(name)) for name in ("aa", "bb"))

    def same(ref: Ref) -> Ref:
        return ref

    agreed = base(item, parent, parent)
    assert decide(item, agreed, other, resolve=same).writes[Side.PARTNER] == {"b": other}
    assert decide(item, agreed, other, other, resolve=same).settled
    assert decide(item, agreed, None, resolve=same).writes[Side.PARTNER] == {"b": None}
    assert decide(item, agreed, other).parked == {"f": "parent_not_linked"}


# -- what identity gives ----------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-12.1")
def test_link_keys_and_ids_of_rows_we_make_are_the_same_everywhere() -> None:
    upper = Ref(CRM_REF.kind, RemoteId("ABC"))
    assert link_key(upper) == link_key(Ref(CRM_REF.kind, RemoteId("abc")))
    assert link_key(upper) != link_key(Ref(Kind("lead"), RemoteId("abc")))
    person = Ref(Kind("person"), RemoteId("7"))
    made = crm_id_for("conn", Kind("contact"), person, 0)
    assert made == crm_id_for("conn", Kind("contact"), person, 0)
    others = {crm_id_for("other", Kind("contact"), person, 0), crm_id_for("conn", Kind("lead"), person, 0),
              crm_id_for("conn", Kind("contact"), person._replace(id=RemoteId("8")), 0),
              crm_id_for("conn", Kind("contact"), person, 1)}  # fmt: skip
    assert len(others | {made}) == 5
    link = Link(crm=upper, entity="contact")
    assert link.key == link_key(upper)
    assert link.with_(state=LinkState.PARKED).state is LinkState.PARKED


def test_an_open_base_is_no_digest_that_a_value_has() -> None:
    assert NEVER not in {DIGESTER.of("f", form) for form in (b"", b"s", b"n0", b"b0")}
    assert len(NEVER) == 16
