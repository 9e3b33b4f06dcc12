"""What Dynamics refuses is told in the partner's own log: once for each refusal, whatever dies in between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.azure.notices import TableNotices
from shared.connectors.memory.connector import MemoryConnector
from shared.errors import Transient
from shared.ports.logbook import Notice
from tests.unit.sync.rig import CONTACT, MAIL, NAME, NOTE, PARTNER_CAPABILITIES, PERSON, Rig

pytestmark = pytest.mark.feature("HUB-19", system="marketo")


def refusing(note: int = 30) -> Rig:
    """Dynamics refuses names of more than ten letters without saying so before; the partner keeps a log."""
    rig = Rig(partner=replace(PARTNER_CAPABILITIES, asynchronous_create=False))
    design = rig.crm_system.designs[CONTACT]
    rig.crm_system.designs[CONTACT] = replace(design, secret_limits={NAME: 10, NOTE: note})
    rig.partner_system.keeps_log = True
    partner = MemoryConnector(rig.partner_system)
    rig.engine = replace(rig.engine, partner=partner, notices=TableNotices(rig.store, "c1"))
    return rig


def log(rig: Rig) -> list[Notice]:
    return rig.partner_system.log


def pair(rig: Rig, name: str = "Ana") -> None:
    rig.crm.create(CONTACT, {MAIL: "a@example.org", NAME: name})
    rig.run(3)


def edit(rig: Rig, name: str) -> None:
    ((ref, _),) = rig.refs(PERSON)
    rig.partner.edit(ref, {NAME: name})


def test_a_refusal_is_told_once_however_often_it_is_tried_again() -> None:
    rig = refusing()
    pair(rig)
    edit(rig, "A name that is too long")
    for _ in range(8):
        rig.run(2)
        rig.clock.advance(7200)
    (told,) = log(rig)
    assert told.ref == rig.refs(PERSON)[0][0]
    assert (told.entity, told.field) == ("contact", NAME)
    assert told.code
    assert "too long" not in told.message
    assert rig.journal.counts["failed:field_rejected"] > 1, "it was tried again"
    assert rig.journal.counts["log:told"] == 1


def test_another_refusal_of_the_same_person_is_told_too() -> None:
    rig = refusing(note=5)
    pair(rig)
    edit(rig, "A name that is too long")
    rig.run(2)
    ((ref, _),) = rig.refs(PERSON)
    rig.partner.edit(ref, {NOTE: "A note that is too long"})
    rig.run(2)
    assert [notice.field for notice in log(rig)] == [NAME, NOTE]


def test_who_is_well_again_and_refused_anew_is_told_anew() -> None:
    rig = refusing()
    book = TableNotices(rig.store, "c1")
    notice = Notice(
        key="k", link="ab" * 12, ref=rig.crm.create(CONTACT, {}), crm=rig.crm.create(CONTACT, {}), at=rig.clock.now(),
        entity="contact", code="x",
    )  # fmt: skip
    assert book.begin([notice]) == ([notice], frozenset())
    assert book.begin([notice]) == ([notice], {"k"}), "begun, and nobody knows whether it was told"
    book.told([notice], ["k"])
    assert book.begin([notice]) == ([], frozenset())
    from shared.azure.failures import TableFailures

    TableFailures(rig.store, "c1").clear([notice.link])
    assert book.begin([notice]) == ([notice], frozenset())


def test_a_lost_answer_of_the_log_makes_no_second_entry_and_keeps_nothing_up() -> None:
    rig = refusing()
    pair(rig)
    edit(rig, "A name that is too long")
    note, lost = MemoryConnector.note, []

    def losing(self: MemoryConnector, *given: object) -> frozenset[str]:
        told = note(self, *given)  # type: ignore[arg-type]
        if not lost:
            lost.append(told)
            raise Transient("no answer")
        return told

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryConnector, "note", losing)
        for _ in range(6):
            rig.run(2)
            rig.clock.advance(7200)
    assert len(log(rig)) == 1
    assert (rig.journal.counts["log:later"], rig.journal.counts["log:told"]) == (1, 1)


def test_what_the_partner_refuses_is_not_told_there_and_a_rehearsal_tells_nothing() -> None:
    from shared.sync.rehearse import rehearse

    rig = refusing()
    design = rig.partner_system.designs[PERSON]
    rig.partner_system.designs[PERSON] = replace(design, secret_limits={NAME: 10})
    rig.crm_system.designs[CONTACT] = replace(rig.crm_system.designs[CONTACT], secret_limits={})
    pair(rig, "A name that is too long")
    assert rig.journal.counts["failed:field_rejected"] > 0
    assert log(rig) == []
    other = refusing()
    pair(other)
    edit(other, "A name that is too long")
    rehearse(other.engine)
    assert log(other) == []
