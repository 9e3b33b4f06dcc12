"""Conflicts on the page: both values side by side, decided by a person, applied by the next run."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.app.test_api_attacks import ask
from tests.page.conftest import Kept, Opening, World
from tests.page.looks import faults_anywhere
from tests.page.trouble import ASKED, asks, clash, person, row_of, troubled

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]


def names(world: World, number: int) -> tuple[str, str]:
    """The first name in Dynamics and in the partner system."""
    contact = person(world, number)
    return str(row_of(world, contact)["firstname"]), str(contact["firstName"])


@pytest.mark.feature("APP-02.8")
def test_conflicts_look_well_everywhere(tabs: Opening, world: World, kept: Kept) -> None:
    connection = troubled(world, kept)
    with tabs() as tab:
        tab.open(f"?view=conflicts&connection={connection}")
        tab.page.locator(".question").first.wait_for()
        assert tab.page.locator(".question").count() >= ASKED
        assert faults_anywhere(tab, "conflicts") == []


@pytest.mark.feature("HUB-10.2")
@pytest.mark.feature("HUB-10.3")
@pytest.mark.feature("HUB-10.4")
def test_a_person_decides_one_by_its_values_and_the_rest_of_a_filter_at_once(tabs: Opening, world: World) -> None:
    connection = world.begun(people=4)
    asks(world, connection, "firstname")
    for number in range(3):
        clash(world, number, f"Ours {number}", f"Theirs {number}")
    world.next_run(connection)
    with tabs() as tab:
        tab.open(f"?connection={connection}")
        page = tab.page
        page.get_by_role("link", name="Conflicts: Open the list").click()
        first = page.locator(".question", has_text="Ours 0")
        expect(first).to_contain_text("Theirs 0")
        first.get_by_role("button", name="Keep ActiveCampaign's value for firstname").click()
        page.get_by_text("One decision is taken.").first.wait_for()
        expect(page.locator(".headline strong")).to_have_text("2")
        expect(page.locator(".question")).to_have_count(2)
        assert names(world, 0) == ("Ours 0", "Theirs 0")  # not before the run
        page.get_by_label("Field").select_option("firstname")
        page.get_by_text("For all that the filter finds:").wait_for()
        page.get_by_role("button", name="Dynamics 365 wins").click()
        question = page.get_by_role("dialog", name="Let Dynamics 365 win: 2?")
        question.get_by_role("button", name="Decide").click()
        page.get_by_text("No question is open.").wait_for()
        world.next_run(connection)
        page.get_by_role("region", name="What is under way").get_by_text("The run has ended.").wait_for()
        assert names(world, 0) == ("Theirs 0", "Theirs 0")
        assert {names(world, number) for number in (1, 2)} == {("Ours 1", "Ours 1"), ("Ours 2", "Ours 2")}
        page.get_by_label("Show").select_option("decided")
        done = page.locator(".question", has_text="Ours 0").filter(has_text="Decided by")
        done.wait_for()
        expect(done.locator(".side", has_text="Theirs 0")).to_contain_text("Kept")


@pytest.mark.feature("HUB-10.4")
def test_a_question_that_another_answered_meanwhile_is_told_and_not_answered_twice(tabs: Opening, world: World) -> None:
    connection = world.begun(people=2)
    asks(world, connection, "firstname")
    clash(world, 0, "Ours", "Theirs")
    world.next_run(connection)
    with tabs() as tab:
        tab.open(f"?view=conflicts&connection={connection}")
        keep = tab.page.get_by_role("button", name="Keep Dynamics 365's value for firstname")
        keep.wait_for()
        world.call(
            "POST", f"connections/{connection}/conflicts/decide", {"filter": {}, "winner": "partner"}, status=202
        )
        keep.click()
        tab.page.get_by_role("alert").get_by_text("One question had changed or was decided already").wait_for()
        tab.page.get_by_text("No question is open.").wait_for()
    world.next_run(connection)
    assert names(world, 0) == ("Theirs", "Theirs")


@pytest.mark.feature("HUB-10.2")
@pytest.mark.feature("HUB-10.3")
def test_values_that_are_no_longer_kept_are_said_to_be_so_and_many_are_decided_in_the_background(
    tabs: Opening, world: World
) -> None:
    connection, now = world.begun(people=1), world.now()
    for number in range(55):
        ask(world, connection, number, now - timedelta(minutes=number + 1))  # questions whose values have expired
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=conflicts&connection={connection}")
        expect(page.locator(".headline strong")).to_have_text("55")
        first = page.locator(".question").first
        first.get_by_text("The value can no longer be shown.").nth(1).wait_for()
        expect(first.get_by_role("link", name="Look up")).to_be_visible()
        assert page.locator(".question").count() >= 50
        page.get_by_role("button", name="Dynamics 365 wins").click()
        page.get_by_role("dialog", name="Let Dynamics 365 win: 55?").get_by_role("button", name="Decide").click()
        note = page.get_by_role("region", name="What is under way")
        note.get_by_text("They are many: they are decided one after another.").wait_for()
        world.tick()
        note.get_by_text("All of it is done.").wait_for()
        page.get_by_text("No question is open.").wait_for()
    decided = world.call("GET", f"connections/{connection}/conflicts?state=decided&maxpagesize=1000")["value"]
    assert [item["winner"] for item in decided] == ["crm"] * 55
