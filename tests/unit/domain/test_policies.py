"""Every policy in every change state, by enumeration, against tables written by hand.

A state is one letter a side: S same as agreed, C changed, X cleared. What is expected:
`.` nothing at all; `=` agreed without a write; `>` the partner is written; `<` Dynamics is written; `!` a conflict is
recorded with both values, won by the side written from; `|` each keeps its own, told once; `?` a person is asked;
`~` agreed, but the source's base is left open: when its row is seen again, both are read and the edit yields.
"""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from shared.domain.mapping import CompiledMap
from shared.domain.merged import ASKED, NEVER, Merged
from shared.domain.records import ABSENT, FieldState, FieldType, Side
from tests.unit.domain.kit import NOW, base, decide, digest, one_field, spec

STATES = ("SS", "SC", "SX", "CS", "CC", "CX", "XS", "XC", "XX")
AGREED = "agreed"
VALUES: dict[Side, dict[str, FieldState]] = {
    Side.CRM: {"S": AGREED, "C": "new in Dynamics", "X": None, "-": ABSENT},
    Side.PARTNER: {"S": AGREED, "C": "new at the partner", "X": None, "-": ABSENT},
}

BOTH = {
    "owner_crm": (".", "<", "<", ">", ">!", ">!", ">", ">!", "="),
    "owner_partner": (".", "<", "<", ">", "<!", "<!", ">", "<!", "="),
    "newest": (".", "<", "<", ">", ">!", ">!", ">", ">!", "="),
    "fill_if_empty": (".", "=", "=", "=", "|", ">", "=", "<", "="),
    "only_on_create": (".", "=", "=", "=", "=", "=", "=", "=", "="),
    "ask": (".", "<", "<", ">", "?", "?", ">", "?", "="),
}
TO_PARTNER = {
    "owner_crm": (".", ">!", ">!", ">", ">!", ">!", ">", ">!", "="),
    "newest": (".", ">!", ">!", ">", ">!", ">!", ">", ">!", "="),
    "fill_if_empty": (".", "=", "=", "=", "|", ">", "=", "=", "="),
    "only_on_create": (".", "=", "=", "=", "=", "=", "=", "=", "="),
    "ask": (".", ">!", ">!", ">", "?", "?", ">", "?", "="),
}
TO_CRM = {
    "owner_partner": (".", "<", "<", "<!", "<!", "<!", "<!", "<!", "="),
    "newest": (".", "<", "<", "<!", "<!", "<!", "<!", "<!", "="),
    "fill_if_empty": (".", "=", "=", "=", "|", "=", "=", "<", "="),
    "only_on_create": (".", "=", "=", "=", "=", "=", "=", "=", "="),
    "ask": (".", "<", "<", "<!", "?", "?", "<!", "?", "="),
}
CASES = [
    pytest.param(direction, policy, state, expected, id=f"{direction}-{policy}-{state}")
    for direction, table in (("both", BOTH), ("to_partner", TO_PARTNER), ("to_crm", TO_CRM))
    for policy, row in table.items()
    for state, expected in zip(STATES, row, strict=True)
]


def told(state: str, side: Side) -> FieldState:
    return VALUES[side][state[0 if side is Side.CRM else 1]]


def check(item: CompiledMap, merged: Merged, expected: str, crm: FieldState, partner: FieldState) -> None:
    """Compares everything a merge of the one field said with the expected sign."""
    assert not merged.need
    assert not merged.blocked
    wrote = {side: dict(merged.writes[side]) for side in Side}
    wanted: dict[Side, dict[str, Any]] = {side: {} for side in Side}
    if ">" in expected:
        wanted[Side.PARTNER] = {"b": crm}
    if "<" in expected:
        wanted[Side.CRM] = {"a": partner}
    assert wrote == wanted
    assert merged.parked == ({"f": ASKED} if expected == "?" else {})
    assert len(merged.apart) == (expected == "|")
    winners = {">!": [Side.CRM], "<!": [Side.PARTNER], "?": [None]}.get(expected, [])
    assert [found.winner for found in merged.conflicts] == winners
    for found in (*merged.conflicts, *merged.apart):
        assert (found.crm, found.partner) == (crm, partner)
        assert found.crm_digest == digest(item, crm, Side.CRM)
    for side in Side:
        assert set(merged.pending[side]) == set(merged.before[side]) == ({"f"} if wanted[side] else set())
    settled = merged.settled.get("f")
    assert (settled is not None) == (expected in {"=", "|", "~"})
    if expected in {"=", "|"} and settled is not None:
        assert settled.crm == (digest(item, AGREED if crm is ABSENT else crm, Side.CRM))
        assert settled.partner == (digest(item, AGREED if partner is ABSENT else partner, Side.PARTNER))


@pytest.mark.feature("HUB-08.5")
@pytest.mark.feature("HUB-08.2")
@pytest.mark.feature("HUB-09.1")
@pytest.mark.feature("HUB-10.1")
@pytest.mark.parametrize(("direction", "policy", "state", "expected"), CASES)
def test_every_policy_in_every_change_state(direction: str, policy: str, state: str, expected: str) -> None:
    item = one_field(direction=direction, policy=policy)
    crm, partner = told(state, Side.CRM), told(state, Side.PARTNER)
    check(item, decide(item, base(item, AGREED, AGREED), crm, partner), expected, crm, partner)


@pytest.mark.feature("HUB-09.2")
@pytest.mark.parametrize(
    ("direction", "policy", "state", "expected"), [case for case in CASES if "S" in case.values[2]]
)
def test_a_side_that_was_not_told_counts_as_the_same(direction: str, policy: str, state: str, expected: str) -> None:
    """Absent is not empty: only an edit on a one-way field's far end waits for the source to be told."""
    item = one_field(direction=direction, policy=policy)
    unseen = state.replace("S", "-")
    crm, partner = told(unseen, Side.CRM), told(unseen, Side.PARTNER)
    merged = decide(item, base(item, AGREED, AGREED), crm, partner)
    if expected in {">!", "<!"}:
        far = Side.PARTNER if expected == ">!" else Side.CRM
        check(item, merged, "~", crm, partner)
        assert merged.settled["f"].of(far.other) == NEVER
        after = dict(merged.settled)
        source_alone = (AGREED, ABSENT) if far is Side.PARTNER else (ABSENT, AGREED)
        assert decide(item, after, *source_alone).need == {far}, "the value that yields is to be kept"
        both = (AGREED, partner) if far is Side.PARTNER else (crm, AGREED)
        check(item, decide(item, after, *both), expected, *both)
    else:
        check(item, merged, expected, crm, partner)


@pytest.mark.feature("HUB-09.3")
@pytest.mark.parametrize("policy", BOTH)
@pytest.mark.parametrize("values", [("twin", "twin"), (None, None), ("twin", "twin \r\n"), ("Jos\u00e9", "Jose\u0301")])
def test_the_same_new_value_on_both_sides_is_no_conflict(policy: str, values: tuple[Any, Any]) -> None:
    item = one_field(policy=policy)
    merged = decide(item, base(item, AGREED, AGREED), *values)
    check(item, merged, "=", *values)


@pytest.mark.parametrize("policy", [*BOTH, "union", "restrictive"])
@pytest.mark.parametrize("direction", ["both", "to_partner", "to_crm"])
def test_neither_side_told_anything_decides_nothing(policy: str, direction: str) -> None:
    if (policy, direction) in {("owner_crm", "to_crm"), ("owner_partner", "to_partner")}:
        return
    kind = {"union": FieldType.MULTI_CHOICE, "restrictive": FieldType.BOOLEAN}.get(policy, FieldType.TEXT)
    item = one_field(spec("a", kind), spec("b", kind), policy=policy, direction=direction)
    for agreed in ({}, base(item, None, None)):
        merged = decide(item, agreed)
        assert merged.settled == {}
        assert not any(merged.writes.values())


# -- the first meeting ------------------------------------------------------------------------------------------------

FIRST = {
    # crm and partner: equal, crm only, partner only, neither, both unequal
    ("both", "owner_crm"): ("=", ">", "<", "=", ">!"),
    ("both", "owner_partner"): ("=", ">", "<", "=", ">!"),
    ("both", "newest"): ("=", ">", "<", "=", ">!"),
    ("both", "fill_if_empty"): ("=", ">", "<", "=", "|"),
    ("both", "only_on_create"): ("=", "=", "=", "=", "="),
    ("both", "ask"): ("=", ">", "<", "=", "?"),
    ("to_partner", "owner_crm"): ("=", ">", "=", "=", ">!"),
    ("to_partner", "fill_if_empty"): ("=", ">", "=", "=", "|"),
    ("to_partner", "only_on_create"): ("=", "=", "=", "=", "="),
    ("to_crm", "owner_partner"): ("=", "=", "<", "=", "<!"),
    ("to_crm", "fill_if_empty"): ("=", "=", "<", "=", "|"),
}
MEETINGS: tuple[tuple[FieldState, FieldState], ...] = (("x", "x"), ("x", None), (None, "y"), (None, None), ("x", "y"))


@pytest.mark.feature("HUB-08.9")
@pytest.mark.parametrize(
    ("direction", "policy", "values", "expected"),
    [
        pytest.param(direction, policy, values, expected, id=f"{direction}-{policy}-{values}")
        for (direction, policy), row in FIRST.items()
        for values, expected in zip(MEETINGS, row, strict=True)
    ],
)
def test_a_field_without_a_base_is_met_for_the_first_time(
    direction: str, policy: str, values: tuple[FieldState, FieldState], expected: str
) -> None:
    item = one_field(direction=direction, policy=policy)
    check(item, decide(item, {}, *values), expected, *values)


def test_a_first_meeting_goes_to_the_side_the_map_names() -> None:
    by_entity = one_field(entity={"first_match": "partner"})
    by_field = one_field(entity={"first_match": "partner"}, first="crm")
    assert decide(by_entity, {}, "x", "y").writes[Side.CRM] == {"a": "y"}
    assert decide(by_field, {}, "x", "y").writes[Side.PARTNER] == {"b": "x"}


@pytest.mark.feature("HUB-08.9")
def test_one_side_alone_cannot_be_judged_without_a_base() -> None:
    item = one_field()
    assert decide(item, {}, "x").need == {Side.PARTNER}
    assert decide(item, {}, partner="x").need == {Side.CRM}


# -- newest -----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-10.1", system="exchange")
@pytest.mark.parametrize(
    ("crm_age", "partner_age", "winner"),
    [
        (0, 121, Side.CRM),
        (121, 0, Side.PARTNER),
        (0, 120, Side.CRM),  # within the skew: the tie goes to Dynamics
        (120, 0, Side.CRM),
        (30, 0, Side.CRM),
        (None, 0, Side.CRM),
        (0, None, Side.CRM),
        (None, None, Side.CRM),
        (500, -121, Side.CRM),  # a time in the future is a broken clock, not evidence
        (500, -120, Side.PARTNER),
    ],
)
def test_newest_decides_only_when_the_clocks_certainly_can(
    crm_age: int | None, partner_age: int | None, winner: Side
) -> None:
    item = one_field(policy="newest")
    times = [None if age is None else NOW - timedelta(seconds=age) for age in (crm_age, partner_age)]
    merged = decide(item, base(item, "o", "o"), "x", "y", crm_time=times[0], partner_time=times[1])
    assert merged.conflicts[0].winner is winner
    assert merged.writes[winner.other]


def test_newest_falls_to_the_side_it_names_and_its_own_skew() -> None:
    item = one_field(policy={"rule": "newest", "side": "partner", "skew": 10})
    agreed = base(item, "o", "o")
    assert decide(item, agreed, "x", "y").conflicts[0].winner is Side.PARTNER
    exact = one_field(policy={"rule": "newest", "side": "partner", "skew": 0})
    second = {"crm_time": NOW, "partner_time": NOW - timedelta(seconds=1)}
    assert decide(exact, agreed, "x", "y", **second).conflicts[0].winner is Side.CRM
    earlier = NOW - timedelta(seconds=11)
    assert decide(item, agreed, "x", "y", crm_time=NOW, partner_time=earlier).conflicts[0].winner is Side.CRM


# -- union ------------------------------------------------------------------------------------------------------------


def settle(item: CompiledMap, agreed: Any, crm: Any, partner: Any, **more: Any) -> tuple[Any, Any, list[Merged]]:
    """Merges and applies until nothing is left to write, as the engine would."""
    seen = []
    for _ in range(5):
        merged = decide(item, agreed, crm, partner, **more)
        seen.append(merged)
        agreed = {**agreed, **merged.settled}
        for side in Side:
            agreed |= merged.pending[side]
        crm, partner = merged.writes[Side.CRM].get("a", crm), merged.writes[Side.PARTNER].get("b", partner)
        if not any(merged.writes.values()):
            return crm, partner, seen
    raise AssertionError("did not come to rest")


def sets(text: str) -> frozenset[str] | None:
    return frozenset(text) or None


UNION = [
    # base, crm, partner, both end as, and with a known base
    ("1", "12", "1", "12", "12"),
    ("1", "1", "13", "13", "13"),
    ("1", "12", "13", "123", "123"),
    ("12", "1", "12", "1", "1"),
    ("12", "12", "", "", ""),
    ("12", "1", "123", "123", "13"),
    ("12", "1", "2", "12", ""),
    ("12", "", "123", "123", "3"),
    ("", "1", "2", "12", "12"),
]


@pytest.mark.feature("HUB-08.5")
@pytest.mark.parametrize(("agreed", "crm", "partner", "end", "known"), UNION)
def test_union_keeps_the_choices_of_both(agreed: str, crm: str, partner: str, end: str, known: str) -> None:
    kind = FieldType.MULTI_CHOICE
    item = one_field(spec("a", kind), spec("b", kind), policy="union")
    start = base(item, sets(agreed), sets(agreed))
    assert settle(item, start, sets(crm), sets(partner))[:2] == (sets(end), sets(end))
    bases = {"f": frozenset(agreed)}
    assert settle(item, start, sets(crm), sets(partner), bases=bases)[:2] == (sets(known), sets(known))


def test_union_loses_no_choice_when_only_its_first_write_succeeds() -> None:
    kind = FieldType.MULTI_CHOICE
    item = one_field(spec("a", kind), spec("b", kind), policy="union")
    merged = decide(item, base(item, sets("1"), sets("1")), sets("12"), sets("13"))
    assert [side for side in Side if merged.writes[side]] == [Side.CRM], "one side at a time"
    after = dict(merged.pending[Side.CRM])
    partner_changed_again = decide(item, after, ABSENT, sets("134"))
    assert partner_changed_again.need == {Side.CRM}
    assert not any(partner_changed_again.writes.values())
    assert decide(item, after, sets("123"), ABSENT).need == {Side.PARTNER}
    echo = decide(item, after, sets("123"), sets("13"))
    assert echo.writes[Side.PARTNER] == {"b": sets("123")}


def test_union_one_way_only_adds() -> None:
    kind = FieldType.MULTI_CHOICE
    item = one_field(spec("a", kind), spec("b", kind), policy="union", direction="to_partner")
    merged = decide(item, base(item, sets("1"), sets("1")), sets("12"), sets("13"))
    assert merged.writes == {Side.CRM: {}, Side.PARTNER: {"b": sets("123")}}
    after = {**merged.pending[Side.PARTNER]}
    assert not any(decide(item, after, sets("12"), sets("123")).writes.values())


# -- restrictive ------------------------------------------------------------------------------------------------------

RESTRICTIVE = [
    # base of both, then Dynamics, the partner (true: do not mail), and what happens
    ((False, False), False, False, "."),
    ((False, False), True, False, ">"),
    ((False, False), False, True, "<"),
    ((False, False), True, True, "="),
    ((True, True), False, True, "="),
    ((True, True), True, False, "="),
    ((True, True), False, False, "="),
    ((True, False), False, False, "="),
    ((False, True), True, False, ">!"),
    ((True, False), False, True, "<!"),
    ((False, False), None, True, "<!"),
    ((None, None), True, False, ">!"),
    ((None, None), False, None, "="),  # it restricts nobody; where nothing is conditional it could arrive late
    ((True, True), None, True, "="),
]


@pytest.mark.feature("HUB-10.1")
@pytest.mark.parametrize(("agreed", "crm", "partner", "expected"), RESTRICTIVE)
def test_the_stricter_consent_wins_and_nothing_is_loosened(
    agreed: tuple[Any, Any], crm: FieldState, partner: FieldState, expected: str
) -> None:
    kind = FieldType.BOOLEAN
    item = one_field(spec("a", kind), spec("b", kind), policy="restrictive")
    check(item, decide(item, base(item, *agreed), crm, partner), expected, crm, partner)


@pytest.mark.feature("HUB-10.1")
@pytest.mark.parametrize("told_both", [True, False])
def test_a_loosened_consent_loosens_nothing_even_when_the_other_side_was_not_told(told_both: bool) -> None:
    """The other side's value is recognised by its digest: no read is needed to know that it is the stricter one."""
    item = one_field(
        spec("a", FieldType.BOOLEAN), spec("b", FieldType.BOOLEAN), policy="restrictive", transforms=["invert"]
    )
    merged = decide(item, base(item, True, False), False, False if told_both else ABSENT)
    assert not any(merged.writes.values())
    assert not merged.need
    opted_out_there = decide(item, base(item, False, True), ABSENT, False)
    assert opted_out_there.writes[Side.CRM] == {"a": True}


@pytest.mark.feature("HUB-10.1")
def test_levels_of_consent_are_ordered_as_declared() -> None:
    options = {"options": ("1", "2", "3")}
    crm, partner = spec("a", FieldType.CHOICE, **options), spec("b", FieldType.CHOICE, **options)
    item = one_field(crm, partner, policy={"rule": "restrictive", "strict": ["3", "2"]})
    agreed = base(item, "1", "1")
    for ours, theirs in product(("3", "2"), ("3", "2", "1")):
        if ours == theirs:
            continue
        merged = decide(item, agreed, ours, theirs)
        strict = max(ours, theirs)
        ends = {merged.writes[Side.CRM].get("a", ours), merged.writes[Side.PARTNER].get("b", theirs)}
        assert ends == {strict}


# -- what a person decides --------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-10.3")
@pytest.mark.parametrize("winner", list(Side))
def test_an_asked_conflict_holds_until_a_person_decides(winner: Side) -> None:
    item = one_field(policy="ask")
    agreed = base(item, "o", "o")
    asked = decide(item, agreed, "x", "y")
    parks = dict(asked.parked)
    alone = decide(item, agreed, "x", ABSENT, parks=parks)
    assert not any(alone.writes.values()), "the other side's edit is not forgotten because only one side is told"
    assert alone.need == {Side.PARTNER}
    assert alone.parked == parks
    decided = decide(item, agreed, "x", "y", parks=parks, decisions={"f": winner})
    loser = winner.other
    assert decided.writes[loser] == ({"b": "x"} if loser is Side.PARTNER else {"a": "y"})
    assert decided.writes[winner] == {}
    assert decided.healed == ("f",)
    assert decided.conflicts[0].winner is winner
    assert decide(item, agreed, "x", ABSENT, decisions={"f": winner}).need == {Side.PARTNER}


@pytest.mark.feature("HUB-10.3")
def test_an_asked_conflict_that_people_settled_themselves_heals() -> None:
    item = one_field(policy="ask")
    agreed, parks = base(item, "o", "o"), {"f": ASKED}
    for crm, partner, writes in (("z", "z", {}), ("o", "y", {"a": "y"}), ("o", "o", {})):
        merged = decide(item, agreed, crm, partner, parks=parks)
        assert merged.healed == ("f",)
        assert merged.parked == {}
        assert {**merged.writes[Side.CRM], **merged.writes[Side.PARTNER]} == writes


@pytest.mark.feature("MK-03.1", system="marketo")
@pytest.mark.feature("MK-03.2", system="marketo")
@pytest.mark.feature("MK-03.3", system="marketo")
def test_the_owner_may_differ_by_entity() -> None:
    """A lead's map gives fields to the partner, a contact's to Dynamics, a one-way entity's always to Dynamics."""
    lead = one_field(entity={"policy": "owner_partner", "first_match": "partner"})
    contact = one_field(entity={"policy": "owner_crm"})
    account = one_field(entity={"direction": "to_partner"})
    assert decide(lead, base(lead, "o", "o"), "x", "y").writes[Side.CRM] == {"a": "y"}
    assert decide(contact, base(contact, "o", "o"), "x", "y").writes[Side.PARTNER] == {"b": "x"}
    assert decide(account, base(account, "o", "o"), "x", "y").writes[Side.PARTNER] == {"b": "x"}
