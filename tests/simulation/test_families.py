"""Histories that once broke an invariant, one of each family, as small as they get. Each names what must hold."""

from __future__ import annotations

import pytest

from tests.simulation.families import A, Family, met, told

FAMILIES: dict[str, Family] = {
    "a matched partner record gets its tags and its fields in one step": (
        "tags",
        (("create", "partner", "fresh", 0, 218), ("create", "crm", "match", 0, 0), A, ("edit", "crm", 0, "phone", 6)),
    ),
    "a partner record never works under the row that was once made for it and is another's now": (
        "poor",
        (
            ("create", "partner", "match", 0, 0),
            A,
            ("create", "partner", "fresh", 1, 720),
            ("rename", "crm", 0, "match"),
            ("delete", "partner", 0),
            A,
            ("restore", "partner", 0),
        ),
    ),
    "an edit that puts back what was agreed is none": (
        "mailbox",
        (
            ("create", "crm", "fresh", 0, 851),
            A,
            ("edit", "partner", 0, "title", 6),
            ("edit", "crm", 0, "title", 0),
            ("clear", "crm", 0, "title"),
        ),
    ),
    "a partner record whose row was deleted is found under the match value it has now": (
        "poor",
        (
            ("create", "partner", "twin", 0, 0),
            A,
            ("rename", "partner", 0, "fresh"),
            ("delete", "crm", 0),
            ("create", "crm", "match", 0, 0),
        ),
    ),
    "a system without conditional writes cannot refuse to be filled a moment after a user filled it": (
        "poor",
        (
            ("create", "partner", "none", 0, 0),
            A,
            ("edit", "crm", 0, "nick", 0),
            met("remote", 4, "refused_before"),
            met("commit", 1, "users_before", ("edit", "partner", 0, "nick", 0)),
        ),
    ),
    "a page read before the partner's changes were taken over does not undo them": (
        "log",
        (
            ("create", "partner", "fresh", 0, 0),
            A,
            ("edit", "crm", 0, "name", 0),
            met("remote", 3, "late"),
            ("edit", "partner", 0, "topics", 2),
            A,
            ("edit", "partner", 0, "topics", 0),
        ),
    ),
    "an answer whose fold never came brings back all that was agreed with it": (
        "poor",
        (
            ("create", "crm", "fresh", 0, 0),
            A,
            ("edit", "crm", 0, "note", 0),
            ("edit", "partner", 0, "nick", 0),
            ("edit", "crm", 0, "nick", 0),
            met("commit", 7, "error_after"),
        ),
    ),
    "a field that could not be carried when its record was made has a base all the same": (
        "poor",
        (("create", "crm", "fresh", 1, 832), A, ("edit", "partner", 0, "level", 8), ("clear", "crm", 0, "level")),
    ),
    "a row that was merged into one that came back goes on with it": (
        "plain",
        (
            ("create", "partner", "fresh", 0, 0),
            A,
            ("delete", "crm", 0),
            ("edit", "partner", 0, "topics", 0),
            A,
            ("restore", "crm", 0),
            ("edit", "partner", 0, "topics", 1),
            ("merge", "crm", 1, 0),
        ),
    ),
    "a restored row whose counterpart is gone too looks for no dead candidate": (
        "import",
        (
            ("create", "partner", "match", 0, 0),
            A,
            ("delete", "crm", 0),
            A,
            ("restore", "crm", 0),
            ("delete", "partner", 0),
        ),
    ),
    "consent is not written over one that was not looked at": (
        "plain",
        (
            ("create", "crm", "fresh", 0, 0),
            A,
            ("edit", "partner", 0, "note", 0),
            met("remote", 6, "partial"),
            ("edit", "crm", 0, "optout", 1),
            ("edit", "partner", 0, "optout", 0),
        ),
    ),
    "a create whose answer was lost is found under the match value it was sent with": (
        "mailbox",
        (
            ("create", "crm", "fresh", 0, 7),
            ("create", "crm", "fresh", 0, 0),
            met("remote", 8, "partial"),
            ("swap", "crm", 0, 1),
        ),
    ),
    "a later create whose answer was lost is awaited under the match value it was sent with": (
        "import",
        (("create", "crm", "fresh", 0, 0), met("remote", 4, "error_after"), ("rename", "crm", 0, "match")),
    ),
    "an import nobody knows any more may have made its records all the same": (
        "import",
        (
            ("create", "crm", "fresh", 0, 0),
            met("commit", 5, "crash_after"),
            ("forget_imports",),
            ("rename", "crm", 0, "fresh"),
        ),
    ),
    "a system without keys for creates is asked before a record is made there": (
        "poor",
        (
            ("create", "partner", "match", 0, 0),
            A,
            ("rename", "crm", 0, "none"),
            ("rename", "partner", 0, "fresh"),
            ("create", "crm", "case", 0, 0),
        ),
    ),
    "a row parked beside another of its match value is looked at again when that one gives it up": (
        "import",
        (
            ("create", "crm", "fresh", 0, 0),
            ("create", "crm", "twin", 0, 0),
            A,
            ("edit", "crm", 0, "city", 0),
            A,
            ("rename", "partner", 0, "none"),
        ),
    ),
    "a user who enters just what a lost write was to write has not made that write": (
        "poor",
        (
            ("create", "partner", "fresh", 0, 265),
            ("edit", "partner", 0, "note", 6),
            A,
            ("edit", "partner", 0, "level", 4),
            ("touch", "crm", 0),
            ("edit", "partner", 0, "note", 0),
            met("commit", 3, "crash_before"),
            ("edit", "crm", 0, "level", 1),
        ),
    ),
    "what was read to judge a lost write is not forgotten when that write was not made": (
        "poor",
        (
            ("create", "crm", "fresh", 0, 0),
            A,
            ("edit", "crm", 0, "topics", 2),
            met("write", 0, "error_before"),
            ("edit", "partner", 0, "topics", 3),
        ),
    ),
    "a record found by its match value is not ours because it has that value": (
        "late",
        (
            ("create", "crm", "twin", 0, 0),
            met("write", 0, "late"),
            ("create", "crm", "twin", 0, 539),
            ("create", "partner", "match", 0, 0),
        ),
    ),
    "an edit of a reference beats a delete like any other": (
        "plain",
        (
            ("create", "crm", "match", 0, 0),
            A,
            ("delete", "crm", 0),
            ("company", "partner", "fresh", 0),
            ("works", "partner", 0, 0),
        ),
    ),
    "so does a reference whose parent has no pair yet": (
        "mailbox",
        (
            ("create", "crm", "match", 0, 0),
            A,
            ("hint", "crm", 0),
            ("delete", "crm", 0),
            ("company", "partner", "fresh", 0),
            ("works", "partner", 0, 0),
        ),
    ),
    "a pair whose first meeting broke off half way is still at it": (
        "log",
        (
            ("create", "crm", "match", 0, 1386),
            ("create", "partner", "case", 0, 3),
            met("write", 0, "crash_after"),
            ("contest", 0, "phone", (7, 7), "crm"),
        ),
    ),
    "two users who happen to enter the same have agreed on nothing the hub knows of": (
        "mailbox",
        (
            ("create", "partner", "fresh", 0, 0),
            ("create", "crm", "fresh", 0, 0),
            A,
            ("swap", "partner", 1, 0),
            ("swap", "crm", 1, 0),
            ("swap", "partner", 1, 0),
        ),
    ),
    "a choice that was taken away stays away when the worker dies between the two writes of one decision": (
        "plain",
        (
            ("create", "partner", "fresh", 2, 544),
            A,
            ("edit", "crm", 0, "city", 0),
            A,
            ("contest", 0, "topics", (8, 0), "partner"),
            met("after", 1, "crash_before"),
        ),
    ),
    "a write whose answer was lost was not made because a user entered one of its values": (
        "tags",
        (
            ("create", "partner", "fresh", 1, 0),
            ("create", "partner", "fresh", 0, 0),
            A,
            ("rename", "partner", 0, "fresh", 0),
            ("hint", "partner", 0),
            ("contest", 0, "title", (8, 1), "partner"),
            ("rename", "partner", 1, "none", 0),
            met("remote", 3, "error_before"),
            ("rename", "crm", 0, "match", 0),
        ),
    ),
    "a create that takes effect after its record was repeated and merged away brings back nothing users entered": (
        "poor",
        (
            ("create", "partner", "fresh", 0, 0),
            met("remote", 4, "late"),
            A,
            ("edit", "crm", 0, "level", 0),
            ("create", "crm", "none", 0, 0),
            ("merge", "crm", 0, -1),
        ),
    ),
    "so does one whose record was deleted": (
        "poor",
        (
            ("create", "partner", "fresh", 0, 0),
            met("remote", 4, "late"),
            A,
            ("edit", "crm", 0, "level", 0),
            ("delete", "crm", 0),
        ),
    ),
    "who clears the choices that were just joined has seen those of the other side": (
        "coarse",
        (
            ("create", "crm", "fresh", 2, 32),
            ("create", "partner", "match", 0, 1952),
            met("commit", 5, "crash_before"),
            ("clear", "crm", 0, "topics"),
        ),
    ),
    "a match value that was given up no longer keeps a late create out": (
        "log",
        (
            ("create", "crm", "match", 0, 0),
            met("write", 0, "late"),
            A,
            ("create", "crm", "fresh", 0, 0),
            met("write", 0, "users_before", ("rename", "partner", -1, "match", 0)),
        ),
    ),
    "a record whose counterpart was just deleted takes over that of the one merged into it": (
        "late",
        (
            ("create", "partner", "fresh", 0, 1),
            ("create", "partner", "match", 0, 0),
            A,
            ("delete", "partner", 1),
            ("merge", "crm", 0, 1),
        ),
    ),
    "a partner record whose row was deleted outside the criteria goes on with another row inside": (
        "coarse",
        (
            ("create", "partner", "case", 0, 0),
            A,
            ("scope", 0, 0),
            ("edit", "crm", 0, "optout", 0),
            A,
            ("create", "crm", "match", 0, 0),
            ("delete", "crm", 0),
        ),
    ),
    "a value whose answer was lost was a former counterpart's when a new one is made": (
        "log",
        (
            met("commit", 3, "users_before", ("create", "partner", "fresh", 0, 0)),
            A,
            ("edit", "crm", 0, "title", 0),
            met("write", 0, "crash_after"),
            ("edit", "partner", 0, "title", 0),
            ("tick", 60),
            A,
            ("edit", "partner", 0, "level", 0),
            ("delete", "crm", 0),
        ),
    ),
    "two merged records whose counterparts both live are doubles, also when one is made again later": (
        "log",
        (
            ("create", "crm", "none", 0, 0),
            ("create", "partner", "fresh", 0, 0),
            met("write", 0, "users_after", ("create", "crm", "match", 0, 0)),
            ("create", "partner", "fresh", 0, 1),
            A,
            ("merge", "crm", 0, 1),
            ("swap", "crm", 2, 0),
            ("merge", "partner", 1, 0),
            ("delete", "crm", 0),
        ),
    ),
    "a write for a former counterpart that takes effect late is the record's own value from then on": (
        "import",
        (
            ("create", "partner", "twin", 0, 1),
            ("create", "crm", "match", 0, 0),
            met("write", 1, "late"),
            ("delete", "crm", 0),
            A,
        ),
    ),
    "a row that came and stayed in a merge between two looks gets the counterpart of the one that went": (
        "late",
        (
            ("create", "partner", "fresh", 0, 0),
            ("create", "crm", "fresh", 0, 0),
            A,
            ("create", "crm", "match", 0, 0),
            ("create", "partner", "fresh", 0, 0),
            ("rename", "crm", 0, "match", 0),
            ("merge", "crm", 1, 2),
            ("contest", 1, "phone", (0, 4), "partner"),
        ),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_was_mended_holds(name: str) -> None:
    assert told(FAMILIES[name]) == ""
