"""What the tests of histories that once broke an invariant share."""

from __future__ import annotations

from tests.simulation.__main__ import findings_of
from tests.simulation.steps import History, Step, slice_step

A = slice_step("a")

type Family = tuple[str, tuple[Step, ...]]
"""A profile, and the steps that are played in its world."""


def met(channel: str, at: int, kind: str, *steps: Step) -> Step:
    """A slice that meets one trouble."""
    return ("slice", "a", ((channel, at, kind, steps),))


def told(family: Family) -> str:
    """The findings with the history that leads to them; empty where every invariant holds."""
    drawn = History(*family)
    found = findings_of(drawn)
    return "\n".join([*drawn.lines(), *found]) if found else ""
