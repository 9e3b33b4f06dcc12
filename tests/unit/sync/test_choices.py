"""Fields of several choices under `union`: what one side took away stays away, also when both changed at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from shared.domain.identity import Digester
from shared.domain.records import FieldName, FieldSpec, FieldType, Option, Ref, Side
from shared.ports.connector import Connector, Write, WriteResult
from shared.sync.choices import remembered
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, PERSON, Rig
from tests.unit.sync.test_columns import AT_ONCE, again, remake

TOPICS = FieldName("topics")
SPEC = FieldSpec(name=TOPICS, type=FieldType.MULTI_CHOICE, options=tuple(Option(name, name) for name in "abcde"))
ALL: dict[str, Any] = {
    **ENTITY,
    "fields": [
        *ENTITY["fields"],  # type: ignore[misc]
        {"id": "topics", "crm": "topics", "partner": "topics", "policy": "union"},
    ],
}


def _linked(crm: str | None, partner: str | None = None) -> tuple[Rig, Ref, Ref]:
    """A pair that has come to rest. `partner` is None for a record that the hub made."""
    rig = Rig(entity=ALL, fields=(SPEC,))
    values = {MAIL: "ann@example.com", TOPICS: frozenset(crm) if crm is not None else None}
    here = rig.crm.create(CONTACT, values)
    if partner is not None:
        rig.partner.create(PERSON, {MAIL: "ann@example.com", TOPICS: frozenset(partner)})
    rig.run(3)
    ((there, _),) = rig.refs(PERSON)
    return rig, here, there


def _topics(rig: Rig) -> tuple[object, object]:
    (crm,), (partner,) = rig.people("crm"), rig.people()
    return crm["topics"], partner["topics"]


@pytest.mark.feature("HUB-08.5")
@pytest.mark.parametrize("partner", [None, "abc", "ab"])
def test_what_one_side_takes_away_stays_away_when_both_changed(partner: str | None) -> None:
    rig, here, there = _linked("abc", partner)
    rig.crm.edit(here, {TOPICS: frozenset("bcd")})  # without a, with d
    rig.partner.edit(there, {TOPICS: frozenset("abe")})  # without c, with e
    rig.run(3)
    assert _topics(rig) == (frozenset("bde"), frozenset("bde"))


@pytest.mark.feature("HUB-08.5")
def test_the_base_follows_every_agreement() -> None:
    """A choice that came back by a later edit is not taken away again by an old base."""
    rig, here, there = _linked("ab")
    rig.crm.edit(here, {TOPICS: frozenset("b")})
    rig.run(2)
    rig.partner.edit(there, {TOPICS: frozenset("abc")})
    rig.run(2)
    rig.crm.edit(here, {TOPICS: frozenset("abcd")})
    rig.partner.edit(there, {TOPICS: frozenset("abce")})
    rig.run(3)
    assert _topics(rig) == (frozenset("abcde"), frozenset("abcde"))


def test_a_whole_set_may_be_taken_away() -> None:
    rig, here, there = _linked("ab")
    rig.crm.edit(here, {TOPICS: None})
    rig.partner.edit(there, {TOPICS: frozenset("abc")})
    rig.run(3)
    assert _topics(rig) == (frozenset("c"), frozenset("c"))


class EditedMeanwhile:
    """Dynamics, while whose first write is under way somebody chooses something else on the partner's side."""

    def __init__(self, rig: Rig, there: Ref, chosen: frozenset[str]) -> None:
        self._real, self._users = rig.engine.crm, rig.partner
        self._there, self._chosen = there, chosen
        self.writes = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        answers = self._real.write(writes)
        self.writes += 1
        if self.writes == 1:
            self._users.edit(self._there, {TOPICS: self._chosen})
        return answers


@pytest.mark.feature("HUB-08.5")
@pytest.mark.parametrize(("meanwhile", "stays"), [("abe", "abce"), ("b", "bc"), ("a", "ac")])
def test_what_one_side_chose_outlives_an_edit_of_the_other_while_the_first_is_written(
    meanwhile: str, stays: str
) -> None:
    """Both lack something, so Dynamics is written first; its own new choice is not on the partner's side by then. An
    edit there that does not know of it has not taken it away."""
    rig, here, there = _linked("a")
    rig.crm.edit(here, {TOPICS: frozenset("ac")})
    rig.partner.edit(there, {TOPICS: frozenset("ab")})
    crm = EditedMeanwhile(rig, there, frozenset(meanwhile))
    rig.engine = replace(rig.engine, crm=cast("Connector", crm))
    rig.run(4)
    assert crm.writes > 0
    assert _topics(rig) == (frozenset(stays), frozenset(stays))


@pytest.mark.feature("HUB-08.5")
@pytest.mark.parametrize("entered", ["", "d", "bd"])
@pytest.mark.parametrize("seen_missing", [True, False])
@pytest.mark.parametrize("side", Side)
def test_a_column_that_comes_back_empty_takes_no_choice_away(side: Side, entered: str, *, seen_missing: bool) -> None:
    """Also where somebody chooses something in the new column before it was read: the choices of both are put together,
    and what was agreed on in the former column says nothing of what this one lacks."""
    rig = Rig(entity=ALL, fields=(SPEC,), partner=AT_ONCE)
    here = rig.crm.create(CONTACT, {MAIL: "ann@example.com", TOPICS: frozenset("ab")})
    rig.run(3)
    ((there, _),) = rig.refs(PERSON)
    rig.crm.edit(here, {TOPICS: frozenset("abc")})  # from here on the choices themselves are remembered
    rig.run(2)
    remake(rig, side, TOPICS, seen_missing=seen_missing)
    if entered:
        users, ref = (rig.crm, here) if side is Side.CRM else (rig.partner, there)
        users.edit(ref, {TOPICS: frozenset(entered)})
    again(rig, 2)
    whole = frozenset("abc") | frozenset(entered)
    assert _topics(rig) == (whole, whole)


def test_choices_are_remembered_without_their_names() -> None:
    """Nothing readable, the same in any order, and another thing for another field."""
    digester = Digester(b"k" * 32)
    one = remembered(digester, {"f": frozenset({"art", "books"})})
    assert one == remembered(digester, {"f": frozenset({"books", "art"})})
    assert len(one["f"]) == 16
    assert b"art" not in one["f"]
    assert one["f"] != remembered(digester, {"g": frozenset({"art", "books"})})["g"]
