"""Short stories that ordinary draws tell too seldom: what most often goes wrong needs several people and a moment.

Each motif draws its own particulars and answers a few steps, which take their place among the other steps of a history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from shared.domain.records import Side
from tests.simulation.profiles import Profile
from tests.simulation.steps import Step, slice_step
from tests.simulation.troubles import COMMIT_KINDS, WRITE_KINDS, Trouble
from tests.simulation.values import SHAPES

type Motif = Callable[[Random, Profile], list[Step]]

CRM, PARTNER = Side.CRM.value, Side.PARTNER.value


def _place(random: Random) -> int:
    return random.choice((0, 0, 0, 1))


def _shape(random: Random) -> int:
    return random.randrange(SHAPES)


def _side(random: Random) -> Side:
    return random.choice(tuple(Side))


def _name(random: Random, profile: Profile) -> str:
    """A field; half of the time one whose value has an owner, where a lost edit shows best."""
    edited = [item for item in profile.fields if item.edits]
    owned = [item for item in edited if item.rule.startswith("owner") and len(item.into) > 1]
    return random.choice(owned if random.random() < 0.5 else edited).id


def _somebody(random: Random) -> tuple[list[Step], int]:
    """A person who was made on both sides just now, or whoever is there; and their place among the others."""
    if random.random() < 0.4:
        return [], _place(random)
    return [("create", _side(random).value, "fresh", _shape(random), 7), slice_step("a")], -1


def edit(random: Random, profile: Profile) -> Step:
    return ("edit", _side(random).value, _place(random), _name(random, profile), _shape(random))


def contest(random: Random, profile: Profile) -> Step:
    shapes = (_shape(random), _shape(random))
    return ("contest", _place(random), _name(random, profile), shapes, _side(random).value)


def struck(random: Random, steps: Sequence[Step] = ()) -> Step:
    """A slice that meets its trouble at one of its first writes, or just when its answer is to be stored."""
    at = random.choice((0, 0, 0, 1, 2))
    if steps:
        return slice_step("a", [Trouble("write", at, random.choice(("users_before", "users_after")), tuple(steps))])
    if random.random() < 0.3:
        return slice_step("a", [Trouble("after", random.randrange(3), random.choice(_DEADLY))])
    return slice_step("a", [Trouble("write", at, random.choice(_LOSING))])


_DEADLY = tuple(kind for kind in COMMIT_KINDS if kind.startswith(("crash", "error")))
_LOSING = (*(kind for kind in WRITE_KINDS if not kind.startswith("users")), *("crash_after",) * 8)


def _contested(random: Random, profile: Profile) -> list[Step]:
    """Both sides enter something in one field; sometimes in the middle of the write that carries the first."""
    if random.random() < 0.5:
        return [contest(random, profile), slice_step("a")]
    name, side = _name(random, profile), _side(random)
    steps, place = _somebody(random)
    first: Step = ("edit", side.value, place, name, _shape(random))
    second: Step = ("edit", side.other.value, place, name, _shape(random))
    return [*steps, first, struck(random, [second])]


def _lost_answer(random: Random, profile: Profile) -> list[Step]:
    """A write whose end nobody learnt, and a user who goes on from what it left."""
    name, side = _name(random, profile), _side(random)
    steps, place = _somebody(random)
    steps += [("edit", side.value, place, name, _shape(random)), struck(random)]
    after = random.choice((side, side.other, side.other))
    steps.append(
        ("clear", after.value, place, name)
        if random.random() < 0.3
        else ("edit", after.value, place, name, _shape(random))
    )
    return [*steps, ("tick", random.choice((5, 200))), slice_step("b")]


def _seen_late(random: Random, profile: Profile) -> list[Step]:
    """One change shows late; meanwhile a later one of somebody else is read."""
    first: Step = ("edit", PARTNER, -2, _name(random, profile), _shape(random))
    second: Step = ("edit", PARTNER, -1, _name(random, profile), _shape(random))
    return [
        *(("create", PARTNER, "fresh", _shape(random), 7) for _ in range(2)),
        slice_step("a"),
        ("slow", random.choice((20, 40))),
        first,
        ("tick", 3),
        random.choice((second, ("touch", PARTNER, -1))),
        slice_step("a"),
        ("tick", 60),
        slice_step("a"),
    ]


def _same_moment(random: Random, profile: Profile) -> list[Step]:
    """Two edits within one tick of a coarse clock, one before and one after the feed is read."""
    first, second = edit(random, profile), edit(random, profile)
    return [(first[0], PARTNER, *first[2:]), slice_step("a"), (second[0], PARTNER, *second[2:]), slice_step("b")]


def _met_at_creation(random: Random, profile: Profile) -> list[Step]:
    """While one side's record is made on the other, somebody enters the same person there."""
    side = _side(random)
    mask = random.getrandbits(6)
    met: Step = ("create", side.other.value, "match", _shape(random), random.getrandbits(len(profile.fields)))
    first: Step = ("create", side.value, "fresh", _shape(random), mask)
    return [first, slice_step("a"), met] if random.random() < 0.4 else [first, struck(random, [met])]


def _taken(random: Random, profile: Profile) -> list[Step]:
    """A person gets an address that is somebody else's, who gives it up later."""
    return [
        *(("create", CRM, "fresh", _shape(random), 7) for _ in range(2)),
        slice_step("a"),
        ("rename", CRM, -2, "twin", 0),
        slice_step("a"),
        ("rename", CRM, -1, "fresh", 0),
        slice_step("b"),
    ]


def copied(random: Random, profile: Profile) -> list[Step]:
    """People who are on both sides already when the first run begins, alike; somebody may change one meanwhile."""
    steps: list[Step] = []
    for _ in range(random.choice((1, 2, 4))):
        mask = random.getrandbits(len(profile.fields))
        steps += [("create", CRM, "fresh", random.randrange(SHAPES), mask), ("create", PARTNER, "copy", 0, 0)]
    if random.random() < 0.3:
        return [*steps, slice_step("a")]
    name = _name(random, profile)
    act: Step = random.choice(
        (
            ("edit", PARTNER, _place(random), name, _shape(random)),
            ("clear", PARTNER, _place(random), name),
            ("delete", PARTNER, _place(random)),
            ("rename", PARTNER, _place(random), "fresh", 0),
            ("label", _place(random), "kind", 1),
        )
    )
    place = random.choice(("remote", "remote", "commit"))
    return [*steps, slice_step("a", [Trouble(place, random.randrange(1, 12), "users_before", (act,))])]


def _twins(random: Random, profile: Profile) -> list[Step]:
    """Two rows with one e-mail address, and a record of the other side that fits both."""
    side = _side(random)
    steps: list[Step] = [
        ("create", side.value, "fresh", _shape(random), 7),
        ("create", side.value, "twin", _shape(random), 7),
        ("create", side.other.value, "match", _shape(random), 7),
    ]
    if random.random() < 0.5:
        steps.insert(random.choice((1, 2)), slice_step("a"))
    return [*steps, slice_step("a")]


def _born_again(random: Random, profile: Profile) -> list[Step]:
    """A record is deleted, and one with its address is entered anew."""
    steps, place = _somebody(random)
    side = _side(random)
    pause = [("tick", random.choice((2, 90000))), slice_step("a")] if random.random() < 0.7 else []
    return [*steps, ("delete", side.value, place), *pause, ("create", side.value, "match", _shape(random), 7)]


def _swallowed(random: Random, profile: Profile) -> list[Step]:
    """A record that is nobody's pair swallows one that is."""
    side = _side(random)
    return [
        ("create", side.value, "none", _shape(random), 7),
        *([slice_step("a")] if random.random() < 0.6 else []),
        ("merge", side.value, _place(random), -1),
        slice_step("a"),
    ]


def _parted(random: Random, profile: Profile) -> list[Step]:
    """One side deletes what the other edits."""
    steps, place = _somebody(random)
    return [*steps, ("part", _side(random).value, place, _name(random, profile), _shape(random)), slice_step("a")]


def _renamed_at_creation(random: Random, profile: Profile) -> list[Step]:
    """While a row's counterpart is made, somebody else's gets its address."""
    rename: Step = ("rename", PARTNER, -1, "match", 0)
    return [
        ("create", CRM, "fresh", _shape(random), 7),
        slice_step("a"),
        ("create", CRM, "fresh", _shape(random), 7),
        slice_step("b", [Trouble("write", 0, "users_before", (rename,))]),
    ]


def _hidden(random: Random, profile: Profile) -> list[Step]:
    """A row that may not be seen for a while is missing when all of them are read, and refuses what is written."""
    steps, place = _somebody(random)
    side, name = _side(random), _name(random, profile)
    steps.append(("hide", side.value, place))
    if random.random() < 0.5:
        return [*steps, ("edit", side.other.value, place, name, _shape(random)), slice_step("a"), ("show",)]
    return [*steps, ("expire", side.value), ("tick", random.choice((5, 90000))), slice_step("a"), ("show",)]


def _late_parent(random: Random, profile: Profile) -> list[Step]:
    """A person works for a company that gets its counterpart later, because it had no address to be known by."""
    side = _side(random).value
    steps, place = _somebody(random)
    return [
        ("company", side, "none", _shape(random)),
        *steps,
        ("works", side, place, 0),
        slice_step("a"),
        ("rename", side, 0, "fresh", 1),
        slice_step("a"),
    ]


def _left_out(random: Random, profile: Profile) -> list[Step]:
    """A row leaves what the criteria cover, one field of it is edited on both sides, and it may come back."""
    steps, place = _somebody(random)
    name, between = _name(random, profile), [slice_step("a")] if random.random() < 0.7 else []
    edits: list[Step] = [("edit", side.value, place, name, _shape(random)) for side in (Side.CRM, Side.PARTNER)]
    steps += [("scope", place, 0), *between, edits[0], *between, edits[1], slice_step("a")]
    return steps if random.random() < 0.4 else [*steps, ("scope", place, 1), slice_step("a")]


def _unlabelled(random: Random, profile: Profile) -> list[Step]:
    """A label is taken away, and the record edited."""
    which, place = random.choice(("kind", "pushed", "pulled")), _place(random)
    steps: list[Step] = [("label", place, which, 0), edit(random, profile), slice_step("a")]
    return steps if random.random() < 0.5 else [*steps, ("label", place, which, 1), slice_step("a")]


def remade(random: Random, profile: Profile) -> list[Step]:
    """A column is deleted and made again, as is done to change its type; somebody may enter something meanwhile."""
    steps, place = _somebody(random)
    name, side = _name(random, profile), _side(random)
    between = random.choice(
        ([], [slice_step("a")], [slice_step("a")], [edit(random, profile), slice_step("a")], [struck(random)])
    )
    entered: Step = ("edit", _side(random).value, place, name, _shape(random))
    emptied: Step = ("clear", side.other.value, place, name)
    after: list[Step] = random.choice(([], [], [entered], [emptied], [("delete", side.value, place)]))
    return [
        *steps,
        *([edit(random, profile)] if random.random() < 0.3 else []),
        slice_step("a"),
        ("drop", side.value, name),
        *between,
        ("regain", side.value, name),
        *(after if random.random() < 0.5 else []),
        slice_step("a") if random.random() < 0.7 else struck(random),
        *after,
        slice_step("b"),
    ]


def motifs(profile: Profile) -> tuple[Motif, ...]:
    """Those that make sense in a profile; some count twice."""
    found: list[Motif] = [_contested, _lost_answer, _contested, _lost_answer, _lost_answer, _met_at_creation, _twins]
    found += [_born_again, _swallowed, _parted, _renamed_at_creation, _hidden, _taken]
    if profile.lateness:
        found += [_seen_late] * 4
    if profile.partner.coarse:
        found.append(_same_moment)
    if profile.companies:
        found += [_late_parent, _late_parent]
    if profile.criteria:
        found += [_left_out, _left_out]
    if profile.labels is not None:
        found += [_unlabelled, _unlabelled]
    return tuple(found)


def motif(random: Random, profile: Profile) -> list[Any]:
    """One motif's steps."""
    return random.choice(motifs(profile))(random, profile)
