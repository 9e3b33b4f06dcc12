"""Draws histories: what users do, when workers run, and what goes wrong meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from shared.domain.records import Side
from tests.simulation.motifs import contest, copied, motif, remade
from tests.simulation.profiles import DRAWN, PROFILES, Profile
from tests.simulation.steps import History, Step, slice_step
from tests.simulation.troubles import COMMIT_KINDS, FETCH_KINDS, REMOTE_KINDS, WRITE_KINDS, Trouble
from tests.simulation.values import SHAPES

MAILS = ("fresh", "fresh", "fresh", "match", "match", "case", "twin", "none")
NEW_MAILS = ("fresh", "fresh", "match", "twin", "none")

EDITING = (
    ("create", 10),
    ("edit", 30),
    ("contest", 6),
    ("clear", 8),
    ("rename", 4),
    ("touch", 3),
    ("delete", 5),
    ("restore", 3),
    ("merge", 2),
    ("swap", 2),
    ("works", 4),
    ("company", 2),
    ("label", 2),
    ("scope", 2),
)
MOODS = (0.0, 1.0, 1.0, 1.0, 1.0, 5.0)
"""What each kind of step counts in one history: some histories lack what others are full of."""
SCENES = (0, 0, 1, 1, 2)
"""How many motifs a history has."""
KINDS_AT = {
    "remote": REMOTE_KINDS,
    "write": WRITE_KINDS,
    "commit": COMMIT_KINDS,
    "after": COMMIT_KINDS,
    "fetch": FETCH_KINDS,
}
SURROUNDINGS = (("tick", 5), ("slow", 3), ("expire", 2), ("hint", 3), ("forget_imports", 1))

COLUMNS = 0.1
"""The share of histories in which a column is deleted and made again."""

FAR = 10_000
"""A call beyond the reach of any slice."""


class Drawer:
    """Draws one history. `trouble` is the share of slices that meet any, `depth` how many steps there are at most."""

    def __init__(self, random: Random, profile: Profile, *, trouble: float = 0.6, depth: int = 18) -> None:
        self.random = random
        self.profile = profile
        self.trouble = trouble
        self.depth = depth
        self.edited = [item.id for item in profile.fields if item.edits]
        self.kinds = [name for name, _ in EDITING]
        self.weights = [weight * random.choice(MOODS) for _, weight in EDITING]
        if not any(self.weights):
            self.weights = [float(weight) for _, weight in EDITING]

    def history(self) -> History:
        begin = self.profile.labels is not None and self.random.random() < 0.4
        steps: list[Step] = copied(self.random, self.profile) if begin else []
        steps.append(self._create())
        if self.random.random() < 0.7:
            steps.append(self._create())
        if self.random.random() < 0.75:
            steps.append(slice_step("a"))
        middle = [[self._step()] for _ in range(self.random.randint(2, self.depth))]
        for _ in range(self.random.choice(SCENES)):
            middle.insert(self.random.randint(0, len(middle)), motif(self.random, self.profile))
        steps += [step for steps in middle for step in steps]
        steps.append(self._slice())
        return History(self.profile.name, tuple(steps))

    def _step(self) -> Step:
        draw = self.random.random()
        if draw < 0.3:
            return self._slice()
        if draw < 0.38:
            return self._surroundings()
        return self._editing()

    def _side(self) -> str:
        return self.random.choice(tuple(Side)).value

    def _place(self) -> int:
        return self.random.choice((0, 0, 0, 1, 1, 2))

    def _create(self) -> Step:
        mask = (
            self.random.getrandbits(len(self.edited)) if self.random.random() < 0.5 else self.random.choice((0, 1, 7))
        )
        return ("create", self._side(), self.random.choice(MAILS), self.random.randrange(SHAPES), mask)

    def _editing(self) -> Step:
        (name,) = self.random.choices(self.kinds, self.weights)
        side, place = self._side(), self._place()
        match name:
            case "create":
                return self._create()
            case "edit":
                return (name, side, place, self.random.choice(self.edited), self.random.randrange(SHAPES))
            case "clear":
                return (name, side, place, self.random.choice(self.edited))
            case "rename":
                company = int(self.profile.companies and self.random.random() < 0.3)
                return (name, side, place, self.random.choice(NEW_MAILS), company)
            case "contest":
                return contest(self.random, self.profile)
            case "scope":
                return (name, place, self.random.randrange(2))
            case "merge" | "swap":
                return (name, side, place, place + 1)
            case "works":
                return (name, side, place, self.random.choice((0, 0, 1, -1)))
            case "company":
                return (
                    name,
                    side,
                    self.random.choice(("fresh", "fresh", "match", "none")),
                    self.random.randrange(SHAPES),
                )
            case "label":
                which = self.random.choice(("kind", "pushed", "pulled"))
                return (name, place, which, self.random.randrange(2))
        return (name, side, place)

    def _surroundings(self) -> Step:
        (name,) = self.random.choices([item[0] for item in SURROUNDINGS], [item[1] for item in SURROUNDINGS])
        match name:
            case "tick":
                return (name, self.random.choice((0.3, 2, 30, 400, 90000)))
            case "slow":
                return (name, self.random.choice((3, 20, 40)))
            case "expire":
                return (name, self._side())
            case "hint":
                return (name, self._side(), self._place())
        return (name,)

    def _slice(self) -> Step:
        worker = self.random.choice("ab")
        if self.random.random() >= self.trouble:
            return slice_step(worker)
        return slice_step(worker, [self._trouble() for _ in range(self.random.choice((1, 1, 1, 2, 3)))])

    def _trouble(self) -> Trouble:
        channel = self.random.choices(tuple(KINDS_AT), (5, 3, 3, 2, 1))[0]
        kind = self.random.choice(KINDS_AT[channel])
        steps: tuple[Any, ...] = ()
        if kind.startswith("users"):
            steps = tuple(self._editing() for _ in range(self.random.choice((1, 1, 2))))
        reach = 1.5 if channel in {"write", "after"} else 8
        return Trouble(channel, int(min(self.random.expovariate(1 / reach), FAR)), kind, steps)


def history(seed: int, number: int, *, profile: str | None = None, depths: Sequence[int] = (4, 8, 18, 30)) -> History:
    """The numberth history of a seed: the same each time, whatever was drawn before. `profile` names the only world."""
    random = Random(f"{seed}/{number}")
    drawn = random.choice(DRAWN).name
    found = Drawer(random, PROFILES[profile or drawn], depth=random.choice(depths)).history()
    return with_columns(found, Random(f"{seed}/{number}/columns"), share=COLUMNS)


def with_columns(found: History, random: Random, *, share: float = 1.0) -> History:
    """The history, in so many of all cases with a column that is deleted in it and made again. Drawn apart, so that
    all others stay as they were."""
    if random.random() >= share:
        return found
    at = random.randint(1, len(found.steps))
    steps = (*found.steps[:at], *remade(random, PROFILES[found.profile]), *found.steps[at:])
    return replace(found, steps=steps)
