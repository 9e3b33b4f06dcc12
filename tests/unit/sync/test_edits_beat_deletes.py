"""Who edited the record that is left keeps it: an edit beats the delete of its counterpart, also one that cannot be
carried there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.records import FieldName, FieldSpec, FieldType, Option, Ref
from shared.ports.connector import Deletes, FeedKind
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, PARTNER_CAPABILITIES, PERSON, Rig

LEVEL = FieldName("level")
LEVELS = FieldSpec(name=LEVEL, type=FieldType.CHOICE, options=tuple(Option(name, name) for name in "123"))
MAP: dict[str, object] = {
    **ENTITY,
    "deletes": {"partner": "delete", "crm": "delete"},
    "fields": [
        *ENTITY["fields"],  # type: ignore[misc]
        {"id": "level", "crm": "level", "partner": "level", "values": {"1": "1", "2": "2"}},
    ],
}
PARTNER = replace(PARTNER_CAPABILITIES, deletes=Deletes.TOLD, feed=FeedKind.DELTA, asynchronous_create=False)


def pairs() -> tuple[Rig, Ref, Ref]:
    """Enough of them that one delete is no mass delete; and both records of the first."""
    rig = Rig(entity=MAP, fields=(LEVELS,), partner=PARTNER)
    rows = [rig.crm.create(CONTACT, {MAIL: f"a{number}@example.org", LEVEL: "1"}) for number in range(8)]
    rig.run(2)
    theirs = {values["mail"]: ref for ref, values in rig.refs(PERSON)}
    return rig, rows[0], theirs["a0@example.org"]


@pytest.mark.parametrize("parked", [True, False])
@pytest.mark.parametrize("level", ["2", "3"])
def test_an_edit_beats_the_delete_of_the_counterpart(level: str, *, parked: bool) -> None:
    """Of 3 the value map knows nothing: it is the edit of a person all the same, and nothing of it stands elsewhere."""
    rig, ours, theirs = pairs()
    rig.crm.edit(ours, {LEVEL: level})
    if parked:
        rig.run(2)
        rig.crm.edit(ours, {LEVEL: "3"})
    rig.partner.delete(theirs)
    rig.run(4)
    assert sorted(str(row["mail"]) for row in rig.people("crm")) == [f"a{number}@example.org" for number in range(8)]
    assert sorted(str(row["mail"]) for row in rig.people()) == [f"a{number}@example.org" for number in range(8)]


def test_a_delete_that_nobody_contradicted_is_carried() -> None:
    rig, _, theirs = pairs()
    rig.partner.delete(theirs)
    rig.run(4)
    assert len(rig.people("crm")) == len(rig.people()) == 7
