"""`python -m tests.simulation.crash_matrix`: sixteen crash points against six operations, and what came of each death.

A worker dies at a chosen call of the slice that carries an operation; another one takes over, the world comes to rest,
and the oracle judges. Folds are cut into transactions of one row each, so that a death between a reverse row, its link
and the cursor is possible at all. Where an operation makes no such call the table says "-", and `NEVER` why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from types import MappingProxyType
from typing import Any

import shared.state.writer
from tests.simulation.oracle import judge
from tests.simulation.profiles import PROFILES
from tests.simulation.running import come_to_rest
from tests.simulation.steps import Step, play, slice_step
from tests.simulation.troubles import Trouble
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a slice: its channel, its number there, and what is called."""

    channel: str
    at: int
    what: str

    def is_write(self, side: str = "") -> bool:
        return self.channel == "remote" and " write " in self.what and self.what.startswith(side)

    def puts(self, *rows: str) -> bool:
        return self.channel == "commit" and any(f"put {row}" in self.what for row in rows)


PAIRS: tuple[Step, ...] = (
    *(("create", "crm", "fresh", 0, 7) for _ in range(2)),
    slice_step("a"),
    *(("create", "crm", "fresh", 0, 7) for _ in range(2)),
    slice_step("a"),
    slice_step("a"),
    ("tick", 400),
)
"""Two people and, after them, two more, on both sides."""
OPERATIONS: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {
        "first link": (("create", "crm", "fresh", 0, 5), ("create", "partner", "match", 0, 3)),
        "create": tuple(("create", side, "fresh", 0, 7) for side in ("crm", "crm", "partner", "partner")),
        "update": (
            *PAIRS,
            *(("edit", "crm", place, "name", 0) for place in (0, 1)),
            *(("edit", "partner", place, "phone", 0) for place in (2, 3)),
        ),
        "conflict": (*PAIRS, ("contest", 0, "name", (0, 3), "crm"), ("contest", 1, "phone", (0, 3), "crm")),
        "delete": (*PAIRS, ("delete", "crm", 0), ("delete", "partner", 2)),
        "merge": (*PAIRS, ("merge", "crm", 0, 1)),
    }
)
WORLDS = ("mailbox", "plain", "import", "log", "late")
WALKED = (("expire", "crm"), ("tick", 90000))
"""What makes the next slice read every row again, and sweep."""

type Death = tuple[str, str, int]
"""Kind of crash, channel, number of the call."""
type Deaths = Callable[[Sequence[Call]], Iterator[Death]]


def _where(kind: str, fits: Callable[[Call], bool]) -> Deaths:
    return lambda calls: ((kind, call.channel, call.at) for call in calls if fits(call))


def _link_then_intent(calls: Sequence[Call]) -> Iterator[Death]:
    for place, call in enumerate(calls):
        if call.puts("l.") and any(later.puts("b.") for later in calls[place:]):
            yield "crash_after", call.channel, call.at


def _between_sides(calls: Sequence[Call]) -> Iterator[Death]:
    for before, after in pairwise(call for call in calls if call.is_write()):
        if before.what.split()[0] != after.what.split()[0]:
            yield "crash_before", after.channel, after.at


def _everywhere(calls: Sequence[Call]) -> Iterator[Death]:
    for call in calls:
        yield "crash_before", call.channel, call.at


@dataclass(frozen=True, slots=True)
class Point:
    """A crash point of sync-semantics 1.24. `walk`: in a slice that reads every row again. `remap`: the map changes
    between the death and the next worker."""

    title: str
    deaths: Deaths
    walk: bool = False
    remap: bool = False


POINTS: Mapping[int, Point] = MappingProxyType(
    {
        1: Point("after page read, before queueing", _where("crash_after", lambda c: " changes " in c.what)),
        2: Point("after queueing, before cursor", _where("crash_before", lambda c: c.puts("c."))),
        3: Point("after reverse row, before link", _where("crash_after", lambda c: c.puts("p.", "m."))),
        4: Point("after link, before the next intent", _link_then_intent),
        5: Point("after intent, before write", _where("crash_before", Call.is_write)),
        6: Point("after write, before answer", _where("crash_after", Call.is_write)),
        7: Point("after answer, before base", _where("crash_after", lambda c: c.puts("b.") and ".r0" in c.what)),
        8: Point("between the two sides' writes", _between_sides),
        9: Point("after base, before the page is done", _where("crash_after", lambda c: c.puts("l."))),
        10: Point("after all, before the lane is let go", _where("crash_after", lambda c: "journal end" in c.what)),
        11: Point("between remote delete and link drop", _where("crash_after", lambda c: " write delete " in c.what)),
        12: Point("in the middle of a bulk answer", _where("partial", Call.is_write)),
        14: Point("during mark and sweep", _everywhere, walk=True),
        16: Point("while the mapping version changes", _everywhere, remap=True),
    }
)
NOT_OURS: Mapping[int, str] = MappingProxyType(
    {
        13: "between token refresh and storing the new token: no connector has a token that rotates",
        15: "between the erase of two systems: no operation of a lane; S03 in tests/scenarios/test_privacy.py",
    }
)
NEVER: Mapping[tuple[int, str], str] = MappingProxyType(
    {
        **{(11, name): "deletes nothing" for name in ("first link", "create", "update", "conflict")},
        **{(3, name): "moves no reverse row" for name in ("update", "conflict")},
        **{(4, name): "is done in one page" for name in ("first link", "conflict", "merge")},
        **{(8, name): "writes to one side only" for name in ("merge",)},
    }
)
"""Points an operation cannot meet, and why. (`erase`, the literature's sixth operation, is `create` here.)"""


@contextmanager
def small_transactions() -> Iterator[None]:
    """Folds of one row in each transaction."""
    most = shared.state.writer.MAX_SERIES_OPERATIONS
    shared.state.writer.MAX_SERIES_OPERATIONS = 1  # type: ignore[misc]
    try:
        yield
    finally:
        shared.state.writer.MAX_SERIES_OPERATIONS = most  # type: ignore[misc]


def deaths_of(number: int, operation: str, worlds: Sequence[str] = WORLDS) -> Iterator[tuple[str, Death]]:
    """Every death of a cell: the world's profile, and where its worker dies."""
    for profile in worlds:
        yield from ((profile, death) for death in POINTS[number].deaths(_calls(number, profile, operation)))


def after_dying(number: int, operation: str, profile: str, death: Death) -> list[str]:
    """What the oracle finds once another worker has taken over."""
    kind, channel, at = death
    world = _world(number, profile, operation)
    died = world.slice("a", [Trouble(channel, at, kind)]) is None
    if kind not in world.kinds_met:
        return [f"the worker never met its {kind}"]
    if not died and kind != "partial":
        return ["the worker did not die"]
    if POINTS[number].remap:
        world.config(entities=world.profile.entities())
    come_to_rest(world)
    return judge(world)


def cell(number: int, operation: str, worlds: Sequence[str] = WORLDS, *, every: int = 1) -> tuple[int, list[str]]:
    """How many deaths a cell has, and what the oracle finds in any of them. `every`: only each so-manieth is tried."""
    count, findings = 0, []
    with small_transactions():
        for profile, death in islice(deaths_of(number, operation, worlds), 0, None, every):
            count += 1
            findings += [f"{profile} {death}: {text}" for text in after_dying(number, operation, profile, death)]
    return count, findings


def _world(number: int, profile: str, operation: str) -> World:
    world = World(PROFILES[profile])
    point = POINTS[number]
    if point.remap:
        world.config(entities=_without_title(world.profile.entities()))
    play(world, OPERATIONS[operation])
    if point.remap:
        play(world, [("edit", "crm", 0, "title", 0)])
    if point.walk:
        play(world, WALKED)
    return world


def _without_title(entities: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """The maps as they were before somebody added a field."""
    return tuple({**item, "fields": [line for line in item["fields"] if line["id"] != "title"]} for item in entities)


def _calls(number: int, profile: str, operation: str) -> list[Call]:
    """The calls of the slice that is to be disturbed, in order; reads of state are none: nothing lasts there."""
    world = _world(number, profile, operation)
    begun = len(world.trace)
    world.slice("a")
    counts: dict[str, int] = {}
    calls: list[Call] = []
    for event in world.trace[begun:]:
        if event[0] == "call" and event[1].startswith("a#"):
            channel, what = event[2], event[3]
            if channel != "fetch":
                calls.append(Call(channel, counts.get(channel, 0), what))
            counts[channel] = counts.get(channel, 0) + 1
    return calls


def main() -> int:
    """0: every death was survived. 1: one was not; what it left is printed below the table."""
    print(f"{'crash point':44}" + "".join(f"{name:>12}" for name in OPERATIONS))
    failed: list[str] = []
    deaths = 0
    for number in sorted({*POINTS, *NOT_OURS}):
        if number in NOT_OURS:
            print(f"{number:>2} {NOT_OURS[number]}")
            continue
        row = f"{number:>2} {POINTS[number].title:41}"
        for operation in OPERATIONS:
            count, findings = cell(number, operation, WORLDS)
            deaths += count
            failed += [f"{number} x {operation}: {text}" for text in findings]
            row += f"{f'{count} FAILED' if findings else f'{count} ok' if count else '-':>12}"
        print(row, flush=True)
    print(f"{deaths} deaths, {len(failed)} findings", *failed, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
