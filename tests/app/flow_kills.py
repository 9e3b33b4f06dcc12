"""The background worker dies by SIGKILL while flow steps are worked and called back.

Judged by the simulators' own records: each batch has one effective callback, each person one row.
`python -m tests.app.flow_kills --kills 20` is the soak.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import click

from cli.demo.world import Simulators, app
from simulators.frame.fleet import start_fleet
from tests.app.conftest import FAST
from tests.app.flow import chunks, effective, installed, people, run
from tests.app.marketo import MarketoWorld

LEASE = 8.0  # seconds until a dead worker's lane is taken over; a minute in life
PEOPLE = 4
_PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a soak came to. `findings` must be empty."""

    kills: int
    batches: int
    effective: int
    refused: int
    people: int
    rows: int
    seconds: float
    findings: list[str]
    strikes: dict[str, int]
    """Kills by the window they struck in, as the simulators' records tell it."""

    def __str__(self) -> str:
        return (
            f"{self.kills} kills over {self.batches} batches, {self.seconds:.0f} s: {self.effective} effective "
            f"callbacks, {self.refused} refused ones; {self.people} people, {self.rows} rows; "
            f"{len(self.findings)} findings; struck "
            + ", ".join(f"{count} {window}" for window, count in sorted(self.strikes.items()))
        )


def soak(folder: Path, *, kills: int, seed_of: int) -> Figures:
    """One batch a kill: struck at a random moment after its call, when the rows are there and no callback took effect
    yet, or between the callback's effect and its answer."""
    draw, began = random.Random(seed_of), time.monotonic()
    clock = folder / "clock.json"
    clock.write_text('{"offset": 0}')
    fleet = start_fleet(["dataverse", "marketo"], base_port=0, folder=folder)
    try:
        sims = Simulators(fleet.urls, str(fleet.ca_file))
        with app(sims, port=0, clock_file=clock, queue_lease=LEASE / 2, **FAST) as host:
            world = MarketoWorld(sims, host, clock, {})
            world.begun(1, options={"initial_one_way": True, "lease_seconds": LEASE})
            connection = world.call("GET", "connections")["value"][0]["id"]
            [name] = installed(world, connection, "syncPerson").values()
            for system, milliseconds in (("dataverse", 150), ("marketo", 250)):
                sims.control(system, "POST", "latency", {"ms": milliseconds})
            slow = {"match": {"path": "flowsteps/callback"}, "do": {"delay_after_ms": 800}}
            sims.control("marketo", "POST", "faults", slow)
            strikes = Counter[str]()
            batches = [_batch(world, name, number, draw, strikes) for number in range(kills)]
            sims.control("dataverse", "POST", "latency", {"ms": 0})
            findings = [text for batch in batches for text in _judged(world, batch)]
            found = [chunk for batch in batches for chunk in chunks(world, batch)]
            rows = Counter(str(row.get("emailaddress1")) for row in world.rows("lead"))
            findings += [f"{address} has {count} rows" for address, count in rows.items() if count > 1]
            if len(rows) != kills * PEOPLE:
                findings.append(f"{len(rows)} people in Dynamics, not {kills * PEOPLE}")
            return Figures(
                kills=kills,
                batches=len(found),
                effective=sum(map(effective, found)),
                refused=sum(len(chunk["callbacks"]) - effective(chunk) for chunk in found),
                people=kills * PEOPLE,
                rows=sum(rows.values()),
                seconds=time.monotonic() - began,
                findings=findings,
                strikes=dict(strikes),
            )
    finally:
        fleet.stop()


def _batch(world: MarketoWorld, name: str, number: int, draw: random.Random, strikes: Counter[str]) -> str:
    """Hands people over, kills the worker, and waits for the callback."""
    leads = people(world, PEOPLE, number * PEOPLE)
    before = len(world.rows("lead"))
    batch = str(run(world, name, leads)["batch"])
    aim = number % 3
    end = time.monotonic() + _PATIENCE
    if aim == 0:
        time.sleep(draw.uniform(0.1, 4.0))
    while aim and not _reached(world, batch, before, aim) and time.monotonic() < end:
        time.sleep(0.05)
    world.host.kill_worker("background")
    strikes[_window(world, batch, before)] += 1
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        time.sleep(1)
        there = all(map(effective, chunks(world, batch)))
        # What a dead worker claimed, and pauses between attempts, are over soon; refusals last for all tries.
        world.advance(600 if there else 15)
        world.tick()
        if there and not _open(world):
            break
    return batch


def _reached(world: MarketoWorld, batch: str, before: int, aim: int) -> bool:
    """1: everybody's row is there. 2: the callback took effect."""
    return len(world.rows("lead")) - before == PEOPLE if aim == 1 else bool(_effective(world, batch))


def _effective(world: MarketoWorld, batch: str) -> int:
    return sum(map(effective, chunks(world, batch)))


def _window(world: MarketoWorld, batch: str, before: int) -> str:
    """Where the worker was when it died: nothing runs between the kill and this look."""
    if _effective(world, batch):
        return "after the callback took effect"
    rows = len(world.rows("lead")) - before
    return "before any row" if not rows else "with rows made, before any callback"


def _open(world: MarketoWorld) -> bool:
    connection = world.call("GET", "connections")["value"][0]["id"]
    found = world.call("GET", f"connections/{connection}/requests?state=queued")["value"]
    return any(each["id"].startswith("fl") for each in found)


def _judged(world: MarketoWorld, batch: str) -> list[str]:
    found = []
    for chunk in chunks(world, batch):
        if effective(chunk) != 1:
            found.append(f"{batch}: {effective(chunk)} effective callbacks")
        outcomes = Counter(each.get("outcome") for each in chunk["activities"].values())
        if set(outcomes) - {"created", "alreadyInSync"} or outcomes.total() != PEOPLE:
            found.append(f"{batch}: told {dict(outcomes)}")
    return found


@click.command()
@click.option("--kills", default=20, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(kills: int, seed: int) -> None:
    """Kill the worker so many times, once a batch."""
    with tempfile.TemporaryDirectory(prefix="dynasync-flow-kills-") as folder:
        figures = soak(Path(folder), kills=kills, seed_of=seed)
    print(figures)
    sys.exit("\n".join(figures.findings) or 0)


if __name__ == "__main__":
    main()
