"""`python -m tests.simulation.soak`: many people, many edits, faults all along, and then silence.

What is asked for: the hub answers no write of its own with another (an echo), writes nothing that changes nothing, and
is quiet after one whole run once the faults end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic

from shared.domain.records import FieldName, Side
from tests.simulation.profiles import PROFILES, Profile
from tests.simulation.running import CYCLES, cycle
from tests.simulation.troubles import Trouble
from tests.simulation.values import value_of
from tests.simulation.world import World

FAULTS = ("error_before", "error_after", "throttle", "refused_before", "crash_before", "crash_after", "partial")
COMMIT_FAULTS = ("error_before", "error_after", "late", "crash_before", "crash_after")
CALLS = 4000
"""How many calls of each kind may meet a fault in a slice: more than any slice makes."""


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came out. No two edits share a person and a field, so each asks for exactly one write of the hub."""

    people: int
    linked: int
    edits: int
    writes: int
    faults: int
    no_ops: int
    late: int  # writes after the first whole run without faults
    lost: int
    seconds: float

    @property
    def echoes(self) -> int:
        """Writes beyond one for each edit: what nobody asked for (`lost` tells an edit that got none)."""
        return max(0, self.writes - self.edits)

    @property
    def clean(self) -> bool:
        return not (self.echoes or self.no_ops or self.late or self.lost) and self.linked == self.people


def soak(people: int, edits: int, *, share: float = 0.05, seed: int = 1, profile: Profile | None = None) -> Soaked:
    """First load without faults, then edits in ten portions with faults at `share` of all calls to the two systems and
    of all commits of state and journal, then rest."""
    started = monotonic()
    random = Random(seed)
    world = World(profile or PROFILES["mailbox"])
    world.trace = _Silent()
    _populate(world, people)
    for _ in range(CYCLES):
        before = world.ledger.hub_writes
        cycle(world, "load")
        world.settle_world()
        if world.ledger.hub_writes == before:
            break
    loaded, no_ops = world.ledger.hub_writes, world.ledger.no_ops
    edited, faults = _edit_under_faults(world, random, edits, share)
    world.clock.advance(world.options.lease_seconds + 30)
    cycle(world)  # ends the run that was under way, which may have asked the partner before the last edits
    world.clock.advance(3600)
    cycle(world)
    first = world.ledger.hub_writes
    world.clock.advance(3600)
    cycle(world)
    return Soaked(
        people=people,
        linked=sum(link.partner is not None for link in world.links()),
        edits=edits,
        writes=first - loaded,
        faults=faults,
        no_ops=world.ledger.no_ops - no_ops,
        late=world.ledger.hub_writes - first,
        lost=_lost(world, edited),
        seconds=monotonic() - started,
    )


class _Silent(list[tuple[object, ...]]):
    """A trace nobody reads would only fill the memory."""

    def append(self, item: tuple[object, ...], /) -> None:
        del item


def _populate(world: World, people: int) -> None:
    kind = world.profile.person(Side.CRM)
    for number in range(people):
        values = {"mail": f"s{number:x}@example.org", "tag": f"t{number:x}", "name": f"n{number:x}"}
        world.users[Side.CRM].create(kind, {FieldName(name): value for name, value in values.items()})


def _edit_under_faults(
    world: World, random: Random, edits: int, share: float
) -> tuple[dict[tuple[Side, str, FieldName], object], int]:
    """Each edit takes a person and a field of its own, so that none of them is a conflict. Answers what was entered."""
    places = [(link.crm, link.partner) for link in world.links() if link.partner is not None]
    chosen = random.sample([(pair, name) for pair in places for name in ("name", "phone")], edits)
    fields = {item.id: item for item in world.profile.fields}
    entered: dict[tuple[Side, str, FieldName], object] = {}
    faults = 0
    portion = -(-edits // 10)
    for start in range(0, edits, portion):
        for (crm, partner), name in chosen[start : start + portion]:
            side = random.choice(tuple(Side))
            ref = crm if side is Side.CRM else partner
            value = value_of(fields[name], side, world.numbers, 0)
            world.numbers += 1
            world.users[side].edit(ref, {FieldName(name): value})
            entered[side.other, (partner if side is Side.CRM else crm).id, FieldName(name)] = value
        for _ in range(3):
            faults += _troubled_slice(world, random, share)
            world.clock.advance(200)
    return entered, faults


def _troubled_slice(world: World, random: Random, share: float) -> int:
    kinds = {"remote": FAULTS, "commit": COMMIT_FAULTS}
    troubles = [
        Trouble(channel, number, random.choice(faults))
        for channel, faults in kinds.items()
        for number in range(CALLS)
        if random.random() < share
    ]
    met = _Met(world)
    world.happened = met  # type: ignore[method-assign]
    try:
        world.slice("a", troubles)
    finally:
        del world.happened
    return met.count


class _Met:
    def __init__(self, world: World) -> None:
        self.count = 0
        self._real = world.happened

    def __call__(self, worker: object, kind: str) -> None:
        self.count += 1
        self._real(worker, kind)  # type: ignore[arg-type]


def _lost(world: World, entered: dict[tuple[Side, str, FieldName], object]) -> int:
    lost = 0
    for (side, row, name), value in entered.items():
        version = world.systems[side].tables[world.profile.person(side)].now(row)  # type: ignore[arg-type]
        lost += version is None or version.fields.get(name) != value
    return lost


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.soak", description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--edits", type=int, default=2_000)
    parser.add_argument(
        "--faults", type=float, default=0.05, help="share of remote calls and commits that meet one (default 0.05)"
    )
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(words)
    found = soak(asked.people, asked.edits, share=asked.faults, seed=asked.seed)
    print(
        f"{found.people} people ({found.linked} linked), {found.edits} edits, {found.faults} faults met: "
        f"{found.writes} writes, {found.echoes} echoes, {found.no_ops} no-op writes, {found.lost} edits lost, "
        f"{found.late} writes after the first whole run without faults; {found.seconds:.0f} s"
    )
    return 0 if found.clean else 1


if __name__ == "__main__":
    sys.exit(main())
