"""Fields of several choices under `union`: what one side took away stays away, also when both changed at once."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.identity import Digester
from shared.domain.records import FieldName, FieldSpec, FieldType, Option, Ref
from shared.sync.choices import remembered
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, PERSON, Rig

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


def test_choices_are_remembered_without_their_names() -> None:
    """Nothing readable, the same in any order, and another thing for another field."""
    digester = Digester(b"k" * 32)
    one = remembered(digester, {"f": frozenset({"art", "books"})})
    assert one == remembered(digester, {"f": frozenset({"books", "art"})})
    assert len(one["f"]) == 16
    assert b"art" not in one["f"]
    assert one["f"] != remembered(digester, {"g": frozenset({"art", "books"})})["g"]
