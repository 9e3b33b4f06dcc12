"""A partner record that meets a Dynamics row gets the labels by which it takes part, whatever breaks off on the way."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.records import Side
from tests.simulation.oracle import judge
from tests.simulation.profiles import PROFILES, TAGS
from tests.simulation.running import come_to_rest
from tests.simulation.steps import Step, play, slice_step
from tests.simulation.world import World

A = slice_step("a")
LABELS = TAGS.labels or {}
MEETING: tuple[Step, ...] = (
    ("create", "partner", "fresh", 0, 0),
    A,
    ("create", "crm", "match", 0, 1),
    ("edit", "partner", 0, "phone", 0),
)
"""A record without labels, and a row of its address; each lacks something that the other has."""

EDIT = ("edit", "crm", 0, "nick", 0)
TROUBLES: tuple[tuple[str, int, str, tuple[Step, ...]], ...] = (
    *(("write", at, "users_before", (EDIT,)) for at in range(2)),
    *(("write", at, kind, ()) for at in range(2) for kind in ("error_before", "error_after", "crash_before", "late")),
    *(("write", at, "crash_after", ()) for at in range(2)),
    *(("after", at, kind, ()) for at in range(4) for kind in ("crash_before", "crash_after", "error_after")),
)


def _met(trouble: tuple[Any, ...], *more: Step) -> World:
    world = World(PROFILES["tags"])
    play(world, (*MEETING, slice_step("a"), *more) if not trouble else (*MEETING, ("slice", "a", (trouble,)), *more))
    come_to_rest(world)
    return world


def _labels(world: World) -> frozenset[str]:
    (ref,) = world.living(Side.PARTNER, world.profile.person(Side.PARTNER))
    row = world.systems[Side.PARTNER].row(ref)
    assert row is not None
    return row.labels


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: " ".join(str(part) for part in trouble[:3]))
def test_a_first_meeting_that_breaks_off_is_finished_with_its_labels(trouble: tuple[Any, ...]) -> None:
    world = _met(trouble, ("tick", 100), A)
    assert _labels(world) == {LABELS["kind"], LABELS["pushed"]}
    assert judge(world) == []


@pytest.mark.parametrize("trouble", [(), ("after", 0, "crash_after", ())], ids=["calm", "broken off"])
def test_a_label_that_a_user_takes_away_afterwards_stays_away(trouble: tuple[Any, ...]) -> None:
    world = _met(trouble, ("tick", 100), A, ("label", 0, "kind", 0), ("edit", "crm", 0, "phone", 3), A)
    assert _labels(world) == {LABELS["pushed"]}
    assert judge(world) == []
