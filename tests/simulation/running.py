"""Plays a history to its end, lets the world come to rest, and asks the oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from shared.domain.identity import LinkState
from shared.state.model import Command
from tests.simulation.oracle import judge
from tests.simulation.profiles import PROFILES
from tests.simulation.steps import History, play
from tests.simulation.users import show_all
from tests.simulation.world import World

CYCLES = 12
SLICES = 40
DAY = timedelta(hours=26)
"""Longer than the longest pause before a retry, and than the time between two sweeps."""


@dataclass(slots=True)
class Report:
    """What came out. `findings` is empty when every invariant held."""

    history: History
    findings: list[str] = field(default_factory=list)
    digest: str = ""
    kinds_met: frozenset[str] = frozenset()
    cycles: int = 0
    no_ops: int = 0
    trace: list[tuple[object, ...]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)


def run(
    history: History,
    *,
    options: Mapping[str, object] | None = None,
    prepare: Callable[[World], None] | None = None,
) -> Report:
    """One history in a fresh world."""
    world = World(PROFILES[history.profile], options=options)
    if prepare is not None:
        prepare(world)
    play(world, history.steps)
    report = Report(history)
    report.cycles = come_to_rest(world)
    report.findings = judge(world)
    report.digest = world.digest()
    report.kinds_met = frozenset(world.kinds_met)
    report.no_ops = world.ledger.no_ops
    report.trace = world.trace
    report.errors = world.errors
    return report


def come_to_rest(world: World) -> int:
    """Faults are over: works until two cycles, a day apart, wrote nothing (I2) and paired or parted nobody. Answers how
    many cycles wrote."""
    world.note("come to rest")
    world.settle_world()
    show_all(world)
    world.clock.advance(world.options.lease_seconds + 30)
    _resume(world)
    wrote, quiet = 0, 0
    for _ in range(CYCLES):
        before, links = world.ledger.hub_writes, world.lane().peek().counts
        cycle(world)
        world.settle_world()
        still = world.ledger.hub_writes == before and world.lane().peek().counts == links
        if still and not _expected(world):
            quiet += 1
            if quiet == 2:
                return wrote
        else:
            wrote, quiet = wrote + (world.ledger.hub_writes != before), 0
        world.clock.advance(DAY.total_seconds())
    world.problem(f"I2 the hub still writes after {CYCLES} cycles without any edit")
    return wrote


def _expected(world: World) -> bool:
    """Whether something is still on its way by the engine's own account: an awaited id, a command that is due."""
    due = any(
        command.not_before is None or command.not_before <= world.clock.now() for command in world.lane().commands()
    )
    return due or any(link.state is LinkState.AWAITING for link in world.links())


def cycle(world: World, worker: str = "rest") -> None:
    """One whole run: slices until nothing is left to do at once, and whatever becomes due within five minutes."""
    for _ in range(SLICES):
        result = world.slice(worker)
        if result is None:
            return
        if result.more:
            continue
        if result.ran and result.not_before is not None and _soon(world, result.not_before):
            world.clock.advance_to(result.not_before)
            continue
        return
    world.problem(f"I2 a run does not end within {SLICES} slices")


def _soon(world: World, moment: object) -> bool:
    return moment <= world.clock.now() + timedelta(minutes=5)  # type: ignore[operator]


def _resume(world: World) -> None:
    """A person looks at a lane that stopped, and lets it go on."""
    if world.lane().peek().facts.get("broken"):
        world.note("a person resumes the lane")
        world.enqueue(Command(key="resume", op="resume"))
