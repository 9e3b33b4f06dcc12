"""Exact numbers of calls of whole flows, through the engine, against the independent ideal (`make counts`: 10,000)."""

from __future__ import annotations

import pytest

from bench.counts import Counted, flows
from bench.ideal import Work, calls
from bench.people import Fields
from shared.sync.options import Options

pytestmark = [pytest.mark.slow]

PEOPLE, CHANGED = 1200, 120
STEP = 99
"""New rows a page brings of a list that knows only offsets: one row is repeated, so that removals are noticed."""


def beside(found: Counted) -> dict[str, int]:
    """Lines of their own, by endpoint."""
    return {line.endpoint: line.measured for line in found.lines if line.ideal is None and line.system != "dynamics"}


def compared(found: Counted) -> dict[str, tuple[int, int]]:
    """Measured and ideal calls by endpoint."""
    return {line.endpoint: (line.measured, line.ideal) for line in found.lines if line.ideal is not None}


def test_the_ideal_is_the_table_of_the_architecture() -> None:
    work = Work(people=10_000, changed=1000, custom=6)
    assert work.into_empty() == {
        ("dynamics", "read"): 2 + 1 + 1,
        ("activecampaign", "list"): 1 + 101 + 1,
        ("activecampaign", "import"): 40,
        ("activecampaign", "outcomes"): 40,
        ("activecampaign", "values"): 600,
    }
    assert work.updates() == {("dynamics", "update"): 10}
    assert work.idle().total() == 2


@pytest.mark.feature("AC-11.1", system="activecampaign")
@pytest.mark.feature("AC-11.2", system="activecampaign")
@pytest.mark.feature("HUB-11.2", system="activecampaign")
def test_with_side_loaded_values_every_flow_takes_the_ideal_number_of_calls() -> None:
    empty, crm, idle, partner, full = flows(PEOPLE, CHANGED, Fields(10), include=True)
    for found in (empty, idle):
        assert compared(found) == {name: (ideal, ideal) for name, (_, ideal) in compared(found).items()}
    # One call fewer than the ideal: the list tells how many rows there are, so the empty page after them is not read.
    for found in (crm, partner):
        assert found.measured == found.ideal - 1, found
    # Once each: whether the account has the tags at the walk, at its echo, and when those are looked for who asked
    # before the initial sync.
    assert beside(empty) == {"metadata": 2, "polls": 1, "tags": 3}
    assert beside(idle) == {"metadata": 1}
    # Who is there already, and alike, is known from the walk.
    assert full.measured == full.ideal - 1, full


@pytest.mark.feature("AC-11.2", system="activecampaign")
@pytest.mark.feature("AC-09.1", system="activecampaign")
def test_without_side_loading_values_are_walked_once_for_the_echo() -> None:
    fields = Fields(10)
    empty, crm, idle, partner, full = flows(PEOPLE, CHANGED, fields, include=False)
    walk = fields.walked * calls(PEOPLE - 1, STEP)
    for found in (empty, crm, partner):
        assert compared(found)["values"][0] == walk
    assert compared(empty)["list"][0] == 1 + calls(PEOPLE, 100) + 1 + 1
    assert compared(full)["values"][0] == 2 * walk  # to compare, and for the echo
    assert "people" not in compared(full)
    assert "values" not in compared(idle)
    assert compared(idle) == {"list": (1, 1), "read": (1, 1)}


@pytest.mark.feature("AC-11.2", system="activecampaign")
@pytest.mark.parametrize("include", [True, False], ids=["include", "feed"])
def test_sixty_fields_take_no_endpoint_more_calls_than_the_ideal(*, include: bool) -> None:
    """A few hundred people whose imports are full by their bytes; the load waits for its echo, as a large one does."""
    fields = Fields(60)
    assert (len(fields.made), fields.walked) == (30, 56)
    large = Options(initial_one_way=True, echo_pause_from=100)
    found = list(flows(250, 30, fields, include=include, options=large))
    assert [each.phase for each in found] == [
        "into an empty account",
        "changed in Dynamics",
        "idle run",
        "changed in ActiveCampaign",
        "into an account that holds them",
    ]
    for each in found:
        assert all(measured <= ideal for measured, ideal in compared(each).values()), each
        assert each.measured <= each.ideal <= each.measured + 3, each  # a last empty page that is not read
    for each in (found[1], found[3]):
        assert beside(each)["tags"] <= 8, each  # lists of tags, not one call for each of 30 changed contacts
    empty, full = compared(found[0]), compared(found[-1])
    assert empty["import"] == (2, 2)  # 250 people of ten fields are one
    walk = 0 if include else fields.walked * 3
    assert (empty.get("values", (0, 0)), full.get("values", (0, 0))) == ((walk, walk), (2 * walk, 2 * walk))
