"""Taking a run back from the page: what can be undone is counted first, what cannot is named, the work is followed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Opening, World
from tests.page.looks import faults_anywhere
from tests.page.trouble import row_of

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]


@pytest.mark.feature("HUB-16.1")
@pytest.mark.feature("HUB-16.3")
def test_a_run_is_taken_back_and_what_somebody_changed_since_is_listed(tabs: Opening, world: World) -> None:
    connection = world.begun(people=4)
    world.call("PATCH", f"connections/{connection}", {"options": {"journal": True, "initial_one_way": True}})
    before = {str(item["id"]): item["firstName"] for item in world.contacts()}
    for contact in world.contacts():
        change = {"table": "contact", "id": row_of(world, contact)["contactid"], "values": {"firstname": "Wrong"}}
        world.sims.control("dataverse", "POST", "do/edit", change)
    world.next_run(connection)
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]["id"]
    touched = str(world.contacts()[0]["id"])
    world.ac("edit_contact", contact=touched, firstName="Mine")
    with tabs() as tab:
        tab.open(f"?view=runs&connection={connection}&run={run}")
        page = tab.page
        page.get_by_text("4 fields can be restored.").wait_for()
        assert faults_anywhere(tab, "revert", page.locator(".stack tbody .problem").first.wait_for) == []
        page.set_viewport_size({"width": 1280, "height": 900})
        page.locator(".top select").nth(-2).select_option("en")
        page.get_by_role("button", name="Take it back…").click()
        question = page.get_by_role("dialog", name="Take this run back?")
        for cannot in ("mails and invitations", "automations", "activities", "records that were deleted", "tags"):
            expect(question).to_contain_text(cannot)
        tab.shot("revert-question")
        question.get_by_role("button", name="Take it back").click()
        note = page.get_by_role("region", name="What is under way")
        note.get_by_text("All of it is done.").wait_for()
        expect(note).to_contain_text("3 fields restored.")
        note.get_by_text("Show the one that was left").click()
        expect(note).to_contain_text(f"contact {touched} ")
        tab.shot("revert-done")
    now = {str(item["id"]): item["firstName"] for item in world.contacts()}
    assert now == {**before, touched: "Mine"}


@pytest.mark.feature("HUB-16.2")
def test_what_a_run_created_is_deleted_only_when_it_is_ticked(tabs: Opening, world: World) -> None:
    world.reseed(2)
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]["id"]
    with tabs() as tab:
        tab.open(f"?view=runs&connection={connection}&run={run}")
        page = tab.page
        page.get_by_role("button", name="Take it back…").click()
        question = page.get_by_role("dialog")
        go = question.get_by_role("button", name="Take it back")
        expect(go).to_have_attribute("aria-disabled", "true")  # nothing to do unless the tick says so
        question.get_by_role("checkbox", name="Also delete the 2 records this run created").check()
        go.click()
        page.get_by_text("2 records deleted.").wait_for()
    assert world.contacts() == []


@pytest.mark.feature("HUB-16.1")
def test_a_run_that_wrote_nothing_says_that_it_cannot_be_taken_back(
    tabs: Opening, world: World, connection: str
) -> None:
    world.next_run(connection)
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]["id"]
    with tabs() as tab:
        tab.open(f"?view=runs&connection={connection}&run={run}")
        tab.page.get_by_text("This run cannot be taken back").wait_for()
        expect(tab.page.get_by_role("button", name="Take it back…")).to_have_count(0)
