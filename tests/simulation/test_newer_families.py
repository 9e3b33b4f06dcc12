"""Histories that once broke an invariant, found by long hunts: what was agreed while a worker died or users went on,
and records that take another one's place. Each names what must hold."""

from __future__ import annotations

import pytest

from shared.domain.draft import Draft, Pair
from shared.domain.records import Side
from tests.simulation.broken import MUTANTS
from tests.simulation.families import A, Family, met, told
from tests.simulation.steps import Step

FAMILIES: dict[str, Family] = {
    "what both held alike at a first meeting is agreed, though its worker died and users went on": (
        "coarse",
        (
            ("create", "partner", "match", 0, 1),
            ("create", "crm", "match", 0, 1),
            met("commit", 4, "crash_before"),
            ("edit", "crm", 0, "topics", 0),
            ("edit", "partner", 0, "optout", 0),
            ("contest", 0, "name", (6, 2), "crm"),
            ("contest", 0, "phone", (6, 4), "partner"),
        ),
    ),
    "who is made with the match value of an import's record that was deleted does not count as made": (
        "tags",
        (
            ("create", "crm", "match", 0, 0),
            met("after", 3, "crash_before"),
            ("delete", "partner", 0),
            ("create", "partner", "match", 0, 0),
        ),
    ),
    "an import's record that a whole walk after its end did not meet is gone: another one is met as a stranger": (
        "import",
        (
            ("create", "crm", "match", 5, 1),
            met("after", 3, "crash_before"),
            ("delete", "partner", 0),
            ("tick", 90000),
            A,
            ("create", "partner", "match", 5, 511),
        ),
    ),
    "who takes the place of an import's record before its id was known is one with the row all the same": (
        "import",
        (
            ("create", "crm", "match", 5, 0),
            ("edit", "crm", 0, "phone", 4),
            met("after", 3, "crash_before"),
            ("delete", "partner", 0),
            ("create", "partner", "match", 5, 511),
        ),
    ),
    "who takes the place of an import's record whose finder died is one with the row all the same": (
        "import",
        (
            ("create", "crm", "none", 0, 1525),
            (
                "slice",
                "a",
                (("after", 1, "error_before", ()), ("remote", 0, "users_before", (("create", "crm", "fresh", 0, 1),))),
            ),
            met("remote", 7, "crash_after"),
            ("delete", "partner", 0),
            ("create", "partner", "match", 0, 0),
        ),
    ),
    "a record whose row is made again is not found by the match value that the former row had": (
        "log",
        (
            ("create", "crm", "match", 0, 257),
            ("create", "crm", "fresh", 0, 0),
            A,
            ("delete", "partner", 1),
            ("rename", "partner", 0, "fresh", 0),
            ("swap", "crm", 0, 1),
            ("delete", "crm", 1),
        ),
    ),
    "who takes the place of an import's record that was renamed is one with the row all the same": (
        "import",
        (
            ("create", "crm", "match", 2, 352),
            met("remote", 8, "late"),
            ("rename", "partner", 0, "fresh", 0),
            ("create", "partner", "match", 2, 467),
        ),
    ),
    "what a write for a former counterpart replaced is no party to the next first link": (
        "tags",
        (
            ("create", "partner", "fresh", 7, 0),
            ("create", "crm", "fresh", 0, 0),
            A,
            ("swap", "crm", 0, 1),
            ("create", "crm", "case", 0, 0),
            ("part", "partner", -1, "name", 0),
            A,
            ("delete", "crm", 1),
        ),
    ),
    "a record without a counterpart is not met by a match value that its user took away": (
        "sent",
        (
            ("create", "crm", "twin", 5, 1507),
            ("create", "crm", "twin", 3, 1),
            A,
            ("delete", "crm", 1),
            A,
            ("rename", "partner", 0, "none", 0),
            A,
            ("edit", "crm", 0, "code", 6),
        ),
    ),
    "a row that comes back meets its former counterpart though that one had another row meanwhile, gone too": (
        "tags",
        (
            ("create", "crm", "fresh", 8, 6565),
            ("create", "partner", "copy", 0, 0),
            ("slice", "a", ()),
            ("create", "crm", "twin", 0, 7),
            ("clear", "crm", 0, "title"),
            ("slice", "b", (("write", 0, "error_before", ()),)),
            ("hint", "partner", 2),
            ("restore", "crm", 0),
            ("slice", "a", ()),
            ("contest", 0, "level", (6, 6), "partner"),
            ("restore", "partner", 0),
            ("edit", "partner", 0, "name", 0),
            ("expire", "crm"),
            ("restore", "crm", 2),
            ("delete", "crm", 0),
            ("slice", "b", ()),
            ("clear", "crm", 1, "note"),
            ("rename", "crm", 0, "twin", 0),
            ("restore", "partner", 1),
            (
                "slice",
                "a",
                (("write", 2, "throttle", ()), ("remote", 1, "partial", ()), ("fetch", 12, "error_before", ())),
            ),
            ("delete", "crm", 2),
            ("slice", "a", ()),
            ("slice", "a", (("after", 0, "worker", ()),)),
            ("restore", "crm", 1),
            ("works", "partner", 0, 0),
            ("edit", "partner", 1, "city", 8),
            ("restore", "partner", 2),
            ("slice", "a", ()),
        ),
    ),
    "who comes back finds its counterpart with another record of its match value, and gets a new one": (
        "sent",
        (
            ("create", "partner", "twin", 0, 0),
            ("create", "crm", "fresh", 0, 0),
            A,
            ("delete", "crm", 0),
            ("create", "crm", "case", 0, 0),
            A,
            ("contest", 0, "phone", (0, 5), "crm"),
            A,
            ("rename", "crm", 0, "fresh", 0),
            ("restore", "crm", 0),
        ),
    ),
    "who comes back meets its counterpart, which was edited and has no match value by which to be made again": (
        "log",
        (
            ("create", "partner", "none", 1, 0),
            A,
            ("edit", "crm", 0, "title", 0),
            ("delete", "partner", 0),
            A,
            ("restore", "partner", 0),
            A,
        ),
    ),
    "who waited for a match value and was deleted is not made again, nor is it met by who comes back": (
        "log",
        (
            ("create", "partner", "none", 1, 0),
            A,
            ("edit", "crm", 0, "title", 0),
            ("delete", "partner", 0),
            A,
            ("delete", "crm", 0),
            A,
            ("restore", "partner", 0),
        ),
    ),
    "what users entered before a first meeting has no base, though both records were made with an empty field": (
        "coarse",
        (
            ("create", "partner", "fresh", 0, 76),
            ("create", "crm", "fresh", 0, 0),
            ("create", "crm", "fresh", 0, 0),
            ("create", "crm", "case", 0, 0),
            ("edit", "crm", 2, "phone", 6),
            met("remote", 5, "crash_before"),
            ("contest", 0, "phone", (0, 2), "partner"),
        ),
    ),
    "what a row got from a former counterpart is no word of the one that it meets next": (
        "mailbox",
        (
            ("create", "crm", "fresh", 0, 0),
            ("create", "crm", "match", 0, 0),
            A,
            ("create", "partner", "twin", 0, 0),
            ("swap", "partner", 0, 1),
            A,
            ("delete", "partner", 0),
        ),
    ),
    "what a row got from a former counterpart that it had met is no word of the one that it meets next": (
        "mailbox",
        (
            ("create", "crm", "fresh", 0, 0),
            ("create", "partner", "match", 0, 0),
            A,
            ("create", "crm", "fresh", 0, 0),
            A,
            ("create", "partner", "twin", 0, 0),
            ("swap", "partner", 0, 1),
            A,
            ("delete", "partner", 0),
        ),
    ),
    "what was written to a record for a former row is no meeting with the next one": (
        "plain",
        (
            ("create", "crm", "fresh", 0, 0),
            A,
            ("create", "crm", "twin", 0, 0),
            ("edit", "crm", 0, "title", 0),
            A,
            ("delete", "crm", 0),
            ("edit", "crm", 0, "phone", 0),
            ("edit", "partner", 0, "phone", 2),
            A,
        ),
    ),
    "a row that was deleted, restored and deleted again before anybody could know of it is made once more": (
        "mailbox",
        (
            ("create", "partner", "fresh", 5, 2),
            met("write", 0, "crash_after"),
            ("delete", "crm", 0),
            ("restore", "crm", 0),
            ("delete", "crm", 0),
        ),
    ),
    "a pair whose row was merged twice in one page goes on with the row that stays": (
        "late",
        (
            A,
            ("create", "partner", "fresh", 0, 0),
            ("tick", 59),
            met("after", 4, "crash_after"),
            ("create", "crm", "twin", 0, 0),
            ("merge", "crm", 0, 1),
            ("create", "crm", "fresh", 0, 0),
            ("create", "crm", "twin", 0, 0),
            ("create", "partner", "match", 0, 0),
            ("merge", "crm", 0, 1),
        ),
    ),
    "a row that a late create brings back after it was deleted is told as a duplicate of its successor": (
        "mailbox",
        (
            ("create", "partner", "case", 0, 0),
            met("write", 0, "late"),
            A,
            ("part", "crm", 0, "name", 0),
            A,
        ),
    ),
    "who came back got a row of its own: the two rows are told and stay, though users merge their counterparts": (
        "nested",
        (
            ("create", "partner", "fresh", 0, 0),
            A,
            ("rename", "crm", 0, "fresh", 0),
            ("delete", "partner", 0),
            A,
            ("restore", "partner", 0),
            A,
            ("merge", "partner", 1, 0),
        ),
    ),
    "who was edited and had no match value by which to be made again is made once it has one": (
        "log",
        (
            ("create", "partner", "none", 1, 0),
            A,
            ("edit", "crm", 0, "title", 0),
            ("delete", "partner", 0),
            A,
            ("rename", "crm", 0, "fresh", 0),
            A,
        ),
    ),
    "the source of a one-way field that was empty at the first meeting, filled and emptied since, did not move": (
        "logbook",
        (
            ("create", "partner", "fresh", 0, 691),
            ("create", "crm", "case", 0, 0),
            A,
            ("edit", "crm", 0, "code", 0),
            ("clear", "crm", -1, "code"),
        ),
    ),
    "a partner that was empty at the first meeting takes nothing from Dynamics when it is filled and emptied again": (
        "tags",
        (
            ("create", "crm", "fresh", 3, 1594),
            ("create", "partner", "copy", 0, 0),
            met("commit", 4, "users_before", ("clear", "partner", 0, "phone")),
            ("edit", "partner", 0, "city", 5),
            ("clear", "partner", 0, "city"),
        ),
    ),
    "a field that could not be carried at the first meeting has no base by what users made alike between two looks": (
        "tags",
        (
            ("create", "crm", "fresh", 0, 0),
            ("create", "partner", "copy", 0, 0),
            ("create", "crm", "fresh", 5, 5952),
            ("create", "partner", "copy", 0, 0),
            A,
            ("edit", "crm", 1, "level", 2),
            ("edit", "partner", 1, "level", 2),
            ("delete", "crm", 0),
            ("clear", "crm", 0, "level"),
        ),
    ),
    "a write for a counterpart before this one is of no meeting of this pair": (
        "coarse",
        (
            ("create", "partner", "match", 0, 0),
            A,
            ("create", "crm", "case", 0, 0),
            ("contest", 0, "level", (5, 1), "partner"),
            met("write", 1, "crash_after"),
            ("hide", "partner", 0),
            ("merge", "crm", 0, -1),
        ),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_was_mended_holds(name: str) -> None:
    assert told(FAMILIES[name]) == ""


EMPTY_SOURCE: tuple[Step, ...] = (
    ("create", "partner", "fresh", 0, 691),
    ("create", "crm", "case", 0, 0),
    A,
    ("edit", "crm", 0, "code", 0),
)
"""A pair whose one-way field was empty at its source when the two met, and was filled since."""


def test_a_source_that_was_seen_filled_and_is_not_followed_when_it_is_emptied_is_seen() -> None:
    emptied: Family = ("logbook", (*EMPTY_SOURCE, A, ("clear", "crm", 0, "code")))
    assert told(emptied) == ""
    with MUTANTS["clear_not_carried"].at_work():
        assert "I1 a one-way field did not arrive" in told(emptied)


def test_a_source_that_was_empty_at_first_and_is_not_followed_when_it_is_filled_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled: Family = ("logbook", EMPTY_SOURCE)
    assert told(filled) == ""
    write = Draft.write

    def agreed_unwritten(draft: Draft, pair: Pair, target: Side) -> bool:
        if pair.field.id != "code":
            return write(draft, pair, target)
        draft.settle(pair)
        return True

    monkeypatch.setattr(Draft, "write", agreed_unwritten)
    assert "I1 a one-way field did not yield to its source" in told(filled)
