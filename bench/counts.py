"""Measured calls against the ideal, phase by phase and endpoint by endpoint.

    python -m bench.counts [--people 10000] [--changed 1000] [--fields 10 60] [--mode feed include] [--json]

The whole way is measured: both simulators over https, the connectors, the engine. Time is driven, so imports, slots
and polls take none, and every figure is the same in every run. Ends with 1 when a phase takes more than 1.03 x the
ideal.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.aims import CALLS_RATIO, Figure, verdict
from bench.ideal import Calls, Work
from bench.people import Fields
from bench.rig import Rig, rig
from bench.wiring import PAIR
from shared.sync.options import Options

ENDPOINTS: Mapping[tuple[str, str], str] = {
    ("dynamics", "walk"): "read",
    ("dynamics", "catchup"): "read",
    ("dynamics", "delta"): "read",
    ("dynamics", "create"): "create",
    ("dynamics", "update"): "update",
    ("activecampaign", "list"): "list",
    ("activecampaign", "values"): "values",
    ("activecampaign", "changed"): "values",
    ("activecampaign", "read"): "people",
    ("activecampaign", "import"): "import",
    ("activecampaign", "outcomes"): "outcomes",
    ("activecampaign", "create"): "create",
    ("activecampaign", "update"): "update",
}
"""Endpoints of the ideal, by the purpose a call was made for; every other purpose is a line of its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """One endpoint of one phase. `ideal` is None on lines of their own."""

    phase: str
    system: str
    endpoint: str
    measured: int
    ideal: int | None


@dataclass(frozen=True, slots=True)
class Counted:
    """`ratio` is measured over ideal calls of the whole phase, lines of their own left out."""

    phase: str
    lines: tuple[Line, ...]
    outcomes: tuple[tuple[str, int], ...]

    @property
    def measured(self) -> int:
        return sum(line.measured for line in self.lines if line.ideal is not None)

    @property
    def ideal(self) -> int:
        return sum(line.ideal for line in self.lines if line.ideal is not None)

    @property
    def ratio(self) -> float:
        return self.measured / self.ideal


def compared(phase: str, rig: Rig, ideal: Calls, outcomes: Counter[str], *, looks: int = 0) -> Counted:
    """The calls made since the last `forget`. `looks` are the looks at the partner before a page is written to it."""
    measured: Counter[tuple[str, str]] = Counter()
    beside: Counter[tuple[str, str]] = Counter()
    for system in ("dynamics", "activecampaign"):
        for purpose, count in rig.calls(system).items():
            endpoint = ENDPOINTS.get((system, purpose))
            (beside if endpoint is None else measured)[system, endpoint or purpose] += count
    polls = max(0, measured["activecampaign", "outcomes"] - measured["activecampaign", "import"])
    _aside(measured, beside, ("activecampaign", "outcomes"), "polls", polls)
    _aside(measured, beside, ("activecampaign", "list"), "looks", looks)
    keys = sorted({key for key in measured | ideal if measured[key] or ideal[key]})
    lines = [Line(phase, *key, measured[key], ideal[key]) for key in keys]
    lines += [Line(phase, *key, count, None) for key, count in sorted(beside.items()) if count]
    return Counted(phase, tuple(lines), tuple(sorted(outcomes.items())))


def _aside(measured: Counter[Any], beside: Counter[Any], key: tuple[str, str], name: str, count: int) -> None:
    count = min(count, measured[key])
    measured[key] -= count
    beside[key[0], name] += count


def flows(
    people: int, changed: int, fields: Fields, *, include: bool, options: Options | None = None
) -> Iterator[Counted]:
    """Every phase in turn; raises AssertionError when a run did not do what the phase is about."""
    custom = 0 if include else fields.walked
    work = Work(people=people, changed=changed, custom=custom, weight=fields.import_bytes(people, tags=PAIR))
    with rig(fields, include=include, options=options) as both:
        both.seed_crm(people)
        yield _until_quiet("into an empty account", both, work.into_empty(), {"writes:partner": people})
        both.edit_crm(range(changed))
        expected = {"writes:partner": changed}
        yield _until_quiet("changed in Dynamics", both, work.changed_in_crm(), expected, looks=1)
        both.hour()
        both.forget()
        outcomes = both.run()
        if outcomes:
            raise AssertionError(f"an idle run did something: {outcomes}")
        yield compared("idle run", both, work.idle(), outcomes)
        both.edit_partner(range(changed, 2 * changed))
        # The update of a Dynamics row comes back with its delta, in the same run: that page is a page to write, too.
        yield _until_quiet(
            "changed in ActiveCampaign", both, work.changed_in_partner(), {"writes:crm": changed}, looks=1
        )
    with rig(fields, include=include, options=options) as both:
        both.seed_crm(people)
        both.seed_partner(people, tags=())
        yield _until_quiet("into an account that holds them", both, work.into_full(), {"writes:partner": people})


def _until_quiet(phase: str, both: Rig, ideal: Calls, wanted: Mapping[str, int], *, looks: int = 0) -> Counted:
    """A run that writes what is `wanted`, and the next one, which must write nothing."""
    both.forget()
    outcomes = both.run()
    found = {name: outcomes[name] for name in ("writes:partner", "writes:crm") if outcomes[name]}
    if found != dict(wanted):
        raise AssertionError(f"{phase}: wrote {found}, not {dict(wanted)}; {dict(outcomes)}")
    written = both.writes()
    both.hour()
    quiet = both.run()
    if both.writes() != written or quiet["writes:partner"] or quiet["writes:crm"]:
        raise AssertionError(f"{phase}: the next run wrote again: {dict(quiet)}")
    return compared(phase, both, ideal, outcomes, looks=looks)


def show(found: Counted, title: str) -> None:
    print(f"\n{title}: {found.phase}: {found.measured:,} calls, ideal {found.ideal:,}, {found.ratio:.3f} x")
    for line in found.lines:
        ideal = "own line" if line.ideal is None else f"ideal {line.ideal:>6,}"
        print(f"    {line.system:15} {line.endpoint:10} {line.measured:>7,}   {ideal}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=1000)
    parser.add_argument("--fields", type=int, nargs="+", default=[10, 60])
    parser.add_argument("--mode", nargs="+", choices=("feed", "include"), default=["feed", "include"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    told: list[dict[str, Any]] = []
    figures: list[Figure] = []
    for count in options.fields:
        for mode in options.mode:
            for found in flows(options.people, options.changed, Fields(count), include=mode == "include"):
                title = f"{options.people:,} people, {count} fields, {mode}"
                figures.append(Figure(f"{title}: {found.phase}", found.ratio, most=CALLS_RATIO))
                told.append({"fields": count, "mode": mode, "ratio": found.ratio, **asdict(found)})
                if not options.json:
                    show(found, title)
    if options.json:
        print(json.dumps(told, indent=2))
    return verdict(figures)


if __name__ == "__main__":
    sys.exit(main())
