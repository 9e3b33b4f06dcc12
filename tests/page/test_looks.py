"""The set-up views in every language, light and width; with longer words; with the keyboard alone."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.page.conftest import Opening, Tab, World
from tests.page.looks import faults_anywhere, wider_than_the_window
from tests.page.test_files import catalogue

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page")]

NARROW = 360
MORE = 120
"""Characters that a name may go on for, such as the options of a choice."""

READY = {
    "connections": "#side-partner",
    "data": "input[value=criteria]",
    "mapping": "table.map .plain",
    "settings": "progress, form[novalidate] select",
}


def opened(tab: Tab, view: str, connection: str) -> None:
    """A view with its editor open."""
    entity = "&entity=contact" if view in {"data", "mapping"} else ""
    tab.open(f"?view={view}{entity}&connection={connection}")
    tab.page.locator(READY[view]).first.wait_for()
    if view == "connections":
        tab.page.locator("summary").first.click()
        tab.page.locator("section.card").last.locator("button").click()
        tab.page.locator("input[value=clean]").check()
    if view == "data":
        tab.page.locator("input[value=criteria]").check()
        tab.page.locator(".line select").first.select_option("statecode")
    if view == "mapping":
        tab.page.locator("table.map .plain").first.click()
    if view == "settings":
        tab.page.locator("summary").first.click()


@pytest.mark.feature("APP-02.10")
@pytest.mark.feature("APP-02.11")
@pytest.mark.feature("APP-02.12")
@pytest.mark.feature("APP-02.13")
@pytest.mark.parametrize("view", READY)
def test_set_up_views_look_well_everywhere(tabs: Opening, connection: str, view: str) -> None:
    with tabs() as tab:
        opened(tab, view, connection)
        tab.settled()
        assert faults_anywhere(tab, view) == []
        tab.page.evaluate("sessionStorage.clear()")


def longer(text: str) -> str:
    """Every word 40 % longer; what is filled in later stays."""
    return re.sub(r"\{\w+\}|\w+", lambda found: found[0] + grown(found[0]), text)


def grown(word: str) -> str:
    return "" if word.startswith("{") else word[-1] * math.ceil(len(word) * 0.4)


CUT = """() => {
  const words = "button, label, h1, h2, h3, p, legend, .badge, .status, dt, dd, summary, small";
  return [...document.querySelectorAll(`main :is(${words})`)]
    .filter((e) => e.offsetParent && !e.closest(".scroll, .out") && getComputedStyle(e).display !== "inline")
    .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.outerHTML.slice(0, 160));
}"""


@pytest.mark.feature("APP-02.13")
@pytest.mark.parametrize("width", [1280, NARROW])
def test_words_that_are_forty_percent_longer_break_no_layout(tabs: Opening, connection: str, width: int) -> None:
    words = {key: longer(text) for key, text in catalogue("en").items()}
    assert sum(map(len, words.values())) > 1.35 * sum(map(len, catalogue("en").values()))

    def answer(route: Route) -> None:
        route.fulfill(body=json.dumps(words), content_type="application/json")

    with tabs(width=width) as tab:
        tab.page.route("**/i18n/en.json", answer)
        for view in READY:
            opened(tab, view, connection)
            tab.settled()
            tab.shot(f"long-{view}-{width}")
            assert not wider_than_the_window(tab), view
            assert tab.page.evaluate(CUT) == [], view
        others = tab.page.locator("nav[aria-label] a").evaluate_all("all => all.map((a) => a.search)")
        for address in others if width == NARROW else ():
            tab.open(address)
            tab.page.locator("main .card").first.wait_for()
            tab.settled()
            assert not wider_than_the_window(tab), address
        tab.page.evaluate("sessionStorage.clear()")


@pytest.mark.feature("APP-02.11")
def test_a_connection_is_begun_and_saved_with_the_keyboard_alone(tabs: Opening, world: World, connection: str) -> None:
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=connections&connection={connection}")
        page.get_by_label("Name", exact=True).wait_for()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        walk(tab, "New connection")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        walk(tab, "ActiveCampaign")
        page.keyboard.press("ArrowDown")
        expect(page.get_by_label("Marketo")).to_be_checked()
        walk(tab, "Next")
        page.keyboard.press("Enter")
        page.get_by_label("Environment URL").wait_for()
        walk(tab, "Cancel")
        page.keyboard.press("Enter")
        page.get_by_label("Name", exact=True).wait_for()
        walk(tab, "Name")
        page.keyboard.press("End")
        page.keyboard.type(" by keyboard")
        walk(tab, "Save")
        page.keyboard.press("Enter")
        tab.saved()
    assert world.call("GET", f"connections/{connection}")["name"] == "Test by keyboard"
    world.call("PATCH", f"connections/{connection}", {"name": "Test"})


def walk(tab: Tab, name: str, most: int = 60) -> None:
    """Presses Tab until the control of this name is reached; every stop on the way shows where it is."""
    for _ in range(most):
        tab.page.keyboard.press("Tab")
        stop: Any = tab.page.evaluate(
            """() => { const e = document.activeElement; const s = getComputedStyle(e);
            const label = e.labels?.[0]?.textContent ?? e.getAttribute("aria-label") ?? e.textContent;
            return { name: label.trim(), seen: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 }; }"""
        )
        assert stop["seen"], f"{stop['name']}: the focus cannot be seen"
        if stop["name"].startswith(name) and len(stop["name"]) < len(name) + MORE:
            return
    raise AssertionError(f"{name} was not reached with the keyboard")


@pytest.mark.parametrize("view", READY)
def test_a_reader_sees_every_set_up_view_and_can_change_nothing(tabs: Opening, connection: str, view: str) -> None:
    with tabs(user="reader") as tab:
        entity = "&entity=contact" if view in {"data", "mapping"} else ""
        tab.open(f"?view={view}{entity}&connection={connection}")
        tab.page.locator(READY[view]).first.wait_for()
        forms = tab.page.locator("form.form")
        forms.first.wait_for()
        expect(tab.page.locator("form.form fieldset.bare:disabled")).to_have_count(forms.count())
        tab.page.get_by_text("You may look, but not change").first.wait_for()
        saves = tab.page.get_by_role("button", name="Save", exact=True)
        assert {button.get_attribute("aria-disabled") for button in saves.all()} == {"true"}
