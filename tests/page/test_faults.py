"""When the page itself fails: it says so in plain words, and nothing stays locked."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.page.conftest import Opening, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page")]


def test_without_its_words_the_page_is_not_blank(tabs: Opening) -> None:
    with tabs() as tab:
        tab.allowed.append("i18n/en.json")
        tab.page.route("**/i18n/en.json", lambda route: route.abort())
        tab.page.goto(f"{tab.url}/api/page")
        expect(tab.page.locator("body")).to_contain_text("Check your network, then load the page again.")


def test_an_answer_that_cannot_be_read_is_told_and_leaves_form_and_switch_free(
    tabs: Opening, world: World, connection: str
) -> None:
    def unreadable(route: Route) -> None:
        if route.request.method == "GET":
            route.continue_()
        else:
            route.fulfill(body="null", headers={"Operation-Location": "nowhere"})

    before = world.call("GET", f"connections/{connection}")
    with tabs() as tab:
        tab.allowed += ["Cannot read properties of null", "Invalid URL"]
        page = tab.page
        page.route(f"**/connections/{connection}*", unreadable)
        tab.open(f"?view=connections&connection={connection}")
        page.get_by_label("Name", exact=True).fill("Typed")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("alert").get_by_text("The page itself made a mistake.").wait_for()
        expect(page.get_by_label("Name", exact=True)).to_be_enabled()
        expect(page.get_by_label("Name", exact=True)).to_have_value("Typed")
        page.evaluate("sessionStorage.clear()")
        tab.open(f"?connection={connection}")
        switch = page.get_by_role("switch", name="Global sync")
        switch.click()
        page.get_by_role("alert").get_by_text("The page itself made a mistake.").wait_for()
        expect(switch).to_have_attribute("aria-disabled", "false")
    assert world.call("GET", f"connections/{connection}") == before
