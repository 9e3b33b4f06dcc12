"""More histories that once broke an invariant: pages that were taken over in part, looks that came too late, match
values in motion. Each names what must hold."""

from __future__ import annotations

import pytest

from shared.domain.records import FieldName, Side
from tests.simulation.families import A, Family, met, told
from tests.simulation.oracle import judge
from tests.simulation.profiles import CRM_PERSON, PROFILES
from tests.simulation.running import come_to_rest
from tests.simulation.steps import play
from tests.simulation.world import World

FAMILIES: dict[str, Family] = {
    "a partner record that gave up the match value it was found under meets nobody by it": (
        "sent",
        (
            ("create", "crm", "twin", 0, 0),
            ("create", "crm", "twin", 0, 0),
            ("create", "crm", "none", 0, 0),
            A,
            ("merge", "crm", 1, -1),
            A,
            ("rename", "partner", 0, "none", 0),
        ),
    ),
    "a recovered create is not forgotten when what follows from it is not sent": (
        "plain",
        (
            ("create", "partner", "match", 0, 119),
            ("create", "partner", "case", 0, 1),
            met("write", 0, "error_after"),
            ("edit", "crm", 1, "phone", 1),
            met("write", 0, "refused_before"),
            ("edit", "partner", 1, "phone", 0),
        ),
    ),
    "a row finds a match value free that two others gave up, though theirs could not be carried over": (
        "coarse",
        (
            ("create", "crm", "fresh", 0, 0),
            ("create", "partner", "match", 0, 0),
            ("create", "crm", "fresh", 0, 0),
            A,
            ("create", "crm", "fresh", 0, 0),
            met("write", 0, "users_before", ("rename", "partner", -1, "match", 0)),
            ("swap", "crm", 1, 2),
            ("swap", "crm", 0, 1),
        ),
    ),
    "a record that is only walked, and cannot refuse, is looked at right before it is written": (
        "poor",
        (
            ("create", "crm", "fresh", 0, 857),
            ("create", "partner", "fresh", 1, 1994),
            ("create", "partner", "none", 0, 1),
            ("create", "crm", "fresh", 0, 7),
            A,
            ("create", "crm", "fresh", 0, 609),
            met("remote", 3, "users_before", ("contest", 0, "phone", (2, 4), "partner")),
        ),
    ),
    "a value that could not be carried when its record was made is still parked after a recovery": (
        "tags",
        (("create", "crm", "fresh", 0, 0), ("edit", "crm", 0, "level", 3), met("after", 1, "error_before")),
    ),
    "what users entered in a record that nobody knew was made went with it when they deleted it": (
        "coarse",
        (
            ("create", "partner", "fresh", 0, 0),
            met("remote", 4, "crash_after"),
            ("contest", 0, "code", (4, 8), "crm"),
            ("delete", "crm", 0),
        ),
    ),
    "a create whose answer was lost is found by its stamp, whatever users made of its record": (
        "poor",
        (
            ("create", "partner", "fresh", 0, 1),
            ("create", "crm", "case", 0, 0),
            (
                "slice",
                "a",
                (("write", 0, "crash_after", ()), ("commit", 1, "users_before", (("delete", "partner", 0),))),
            ),
            ("rename", "partner", 0, "fresh", 0),
        ),
    ),
    "a consent that restricts nobody is not sent, so it cannot arrive after an opt-out": (
        "poor",
        (
            ("create", "crm", "match", 0, 0),
            A,
            ("edit", "crm", 0, "optout", 1),
            met("write", 0, "late"),
            ("edit", "crm", 0, "optout", 0),
            A,
        ),
    ),
    "what was written to one side is known when the other's write is refused and the pair decided again": (
        "coarse",
        (
            ("create", "crm", "fresh", 0, 0),
            ("create", "partner", "fresh", 0, 0),
            A,
            ("swap", "crm", 0, 1),
            ("edit", "partner", 1, "name", 0),
            met("write", 4, "late"),
            ("edit", "partner", 1, "name", 0),
        ),
    ),
    "a record that came back and asks for nothing leaves no link behind": (
        "tags",
        (
            ("create", "crm", "fresh", 0, 0),
            A,
            ("part", "partner", -1, "nick", 0),
            A,
            ("delete", "crm", 0),
            ("restore", "partner", 0),
        ),
    ),
    "where nothing is conditional, a write that takes effect after a later one stays": (
        "plain",
        (
            ("create", "crm", "fresh", 0, 0),
            A,
            ("edit", "crm", -1, "name", 0),
            met("write", 0, "late"),
            ("edit", "crm", -1, "name", 0),
            A,
        ),
    ),
    "a record that waits, and the row that was made for it late, are two words in the inbox": (
        "mailbox",
        (
            ("create", "partner", "match", 0, 0),
            A,
            ("create", "partner", "fresh", 0, 0),
            (
                "slice",
                "a",
                (("remote", 6, "users_after", (("swap", "partner", 0, 1),)), ("remote", 7, "late", ())),
            ),
            A,
        ),
    ),
    "a set that a former counterpart's write left is nobody's edit of the pair": (
        "mailbox",
        (
            ("create", "partner", "fresh", 0, 0),
            A,
            ("edit", "crm", 0, "topics", 0),
            ("create", "crm", "match", 1, 288),
            A,
            ("part", "crm", 0, "topics", 2),
        ),
    ),
    "an empty source takes nothing away on a first meeting": (
        "coarse",
        (
            ("create", "crm", "match", 0, 605),
            A,
            ("delete", "crm", 0),
            ("create", "crm", "match", 8, 285),
            ("contest", 0, "code", (7, 8), "crm"),
        ),
    ),
    "a user who enters just what a write was to write whose answer was lost cannot be told from it": (
        "mailbox",
        (
            ("create", "partner", "fresh", 0, 0),
            A,
            ("contest", 0, "level", (5, 3), "partner"),
            met("after", 0, "crash_before"),
            ("contest", 0, "level", (8, 4), "crm"),
            ("edit", "crm", 0, "level", 2),
        ),
    ),
    "a record that may not be read is not gone, whoever says to look at it": (
        "import",
        (
            ("create", "partner", "none", 0, 1440),
            A,
            ("hint", "partner", 0),
            ("hide", "partner", 0),
            A,
            ("clear", "crm", 0, "topics"),
        ),
    ),
    "nobody is deleted because the counterpart may not be read when somebody says to look at it": (
        "log",
        (("create", "crm", "fresh", 0, 7), A, ("hint", "partner", 0), ("hide", "partner", 0), A),
    ),
    "a row that was made once is not made again for the record that it had been made for": (
        "nested",
        (
            ("create", "partner", "match", 0, 0),
            ("create", "crm", "fresh", 0, 0),
            A,
            ("delete", "crm", 0),
            ("delete", "partner", 0),
            ("rename", "crm", 0, "match", 0),
            A,
            met("remote", 6, "users_after", ("restore", "partner", 0)),
            ("delete", "crm", 0),
            A,
        ),
    ),
    "a first link whose worker died gets its labels from the next one": (
        "tags",
        (
            ("create", "crm", "fresh", 0, 1),
            A,
            ("create", "crm", "twin", 0, 0),
            ("delete", "crm", 0),
            ("label", 0, "kind", 0),
            A,
            ("hint", "crm", 0),
            met("after", 0, "crash_after"),
        ),
    ),
    "what was agreed when a record was made is what its maker had seen, whatever was entered meanwhile": (
        "nested",
        (
            ("create", "crm", "fresh", 0, 1),
            met("write", 0, "users_before", ("edit", "crm", 0, "phone", 0)),
            ("contest", 0, "phone", (4, 4), "partner"),
        ),
    ),
    "a row that was never made, for a record that is gone, is nobody's": (
        "mailbox",
        (
            ("create", "partner", "match", 0, 0),
            ("create", "partner", "match", 0, 0),
            A,
            ("swap", "partner", 0, 1),
            ("merge", "crm", 0, 1),
            A,
            ("delete", "partner", 0),
        ),
    ),
    "where nothing is conditional, a delete that takes effect after an edit had beaten it looks like a user's": (
        "log",
        (
            ("create", "crm", "case", 0, 0),
            A,
            ("delete", "crm", 0),
            met("write", 0, "late"),
            ("rename", "partner", 0, "fresh", 0),
            A,
        ),
    ),
    "an opt-out that is taken back and given again is no edit that could be told": (
        "log",
        (
            ("create", "crm", "fresh", 0, 16),
            A,
            ("edit", "crm", 0, "optout", 1),
            ("edit", "partner", 0, "optout", 1),
            ("edit", "partner", 0, "optout", 0),
        ),
    ),
    "a create whose answer was lost stays unheard of, whatever is answered to the same worker later": (
        "nested",
        (
            ("create", "crm", "match", 0, 0),
            ("create", "partner", "fresh", 0, 0),
            ("delete", "partner", 0),
            ("create", "crm", "fresh", 0, 0),
            A,
            ("delete", "partner", 0),
            ("delete", "crm", 0),
            ("restore", "partner", 0),
            met("write", 0, "partial"),
            ("delete", "crm", 0),
        ),
    ),
    "whether an update was made cannot be told when a user goes on from one of its fields: the rest is a conflict": (
        "coarse",
        (
            ("create", "partner", "fresh", 2, 268),
            ("create", "crm", "match", 0, 0),
            met("remote", 4, "crash_after"),
            ("edit", "crm", 0, "nick", 0),
            ("edit", "partner", 0, "title", 6),
        ),
    ),
    "a create that was found made is known for good before anything follows from it": (
        "mailbox",
        (
            ("create", "partner", "fresh", 0, 0),
            met("write", 0, "crash_after"),
            ("edit", "partner", 0, "nick", 0),
            ("tick", 60),
            met("write", 0, "crash_after"),
            ("delete", "crm", 0),
        ),
    ),
    "a source that is filled and emptied again between two looks did not move": (
        "poor",
        (("create", "partner", "fresh", 0, 512), A, ("edit", "crm", 0, "code", 0), ("clear", "crm", 0, "code")),
    ),
    "whoever takes the place of a record that was merged away is looked for before a row is made": (
        "log",
        (
            ("create", "partner", "fresh", 0, 0),
            ("create", "partner", "fresh", 0, 0),
            A,
            ("create", "crm", "none", 0, 0),
            ("merge", "crm", 0, -1),
            ("merge", "partner", 1, 0),
            ("merge", "crm", 0, 1),
        ),
    ),
    "a record that waits for a row of its own goes on waiting for that one": (
        "log",
        (
            ("create", "crm", "case", 0, 0),
            ("create", "partner", "fresh", 0, 0),
            A,
            ("swap", "partner", 0, 1),
            ("delete", "crm", 0),
            ("contest", 0, "level", (1, 3), "crm"),
        ),
    ),
    "a row that was to meet a record nobody may read, which has another row by then, gets one of its own": (
        "plain",
        (
            ("create", "crm", "fresh", 0, 0),
            ("create", "partner", "match", 0, 0),
            ("hide", "partner", 0),
            A,
            ("show",),
            ("rename", "partner", 0, "fresh", 0),
            A,
        ),
    ),
    "what was empty in a record that an import made for a former row was never agreed with the next one": (
        "import",
        (
            ("create", "crm", "case", 0, 1357),
            ("create", "crm", "twin", 0, 1588),
            A,
            ("contest", 0, "level", (1, 0), "partner"),
            ("edit", "partner", 0, "source", 0),
            ("edit", "partner", 0, "phone", 0),
            ("delete", "crm", 1),
            ("edit", "crm", 0, "phone", 3),
        ),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_was_mended_holds(name: str) -> None:
    assert told(FAMILIES[name]) == ""


def test_a_delete_that_was_not_sent_is_made_once_its_record_may_be_seen_again() -> None:
    """What a worker left is judged by reading: that a record may not be read is no sign that it was deleted."""
    world = World(PROFILES["log"])
    gone = (("create", "crm", "fresh", 0, 7), A, ("delete", "partner", 0), met("write", 0, "crash_before"))
    play(world, (*gone, ("tick", 100), ("hide", "crm", 0), A))
    assert len(world.living(Side.CRM, CRM_PERSON)) == 1
    come_to_rest(world)
    assert judge(world) == []
    assert world.living(Side.CRM, CRM_PERSON) == []


def test_a_value_that_cannot_be_carried_keeps_its_record_though_it_was_parked_before_the_other_was_deleted() -> None:
    """The only copy of it is on the record that would be deleted."""
    world = World(PROFILES["plain"])
    play(world, (("create", "crm", "fresh", 0, 7), A, A))
    kind = PROFILES["plain"].person(Side.PARTNER)
    (person,) = world.living(Side.PARTNER, kind)
    world.users[Side.PARTNER].edit(person, {FieldName("mail"): "no address"})
    play(world, (A, ("delete", "crm", 0), A))
    come_to_rest(world)
    assert world.living(Side.PARTNER, kind) == [person]
    row = world.systems[Side.PARTNER].row(person)
    assert row is not None
    assert row.fields[FieldName("mail")] == "no address"
