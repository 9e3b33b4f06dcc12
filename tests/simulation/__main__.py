"""`python -m tests.simulation`: plays drawn histories for a time; shows the first that breaks an invariant, small."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from time import monotonic

from tests.simulation.generate import history
from tests.simulation.profiles import DRAWN, PROFILES
from tests.simulation.running import run
from tests.simulation.shrink import family, shrink
from tests.simulation.steps import History

SHRINK_TRIES = 1500
TOLD_EVERY = 60.0


@dataclass(slots=True)
class Tally:
    """What a session has met so far."""

    seed: int
    started: float = field(default_factory=monotonic)
    histories: int = 0
    profiles: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    cycles: Counter[int] = field(default_factory=Counter)
    no_ops: int = 0

    def line(self) -> str:
        spent = max(monotonic() - self.started, 1e-9)
        return f"seed {self.seed}: {self.histories} histories, {self.histories / spent:.1f} a second"


def findings_of(played: History, tally: Tally | None = None) -> list[str]:
    """What the oracle has to say, or how the engine fell over: an exception nobody foresaw is a finding too."""
    try:
        report = run(played)
    except Exception as error:  # any escape from the engine is what this program looks for
        place = traceback.extract_tb(error.__traceback__)[-1]
        return [f"the engine raised {type(error).__name__} in {place.name}: {error}"]
    if tally is not None:
        tally.histories += 1
        tally.profiles[played.profile] += 1
        tally.kinds.update(report.kinds_met)
        tally.cycles[report.cycles] += 1
        tally.no_ops += report.no_ops
    return report.findings


def smallest(failing: History, finding: str, *, limit: int = SHRINK_TRIES) -> History:
    """The smallest history that ends in a finding of the same family."""
    wanted = family(finding)
    return shrink(failing, lambda tried: any(family(f) == wanted for f in findings_of(tried)), limit=limit)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to draw and play (default 60)")
    parser.add_argument("--seed", type=int, help="the seed to draw from (default: a fresh one, which is printed)")
    parser.add_argument("--profile", choices=sorted(PROFILES), help="only worlds of this profile")
    parser.add_argument("--go-on", action="store_true", help="list what fails and go on, instead of making it small")
    parser.add_argument("--replay", type=int, metavar="ID", help="play this one history of the seed, with its trace")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """0: every history held. 1: one did not."""
    asked = _arguments(words)
    seed = asked.seed if asked.seed is not None else SystemRandom().randrange(1_000_000)
    if asked.replay is not None:
        return _replay(seed, asked.replay, asked.profile or in_turn(asked.replay))
    tally = Tally(seed)
    told = tally.started
    print(f"simulation: seed {seed}, {asked.seconds:.0f} s, profiles {asked.profile or ', '.join(sorted(PROFILES))}")
    number = failed = 0
    while monotonic() - tally.started < asked.seconds:
        profile = asked.profile or in_turn(number)
        drawn = history(seed, number, profile=profile)
        found = findings_of(drawn, tally)
        if found and not asked.go_on:
            print(tally.line())
            _show(seed, number, profile, drawn, found)
            return 1
        if found:
            failed += 1
            print(f"history {number} ({drawn.profile}) fails: {found[0]}", flush=True)
        number += 1
        if monotonic() - told > TOLD_EVERY:
            told = monotonic()
            print(tally.line(), flush=True)
    _sum_up(tally, failed)
    return 1 if failed else 0


def in_turn(number: int) -> str | None:
    """The profiles that are not drawn, in turn: every ninth history."""
    others = [name for name in PROFILES if name not in {profile.name for profile in DRAWN}]
    turn, rest = divmod(number, len(DRAWN) + 1)
    return others[turn % len(others)] if rest == len(DRAWN) and others else None


def _sum_up(tally: Tally, failed: int) -> None:
    print(f"{tally.line()}: " + (f"{failed} of them failed" if failed else "every invariant held"))
    for title, counts in (("profiles", tally.profiles), ("troubles met (histories)", tally.kinds)):
        print(f"{title}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print("cycles that still wrote, at rest: " + ", ".join(f"{n}: {c}" for n, c in sorted(tally.cycles.items())))
    print(f"writes that changed nothing: {tally.no_ops}")


def _show(seed: int, number: int, profile: str | None, drawn: History, found: Sequence[str]) -> None:
    print(f"history {number} of seed {seed} fails:")
    for finding in found:
        print(f"  {finding}")
    print("making it smaller ...", flush=True)
    small = smallest(drawn, found[0])
    print(*small.lines(), sep="\n")
    print("which ends in:")
    for finding in findings_of(small):
        print(f"  {finding}")
    only = f" --profile {profile}" if profile else ""
    print(f"replay: python -m tests.simulation --seed {seed} --replay {number}{only}")
    print(f"as JSON: {small.to_json()}")


def _replay(seed: int, number: int, profile: str | None) -> int:
    drawn = history(seed, number, profile=profile)
    print(*drawn.lines(), sep="\n")
    report = run(drawn)
    print("trace:")
    for line in report.trace:
        print("  ", *line)
    print(f"digest {report.digest}")
    print(*(report.findings or ["every invariant held"]), sep="\n")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
