"""One Dynamics, two partner accounts: what is edited at one reaches the other once, and both end equal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.frame import Authority
from tests.scenarios.world import PUSHED_PAIR, World, entities, two_worlds


@pytest.fixture
def star(ca: Authority) -> Iterator[tuple[World, World]]:
    with two_worlds(ca, entities()) as found:
        yield found


def run(star: tuple[World, World], cycles: int = 1) -> None:
    for _ in range(cycles):
        star[0].run(pause=1)
        star[1].run(pause=3600)


def first_names(star: tuple[World, World]) -> set[str]:
    one, two = star
    (row,) = one.rows()
    return {row["firstname"], one.people()[0]["firstName"], two.people()[0]["firstName"]}


@pytest.mark.feature("HUB-01.1", system="activecampaign")
@pytest.mark.feature("HUB-11.1", system="activecampaign")
def test_C14_an_edit_at_one_partner_reaches_dynamics_and_the_other_partner_once(star: tuple[World, World]) -> None:
    one = star[0]
    one.row(1)
    run(star, 2)
    assert {row["email"] for world in star for row in world.people()} == {"ann1@example.org"}
    assert set(one.people()[0]["tags"]) == set(PUSHED_PAIR)
    for world in star:
        world.mark()
    one.edit_person("1", firstName="Edited")
    run(star, 2)
    assert first_names(star) == {"Edited"}
    assert len(one.ours("dataverse")) == 1
    assert [len(world.ours("activecampaign")) for world in star] == [0, 1]
    for world in star:
        world.mark()
    run(star, 3)
    assert [world.ours() for world in star] == [[], []]


def test_C14_edits_of_one_field_at_both_partners_end_equal_and_the_loser_is_kept(star: tuple[World, World]) -> None:
    one, two = star
    one.row(1)
    run(star, 2)
    for world in star:
        world.mark()
    one.edit_person("1", firstName="At the first")
    two.edit_person("1", firstName="At the second")
    run(star, 3)
    assert first_names(star) == {"At the first"}  # the first to run; Dynamics owns the field against the second
    assert [conflict.partner_value for conflict in two.conflicts] == ["At the second"]
