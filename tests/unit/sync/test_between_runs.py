"""What is done between two runs is told too: it belongs to the last one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shared.domain.records import Ref, Side
from shared.state.model import Command
from tests.unit.sync.rig import CONTACT, NAME, Rig
from tests.unit.sync.test_engine import ann


def _resting() -> tuple[Rig, Ref]:
    """A pair whose next run is a day away."""
    rig = Rig()
    row = rig.crm.create(CONTACT, ann(1))
    rig.run(3)
    rig.engine = replace(rig.engine, due=lambda _facts, now: (now + timedelta(days=1), "tomorrow"))
    return rig, row


def _look(rig: Rig, row: Ref) -> None:
    rig.engine.enqueue(Command(key="look-1", op="look", side=Side.CRM, ref=row, payload={"entity": "contact"}))


def test_what_a_message_brought_between_two_runs_is_in_the_journal() -> None:
    rig, row = _resting()
    runs, told, counted = dict(rig.journal.runs), len(rig.journal.outcomes), dict(rig.journal.counts)
    rig.crm.edit(row, {NAME: "Ann"})
    _look(rig, row)

    rig.run()

    assert [person["name"] for person in rig.people()] == ["Ann"]
    assert rig.journal.runs == runs, "no run was begun for it"
    assert [outcome.code for outcome in rig.journal.outcomes[told:]] == ["updated"]
    assert rig.journal.counts["writes:partner"] == counted.get("writes:partner", 0) + 1


def test_the_same_word_left_again_is_told_again() -> None:
    rig, row = _resting()
    told = len(rig.journal.outcomes)
    for name in ("Ann", "Anna"):
        rig.crm.edit(row, {NAME: name})
        _look(rig, row)
        rig.run()

    assert [outcome.code for outcome in rig.journal.outcomes[told:]] == ["updated", "updated"]
