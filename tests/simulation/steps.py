"""The steps a history is made of, and what each one does to a world.

A step is a tuple of plain values (`("edit", "crm", 0, "name", 2)`), so that a history can be stored as JSON, printed,
shortened and played again. Records are named by their place among the living rows of their side, oldest first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.connectors.memory import Refusal
from shared.domain.records import FieldName, Side
from shared.state.model import Command
from tests.simulation.troubles import Trouble
from tests.simulation.users import USERS, pick
from tests.simulation.world import World

type Step = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class History:
    """A profile and what happens in its world."""

    profile: str
    steps: tuple[Step, ...]

    def to_json(self) -> str:
        return json.dumps({"profile": self.profile, "steps": [_plain(step) for step in self.steps]}, indent=1)

    @staticmethod
    def of_json(text: str) -> History:
        data = json.loads(text)
        return History(data["profile"], tuple(_step(step) for step in data["steps"]))

    def lines(self) -> list[str]:
        return [f"profile {self.profile}", *(line for step in self.steps for line in describe(step))]


def slice_step(worker: str, troubles: Iterable[Trouble] = ()) -> Step:
    return ("slice", worker, tuple((t.channel, t.at, t.kind, t.steps) for t in troubles))


def _plain(step: Step) -> Any:
    return [_plain(item) if isinstance(item, tuple) else item for item in step]


def _step(data: Sequence[Any]) -> Step:
    return tuple(_step(item) if isinstance(item, list) else item for item in data)


def describe(step: Step, indent: str = "  ") -> list[str]:
    """A step as a person reads it."""
    if step[0] != "slice":
        return [indent + " ".join(str(part) for part in step)]
    lines = [f"{indent}worker {step[1]} works a slice"]
    for channel, at, kind, steps in step[2]:
        lines.append(f"{indent}  at its {channel} call {at}: {kind}")
        for inner in steps:
            lines += describe(inner, indent + "    ")
    return lines


def play(world: World, steps: Iterable[Step]) -> None:
    world.perform = perform
    for step in steps:
        perform(world, step)


def perform(world: World, step: Step) -> None:
    """One step; one that a server refuses to its user (or that has no record to act on) does nothing."""
    world.note("step", step)
    try:
        ACTIONS[step[0]](world, *step[1:])
    except Refusal as refusal:
        world.note("refused", str(refusal))


# -- what happens to the systems ---------------------------------------------------------------------------------------


def _tick(world: World, seconds: float) -> None:
    world.clock.advance(seconds)


def _slow(world: World, seconds: float) -> None:
    """The next change of a user becomes visible late, by at most what the profile allows."""
    world.lateness = min(timedelta(seconds=seconds), world.profile.lateness)


def _expire(world: World, side_name: str) -> None:
    world.systems[Side(side_name)].expire_tokens()


def _forget_imports(world: World) -> None:
    world.systems[Side.PARTNER].forget_jobs()


def _drop(world: World, side_name: str, name: str) -> None:
    side = Side(side_name)
    kind = world.profile.person(side)
    if FieldName(name) in world.systems[side].specs[kind]:
        world.dropped[side, kind, name] = world.systems[side].drop_column(kind, FieldName(name))
        world.ledger.column_dropped(side, FieldName(name))


def _regain(world: World, side_name: str, name: str) -> None:
    side = Side(side_name)
    kind = world.profile.person(side)
    spec = world.dropped.pop((side, kind, name), None)
    if spec is not None:
        world.systems[side].add_column(kind, spec)


def _shorten(world: World, side_name: str, name: str, length: int) -> None:
    side = Side(side_name)
    kind = world.profile.person(side)
    if FieldName(name) in world.systems[side].specs[kind]:
        world.systems[side].alter(kind, FieldName(name), max_length=length)
        world.ledger.shortened(side, FieldName(name), length)


def _slice(world: World, worker: str, troubles: Sequence[Sequence[Any]] = ()) -> None:
    met = [Trouble(channel, at, kind, tuple(steps)) for channel, at, kind, steps in troubles]
    result = world.slice(worker, met)
    while result is not None and result.more:
        result = world.slice(worker)


def _hint(world: World, side_name: str, place: int) -> None:
    """A webhook (or a person) says: look at this record."""
    side = Side(side_name)
    ref = pick(world, side, place)
    if ref is not None:
        world.enqueue(Command(key=f"look-{side}-{ref}", op="look", side=side, ref=ref))


ACTIONS: Mapping[str, Callable[..., None]] = {
    **USERS,
    "tick": _tick,
    "slow": _slow,
    "expire": _expire,
    "forget_imports": _forget_imports,
    "drop": _drop,
    "regain": _regain,
    "shorten": _shorten,
    "slice": _slice,
    "hint": _hint,
}
