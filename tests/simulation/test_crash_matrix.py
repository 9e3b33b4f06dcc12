"""Every crash point against every operation, enumerated: a worker dies at each of its calls, another one takes over.

For each operation a fixed scenario is played once to count the calls of its slice; then again for each call, dying
after it (which is before the next one: nothing lasts in between). The named points of the literature are calls of a
certain kind: `POINTS` says which, and a test shows that the enumeration meets each of them.
"""

from __future__ import annotations

import pytest

from tests.simulation.oracle import judge
from tests.simulation.ports import Trouble
from tests.simulation.profiles import PROFILES
from tests.simulation.running import come_to_rest
from tests.simulation.steps import Step, play, slice_step
from tests.simulation.world import World

type Call = tuple[str, int, str]
"""Channel, number within the slice, what is called."""

PAIR: tuple[Step, ...] = (
    ("create", "crm", "fresh", 0, 7),
    ("create", "crm", "fresh", 0, 7),
    slice_step("a"),
    slice_step("a"),
    ("tick", 400),
)
OPERATIONS: dict[str, tuple[Step, ...]] = {
    "first_link": (("create", "crm", "fresh", 0, 7), ("create", "partner", "match", 0, 7)),
    "update": (*PAIR, ("edit", "crm", 0, "name", 0), ("edit", "partner", 1, "phone", 0)),
    "conflict": (*PAIR, ("edit", "crm", 0, "name", 0), ("edit", "partner", 0, "name", 3)),
    "delete": (*PAIR, ("delete", "crm", 0)),
    "merge": (*PAIR, ("merge", "crm", 0, 1)),
    "create": (("create", "crm", "fresh", 0, 7), ("create", "partner", "fresh", 0, 7)),
}
MATRIX = ("mailbox", "plain", "import")

POINTS: dict[str, tuple[str, str, str]] = {
    "1 after page read, before queueing": ("crash_after", "remote", "changes"),
    "2 after queueing, before cursor": ("crash_before", "commit", "put c."),
    "5 after intent, before write": ("crash_before", "remote", "write"),
    "6 after write, before answer": ("crash_after", "remote", "write"),
    "7 after answer, before base": ("crash_after", "commit", ".r0"),
    "10 after all, before the lane is let go": ("crash_before", "commit", "journal end"),
}
"""Points of a slice by the call at which a worker dies. The others are the same calls of this engine, or none:

3, 4, 9: link, reverse row, base and flag are one fold; dying before or after each of its commits is enumerated.
8: the left and the right write are two `write` calls. 11: a delete is a `write`, the link's end the fold after it.
12: a bulk answer is one `finish`; half of one is the trouble `partial` (`test_half_a_bulk_answer`).
13: tokens belong to the connectors, the engine stores none. 14: mark and sweep are `test_dying_in_a_walk`.
15, 16: an erase and a change of the map are not operations of a slice."""


def _world(profile: str, operation: str) -> World:
    world = World(PROFILES[profile])
    play(world, OPERATIONS[operation])
    return world


def _calls(profile: str, operation: str) -> list[Call]:
    """The calls of the slice that is to be disturbed, in order."""
    world = _world(profile, operation)
    begun = len(world.trace)
    world.slice("a")
    counts: dict[str, int] = {}
    calls: list[Call] = []
    for event in world.trace[begun:]:
        if event[0] == "call" and event[1].startswith("a#"):
            channel = event[2]
            calls.append((channel, counts.get(channel, 0), event[3]))
            counts[channel] = counts.get(channel, 0) + 1
    return calls


def _after_dying(profile: str, operation: str, kind: str, channel: str, at: int) -> list[str]:
    world = _world(profile, operation)
    assert world.slice("a", [Trouble(channel, at, kind)]) is None, "the worker did not die"
    come_to_rest(world)
    return judge(world)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("profile", MATRIX)
def test_dying_at_every_call(profile: str, operation: str) -> None:
    calls = [call for call in _calls(profile, operation) if call[0] != "fetch"]
    assert len(calls) >= 6, "a slice that calls nothing proves nothing"
    failing = {
        f"{kind} {channel} {at} ({what})": found
        for channel, at, what in calls
        for kind in (("crash_before", "crash_after") if at == 0 else ("crash_after",))
        if (found := _after_dying(profile, operation, kind, channel, at))
    }
    assert failing == {}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("point", POINTS)
def test_the_enumeration_meets(point: str, operation: str) -> None:
    """Each named point is a call that the slice of some world really makes."""
    _, channel, word = POINTS[point]
    met = [what for profile in MATRIX for where, _, what in _calls(profile, operation) if where == channel]
    assert any(word in what for what in met), f"{operation} makes no such call: {met}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_half_a_bulk_answer(operation: str) -> None:
    """Point 12: the worker learns of none of a bulk write of which half happened."""
    writes = [(at, what) for channel, at, what in _calls("mailbox", operation) if channel == "remote"]
    for at, _ in [(at, what) for at, what in writes if " write " in what]:
        world = _world("mailbox", operation)
        world.slice("a", [Trouble("remote", at, "partial")])
        come_to_rest(world)
        assert judge(world) == []


@pytest.mark.parametrize("kind", ["crash_before", "crash_after"])
def test_dying_in_a_walk(kind: str) -> None:
    """Point 14: between the pages of a walk, and in the sweep after it."""
    steps = (*PAIR, ("delete", "partner", 0), ("tick", 90000))

    def fresh() -> World:
        world = World(PROFILES["plain"])
        play(world, steps)
        return world

    world = fresh()
    begun = len(world.trace)
    world.slice("a")
    commits = [event for event in world.trace[begun:] if event[:1] == ("call",) and event[2] == "commit"]
    assert any(event[0] == "call" and "from the start" in str(event[3]) for event in world.trace[begun:])
    for at in range(len(commits)):
        world = fresh()
        assert world.slice("a", [Trouble("commit", at, kind)]) is None
        come_to_rest(world)
        assert judge(world) == []
