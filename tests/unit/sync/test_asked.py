"""Somebody asked for a Dynamics row of one partner record: what is there already, linked or not, is not made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.connectors.memory import KindDesign
from shared.domain.records import Kind, Ref, Side
from shared.ports.connector import Connector
from shared.ports.coordination import is_waited_for
from shared.ports.report import RecordOutcome
from shared.state.model import Command, Fact
from shared.sync.requests import MAKE
from tests.unit.sync.rig import CONTACT, CRM_CAPABILITIES, ENTITY, MAIL, NAME, PARTNER_CAPABILITIES, PERSON, Rig, specs

LEAD = Kind("lead")


class Steps:
    """Contacts and leads on one side, people on the other; nothing flows to Dynamics of itself."""

    def __init__(self) -> None:
        lead = {**ENTITY, "name": "lead", "crm_kind": "lead", "creates": ["partner"]}
        self.rig = Rig(
            entity={**ENTITY, "creates": ["partner"]},
            entities=[lead],
            partner=replace(PARTNER_CAPABILITIES, asynchronous_create=False),
            designs=([KindDesign(kind=LEAD, fields=specs(), capabilities=CRM_CAPABILITIES, page_size=50)], []),
        )
        self.told: dict[str, RecordOutcome] = {}
        self.rig.run(2)
        self.rig.engine = replace(self.rig.engine, answer=self._hear, due=lambda _, now: (now + timedelta(days=1), ""))

    def _hear(self, outcomes: Mapping[str, RecordOutcome]) -> None:
        self.told.update(outcomes)

    def ask(self, person: Ref, kind: str = "", **more: bool) -> RecordOutcome:
        """What is told of a request that is taken between two runs."""
        self.told = {}
        payload: dict[str, Fact] = {"request": "r", "kind": kind, "update": False, **more}
        self.rig.lane.put_commands([Command(key="make", op=MAKE, side=Side.PARTNER, ref=person, payload=payload)])
        self.rig.run()
        return self.told["r"]

    def rows(self, kind: Kind) -> list[str]:
        return [row for row, _ in self.rig.crm_system.tables[kind].current()]


@pytest.mark.feature("MK-04.3", system="marketo")
@pytest.mark.parametrize("asked", ["", "contact", "lead"])
@pytest.mark.parametrize("kind", [CONTACT, LEAD])
def test_a_row_that_is_there_without_a_link_is_named_and_not_doubled(kind: Kind, asked: str) -> None:
    steps = Steps()
    person = steps.rig.partner.create(PERSON, {MAIL: "a@example.org", NAME: "A"})
    row = steps.rig.crm.create(kind, {MAIL: "a@example.org", NAME: "A"})
    outcome = steps.ask(person, asked)
    assert (outcome.code, outcome.crm) == ("skipped:exists", row)
    assert len(steps.rows(CONTACT)) + len(steps.rows(LEAD)) == 1


@pytest.mark.feature("MK-04.3", system="marketo")
def test_two_rows_of_the_other_kind_are_one_too_many() -> None:
    steps = Steps()
    person = steps.rig.partner.create(PERSON, {MAIL: "a@example.org", NAME: "A"})
    for name in ("A", "B"):
        steps.rig.crm.create(CONTACT, {MAIL: "a@example.org", NAME: name})
    assert steps.ask(person, "lead").code == "failed:ambiguous_match"
    assert steps.rows(LEAD) == []


@pytest.mark.feature("MK-04.3", system="marketo")
@pytest.mark.parametrize("kind", [CONTACT, LEAD])
def test_brought_in_step_with_nothing_to_write_the_row_is_named_before_its_link_is_stored(kind: Kind) -> None:
    steps = Steps()
    person = steps.rig.partner.create(PERSON, {MAIL: "a@example.org", NAME: "A"})
    row = steps.rig.crm.create(kind, {MAIL: "a@example.org", NAME: "A"})
    outcome = steps.ask(person, "lead", update=True)
    assert (outcome.code, outcome.crm) == ("unchanged", row)


@pytest.mark.feature("MK-04.3", system="marketo")
def test_who_is_nowhere_is_made_as_asked() -> None:
    steps = Steps()
    person = steps.rig.partner.create(PERSON, {MAIL: "a@example.org", NAME: "A"})
    outcome = steps.ask(person, "lead")
    assert outcome.code == "created"
    assert outcome.crm is not None
    assert (outcome.crm.kind, steps.rows(LEAD)) == (LEAD, [outcome.crm.id])
    assert steps.rows(CONTACT) == []


@pytest.mark.feature("MK-04.4", system="marketo")
@pytest.mark.parametrize("asked", [CONTACT, LEAD])
def test_a_row_deleted_since_the_last_run_is_made_anew_and_the_person_is_left_alone(asked: Kind) -> None:
    steps = Steps()
    rig = steps.rig
    person = rig.partner.create(PERSON, {MAIL: "a@example.org", NAME: "A"})
    first = steps.ask(person, "contact").crm
    assert first is not None
    rig.crm.delete(first)
    writes = rig.commits["partner"]
    outcome = steps.ask(person, asked, gone=True)
    assert (outcome.code, outcome.crm != first) == ("created", True)
    assert len(steps.rows(CONTACT)) + len(steps.rows(LEAD)) == len(steps.rows(asked)) == 1
    assert rig.commits["partner"] == writes
    rig.engine = replace(rig.engine, due=None)
    rig.run(3)
    assert rig.person(person)["name"] == "A", "the delete is told now, of a pair that ended"
    assert outcome.crm is not None
    rig.crm.edit(outcome.crm, {NAME: "B"})
    rig.run(3)
    assert rig.person(person)["name"] == "B"
    assert len(steps.rows(CONTACT)) + len(steps.rows(LEAD)) == 1


@pytest.mark.feature("MK-04.4", system="marketo")
def test_a_row_that_is_there_is_not_made_anew_though_it_was_said_to_be_gone() -> None:
    steps = Steps()
    person = steps.rig.partner.create(PERSON, {MAIL: "a@example.org", NAME: "A"})
    first = steps.ask(person, "contact").crm
    outcome = steps.ask(person, "contact", gone=True)
    assert (outcome.code, outcome.crm) == ("unchanged", first)
    assert len(steps.rows(CONTACT)) == 1


class Watched:
    """A connector that notes which of its calls somebody waits for."""

    def __init__(self, real: Connector) -> None:
        self._real = real
        self.waited_for: dict[str, set[bool]] = {}

    def __getattr__(self, name: str) -> object:
        if name in {"read", "changes", "write"}:
            self.waited_for.setdefault(name, set()).add(is_waited_for())
        return getattr(self._real, name)


@pytest.mark.feature("HUB-17.3")
def test_what_is_asked_of_a_vendor_for_somebody_who_waits_goes_before_what_a_run_asks() -> None:
    steps = Steps()
    person = steps.rig.partner.create(PERSON, {MAIL: "a@example.org", NAME: "A"})
    partner, crm = Watched(steps.rig.engine.partner), Watched(steps.rig.engine.crm)
    steps.rig.engine = replace(steps.rig.engine, partner=partner, crm=crm)
    assert steps.ask(person, "lead").code == "created"
    assert (partner.waited_for["read"], crm.waited_for["write"]) == ({True}, {True})
    steps.rig.engine = replace(steps.rig.engine, due=None)
    steps.rig.run()
    assert partner.waited_for["changes"] == {False}
