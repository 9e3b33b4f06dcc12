"""A language is chosen while words are still on their way: the last choice stands, and no sentence is left behind."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.page.conftest import Opening, Tab

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page")]


class Held:
    """Words that come only when they are let go."""

    def __init__(self, tab: Tab, name: str) -> None:
        self.routes: list[Route] = []
        tab.page.route(f"**/i18n/{name}.json", self._hold)

    def _hold(self, route: Route) -> None:
        self.routes.append(route)

    def come(self, tab: Tab) -> None:
        while not self.routes:
            tab.page.wait_for_timeout(50)
        for route in self.routes:
            route.continue_()


@pytest.mark.feature("APP-02.10")
def test_of_two_languages_chosen_quickly_the_later_one_stands(tabs: Opening, connection: str) -> None:
    with tabs() as tab:
        spanish = Held(tab, "es")
        tab.open(f"?connection={connection}")
        language = tab.page.locator(".top select").nth(-2)  # the connections come first, once they are known
        language.select_option("es")
        language.select_option("it")
        tab.page.get_by_role("heading", name="Panoramica", level=1).wait_for()
        with tab.page.expect_response("**/i18n/es.json") as answer:
            spanish.come(tab)
        answer.value.finished()
        tab.settled()
        expect(tab.page.get_by_role("heading", level=1)).to_have_text("Panoramica")
        expect(tab.page.locator("html")).to_have_attribute("lang", "it")
        expect(language).to_have_value("it")
        tab.page.reload()
        expect(tab.page.get_by_role("heading", level=1)).to_have_text("Panoramica")  # it is kept, too


@pytest.mark.feature("APP-02.10")
def test_words_that_a_view_asks_for_while_a_language_comes_are_of_that_language(tabs: Opening, connection: str) -> None:
    with tabs() as tab:
        tab.allowed.append("404")
        tab.open(f"?connection={connection}")
        spanish = Held(tab, "es")
        tab.page.locator(".top select").nth(-2).select_option("es")
        tab.page.get_by_role("link", name="Look up a record").click()  # its words of codes come only now
        tab.page.get_by_role("textbox").wait_for()
        spanish.come(tab)
        tab.page.get_by_role("heading", name="Consultar un registro", level=1).wait_for()
        tab.page.get_by_role("textbox").fill("nobody@nowhere.example.org")
        tab.page.get_by_role("textbox").press("Enter")
        expect(tab.page.get_by_role("alert")).to_contain_text("Ese registro no existe")


@pytest.mark.feature("APP-02.10")
def test_a_page_that_begins_in_spanish_has_no_english_words_of_codes(tabs: Opening, connection: str) -> None:
    with tabs(locale="es-ES") as tab:
        tab.allowed.append("404")
        spanish = Held(tab, "es")
        with tab.page.expect_response("**/i18n/codes/*.json"):
            tab.page.goto(f"{tab.url}/api/page?view=lookup&connection={connection}")
        spanish.come(tab)
        tab.page.get_by_role("textbox").fill("nobody@nowhere.example.org")
        tab.page.get_by_role("textbox").press("Enter")
        expect(tab.page.get_by_role("alert")).to_contain_text("Ese registro no existe")


@pytest.mark.feature("HUB-31")
def test_of_two_records_asked_for_one_after_the_other_the_later_one_is_shown(tabs: Opening, connection: str) -> None:
    """The first is asked for by the address; its answer comes last."""
    with tabs() as tab:
        tab.allowed += ["404", "500"]
        held: list[Route] = []
        tab.page.route("**/lookup?*", lambda route: route.continue_() if held else held.append(route))
        with tab.page.expect_request("**/lookup?*"):
            tab.open(f"?view=lookup&connection={connection}&entity=contact&side=partner&record=111")
        tab.page.evaluate("history.pushState(null, '', location.href.replace('record=111', 'record=222'))")
        tab.page.evaluate("dispatchEvent(new PopStateEvent('popstate'))")
        expect(tab.page.get_by_role("textbox")).to_have_value("222")
        tab.page.get_by_role("alert").wait_for()
        held[0].fulfill(status=500, json={"error": {"code": "internal", "message": "of the first"}})
        tab.settled()
        expect(tab.page.get_by_role("alert")).not_to_contain_text("of the first")
