"""For readers whose words are longer, who use no mouse, or whose screen has its own colours."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Route, expect

from tests.page.conftest import Kept, Opening, Tab, World
from tests.page.looks import violations, wider_than_the_window
from tests.page.trouble import troubled

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]

LONGER = 0.4
VIEWS = {
    "overview": "table caption",
    "runs": "tbody a",
    "errors": "tbody .problem",
    "conflicts": ".question",
    "requests": ".none",
    "lookup": "form.lookup option",
    "activity": ".timeline li",
}
"""What each shows once it has loaded."""

CUT = """() => [...document.querySelectorAll('button, .button, h1, h2, h3, dt, dd, label, td, nav a')]
  .filter((e) => e.clientWidth && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX != 'auto')
  .map((e) => e.outerHTML.slice(0, 160))"""
"""Elements whose words are wider than they are."""


def lengthened(text: str) -> str:
    """A sentence with two fifths more of it, its placeholders as they were."""
    more = "ñöü " * round(len(re.sub(r"\{\w+\}", "", text)) * LONGER / 4 + 1)
    return f"{text} {more.strip()}"


def longer(route: Route) -> None:
    answer = route.fetch()
    words = {key: lengthened(text) for key, text in answer.json().items()}
    route.fulfill(response=answer, body=json.dumps(words))


@pytest.fixture
def connection(world: World, kept: Kept) -> str:
    return troubled(world, kept)


@pytest.mark.feature("APP-02.10")
@pytest.mark.feature("APP-02.13")
@pytest.mark.parametrize("width", [1280, 360])
def test_words_that_are_two_fifths_longer_break_no_view(tabs: Opening, connection: str, width: int) -> None:
    with tabs(width=width) as tab:
        tab.page.route(re.compile(r"/i18n/(\w+/)?en\.json"), longer)
        for view, shown in VIEWS.items():
            tab.open(f"?view={view}&connection={connection}")
            tab.page.locator(shown).first.wait_for(state="attached")
            tab.settled()
            expect(tab.page.get_by_role("heading", level=1)).to_contain_text("ñöü")
            assert not wider_than_the_window(tab), view
            assert tab.page.evaluate(CUT) == [], view
            if view == "errors":
                tab.shot(f"longer-{view}-{width}")


@pytest.mark.feature("APP-02.11")
def test_a_failing_record_is_dismissed_with_the_keyboard_alone(tabs: Opening, world: World, connection: str) -> None:
    with tabs() as tab:
        page = tab.page
        tab.open(f"?connection={connection}")
        page.keyboard.press("Tab")
        assert focused(tab) == "Skip to content"
        walk_to(tab, "Errors")
        page.keyboard.press("Enter")
        page.locator("tbody .problem").first.wait_for()
        assert focused(tab) == "Errors"  # the heading of the view, so that it is read out
        before = page.locator("tbody tr").count()  # they are drawn at once
        walk_to(tab, re.compile("Select [0-9a-f-]{36}"))
        page.keyboard.press("Space")
        walk_to(tab, "Dismiss the selected record", back=True)
        page.keyboard.press("Enter")
        page.get_by_role("dialog", name="Dismiss these records: 1?").wait_for()
        walk_to(tab, "Dismiss")
        page.keyboard.press("Enter")
        page.get_by_role("dialog").wait_for(state="detached")
        page.locator("[role=status]", has_text="One record is dismissed.").first.wait_for()
        expect(page.locator("tbody tr")).to_have_count(before - 1)


def focused(tab: Tab) -> str:
    """The name of what has the focus."""
    name: str = tab.page.evaluate(
        "(e => (e.ariaLabel || e.innerText || e.getAttribute('name') || '').trim())(document.activeElement)"
    )
    return name


def walk_to(tab: Tab, name: str | re.Pattern[str], *, back: bool = False) -> None:
    """Presses Tab until what has this name has the focus; the focus is to be seen at each step."""
    for _ in range(60):
        tab.page.keyboard.press("Shift+Tab" if back else "Tab")
        here = focused(tab)
        if here == name or (isinstance(name, re.Pattern) and name.fullmatch(here)):
            outline = tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", name
            return
    raise AssertionError(f"{name} cannot be reached with the keyboard")


@pytest.mark.feature("APP-02.11")
def test_colours_of_the_system_leave_the_switch_and_the_status_to_be_seen(tabs: Opening, connection: str) -> None:
    with tabs() as tab:
        tab.page.emulate_media(forced_colors="active")
        tab.open(f"?connection={connection}")
        tab.page.locator("table caption").wait_for()
        tab.settled()
        tab.shot("forced-colours")
        assert violations(tab) == []
        expect(tab.page.get_by_role("switch")).to_be_visible()
        expect(tab.page.locator(".standing .status")).to_have_text(re.compile(r"\w"))  # a word, not only a colour
