"""Failing records on the page: counted, filtered in the address, retried, dismissed, exported."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Kept, Opening, World
from tests.page.looks import faults_anywhere
from tests.page.trouble import REFUSED, person, refuses, troubled

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]


@pytest.fixture
def connection(world: World, kept: Kept) -> str:
    return troubled(world, kept)


def shows(page: Page, count: int) -> None:
    """The headline and the list, which are asked for one by one, have so many records."""
    expect(page.locator(".headline strong")).to_have_text(str(count))
    expect(page.locator("tbody tr")).to_have_count(count)


def failing(world: World, connection: str, query: str = "") -> list[str]:
    found = world.call("GET", f"connections/{connection}/failures{query}")["value"]
    return [item["link"] for item in found]


@pytest.mark.feature("APP-02.7")
def test_errors_look_well_everywhere(tabs: Opening, connection: str) -> None:
    with tabs() as tab:
        tab.open(f"?view=errors&connection={connection}")
        tab.page.locator("tbody .problem").first.wait_for()
        assert faults_anywhere(tab, "errors") == []


@pytest.mark.feature("HUB-14.1")
@pytest.mark.feature("HUB-14.6")
def test_failing_records_are_counted_first_filtered_in_the_address_and_exported(
    tabs: Opening, world: World, connection: str
) -> None:
    known = failing(world, connection, "?outcome=failed")
    with tabs() as tab:
        tab.open(f"?view=errors&connection={connection}")
        tab.page.locator("tbody .problem").first.wait_for()
        tab.page.get_by_label("Problem").select_option("failed")
        shows(tab.page, len(known))
        assert len(known) >= REFUSED
        expect(tab.page).to_have_url(re.compile("outcome=failed"))
        tab.page.goto(tab.page.url)  # the address is the list
        shows(tab.page, len(known))
        first = tab.page.locator("tbody tr").first
        expect(first).to_contain_text("Title is closed for '•••'.")  # the vendor's words, without the value
        expect(first).to_contain_text("Read its message, correct the record; it is tried again.")
        with tab.page.expect_download() as got:
            tab.page.get_by_role("button", name="Download CSV").click()
        lines = got.value.path().read_text(encoding="utf-8-sig").splitlines()
        assert lines[0].startswith("link,entity")
        assert {line.partition(",")[0] for line in lines[1:]} == set(known)
        with tab.page.expect_download() as got:
            tab.page.get_by_role("button", name="NDJSON").click()
        rows = [json.loads(line) for line in got.value.path().read_text().splitlines()]
        assert {row["link"] for row in rows} == set(known)
        tab.page.get_by_label("Entity").select_option("lead")
        tab.page.get_by_text("No failing record fits the filter.").wait_for()
        tab.page.get_by_role("button", name="Clear the filters").click()
        tab.page.locator("tbody .problem").first.wait_for()
        expect(tab.page).not_to_have_url(re.compile("outcome"))


@pytest.mark.feature("HUB-14.5")
def test_one_is_dismissed_and_two_that_are_ticked_and_all_that_are_found_after_a_question(
    tabs: Opening, world: World
) -> None:
    connection = world.begun(people=6)
    refuse(world, connection, range(6))
    everyone = failing(world, connection)
    with tabs() as tab:
        tab.open(f"?view=errors&connection={connection}")
        page = tab.page
        page.locator("tbody tr").first.get_by_role("button", name="Dismiss").click()
        shows(page, 5)
        for row in range(2):
            page.locator("tbody tr").nth(row).get_by_role("checkbox").press("Space")
        page.get_by_role("button", name="Dismiss the 2 selected").click()
        question = page.get_by_role("dialog", name="Dismiss these records: 2?")
        question.press("Escape")
        question.wait_for(state="detached")
        assert len(failing(world, connection)) == 5  # nothing happens without an answer
        page.get_by_role("button", name="Dismiss the 2 selected").click()
        question.get_by_role("button", name="Dismiss").click()
        shows(page, 3)
        assert len(failing(world, connection)) == 3
        assert len(tab.sent) == 2
        page.get_by_role("button", name="Dismiss all (3)").click()
        page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
        page.get_by_text("No record is failing.").wait_for()
        page.get_by_label("Show").select_option("true")
        shows(page, 6)
        assert len(everyone) == 6


@pytest.mark.feature("HUB-14.2")
@pytest.mark.feature("HUB-14.4")
@pytest.mark.feature("HUB-14.5")
def test_a_retry_is_followed_until_its_run_has_ended_and_the_record_is_well(tabs: Opening, world: World) -> None:
    connection = world.begun(people=3)
    refuse(world, connection, range(3))
    world.ac("edit_contact", contact=person(world, 0)["id"], lastName="Corrected")
    with tabs() as tab:
        tab.open(f"?view=errors&connection={connection}")
        page = tab.page
        shows(page, 3)
        page.get_by_role("button", name="Retry all (3)").click()
        question = page.get_by_role("dialog", name="Retry these records: 3?")
        expect(question).to_contain_text("today's mapping")
        question.get_by_role("button", name="Retry").click()
        note = page.get_by_role("region", name="What is under way")
        note.get_by_text("3 records are tried again.").wait_for()
        note.get_by_text("The next run does it. It comes at").wait_for()
        page.reload()  # what is under way stands in the address
        note.get_by_text("Waiting").wait_for()
        world.next_run(connection)
        note.get_by_text("Done, with errors").wait_for()
        shows(page, 2)
        note.get_by_role("link", name="Open the run").click()
        page.get_by_role("heading", name="Runs", level=1).wait_for()


@pytest.mark.feature("HUB-14.5")
def test_a_retry_of_very_many_goes_on_in_the_background_and_is_followed(tabs: Opening, world: World) -> None:
    connection = world.begun(people=60)
    refuse(world, connection, range(55))
    with tabs() as tab:
        tab.open(f"?view=errors&connection={connection}")
        page = tab.page
        page.get_by_role("button", name="Dismiss all (55)").click()
        page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
        note = page.get_by_role("region", name="What is under way")
        note.get_by_text("They are many").wait_for()
        world.tick()
        note.get_by_text("All of it is done.").wait_for()
        page.get_by_text("No record is failing.").wait_for()
        assert failing(world, connection) == []


def test_a_reader_sees_failing_records_and_cannot_retry_them(tabs: Opening, world: World, connection: str) -> None:
    with tabs(user="reader") as tab:
        tab.open(f"?view=errors&connection={connection}")
        one = tab.page.locator("tbody tr").first.get_by_role("button", name="Dismiss")
        expect(one).to_have_attribute("aria-disabled", "true")
        before = failing(world, connection)
        one.click(force=True)
        tab.page.get_by_text("You may look, but not change.").wait_for()
        tab.page.get_by_label("Entity").select_option("lead")
        tab.page.get_by_text("No failing record fits the filter.").wait_for()
        assert tab.sent == []
        assert failing(world, connection) == before


def test_a_retry_while_the_app_is_out_of_reach_says_so_and_keeps_what_was_ticked(
    tabs: Opening, world: World, connection: str
) -> None:
    with tabs() as tab:
        tab.allowed += ["ERR_INTERNET_DISCONNECTED", "401"]
        tab.open(f"?view=errors&connection={connection}&outcome=failed")
        page = tab.page
        page.locator("tbody tr").first.get_by_role("checkbox").check()
        page.get_by_role("button", name="Dismiss the selected record").click()
        page.context.set_offline(True)
        question = page.get_by_role("dialog")
        question.get_by_role("button", name="Dismiss").click()
        question.get_by_role("alert").get_by_text("The app cannot be reached").wait_for()
        page.context.set_offline(False)
        page.context.clear_cookies()
        question.get_by_role("button", name="Dismiss").click()
        question.get_by_role("alert").get_by_text("your sign-in has expired").wait_for()
        question.get_by_role("button", name="Cancel").click()
        expect(page.locator("tbody tr").first.get_by_role("checkbox")).to_be_checked()


def refuse(world: World, connection: str, people: range) -> None:
    """Lets Dynamics refuse a change of each of these people."""
    refuses(world, "Forbidden")
    contacts = {item["email"]: item["id"] for item in world.contacts()}
    for number in people:
        world.ac(
            "edit_contact",
            contact=contacts[f"person{number}@{('es', 'it', 'en')[number % 3]}.example.org"],
            lastName="Forbidden",
        )
    world.next_run(connection)
    assert len(failing(world, connection, "?maxpagesize=1000")) == len(people)
