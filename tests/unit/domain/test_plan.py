"""Plans: honest counts, a fingerprint, and guards against mass deletion."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.plan import Act, Change, Difference, Plan, delete_guard, empty_guard
from shared.domain.records import ABSENT, Kind, Ref, RemoteId, Side


def change(name: str = "contact", act: Act = Act.UPDATE, number: int = 1, **more: Any) -> Change:
    data: dict[str, Any] = {
        "entity": name,
        "side": Side.PARTNER,
        "act": act,
        "crm": Ref(Kind(name), RemoteId(f"{number:04}")),
        "code": "updated",
        "differences": (Difference("title", "jobtitle", "old", f"new {number}"),),
    }
    return Change(**{**data, **more})


@pytest.mark.feature("HUB-15.2")
def test_a_plan_counts_everything_and_keeps_some_samples() -> None:
    plan = Plan(samples_each=3)
    for number in range(10):
        plan.add(change(number=number))
    plan.add(change(act=Act.CREATE, code="created"))
    plan.add(change(act=Act.DELETE, code="deleted", differences=()))
    plan.skip("contact", "skipped:outside_criteria")
    plan.skip("contact", "skipped:outside_criteria")
    assert plan.counts["contact", Side.PARTNER, Act.UPDATE, "updated"] == 10
    assert plan.counts["contact", Side.PARTNER, Act.CREATE, "created"] == 1
    assert plan.skips["contact", "skipped:outside_criteria"] == 2
    assert plan.fields["contact", Side.PARTNER, "title"] == 11
    assert len([item for item in plan.samples if item.act is Act.UPDATE]) == 3
    assert plan.samples[0].differences[0] == Difference("title", "jobtitle", "old", "new 0")
    assert plan.removals() == 1


@given(st.lists(st.integers(0, 50), max_size=20), st.randoms(use_true_random=False), st.integers(0, 20))
@pytest.mark.feature("HUB-15.4")
def test_a_fingerprint_is_of_all_changes_in_whatever_order_and_parts(
    numbers: list[int], chance: random.Random, split: int
) -> None:
    whole, parts = Plan(), Plan()
    for number in numbers:
        whole.add(change(number=number))
    shuffled = list(numbers)
    chance.shuffle(shuffled)
    for part in (shuffled[:split], shuffled[split:]):
        piece = Plan()
        for number in part:
            piece.add(change(number=number))
        parts.merge(piece)
    assert parts.fingerprint == whole.fingerprint
    assert parts.counts == whole.counts
    assert len(parts.samples) == len(whole.samples)
    whole.add(change(number=51))
    assert parts.fingerprint != whole.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        change(side=Side.CRM),
        change(act=Act.CREATE),
        change(number=2),
        change(code="created"),
        change(partner=Ref(Kind("person"), RemoteId("1"))),
        change(differences=()),
        change(differences=(Difference("title", "jobtitle", "old", "other"),)),
        change(differences=(Difference("title", "jobtitle", "old", None),)),
        change(add_labels=frozenset({"a"})),
        change(remove_labels=frozenset({"a"})),
    ],
)
def test_any_other_change_has_another_fingerprint(other: Change) -> None:
    assert other.fingerprint() != change().fingerprint()


def test_a_fingerprint_does_not_depend_on_the_order_within_a_set() -> None:
    """That of texts differs from process to process. These collide, so that two equal sets go in two orders here."""
    sets: list[Any] = [frozenset((0, 8)), frozenset((8, 0))]
    assert sets[0] == sets[1]
    assert list(sets[0]) != list(sets[1])
    one, other = (change(differences=(Difference("c", "c", ABSENT, choices),)) for choices in sets)
    assert one.fingerprint() == other.fingerprint()


def test_a_fingerprint_does_not_depend_on_the_order_of_fields() -> None:
    differences = (Difference("c", "c", ABSENT, "y"), Difference("t", "t", None, "x"))
    assert change(differences=differences).fingerprint() == change(differences=differences[::-1]).fingerprint()


def test_skips_belong_to_the_fingerprint() -> None:
    one, other = Plan(), Plan()
    one.skip("contact", "skipped:tags_missing")
    assert one.fingerprint != other.fingerprint


@pytest.mark.feature("HUB-13.4")
@pytest.mark.parametrize(
    ("removals", "links", "stops"),
    [
        (0, 0, False),
        (25, 0, False),
        (26, 0, True),
        (25, 100_000, False),
        (2000, 100_000, False),
        (2001, 100_000, True),
        (26, 1250, True),
        (26, 1300, False),
    ],
)
def test_more_removals_than_the_guard_allows_stop_the_run(removals: int, links: int, stops: bool) -> None:
    found = delete_guard(removals, links)
    assert (found is not None) is stops
    if found is not None:
        assert f"{removals} records would be removed" in found.message


@pytest.mark.feature("HUB-13.4")
def test_an_empty_side_is_doubted() -> None:
    assert empty_guard(0, 10)
    assert not empty_guard(1, 50_000)
    assert not empty_guard(0, 9)
