"""Histories of writes whose answers were lost that once broke an invariant. Each names what must hold."""

from __future__ import annotations

import pytest

from shared.sync import recover
from tests.simulation.families import A, Family, met, told
from tests.simulation.profiles import PROFILES
from tests.simulation.steps import Step, play
from tests.simulation.world import World

FAMILIES: dict[str, Family] = {
    "two creates of which one takes effect late while the other one does are both late": (
        "mailbox",
        (
            ("create", "crm", "case", 0, 0),
            met("write", 0, "late"),
            met("write", 0, "late"),
            A,
            met("remote", 1, "worker"),
        ),
    ),
    "what a user emptied before a first meeting was finished is filled, where nobody could tell of its write": (
        "coarse",
        (
            ("create", "crm", "fresh", 0, 366),
            ("create", "partner", "case", 0, 0),
            met("write", 0, "crash_after"),
            ("contest", 0, "phone", (2, 7), "partner"),
            ("clear", "crm", 0, "level"),
        ),
    ),
    "what a user emptied before a first meeting that wrote both sides was finished is filled just so": (
        "coarse",
        (
            ("create", "crm", "fresh", 0, 366),
            ("create", "partner", "case", 0, 1),
            met("write", 1, "crash_after"),
            ("contest", 0, "phone", (2, 7), "partner"),
            ("clear", "crm", 0, "level"),
        ),
    ),
    "who enters just what a worker was to write that died before it sent anything cannot be told from that write": (
        "log",
        (
            ("create", "partner", "match", 0, 0),
            A,
            ("contest", 0, "level", (4, 4), "partner"),
            met("commit", 2, "crash_after"),
            ("contest", 0, "level", (3, 5), "partner"),
        ),
    ),
    "who got the stamp of a record that the hub had made, by a merge, does not count as made": (
        "poor",
        (
            ("create", "crm", "fresh", 0, 0),
            met("write", 0, "crash_after"),
            ("create", "partner", "none", 0, 0),
            ("merge", "partner", 0, 1),
        ),
    ),
    "an update whose answer was lost on a row that nobody may read is settled as a conflict, and told": (
        "poor",
        (
            ("create", "partner", "none", 8, 0),
            A,
            ("edit", "partner", 0, "title", 3),
            met("write", 0, "crash_after"),
            ("edit", "partner", 0, "title", 2),
            ("hide", "crm", 0),
            ("tick", 90000),
            A,
            ("show",),
            A,
        ),
    ),
    "a choice that is put back while nobody can tell whether its change was carried is no change": (
        "coarse",
        (
            ("create", "crm", "match", 0, 0),
            A,
            ("edit", "crm", 0, "level", 0),
            ("edit", "crm", 0, "name", 0),
            met("write", 0, "error_after"),
            ("edit", "partner", 0, "name", 0),
            ("clear", "crm", 0, "level"),
        ),
    ),
    "what a user empties after a first meeting had carried it, whose answer was lost, is emptied on both sides": (
        "plain",
        (
            ("create", "partner", "match", 0, 0),
            ("create", "crm", "match", 3, 489),
            met("commit", 5, "crash_before"),
            ("edit", "crm", 0, "title", 7),
            ("contest", 0, "name", (5, 2), "partner"),
        ),
    ),
    "an address that is put back after its change was carried, though the answer was lost, is put back on both sides": (
        "coarse",
        (
            ("create", "crm", "match", 0, 0),
            A,
            ("create", "crm", "match", 0, 0),
            ("edit", "crm", 0, "name", 0),
            ("rename", "crm", 0, "fresh", 0),
            met("write", 0, "error_after"),
            ("edit", "partner", 0, "name", 0),
            ("swap", "crm", 0, 1),
        ),
    ),
    "what a late import of a former version made is no edit of what a second import was to bring": (
        "tags",
        (
            A,
            ("create", "partner", "fresh", 0, 0),
            ("create", "crm", "fresh", 0, 0),
            met("commit", 9, "crash_after"),
            ("forget_imports",),
            ("edit", "crm", -1, "nick", 0),
        ),
    ),
    "an import that was accepted late, after its repetition had made the record and that one was renamed": (
        "import",
        (
            ("create", "crm", "fresh", 0, 199),
            ("create", "partner", "fresh", 0, 1357),
            ("edit", "partner", 0, "name", 0),
            ("touch", "crm", 0),
            ("contest", 0, "level", (2, 6), "partner"),
            ("rename", "crm", 0, "match", 0),
            ("create", "crm", "fresh", 0, 325),
            ("edit", "partner", 0, "city", 0),
            A,
            ("create", "crm", "fresh", 0, 0),
            met("write", 0, "late"),
            A,
            ("rename", "crm", 2, "fresh", 0),
            A,
        ),
    ),
    "who took the match value of an import's record, when its row was given another, is not taken for it": (
        "tags",
        (
            ("create", "crm", "fresh", 0, 759),
            ("create", "crm", "case", 1, 1601),
            (
                "slice",
                "a",
                (("remote", 5, "error_after", ()), ("write", 0, "users_before", (("edit", "crm", 0, "code", 0),))),
            ),
            ("swap", "crm", 0, 1),
            ("create", "partner", "match", 1, 0),
        ),
    ),
    "imports' records that swapped their match values before their ids were known are taken for each other": (
        "tags",
        (
            ("create", "crm", "match", 0, 438),
            ("create", "crm", "match", 0, 1),
            met("after", 3, "crash_before"),
            ("swap", "partner", 0, 1),
            ("edit", "partner", 0, "name", 0),
            ("edit", "crm", 0, "title", 0),
            ("contest", 1, "name", (4, 2), "partner"),
        ),
    ),
    "a row that a late create made is another's by then, where users swapped match values": (
        "plain",
        (
            ("create", "partner", "match", 0, 7),
            A,
            ("rename", "partner", 0, "match", 0),
            ("rename", "crm", 0, "fresh", 0),
            ("create", "partner", "case", 0, 657),
            ("create", "partner", "fresh", 0, 0),
            met("remote", 7, "late"),
            ("swap", "partner", 2, 0),
            ("delete", "crm", 0),
            met("write", 0, "crash_after"),
        ),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_was_mended_holds(name: str) -> None:
    assert told(FAMILIES[name]) == ""


NEVER_SENT: tuple[Step, ...] = (
    ("create", "partner", "match", 0, 0),
    A,
    ("edit", "partner", 0, "name", 0),
    met("commit", 2, "crash_after"),
)
"""A worker that dies once it has stored what it is about to write, before it sends it."""


@pytest.mark.parametrize(
    ("steps", "left"), [(NEVER_SENT, 1), ((*NEVER_SENT[:-1], A), 0), ((*NEVER_SENT[:-1], met("write", 0, "late")), 0)]
)
def test_what_was_stored_and_never_sent_is_known_and_nothing_beside_it(steps: tuple[Step, ...], left: int) -> None:
    world = World(PROFILES["log"])
    play(world, steps)
    assert len(world.intents.never_sent) == left
    assert all(list(asked.fields.values()) == ["2"] for asked in world.intents.never_sent)


def test_a_hub_that_takes_what_it_never_sent_for_written_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    family: Family = ("log", (*NEVER_SENT, ("edit", "crm", 0, "name", 3)))
    assert told(family) == ""
    monkeypatch.setattr(recover, "_verdict", lambda *_: True)
    assert "I5 the losing value" in told(family)
