"""What was agreed of a pair whose record was merged into another one, or was deleted and is there again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shared.domain.records import Ref, Side, Value
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, MERGING_CRM, MERGING_PARTNER, NAME, PERSON, PHONE, Rig


def linked(phone: Mapping[str, object], *, phones: str | None = "1") -> tuple[Rig, dict[Side, Ref]]:
    """A pair of records that hold one phone, whose field is mapped as `phone` says."""
    fields = [{**item, **phone} if item["id"] == "phone" else item for item in ENTITY["fields"]]  # type: ignore[attr-defined]
    rig = Rig(entity={**ENTITY, "fields": fields}, crm=MERGING_CRM, partner=MERGING_PARTNER)
    values: dict[str, Value | None] = {MAIL: "ann@example.org", NAME: "Ann", PHONE: phones}
    ours, theirs = rig.crm.create(CONTACT, values), rig.partner.create(PERSON, values)  # type: ignore[arg-type]
    rig.run(2)
    return rig, {Side.CRM: ours, Side.PARTNER: theirs}


def phones(rig: Rig) -> list[Value | None]:
    return [row[PHONE] for row in (*rig.people("crm"), *rig.people())]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("kept", "expected"), [("", ["1", "1"]), ("1", ["1", "1"]), ("2", None)])
def test_an_empty_field_of_the_record_that_was_kept_is_filled(
    side: Side, kept: str, expected: list[Value | None] | None
) -> None:
    """Nobody emptied it. Where that record holds a value of its own, each side keeps its own, as on a first link."""
    rig, refs = linked({"policy": "fill_if_empty"})
    users, kind = (rig.crm, CONTACT) if side is Side.CRM else (rig.partner, PERSON)
    users.merge(refs[side], users.create(kind, {NAME: "Ann", PHONE: kept}))
    rig.run(3)
    assert phones(rig) == (expected or (["2", "1"] if side is Side.CRM else ["1", "2"]))


@pytest.mark.parametrize("back", Side)
@pytest.mark.parametrize(("direction", "source"), [("to_partner", Side.CRM), ("to_crm", Side.PARTNER)])
@pytest.mark.parametrize("said", [None, "2"])
def test_what_the_source_of_a_one_way_field_said_meanwhile_is_carried_to_a_record_that_comes_back(
    back: Side, direction: str, source: Side, said: str | None
) -> None:
    rig, refs = linked({"direction": direction})
    users = {Side.CRM: rig.crm, Side.PARTNER: rig.partner}
    users[back].delete(refs[back])
    if source is not back:
        users[source].edit(refs[source], {PHONE: said})
    rig.run(2)
    users[back].restore(refs[back])
    if source is back:
        users[source].edit(refs[source], {PHONE: said})
    rig.run(3)
    assert phones(rig) == [said, said]


@pytest.mark.parametrize("back", Side)
def test_a_source_that_never_held_anything_takes_nothing_from_a_record_that_comes_back(back: Side) -> None:
    rig, refs = linked({"direction": "to_partner"}, phones=None)
    rig.partner.edit(refs[Side.PARTNER], {PHONE: "3"})
    rig.run(2)
    users = {Side.CRM: rig.crm, Side.PARTNER: rig.partner}
    users[back].delete(refs[back])
    rig.run(2)
    users[back].restore(refs[back])
    rig.run(3)
    assert phones(rig) == [None, "3"]
