"""Consent of a pair: the hub carries what is stricter, and what is looser only as the person's own act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Ref, RemoteId, Side, Value
from shared.ports.connector import Connector
from shared.state.model import Command
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, PERSON, Rig
from tests.unit.sync.test_columns import AT_ONCE, again, remake

OPTOUT = FieldName("optout")
COLUMN = FieldSpec(name=OPTOUT, type=FieldType.BOOLEAN)
MAP: Mapping[str, object] = {
    **ENTITY,
    "fields": [
        *ENTITY["fields"],  # type: ignore[misc]
        {"id": "optout", "crm": "optout", "partner": "optout", "policy": {"rule": "restrictive", "strict": ["true"]}},
    ],
}


def consents(rig: Rig) -> list[object]:
    return [row[OPTOUT] for row in (*rig.people("crm"), *rig.people())]


def agreed_on(value: bool) -> tuple[Rig, Ref, Ref]:
    """A pair of which both sides told, and agreed on, one value."""
    rig = Rig(entity=MAP, fields=(COLUMN,), partner=AT_ONCE)
    ours = rig.crm.create(CONTACT, {MAIL: "ann@example.org", OPTOUT: value})
    rig.run(2)
    ((theirs, _),) = rig.refs(PERSON)
    rig.partner.edit(theirs, {OPTOUT: value})
    rig.run(2)
    assert consents(rig) == [value, value]
    return rig, ours, theirs


class Witnessing:
    """A partner whose events tell what a look does not: here that the person wants mail again."""

    def __init__(self, real: Connector) -> None:
        self._real = real

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def witnessed(self, kind: Kind, row: RemoteId, event: str, source: str) -> Mapping[FieldName, Value]:
        del kind, row, source
        return {OPTOUT: False} if event == "subscribe" else {}


def subscribed(rig: Rig, theirs: Ref) -> None:
    """The word that such an event leaves is taken."""
    rig.engine = replace(rig.engine, partner=cast("Connector", Witnessing(rig.engine.partner)))
    payload = {"entity": "contact", "event": "subscribe", "source": "public"}
    rig.engine.enqueue(Command(key="look-1", op="look", side=Side.PARTNER, ref=theirs, payload=payload))
    rig.run(3)


def test_who_asks_for_mail_again_loosens_what_dynamics_has_held_since_both_agreed() -> None:
    rig, _, theirs = agreed_on(True)
    rig.partner.edit(theirs, {OPTOUT: False})
    subscribed(rig, theirs)
    assert consents(rig) == [False, False]


def test_an_opt_out_that_is_new_in_dynamics_outlives_an_older_word_of_an_event() -> None:
    """Nothing tells whether the event or the edit came first: the stricter one counts."""
    rig, ours, theirs = agreed_on(False)
    rig.crm.edit(ours, {OPTOUT: True})
    subscribed(rig, theirs)
    assert consents(rig) == [True, True]


@pytest.mark.parametrize(("ours", "theirs"), [(False, True), (None, True), (True, False)])
def test_an_initial_sync_that_writes_to_the_partner_only_agrees_no_opt_out_away(ours: object, theirs: bool) -> None:
    """The partner's opt-out waits for the run after it, which may write to Dynamics."""
    rig = Rig(entity=MAP, fields=(COLUMN,), partner=AT_ONCE, options={"initial_one_way": True})
    rig.crm.create(CONTACT, {MAIL: "ann@example.org", OPTOUT: cast("Value | None", ours)})
    rig.partner.create(PERSON, {MAIL: "ann@example.org", OPTOUT: theirs})
    rig.run()
    assert consents(rig)[0] is ours, "the initial run writes nothing to Dynamics"
    rig.run(2)
    rig.clock.advance(24 * 3600)
    rig.run(2)
    assert consents(rig) == [True, True]


@pytest.mark.parametrize("entered", [None, False])
@pytest.mark.parametrize("seen_missing", [True, False])
@pytest.mark.parametrize("side", Side)
def test_a_column_that_comes_back_empty_loosens_nothing(side: Side, entered: object, *, seen_missing: bool) -> None:
    """Also where somebody enters a looser value in it before it was read: it is another column, where no opt-out was
    taken back."""
    rig, ours, theirs = agreed_on(True)
    remake(rig, side, OPTOUT, seen_missing=seen_missing)
    if entered is not None:
        users, ref = (rig.crm, ours) if side is Side.CRM else (rig.partner, theirs)
        users.edit(ref, {OPTOUT: False})
    again(rig, 2)
    assert consents(rig) == [True, True]
