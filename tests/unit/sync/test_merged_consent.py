"""Consent where a record of a pair is merged into one that nobody was linked with."""

from __future__ import annotations

import pytest

from shared.domain.records import FieldName, FieldSpec, FieldType, Ref, Side
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, MERGING_CRM, MERGING_PARTNER, NAME, PERSON, Rig

OPTOUT = FieldName("optout")
FIELDS = [
    *ENTITY["fields"],  # type: ignore[misc]
    {"id": "optout", "crm": "optout", "partner": "optout", "policy": {"rule": "restrictive", "strict": ["true"]}},
]


def merged(side: Side, *, lost: bool, kept: bool) -> tuple[Rig, Ref]:
    """A pair of which both agreed on `lost`, where one record was merged into another one that has `kept`; and that."""
    column = FieldSpec(name=OPTOUT, type=FieldType.BOOLEAN)
    rig = Rig(entity={**ENTITY, "fields": FIELDS}, crm=MERGING_CRM, partner=MERGING_PARTNER, fields=[column])
    ours = rig.crm.create(CONTACT, {MAIL: "ann@example.org", NAME: "Ann", OPTOUT: lost})
    rig.run(2)
    ((theirs, _),) = rig.refs(PERSON)
    users, kind, loser = (rig.crm, CONTACT, ours) if side is Side.CRM else (rig.partner, PERSON, theirs)
    winner = users.create(kind, {NAME: "Ann", OPTOUT: kept})
    users.merge(loser, winner)
    rig.run(3)
    return rig, winner


def consents(rig: Rig) -> list[object]:
    return [row[OPTOUT] for row in (*rig.people("crm"), *rig.people())]


@pytest.mark.parametrize(("lost", "kept"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("side", Side)
def test_an_opt_out_of_either_record_is_on_both_sides_after_the_merge(side: Side, *, lost: bool, kept: bool) -> None:
    rig, _ = merged(side, lost=lost, kept=kept)
    assert consents(rig) == [True, True]


@pytest.mark.parametrize("side", Side)
def test_who_takes_it_back_after_the_merge_has_loosened_it_there(side: Side) -> None:
    rig, winner = merged(side, lost=True, kept=False)
    (rig.crm if side is Side.CRM else rig.partner).edit(winner, {OPTOUT: False})
    rig.run(2)
    assert consents(rig) == ([False, True] if side is Side.CRM else [True, False])
